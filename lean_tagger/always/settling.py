"""Folders with new files, and which of them have settled."""

import os

from lean_tagger.rules import album_folder

MOST_FOLDERS = 20_000
"""With more folders than this, everything counts as changed."""

PATIENCE = 20
"""A folder that never settles is done after so many times the settle time."""


class Settling:
    """Folders with new files.

    Parameters
    ----------
    seconds : float
        Time for which nothing must come into an album, with all its discs, before it is done.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[str, float] = {}  # by album
        self._first: dict[str, float] = {}
        self._folders: dict[str, set[str]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._last)

    def touch(self, folder: str, now: float) -> None:
        """Note a new file in a folder; a slash at the end means all folders below too."""
        album = album_folder(os.path.join(os.path.normpath(folder), ""))
        self._last[album] = now
        self._first.setdefault(album, now)
        folders = self._folders.setdefault(album, set())
        if folder not in folders and self._count < MOST_FOLDERS:
            folders.add(folder)
            self._count += 1

    @property
    def overflowed(self) -> bool:
        """Whether there were too many to remember each."""
        return self._count >= MOST_FOLDERS

    def due(self) -> float | None:
        """Return when the first album will have settled; None if there is none."""
        return min(map(self._at_rest, self._last), default=None)

    def take(self, now: float) -> list[str]:
        """Return the folders that have settled, and forget them."""
        ready = [album for album in self._last if self._at_rest(album) <= now]
        return [folder for album in ready for folder in self._forget(album)]

    def clear(self) -> None:
        """Forget all of them."""
        for known in (self._last, self._first, self._folders):
            known.clear()
        self._count = 0

    def _at_rest(self, album: str) -> float:
        latest = self._first[album] + PATIENCE * self._seconds
        return min(self._last[album] + self._seconds, latest)

    def _forget(self, album: str) -> set[str]:
        del self._last[album], self._first[album]
        folders = self._folders.pop(album)
        self._count -= len(folders)
        return folders
