"""The journal: what was heard, what was written, and what stood there before.

One SQLite file, which only the supervising process opens. Every change is one transaction,
on the disk when its call returns: whatever ends the process or the power, the journal knows
of every write before it happens. A reader needs no lock; a run holds one.

`schema` has the tables, `rows` what is in them, `database` the open file, `location` where it is
and who has it; `exchange` takes it to other machines.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lean_tagger.jobs import Heard, Identity, Values
from lean_tagger.store.database import Database
from lean_tagger.store.rows import (
    WRITE_COLUMNS,
    Key,
    Known,
    Run,
    Write,
    columns,
    packed,
    spans,
    to_heard,
    to_identity,
    to_write,
)
from lean_tagger.store.schema import MERGE
from lean_tagger.store.whereabouts import Whereabouts

__all__ = ["Journal", "Key", "Known", "Run", "Write"]

PAGE = 100
"""Rows that are read at a time where all are gone through."""

MOST = (1 << 63) - 1
"""No row has a higher number."""


class Journal:
    """An open journal; a context manager that closes it.

    Parameters
    ----------
    path : Path
        The file; made where there is none.
    notice : callable, optional
        Told what a person should know: that a damaged journal was set aside.
    locked : bool
        Hold it for writing. Without, it is only read, and must be there.
    on_network : bool
        Allow a place on a network file system.

    Raises
    ------
    ConfigError
        The place is on a network, or what is there is no journal.
    LockedError
        Another process holds it.
    StateError
        It cannot be opened or written, or is of a newer lean-tag.

    Attributes
    ----------
    path : Path
        The file.
    fresh : bool
        There was none before, or a damaged one.
    whereabouts : Whereabouts
        By which files are found under their new names.
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
        self._change, self._all = self._database.change, self._database.rows
        self.whereabouts = Whereabouts(self._database)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and let others have it."""
        self._database.close()

    # Runs

    def begin_run(
        self, command: str, *, version: str, model: str, options: Mapping[str, object]
    ) -> int:
        """Note that a run begins, and return its number."""
        row = (command, time.time(), version, model, json.dumps(options))
        with self._change() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (command, started, version, model, options) VALUES (?,?,?,?,?)",
                row,
            )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
        return cursor.lastrowid

    def end_run(self, run: int, *, counts: Mapping[str, int], ending: str) -> None:
        """Note how a run ended, and what it came to."""
        with self._change() as connection:
            connection.execute(
                "UPDATE runs SET ended = ?, counts = ?, ending = ? WHERE id = ?",
                (time.time(), json.dumps(counts), ending, run),
            )

    def runs(self) -> list[Run]:
        """Return all runs, the last one first."""
        rows = self._all(
            "SELECT id, command, started, ended, version, model, options, counts, ending "
            "FROM runs ORDER BY id DESC"
        )
        return [
            Run(
                id=row[0],
                command=row[1],
                started=row[2],
                ended=row[3],
                version=row[4],
                model=row[5],
                options=json.loads(row[6]),
                counts=json.loads(row[7]),
                ending=row[8],
            )
            for row in rows
        ]

    def note_model(self, sha256: str, *, name: str, labels: Iterable[str]) -> None:
        """Note what the scores of a model mean."""
        with self._change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO models VALUES (?,?,?)",
                (sha256, name, json.dumps(list(labels))),
            )

    def models(self) -> dict[str, tuple[str, list[str]]]:
        """Return name and labels of each model that was used, by its sha256."""
        rows = self._all("SELECT sha256, name, labels FROM models")
        return {sha256: (name, json.loads(labels)) for sha256, name, labels in rows}

    def attach(self, other: Path) -> int:
        """Take another journal in; see `exchange.merge`."""
        self._database.connection.execute("ATTACH ? AS other", (str(other),))
        try:
            with self._change() as connection:
                (shift,) = connection.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()
                for statement in MERGE:
                    changed = connection.execute(statement, {"shift": shift}).rowcount
        finally:
            self._database.connection.execute("DETACH other")
        return changed

    # Files

    def recall(self, path: str, key: Key) -> Known | None:
        """Return what is known of a file."""
        return next(self._known("WHERE path = ?", [os.fsencode(path)], key), None)

    def resemble(self, path: str, identity: Identity, key: Key) -> tuple[Heard, ...]:
        """Return what was heard in files that may be this one: what it was, or was moved from.

        That is the same name before a change, and another name of the same inode, or of the
        same size and time.
        """
        same = "WHERE path = ? OR (inode = ? AND size = ?) OR (size = ? AND mtime_ns = ?) LIMIT 8"
        size, mtime_ns, inode = columns(identity)
        values = [os.fsencode(path), inode, size, size, mtime_ns]
        found = (known.heard for known in self._known(same, values, key))
        return tuple(heard for heard in found if heard is not None)

    def files(self, under: Iterable[str], key: Key) -> Iterator[Known]:
        """Yield what is known of files and folders of these names, or of all; in path order."""
        for first, last in spans(under):
            where, values = "path >= ? AND path < ?", [first, last]
            while page := list(
                self._known(f"WHERE {where} ORDER BY path LIMIT {PAGE}", values, key)
            ):
                yield from page  # nothing is being read meanwhile: the rows may be changed
                where, values = "path > ? AND path < ?", [os.fsencode(page[-1].path), last]

    def _known(self, where: str, values: Sequence[object], key: Key) -> Iterator[Known]:
        statement = f"""
            SELECT path, size, mtime_ns, inode, status, kind, message, attempts, run,
                files.digest, fields, artist, albumartist, album,
                "values", embedding, windows, seconds, seconds_skipped, repeated,
                effort, of_windows, confidence
            FROM (SELECT * FROM files {where}) AS files
            LEFT JOIN scores ON scores.digest = files.digest AND scores.model = ?
                AND scores.pool = ? AND scores.hop = ?
            ORDER BY files.path
        """  # noqa: S608 - `where` is one of ours, with placeholders
        for row in self._all(statement, [*values, key.model, key.pooling.pool, key.pooling.hop]):
            identity = to_identity(row[1:4])
            yield Known(
                path=os.fsdecode(row[0]),
                identity=identity,
                status=row[4],
                kind=row[5],
                message=row[6],
                attempts=row[7],
                run=row[8],
                heard=None if row[14] is None else to_heard(identity, row[9:]),
            )

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
        """Note what became of a file; what was heard before stays, as far as it is the same.

        The key is that of `heard`, the other keys are those of `heard.others`.
        """
        name = os.fsencode(path)
        track = heard.track if heard else None
        with self._change() as connection:
            failed = status == "failed"
            connection.execute(
                """INSERT INTO files VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
                ON CONFLICT (path) DO UPDATE SET size = excluded.size,
                    mtime_ns = excluded.mtime_ns, inode = excluded.inode,
                    status = excluded.status, kind = excluded.kind,
                    message = excluded.message, run = excluded.run, seen = excluded.seen,
                    attempts = CASE WHEN excluded.attempts = 0 THEN 0
                        ELSE files.attempts + 1 END,
                    digest = coalesce(excluded.digest, digest),
                    fields = coalesce(excluded.fields, fields),
                    artist = coalesce(excluded.artist, artist),
                    albumartist = coalesce(excluded.albumartist, albumartist),
                    album = coalesce(excluded.album, album)""",
                (
                    name,
                    *columns(identity),
                    status,
                    kind,
                    message,
                    int(failed),
                    run,
                    time.time(),
                    heard.digest if heard else None,
                    json.dumps(heard.fields) if heard else None,
                    track.artist if track else None,
                    track.albumartist if track else None,
                    track.album if track else None,
                ),
            )
            if heard is not None:
                connection.executemany(
                    "INSERT OR REPLACE INTO scores VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    [
                        (
                            heard.digest,
                            of.model,
                            of.pooling.pool,
                            of.pooling.hop,
                            it.effort,
                            packed(it.values),
                            it.embedding,
                            it.windows,
                            it.seconds,
                            it.seconds_skipped,
                            int(it.repeated),
                            it.of_windows,
                            it.confidence,
                        )
                        for of, it in zip((key, *other_keys), heard.each(), strict=True)
                    ],
                )

    def changed(
        self, path: str, *, run: int, status: str, identity: Identity, fields: Values
    ) -> None:
        """Note what a file's fields hold after a write that did not come from listening."""
        with self._change() as connection:
            connection.execute(
                """UPDATE files SET size = ?, mtime_ns = ?, inode = ?, status = ?,
                kind = '', message = '', attempts = 0, run = ?, seen = ?, fields = ?
                WHERE path = ?""",
                (
                    *columns(identity),
                    status,
                    run,
                    time.time(),
                    json.dumps(fields),
                    os.fsencode(path),
                ),
            )

    def forget_failures(self, under: Iterable[str], key: Key) -> int:
        """Let failed files be tried again, and return how many there were."""
        names = [os.fsencode(it.path) for it in self.files(under, key) if it.status == "failed"]
        with self._change() as connection:
            connection.executemany("DELETE FROM files WHERE path = ?", [(name,) for name in names])
        return len(names)

    def tally(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many files there are of each status, and of each kind of failure."""
        statuses = self._all("SELECT status, count(*) FROM files GROUP BY status ORDER BY status")
        kinds = self._all(
            "SELECT kind, count(*) FROM files WHERE status = 'failed' GROUP BY kind ORDER BY kind"
        )
        return dict(statuses), dict(kinds)

    def failures(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield path, kind, message and number of attempts of each file that is set aside."""
        rows = self._all(
            "SELECT path, kind, message, attempts FROM files WHERE status = 'failed' ORDER BY path"
        )
        for path, kind, message, attempts in rows:
            yield os.fsdecode(path), kind, message, attempts

    # Writes

    def count_writes(self) -> int:
        """Return how many writes stand."""
        ((count,),) = self._all("SELECT count(*) FROM writes WHERE state IN ('intent', 'done')")
        return int(count)

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
        """Note what is about to be written, and return its number; on the disk when it returns."""
        values = (json.dumps(previous), json.dumps(written), digest or None)
        with self._change() as connection:
            cursor = connection.execute(
                """INSERT INTO writes (run, path, state, at, size, mtime_ns, inode,
                previous, written, digest) VALUES (?,?,'intent',?,?,?,?,?,?,?)""",
                (run, os.fsencode(path), time.time(), *columns(identity), *values),
            )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
        return cursor.lastrowid

    def settle(self, write: int, state: str) -> None:
        """Note what became of a write."""
        with self._change() as connection:
            connection.execute("UPDATE writes SET state = ? WHERE id = ?", (state, write))

    def writes(
        self,
        *,
        under: Iterable[str] = (),
        run: int | None = None,
        states: Iterable[str] = ("intent", "done"),
    ) -> Iterator[Write]:
        """Yield writes, file by file, of each the last one first."""
        wanted = list(states)
        which = f"state IN ({','.join('?' * len(wanted))})"
        values: list[object] = [*wanted]
        if run is not None:
            which += " AND run = ?"
            values.append(run)
        for first, last in spans(under):
            name, number = first, 0
            while page := list(
                # Only placeholders are put together.
                self._all(
                    f"SELECT {WRITE_COLUMNS} FROM writes WHERE {which} AND path >= ? "  # noqa: S608
                    f"AND path < ? AND (path > ? OR id < ?) ORDER BY path, id DESC LIMIT {PAGE}",
                    [*values, name, last, name, number or MOST],
                )
            ):
                yield from map(to_write, page)  # nothing is being read: the rows may be changed
                name, number = page[-1][2], page[-1][0]
