"""Lists of files that may be as long as a library: by album, and by folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from lean_tagger.system.scratch import Scratch


class AlbumList(Scratch):
    """Files by album; albums and their files in the order in which they were added."""

    def __init__(self) -> None:
        super().__init__(
            "CREATE TABLE albums (id INTEGER PRIMARY KEY, key TEXT UNIQUE)",
            """CREATE TABLE files (place INTEGER PRIMARY KEY, album INTEGER NOT NULL,
                path BLOB NOT NULL, undecided INTEGER NOT NULL)""",
            "CREATE INDEX by_album ON files (album, place)",
        )

    def add(self, path: str, key: tuple[str, ...] | None) -> None:
        """Add a file that is to be decided on.

        Parameters
        ----------
        path : str
            The file.
        key : tuple of str or None
            What the files of its album have in common; None for one that is on none.
        """
        if key is None:
            number = self.change("INSERT INTO albums (key) VALUES (NULL)")
            self._add(path, "id = ?", number, undecided=True)
        else:
            self.change("INSERT OR IGNORE INTO albums (key) VALUES (?)", _text(key))
            self._add(path, "key = ?", _text(key), undecided=True)

    def add_voter(self, path: str, key: tuple[str, ...] | None) -> None:
        """Add a file that was decided on before, if its album is in the list."""
        self._add(path, "key = ?", _text(key), undecided=False)

    def clear(self) -> None:
        """Forget all of it."""
        self.change("DELETE FROM files")
        self.change("DELETE FROM albums")

    def __iter__(self) -> Iterator["AlbumPaths"]:
        for (number,) in self.rows("SELECT id FROM albums ORDER BY id"):
            yield AlbumPaths(self, number)

    def _add(self, path: str, where: str, value: object, *, undecided: bool) -> None:
        self.change(
            "INSERT INTO files (album, path, undecided) "  # noqa: S608 - the clause is ours
            f"SELECT id, ?, ? FROM albums WHERE {where}",
            os.fsencode(path),
            undecided,
            value,
        )


@dataclass(frozen=True, slots=True)
class AlbumPaths:
    """The paths of one album's files; can be gone through several times, also at the same time."""

    _albums: AlbumList
    _number: int

    def __len__(self) -> int:
        rows = self._albums.rows("SELECT count(*) FROM files WHERE album = ?", self._number)
        return int(next(rows)[0])

    def __iter__(self) -> Iterator[str]:
        yield from self._where("")

    def undecided(self) -> Iterator[str]:
        """Yield those that are to be decided on."""
        yield from self._where("AND undecided")

    def _where(self, condition: str) -> Iterator[str]:
        for (path,) in self._albums.rows(
            f"SELECT path FROM files WHERE album = ? {condition} ORDER BY place",  # noqa: S608 - ours
            self._number,
        ):
            yield os.fsdecode(path)


class FolderFiles(Scratch):
    """Files by folder, in the order of their names: undecided ones, and those that only vote."""

    def __init__(self) -> None:
        super().__init__(
            """CREATE TABLE files (folder INTEGER NOT NULL, path BLOB NOT NULL,
                undecided INTEGER NOT NULL, PRIMARY KEY (folder, path)) WITHOUT ROWID"""
        )

    def put(self, folder: int, path: str, *, undecided: bool) -> None:
        """Add a file, or note that it is undecided."""
        self.change(
            "INSERT INTO files VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
            "SET undecided = max(undecided, excluded.undecided)",
            folder,
            os.fsencode(path),
            undecided,
        )

    def of(self, folder: int, *, undecided: bool) -> Iterator[str]:
        """Yield the files of one folder that are undecided, or the others."""
        for (path,) in self.rows(
            "SELECT path FROM files WHERE folder = ? AND undecided = ? ORDER BY path",
            folder,
            undecided,
        ):
            yield os.fsdecode(path)

    def forget(self, folder: int) -> None:
        """Forget a folder."""
        self.change("DELETE FROM files WHERE folder = ?", folder)


def _text(key: tuple[str, ...] | None) -> str | None:
    """Return what tells a key apart, also where it cannot be encoded (PEP 383)."""
    return None if key is None else ascii(key)
