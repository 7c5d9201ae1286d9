"""Changes that the kernel reports."""

import errno
import os
from collections.abc import Callable

from lean_tagger.run.find_files import is_audio, is_ignored
from lean_tagger.system import inotify

MOST_FOLDERS = 20_000
"""Most folders; each takes 400 bytes here and 1 kB in the kernel. Larger libraries are polled."""


class TooManyFoldersError(Exception):
    """There are more folders than the kernel or we can watch."""


class KernelEvents:
    """Watches folders and all below them.

    Parameters
    ----------
    arrived : callable
        Called as ``arrived(folder, name, moved)``: a file was written, or moved to its name; an
        empty name means a whole new folder. Names are those from `os.fsdecode`.
    lost : callable
        Called if the kernel could not report everything.
    """

    def __init__(self, arrived: Callable[[str, str, bool], None], lost: Callable[[], None]) -> None:
        self._queue = inotify.Inotify()
        self._arrived, self._lost = arrived, lost
        self._folders: dict[int, bytes] = {}

    def fileno(self) -> int:
        """Return a descriptor that is readable when something happened."""
        return self._queue.fileno()

    def close(self) -> None:
        """Stop watching."""
        self._queue.close()

    def add(self, top: str) -> None:
        """Watch a folder and all below it.

        Raises
        ------
        TooManyFoldersError
            Watching is not reliable then.
        """
        stack = [os.fsencode(top)]
        while stack:
            folder = stack.pop()
            try:
                self._folders[self._queue.add(folder)] = folder
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.ENOMEM):
                    raise TooManyFoldersError from error
                continue  # gone again, or not readable; the walk reports it
            if len(self._folders) > MOST_FOLDERS:
                raise TooManyFoldersError
            stack += _below(folder)

    def read(self) -> None:
        """Report what has happened."""
        while events := self._queue.read():
            # While a file is copied, there is one event for each block.
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
