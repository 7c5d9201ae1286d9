"""Writes in the journal: the intent, the result, and what the fields held before.

`intend` returns when the write is on the disk. Memory does not grow with the journal: rows are read
a page at a time, in the order of an index.
"""

import os
import time
from collections.abc import Iterable, Iterator

from lean_tagger.jobs import Identity, Values
from lean_tagger.store import sql
from lean_tagger.store.database import Database
from lean_tagger.store.rows import Write, columns, of_values, to_write


class Writes:
    """What the journal keeps of writes; a part of `Journal`, which opens the database."""

    _database: Database

    def count_writes(self, commands: Iterable[str]) -> int:
        """Return the number of writes of these commands that are in place."""
        wanted = list(commands)
        ((count,),) = self._database.rows(
            f"SELECT count(*) FROM writes WHERE {sql.STANDS} AND run IN (SELECT id FROM runs "  # noqa: S608 - ours
            f"WHERE command IN ({', '.join('?' * len(wanted))}))",
            wanted,
        )
        return int(count)

    def last_run_that_wrote(self, commands: Iterable[str], *, under: Iterable[str]) -> int | None:
        """Return the last run of these commands with a write in place there, or None."""
        wanted, ranges = set(commands), sql.spans(under)
        statement = (
            f"SELECT 1 FROM writes WHERE run = ? AND path >= ? AND path < ? AND {sql.STANDS}"  # noqa: S608 - ours
        )
        for run, command in self._database.rows("SELECT id, command FROM runs ORDER BY id DESC"):
            if command in wanted and any(
                any(self._database.rows(f"{statement} LIMIT 1", [run, *span])) for span in ranges
            ):
                return int(run)
        return None

    def intend(
        self,
        path: str,
        *,
        run: int,
        identity: Identity,
        previous: Values,
        written: Values,
        digest: str = "",
    ) -> int:
        """Record a write before it happens, and return its number once that is on the disk."""
        values = (of_values(previous), of_values(written), digest or None)
        with self._database.change() as connection:
            cursor = connection.execute(
                """INSERT INTO writes (run, path, state, at, size, mtime_ns, inode,
                previous, written, digest) VALUES (?,?,'intent',?,?,?,?,?,?,?)""",
                (run, os.fsencode(path), time.time(), *columns(identity), *values),
            )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
        return cursor.lastrowid

    def settle(self, write: int, state: str) -> None:
        """Record the result of a write; until that is on the disk it counts as an intent."""
        with self._database.change(may_wait=True) as connection:
            connection.execute("UPDATE writes SET state = ? WHERE id = ?", (state, write))

    def found_instead(self, write: int, previous: Values) -> None:
        """Record what a write found, as if an undone one before it had not been."""
        with self._database.change(may_wait=True) as connection:
            connection.execute(
                "UPDATE writes SET previous = ? WHERE id = ?", (of_values(previous), write)
            )

    def writes(
        self,
        *,
        under: Iterable[str] = (),
        run: int | None = None,
        states: Iterable[str] = sql.STANDING,
        commands: Iterable[str] | None = None,
    ) -> Iterator[Write]:
        """Yield writes, file by file, each file's latest first.

        Parameters
        ----------
        under : iterable of str
            Into these files and folders; if empty, into all.
        run : int, optional
            Only this run's.
        states : iterable of str
            See `Write`. An intent does not count if its run wrote the file later.
        commands : iterable of str, optional
            Only those of these commands.
        """
        wanted = ", ".join(f"'{state}'" for state in states)
        where = f"{sql.NO_LEFTOVER} AND state IN ({wanted}) AND path < ?"
        more: list[object] = []
        if run is not None:
            where, more = f"{where} AND run = ?", [run]
        if commands is not None:
            more += (these := list(commands))
            marks = ", ".join("?" * len(these))
            where += f" AND (SELECT command FROM runs WHERE id = writes.run) IN ({marks})"  # noqa: S608 - ours
        for first, last in sql.spans(under):
            yield from self._paged(where, [last, *more], first)

    def _paged(self, where: str, values: list[object], first: bytes) -> Iterator[Write]:
        """Yield writes from a path on, by whole files; the rows may be changed in between."""
        compare, after, limit = ">=", first, sql.PAGE
        while True:
            page = list(
                self._database.read(
                    to_write,
                    # Only placeholders and our own words are joined.
                    f"SELECT {sql.WRITE_COLUMNS} FROM writes WHERE {where} AND path {compare} ? "  # noqa: S608
                    f"ORDER BY path, id DESC LIMIT {limit}",
                    [*values, after],
                )
            )
            if len(page) < limit:
                yield from page
                return
            last = page[-1].path  # which may have more writes
            whole = [write for write in page if write.path != last]
            if not whole:
                limit *= 2
                continue
            yield from whole
            compare, after = ">", os.fsencode(whole[-1].path)
