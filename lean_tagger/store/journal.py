"""The journal: what was heard, what was written, and what the fields held before.

It is one SQLite file, which only the supervising process opens. `intend` returns when the write is
on the disk: whatever ends the process or the power, the journal knows of every write before it
happens. Scores may wait for some seconds; if they are lost, the file is heard again. A reader needs
no lock; a run holds one.

Memory does not grow with the journal: it is read a page at a time, in the order of an index.

`runs` and `writes` keep those two; `schema` has the tables, `rows` their contents, `database` the
open file, `location` its path and lock, `salvage` repairs a damaged one, `exchange` moves it to
other machines.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lean_tagger.errors import StateError
from lean_tagger.jobs import Heard, Identity, Values, to_uint16
from lean_tagger.store import location, sql
from lean_tagger.store.database import CACHE_KIB, ERRORS, Database, quick_check
from lean_tagger.store.rows import Key, Known, Run, Write, columns, of_values, to_known
from lean_tagger.store.runs import Runs
from lean_tagger.store.schema import MERGE
from lean_tagger.store.whereabouts import Whereabouts
from lean_tagger.store.writes import Writes

__all__ = ["Journal", "Key", "Known", "Run", "Write"]


class Journal(Runs, Writes):
    """An open journal; a context manager that closes it.

    Parameters
    ----------
    path : Path
        The file; made if it does not exist.
    notice : callable, optional
        Called with what a user should know: that a damaged journal was repaired.
    locked : bool
        Hold it for writing. Otherwise it is only read, and must exist.
    on_network : bool
        Allow a place on a network file system.

    Raises
    ------
    ConfigError
        The path is on a network, or the file is not a journal.
    LockedError
        Another process holds it.
    StateError
        It cannot be opened or written, is from a newer lean-tag, or is damaged (which may be
        found later). The next process that holds it repairs it.

    Attributes
    ----------
    path : Path
        The file.
    fresh : bool
        It did not exist, or nothing could be read from a damaged one.
    whereabouts : Whereabouts
        Finds files under their new names.
    """

    def __init__(
        self,
        path: Path,
        *,
        notice: Callable[[str], None] | None = None,
        locked: bool = True,
        on_network: bool = False,
    ) -> None:
        self._database = Database(path, notice=notice, locked=locked, on_network=on_network)
        self.path, self.fresh = path, self._database.fresh
        self.whereabouts = Whereabouts(self._database)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release it."""
        self._database.close()

    def commit_old(self) -> None:
        """Write scores from some seconds ago to the disk."""
        self._database.commit_old()

    def attach(self, other: Path) -> int:
        """Merge another journal into this one; see `exchange.merge`."""
        self._database.commit()
        address = location.address_to_attach(other)
        self._database.connection.execute("ATTACH ? AS other", (address,))
        self._database.connection.execute(f"PRAGMA other.cache_size = -{CACHE_KIB}")
        try:
            with self._database.change() as connection:
                try:
                    return _merge(connection)
                except ERRORS as error:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")  # or the other one stays attached
                    _refuse_damaged(connection, other, error)
                    raise
        finally:
            self._database.connection.execute("DETACH other")

    def recall(self, path: str, key: Key) -> Known | None:
        """Return what is known about a file."""
        return next(self._known("WHERE path = ?", [os.fsencode(path)], key), None)

    def resemble(self, path: str, identity: Identity, key: Key) -> tuple[Heard, ...]:
        """Return what was heard in files that may be this one, before a change or a move.

        These are the same name before a change, and other names with the same inode, or the same
        size and time.
        """
        size, mtime_ns, inode = columns(identity)
        values = [os.fsencode(path), inode, size, size, mtime_ns]
        found = (known.heard for known in self._known(sql.ALIKE, values, key))
        return tuple(heard for heard in found if heard is not None)

    def files(self, under: Iterable[str], key: Key) -> Iterator[Known]:
        """Yield what is known about these files and folders, or about all; in path order."""
        for first, last in sql.spans(under):
            where, values = "path >= ? AND path < ?", [first, last]
            while page := list(
                self._known(f"WHERE {where} ORDER BY path LIMIT {sql.PAGE}", values, key)
            ):
                yield from page  # no statement is open now, so the rows may be changed
                where, values = "path > ? AND path < ?", [os.fsencode(page[-1].path), last]

    def _known(self, where: str, values: Sequence[object], key: Key) -> Iterator[Known]:
        model = [key.model, key.pooling.pool, key.pooling.hop]
        return self._database.read(to_known, f"{sql.KNOWN} {where}", [*model, *values])

    def record(
        self,
        path: str,
        *,
        run: int,
        key: Key,
        identity: Identity,
        status: str,
        kind: str = "",
        message: str = "",
        heard: Heard | None = None,
        other_keys: Sequence[Key] = (),
    ) -> None:
        """Record the outcome for a file; earlier scores stay if they still apply.

        It may wait for the next commit. `key` belongs to `heard`, the other keys to `heard.others`.
        """
        name = os.fsencode(path)
        track = heard.track if heard else None
        with self._database.change(may_wait=True) as connection:
            connection.execute(
                sql.RECORD,
                (
                    name,
                    *columns(identity),
                    status,
                    kind,
                    message,
                    int(status == "failed"),
                    run,
                    time.time(),
                    heard.digest if heard else None,
                    of_values(heard.fields) if heard else None,
                    *(getattr(track, field) if track else None for field in sql.TRACK),
                ),
            )
            for of, it in zip((key, *other_keys), heard.each() if heard else (), strict=False):
                self._record_scores(connection, of, it)

    def _record_scores(self, connection: sqlite3.Connection, key: Key, heard: Heard) -> None:
        """Record what one model heard."""
        of = (key.model, key.pooling.pool, key.pooling.hop)
        connection.execute("INSERT OR IGNORE INTO keys (model, pool, hop) VALUES (?,?,?)", of)
        connection.execute(
            f"INSERT OR REPLACE INTO scores VALUES (?,{sql.KEY_ID},?,?,?,?,?,?,?,?,?)",  # noqa: S608 - ours
            (
                heard.digest,
                *of,
                heard.effort,
                to_uint16(heard.values),
                heard.embedding,
                heard.windows,
                heard.seconds,
                heard.seconds_skipped,
                int(heard.repeated),
                heard.of_windows,
                heard.confidence,
            ),
        )

    def changed(
        self, path: str, *, run: int, status: str, identity: Identity, fields: Values
    ) -> None:
        """Record a file's fields after a write that did not come from listening."""
        with self._database.change(may_wait=True) as connection:
            connection.execute(
                """UPDATE files SET size = ?, mtime_ns = ?, inode = ?, status = ?,
                kind = '', message = '', attempts = 0, run = ?, seen = ?, fields = ?
                WHERE path = ?""",
                (
                    *columns(identity),
                    status,
                    run,
                    time.time(),
                    of_values(fields),
                    os.fsencode(path),
                ),
            )

    def forget_failures(self, under: Iterable[str]) -> int:
        """Allow failed files to be tried again, and return their number."""
        with self._database.change() as connection:
            return sum(
                connection.execute(
                    f"DELETE FROM files WHERE status = 'failed' AND {sql.WITHIN}",  # noqa: S608 - ours
                    span,
                ).rowcount
                for span in sql.spans(under)
            )

    def tally(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the number of files for each status and for each kind of failure."""
        statuses = self._database.rows(
            "SELECT status, count(*) FROM files GROUP BY status ORDER BY status"
        )
        kinds = self._database.rows(
            "SELECT kind, count(*) FROM files WHERE status = 'failed' GROUP BY kind ORDER BY kind"
        )
        return dict(statuses), dict(kinds)

    def failures(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield path, kind, message and number of attempts of each file that is set aside."""
        after = b""
        while page := list(self._database.rows(sql.FAILURES, [after])):
            for path, kind, message, attempts in page:
                yield os.fsdecode(path), kind, message, attempts
            after = page[-1][0]


def _merge(connection: sqlite3.Connection) -> int:
    """Take in what is attached as `other`, and return how many of its files are new here."""
    (shift,) = connection.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()
    for statement in MERGE:
        changed = connection.execute(statement, {"shift": shift}).rowcount
    connection.execute("DROP TABLE temp.run_numbers")
    return changed


def _refuse_damaged(connection: sqlite3.Connection, other: Path, why: Exception) -> None:
    """Raise a StateError if the damage is in the journal attached as `other`, not in this one."""
    try:
        quick_check(connection, "other")
    except ERRORS as error:
        location.note_damage(other)
        raise StateError(
            f"the journal {other} is damaged ({why}) and was not merged; the next run with this "
            "--state saves what can still be read"
        ) from error
