"""Changes that the kernel tells of."""

import errno
import os
from collections.abc import Callable

from lean_tagger.run.find_files import is_audio, is_ignored
from lean_tagger.system import inotify

MOST_FOLDERS = 20_000
"""Each takes 400 bytes here and a kilobyte in the kernel; a larger library is polled."""


class TooManyFoldersError(Exception):
    """The kernel, or we, cannot watch so many folders."""


class KernelEvents:
    """Watches folders and all below them.

    Parameters
    ----------
    arrived : callable
        Called as ``arrived(folder, name, moved)``: a file was written, or moved to its name; an
        empty name means a whole folder that came. Names are as `os.fsdecode` gives them.
    lost : callable
        Called where the kernel could not tell everything.
    """

    def __init__(self, arrived: Callable[[str, str, bool], None], lost: Callable[[], None]) -> None:
        self._queue = inotify.Inotify()
        self._arrived, self._lost = arrived, lost
        self._folders: dict[int, bytes] = {}

    def fileno(self) -> int:
        """Return the descriptor that is readable when something happened."""
        return self._queue.fileno()

    def close(self) -> None:
        """Watch nothing any more."""
        self._queue.close()

    def add(self, top: str) -> None:
        """Watch a folder and all below it.

        Raises
        ------
        TooManyFoldersError
            Nothing is watched then that can be relied on.
        """
        stack = [os.fsencode(top)]
        while stack:
            folder = stack.pop()
            try:
                self._folders[self._queue.add(folder)] = folder
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.ENOMEM):
                    raise TooManyFoldersError from error
                continue  # gone again, or not ours to read: the walk says so
            if len(self._folders) > MOST_FOLDERS:
                raise TooManyFoldersError
            stack += _below(folder)

    def read(self) -> None:
        """Tell what happened since."""
        while events := self._queue.read():
            # Of a file that is being copied, there is one event for each block.
            for event in dict.fromkeys(events):
                self._tell(event)

    def _tell(self, event: inotify.Event) -> None:
        if event.mask & inotify.OVERFLOW:
            self._lost()
            return
        if event.mask & (inotify.IGNORED | inotify.UNMOUNT):
            self._folders.pop(event.watch, None)
            return
        folder, name = self._folders.get(event.watch), os.fsdecode(event.name)
        if folder is None or is_ignored(name):
            return
        if event.mask & inotify.FOLDER:
            path = os.path.join(folder, event.name)
            try:
                self.add(os.fsdecode(path))
            except TooManyFoldersError:
                self._lost()
            self._arrived(os.fsdecode(path), "", True)
        elif is_audio(name):
            self._arrived(os.fsdecode(folder), name, bool(event.mask & inotify.MOVED_TO))


def _below(folder: bytes) -> list[bytes]:
    try:
        with os.scandir(folder) as listing:
            return [
                entry.path
                for entry in listing
                if entry.is_dir(follow_symlinks=False) and not is_ignored(os.fsdecode(entry.name))
            ]
    except OSError:
        return []
