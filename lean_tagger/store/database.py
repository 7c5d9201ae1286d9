"""The journal's file: open, hold and check it, and change it in whole transactions."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

from lean_tagger.errors import LeanTagError, StateError
from lean_tagger.store import location, salvage
from lean_tagger.store.compact import DAMAGE
from lean_tagger.store.schema import APPLICATION_ID, is_newest, migrate

CACHE_KIB = 512
"""SQLite's cache; more would not be worth the memory."""

SPILL_PAGES = 512
"""Changed pages kept in memory, because writing them early would lock readers out."""

BUSY_SECONDS = 10.0
"""How long a reader waits for a commit of the running process, and the other way round."""

MOST_WAITING = 32
WAIT_SECONDS = 2.0
"""How many changes may wait for a commit, and how long, if they need not be durable yet."""

ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""UnicodeDecodeError occurs when SQLite's message quotes a name from a damaged page."""

_Value = TypeVar("_Value")


class Database:
    """An open journal file; the parameters and errors are those of `journal.Journal`.

    Attributes
    ----------
    path : Path
        The file.
    fresh : bool
        It did not exist, or nothing could be read from a damaged one.
    connection : sqlite3.Connection
        The connection; all changes go through `change`.
    """

    def __init__(
        self,
        path: Path,
        *,
        notice: Callable[[str], None] | None,
        locked: bool,
        on_network: bool,
    ) -> None:
        self.path = path
        try:
            self.fresh = not path.exists() or path.stat().st_size == 0
        except OSError as error:  # its folder cannot be searched
            raise _not_opened(path, error.strerror) from error
        self._log_left = salvage.is_log_left(path)
        emptied = self.fresh and path.exists() and location.was_used(path) and not self._log_left
        self._hold: location.Hold | None = None
        self._waiting, self._since = 0, 0.0
        self._closing = contextlib.ExitStack()
        if not on_network:
            location.refuse_network(path)
        location.refuse_foreign(path, APPLICATION_ID)
        with contextlib.ExitStack() as undo:
            if locked:
                location.make_folder(path)
                self._hold = undo.enter_context(location.held(path))
            self.connection = self._open(notice or (lambda _: None))
            if emptied and notice is not None:
                notice(
                    f"the journal {path} was empty; it starts again from what lean-tag left in "
                    "the files themselves"
                )
            undo.callback(self.connection.close)
            self._closing = undo.pop_all()

    def close(self) -> None:
        """Close the file and release it."""
        try:
            self.commit()
        finally:
            self._closing.close()

    # Changes

    @contextlib.contextmanager
    def change(self, *, may_wait: bool = False) -> Iterator[sqlite3.Connection]:
        """Make one change completely or not at all.

        Parameters
        ----------
        may_wait : bool
            It need not be on the disk when the context ends; a crash may lose it. This process
            sees it at once, others with the next change that may not wait.
        """
        connection = self.connection
        try:
            if not connection.in_transaction:
                connection.execute("BEGIN IMMEDIATE")
                self._waiting, self._since = 0, time.monotonic()
            connection.execute("SAVEPOINT change")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK TO change")
                    connection.execute("RELEASE change")
                raise
            connection.execute("RELEASE change")
            self._waiting += 1
        except ERRORS as error:
            raise self._failure(error) from error
        if not may_wait or self._waiting >= MOST_WAITING:
            self.commit()
        else:
            self.commit_old()

    def commit(self) -> None:
        """Write all waiting changes to the disk."""
        if self.connection.in_transaction:
            try:
                self.connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._failure(error) from error

    def commit_old(self) -> None:
        """Write waiting changes to the disk if they have waited long enough."""
        if time.monotonic() > self._since + WAIT_SECONDS:
            self.commit()

    # Reading

    def rows(self, statement: str, values: Iterable[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a statement."""
        try:
            yield from self.connection.execute(statement, tuple(values))
        except ERRORS as error:
            raise self._failure(error) from error

    def read(
        self,
        make: Callable[[tuple[Any, ...]], _Value],
        statement: str,
        values: Iterable[object] = (),
    ) -> Iterator[_Value]:
        """Yield the rows of a statement, each converted by a function.

        Raises
        ------
        StateError
            A row makes no sense.
        """
        for row in self.rows(statement, values):
            try:
                made = make(row)
            except DAMAGE as error:
                raise self._damaged(str(error)) from error
            yield made

    # Opening, and what is wrong with it

    def _open(self, notice: Callable[[str], None]) -> sqlite3.Connection:
        if self._hold is None and self.fresh:
            raise StateError(
                f"there is no journal yet at {self.path}; the first run of lean-tag makes one"
            )
        try:
            if self._hold is not None and self._hold.before == "damaged":
                raise sqlite3.DatabaseError("the last process that used it found damage")
            if self._log_left and self._hold is not None:
                raise sqlite3.DatabaseError("only its log is left")
            return self._connect()
        except ERRORS as error:
            if not _is_damage(error):
                # The disk, permissions, a lock: the contents are not damaged.
                raise _not_opened(self.path, error) from error
            if self._hold is None:
                raise self._damaged(str(error)) from error
        self.fresh = not salvage.heal(self.path, notice=notice)
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        address = location.address(self.path, to_read=self._hold is None)
        connection = sqlite3.connect(address, isolation_level=None, timeout=BUSY_SECONDS, uri=True)
        try:
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            # With WAL a reader never waits; otherwise it waits for a commit.
            if address.endswith(location.READ_ONLY):
                pass  # nothing will be written
            elif location.shares_memory(self.path):
                connection.execute("PRAGMA journal_mode = WAL")
            else:
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute(f"PRAGMA cache_spill = {SPILL_PAGES}")
            connection.execute("PRAGMA synchronous = FULL")
            if self._hold is not None and self._hold.before == "killed":
                quick_check(connection)
            if address.endswith(location.READ_ONLY) and not is_newest(connection):
                raise StateError(
                    f"the journal {self.path} is of an older lean-tag and cannot be converted "
                    "where it is read-only: copy it to another folder and give that one"
                )
            if migrate(connection) and self._hold is not None:
                with contextlib.suppress(sqlite3.Error):  # without room it stays as large as it is
                    connection.execute("VACUUM")
        except BaseException:
            connection.close()
            raise
        return connection

    def _failure(self, error: Exception) -> LeanTagError:
        if _is_damage(error):
            return self._damaged(str(error))
        return StateError(
            f"cannot write the journal {self.path}: {error}; give another with --state"
        )

    def _damaged(self, why: str) -> StateError:
        """Return the error for damage; the next process that holds the journal repairs it."""
        if self._hold is not None:
            self._hold.damaged = True
        else:
            location.note_damage(self.path)
        return StateError(
            f"the journal {self.path} is damaged ({why}); the next run saves what can still be "
            "read: start lean-tag again"
        )


class Reader:
    """A journal opened for reading; a context manager that closes it.

    Parameters
    ----------
    path : Path
        The journal.

    Raises
    ------
    StateError
        It does not exist, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.database = Database(path, notice=None, locked=False, on_network=True)

    def __enter__(self) -> Self:
        """Return the open journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the journal."""
        self.database.close()


def _not_opened(path: Path, why: object) -> StateError:
    return StateError(f"cannot open the journal {path}: {why}; give another with --state")


def quick_check(connection: sqlite3.Connection, schema: str = "main") -> None:
    """Raise one of `ERRORS` if a database of a connection is damaged."""
    (found,) = connection.execute(f"PRAGMA {schema}.quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _is_damage(error: Exception) -> bool:
    """Tell whether an error comes from the contents of the file."""
    if not isinstance(error, sqlite3.OperationalError):
        return True
    words = ("no such table", "no such column", "unsupported file format", "Could not decode")
    return str(error).startswith(words)
