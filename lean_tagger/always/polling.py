"""Find changes by polling, as on a share, where the kernel does not see what others do."""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from hashlib import blake2b

from lean_tagger.run.find_files import is_audio, is_ignored


class Look:
    """The last known state of all folders below one: eight bytes for each.

    Parameters
    ----------
    top : str
        The top folder.
    """

    def __init__(self, top: str) -> None:
        self.top = top
        self._states = array("Q")
        self._primed = False

    def changed(self) -> list[str]:
        """Look again, and return the folders with new or changed music.

        The first look returns none. A folder that cannot be listed counts as unchanged.

        Raises
        ------
        OSError
            Not even `top` can be listed; the last known state is kept.
        """
        os.scandir(self.top).close()
        states, changed = array("Q"), []
        for folder, state in _folders(self.top):
            states.append(state)
            if self._primed and not self._knows(state):
                changed.append(folder)
        self._states, self._primed = array("Q", sorted(states)), True
        return changed

    def _knows(self, state: int) -> bool:
        at = bisect_left(self._states, state)
        return at < len(self._states) and self._states[at] == state


def _folders(top: str) -> Iterator[tuple[str, int]]:
    """Yield each folder with music, and a number that depends on the folder and its music."""
    stack = [top]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as listing:
                music, below = _sorted_out(listing)
        except OSError:
            continue
        stack += below
        if music:
            said = repr((folder, sorted(music))).encode("utf-8", "backslashreplace")
            yield folder, int.from_bytes(blake2b(said, digest_size=8).digest(), "big")


def _sorted_out(
    listing: Iterator[os.DirEntry[str]],
) -> tuple[list[tuple[str, int, int, int]], list[str]]:
    """Return the music in a listing (name, bytes, two times in ns), and its folders."""
    music, below = [], []
    for entry in listing:
        if is_ignored(entry.name):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            elif is_audio(entry.name):
                found = entry.stat()
                state = (entry.name, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
                music.append(state)
        except OSError:
            continue
    return music, below
