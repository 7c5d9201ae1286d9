"""The journal's file: opened, held, checked, and changed in whole transactions."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lean_tagger.errors import LeanTagError, StateError
from lean_tagger.store import location
from lean_tagger.store.schema import APPLICATION_ID, migrate

CACHE_KIB = 512
"""Of SQLite; it would take more than it is worth."""

BUSY_SECONDS = 10.0
"""How long a reader waits for a commit of the run beside it, and the other way round."""


class Database:
    """An open journal file; the parameters and errors are those of `journal.Journal`.

    Attributes
    ----------
    path : Path
        The file.
    fresh : bool
        There was none before, or a damaged one.
    connection : sqlite3.Connection
        In which nothing is changed but by `change`.
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
        self.fresh = not path.exists()
        self._closing = contextlib.ExitStack()
        if not on_network:
            location.refuse_network(path)
        location.refuse_foreign(path, APPLICATION_ID)
        with contextlib.ExitStack() as undo:
            if locked:
                location.make_folder(path)
                tidy = undo.enter_context(location.held(path))
            else:
                tidy = True
            self.connection = self._open(notice or (lambda _: None), locked=locked, tidy=tidy)
            undo.callback(self.connection.close)
            self._closing = undo.pop_all()

    def close(self) -> None:
        """Close the file, and let others have it."""
        self._closing.close()

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Make one change: on the disk when the context ends, or not at all."""
        try:
            with self.connection:
                self.connection.execute("BEGIN IMMEDIATE")
                yield self.connection
        except sqlite3.Error as error:
            raise _failure(self.path, error) from error

    def rows(self, statement: str, values: Iterable[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield what a statement finds."""
        try:
            yield from self.connection.execute(statement, tuple(values))
        except sqlite3.Error as error:
            raise _failure(self.path, error) from error

    def _open(
        self, notice: Callable[[str], None], *, locked: bool, tidy: bool
    ) -> sqlite3.Connection:
        if not locked and self.fresh:
            raise StateError(
                f"there is no journal yet at {self.path}; lean-tag makes one as it runs"
            )
        try:
            return self._connect(check=not tidy)
        except sqlite3.OperationalError as error:
            # The disk, the rights, a lock: nothing is wrong with what is in it.
            raise StateError(
                f"cannot open the journal {self.path}: {error}; give another with --state"
            ) from error
        except sqlite3.DatabaseError as error:
            if not locked:
                raise StateError(
                    f"the journal {self.path} is damaged; the next run sets it aside"
                ) from error
        aside = location.set_aside(self.path)
        notice(
            f"the journal was damaged and is now {aside}; a new one is begun, from what "
            "lean-tag left in the files themselves"
        )
        self.fresh = True
        return self._connect(check=False)

    def _connect(self, *, check: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            # A reader beside a run waits for nobody; elsewhere, for a commit.
            mode = "WAL" if location.shares_memory(self.path) else "DELETE"
            connection.execute(f"PRAGMA journal_mode = {mode}")
            connection.execute("PRAGMA synchronous = FULL")
            if check:  # whoever had it last was killed
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    raise sqlite3.DatabaseError(found)
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _failure(path: Path, error: sqlite3.Error) -> LeanTagError:
    if isinstance(error, sqlite3.OperationalError):
        return StateError(f"cannot write the journal {path}: {error}; give another with --state")
    return StateError(f"the journal {path} is damaged ({error}); run again, and it is set aside")
