"""Lists of files that may be as long as a library: kept by SQLite, not in memory.

SQLite keeps a short list in its cache and the rest in a temporary file without a name, which is
gone with the process.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from lean_tagger.errors import StateError

CACHE_KIB = 256
"""Of each: some 2,000 files."""


class AlbumList:
    """Files by album; albums and their files in the order in which they were added."""

    def __init__(self) -> None:
        self._connection = _connect(
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

        Raises
        ------
        StateError
            There is no room for the list.
        """
        with _explained():
            if key is None:
                number = self._connection.execute("INSERT INTO albums (key) VALUES (NULL)")
                self._add(path, "id = ?", number.lastrowid, undecided=True)
            else:
                self._connection.execute(
                    "INSERT OR IGNORE INTO albums (key) VALUES (?)", [_text(key)]
                )
                self._add(path, "key = ?", _text(key), undecided=True)

    def add_voter(self, path: str, key: tuple[str, ...] | None) -> None:
        """Add a file that was decided on before, if its album is in the list."""
        with _explained():
            self._add(path, "key = ?", _text(key), undecided=False)

    def clear(self) -> None:
        """Forget all of it."""
        with _explained():
            self._connection.execute("DELETE FROM files")
            self._connection.execute("DELETE FROM albums")

    def __iter__(self) -> Iterator["AlbumPaths"]:
        for (number,) in self._connection.execute("SELECT id FROM albums ORDER BY id"):
            yield AlbumPaths(self._connection, number)

    def _add(self, path: str, where: str, value: object, *, undecided: bool) -> None:
        self._connection.execute(
            "INSERT INTO files (album, path, undecided) "  # noqa: S608 - the clause is ours
            f"SELECT id, ?, ? FROM albums WHERE {where}",
            [os.fsencode(path), undecided, value],
        )


@dataclass(frozen=True, slots=True)
class AlbumPaths:
    """The paths of one album's files; can be gone through several times, also at the same time."""

    _connection: sqlite3.Connection
    _number: int

    def __len__(self) -> int:
        rows = self._connection.execute(
            "SELECT count(*) FROM files WHERE album = ?", [self._number]
        )
        return int(next(rows)[0])

    def __iter__(self) -> Iterator[str]:
        yield from self._where("")

    def undecided(self) -> Iterator[str]:
        """Yield those that are to be decided on."""
        yield from self._where("AND undecided")

    def _where(self, condition: str) -> Iterator[str]:
        for (path,) in self._connection.execute(
            f"SELECT path FROM files WHERE album = ? {condition} ORDER BY place",  # noqa: S608 - ours
            [self._number],
        ):
            yield os.fsdecode(path)


class FolderFiles:
    """Files by folder, in the order of their names: undecided ones, and those that only vote."""

    def __init__(self) -> None:
        self._connection = _connect(
            """CREATE TABLE files (folder INTEGER NOT NULL, path BLOB NOT NULL,
                undecided INTEGER NOT NULL, PRIMARY KEY (folder, path)) WITHOUT ROWID"""
        )

    def put(self, folder: int, path: str, *, undecided: bool) -> None:
        """Add a file, or note that it is undecided.

        Raises
        ------
        StateError
            There is no room for the list.
        """
        with _explained():
            self._connection.execute(
                "INSERT INTO files VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
                "SET undecided = max(undecided, excluded.undecided)",
                [folder, os.fsencode(path), undecided],
            )

    def of(self, folder: int, *, undecided: bool) -> Iterator[str]:
        """Yield the files of one folder that are undecided, or the others."""
        for (path,) in self._connection.execute(
            "SELECT path FROM files WHERE folder = ? AND undecided = ? ORDER BY path",
            [folder, undecided],
        ):
            yield os.fsdecode(path)

    def forget(self, folder: int) -> None:
        """Forget a folder."""
        with _explained():
            self._connection.execute("DELETE FROM files WHERE folder = ?", [folder])


def _connect(*tables: str) -> sqlite3.Connection:
    connection = sqlite3.connect("", isolation_level=None)
    for statement in (
        f"PRAGMA cache_size = -{CACHE_KIB}",
        "PRAGMA journal_mode = OFF",
        *tables,
        "BEGIN",  # without an end: nothing here has to be on a disk
    ):
        connection.execute(statement)
    return connection


def _text(key: tuple[str, ...] | None) -> str | None:
    """Return what tells a key apart, also where it cannot be encoded (PEP 383)."""
    return None if key is None else ascii(key)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(
            f"cannot keep a list of files: {error}; set TMPDIR to a folder with room"
        ) from error
