"""Lists that may be longer than memory should hold: kept by SQLite in a database without a name.

A short one stays in SQLite's cache, the rest goes into a temporary file that is gone with the
process.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from lean_tagger.errors import StateError

CACHE_KIB = 256
"""Of each database: some 2,000 names of files."""


class Scratch:
    """A database for one purpose, gone with the object.

    Parameters
    ----------
    tables : str
        Statements that make its tables.

    Raises
    ------
    StateError
        There is no room for what is listed: raised by all methods.
    """

    def __init__(self, *tables: str) -> None:
        # Whoever has it last closes it, in any thread.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            f"PRAGMA cache_size = -{CACHE_KIB}",
            "PRAGMA journal_mode = OFF",
            *tables,
            "BEGIN",  # without an end: nothing here has to be on a disk
        ):
            self.change(statement)

    def __del__(self) -> None:
        self._connection.close()

    def change(self, statement: str, *values: object) -> int | None:
        """Make a change, and return the number of the row that was added last."""
        with _explained():
            return self._connection.execute(statement, values).lastrowid

    def rows(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield what a statement finds."""
        with _explained():
            yield from self._connection.execute(statement, values)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(
            f"cannot keep a list of files: {error}; set TMPDIR to a folder with room"
        ) from error


class LongSet(Scratch):
    """A set of bytes."""

    def __init__(self) -> None:
        super().__init__("CREATE TABLE members (member BLOB PRIMARY KEY) WITHOUT ROWID")

    def __contains__(self, member: bytes) -> bool:
        return any(self.rows("SELECT 1 FROM members WHERE member = ?", member))

    def add(self, member: bytes) -> None:
        """Add a member; as in any set, only once."""
        self.change("INSERT OR IGNORE INTO members VALUES (?)", member)

    def discard(self, member: bytes) -> None:
        """Take a member out, if it is in."""
        self.change("DELETE FROM members WHERE member = ?", member)
