"""Find files that were written to; writes belong to the audio, not to the name.

A file that was moved, renamed or retagged by another program is recognised by the digest of its
audio. Its writes then get its new name, so that the rest of the journal can use names. A copy has
its own writes or none: the writes of a file that still exists stay with it.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lean_tagger.jobs import Identity, Values
from lean_tagger.store.database import Database
from lean_tagger.store.rows import (
    Write,
    columns,
    of_values,
    to_identity,
    to_values,
    to_write,
)
from lean_tagger.store.sql import NO_LEFTOVER, PAGE, STANDS, TAKE_OVER, WRITE_COLUMNS, spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file as it was when it was last examined.

    Attributes
    ----------
    path : str
        Its name.
    identity : Identity
        Shows whether it has changed.
    digest : str
        Of its audio; empty if it is not known.
    fields : mapping of str to tuple of str
        The values of our fields.
    """

    path: str
    identity: Identity
    digest: str
    fields: Values


class Whereabouts:
    """What a journal knows about where its files are.

    Parameters
    ----------
    database : Database
        The journal's.
    """

    def __init__(self, database: Database) -> None:
        self._change, self._all, self._read = database.change, database.rows, database.read

    def at(self, path: str) -> Place | None:
        """Return the file recorded under a name."""
        return next(self._places("WHERE path = ?", [os.fsencode(path)]), None)

    def of_audio(self, digest: str) -> Iterator[Place]:
        """Yield the files on record with this audio."""
        yield from self._places("WHERE digest = ? ORDER BY path", [digest])

    def under(self, names: Iterable[str]) -> Iterator[Place]:
        """Yield the files among these files and folders."""
        for first, last in spans(names):
            where, values = "path >= ? AND path < ?", [first, last]
            while page := list(self._places(f"WHERE {where} ORDER BY path LIMIT {PAGE}", values)):
                yield from page  # no statement is open now, so the rows may be changed
                where, values = "path > ? AND path < ?", [os.fsencode(page[-1].path), last]

    def common_folder(self) -> str:
        """Return the folder that holds all files on record; the root if there is no other."""
        files = "FROM files WHERE path >= x'2F' AND path < x'30'"  # with a slash: no addresses
        ((first, last),) = self._all(
            f"SELECT (SELECT min(path) {files}), (SELECT max(path) {files})"
        )
        if first is None:
            return os.sep
        return os.path.commonpath([os.path.dirname(os.fsdecode(it)) for it in (first, last)])

    def history(self, digest: str) -> list[Write]:
        """Return all writes into this audio that happened, under any name, in order."""
        return list(
            self._read(
                to_write,
                f"SELECT {WRITE_COLUMNS} FROM writes WHERE digest = ? AND state <> 'failed' "  # noqa: S608 - ours
                f"AND {NO_LEFTOVER} ORDER BY id",
                [digest],
            )
        )

    def written_elsewhere(self, path: str, digest: str) -> bool:
        """Tell whether there are writes into this audio under other names."""
        rows = self._all(
            "SELECT 1 FROM writes WHERE digest = ? AND path <> ? LIMIT 1",
            [digest, os.fsencode(path)],
        )
        return next(rows, None) is not None

    def digests(self, names: Iterable[str]) -> list[str]:
        """Return the digests on record that match these; see `jobs.Recognised`."""
        found: dict[str, None] = {}
        for name in names:
            for table in ("writes", "files"):
                rows = self._all(
                    f"SELECT DISTINCT digest FROM {table} "  # noqa: S608
                    "WHERE digest = ? OR (digest > ? AND digest < ?)",
                    [name, f"{name}-", f"{name}."],
                )
                found |= dict.fromkeys(digest for (digest,) in rows)
        return list(found)

    def standing(self, commands: Iterable[str] | None = None) -> Iterator[tuple[str, str, int]]:
        """Yield name and digest of each file with writes in place, and their number.

        Only writes of these commands; if None, of all.
        """
        which, values = STANDS, list(commands or ())
        if commands is not None:
            marks = ", ".join("?" * len(values))
            # The plus gives the order of names, not of runs.
            which += f" AND +run IN (SELECT id FROM runs WHERE command IN ({marks}))"  # noqa: S608 - ours
        statement = f"""SELECT path, coalesce(digest, '') AS audio, count(*) FROM writes
            WHERE {which} AND path IN (SELECT DISTINCT path FROM writes
                WHERE {which} AND path > ? ORDER BY path LIMIT {PAGE})
            GROUP BY path, audio ORDER BY path, audio"""  # noqa: S608 - ours
        last = b""
        while page := list(self._all(statement, [*values, *values, last])):
            for path, digest, count in page:
                yield os.fsdecode(path), digest, count
            last = page[-1][0]

    def looks_like_another(self, path: str, identity: Identity) -> bool:
        """Tell whether another file on record has this inode, or this size and time."""
        size, mtime_ns, inode = columns(identity)
        for where, values in (
            ("inode = ?", [inode]),
            ("size = ? AND mtime_ns = ?", [size, mtime_ns]),
        ):
            rows = self._all(
                f"SELECT 1 FROM files WHERE {where} AND +path <> ? LIMIT 1",  # noqa: S608 - of these two
                [*values, os.fsencode(path)],
            )
            if next(rows, None) is not None:
                return True
        return False

    def has_standing(self, path: str) -> bool:
        """Tell whether a file has writes in place."""
        rows = self._all(
            f"SELECT 1 FROM writes WHERE path = ? AND {STANDS} LIMIT 1",  # noqa: S608 - ours
            [os.fsencode(path)],
        )
        return next(rows, None) is not None

    def note(self, place: Place, *, run: int) -> None:
        """Record that a file was recognised; the record of a failed one does not change."""
        row = (os.fsencode(place.path), *columns(place.identity), run, time.time())
        with self._change(may_wait=True) as connection:
            connection.execute(
                """INSERT INTO files (path, size, mtime_ns, inode, status, kind, message,
                    attempts, run, seen, digest, fields)
                VALUES (?, ?, ?, ?, 'recognised', '', '', 0, ?, ?, ?, ?)
                ON CONFLICT (path) DO UPDATE SET size = excluded.size,
                    mtime_ns = excluded.mtime_ns, inode = excluded.inode, run = excluded.run,
                    seen = excluded.seen, digest = excluded.digest, fields = excluded.fields
                WHERE status <> 'failed'""",
                (*row, place.digest or None, of_values(place.fields)),
            )

    def forget(self, path: str) -> None:
        """Delete the record of a file."""
        with self._change(may_wait=True) as connection:
            connection.execute("DELETE FROM files WHERE path = ?", (os.fsencode(path),))

    def move(self, old: str, new: str, digest: str) -> None:
        """Give the writes into a file, and the file, its new name."""
        with self._change(may_wait=True) as connection:
            connection.execute(
                "UPDATE writes SET path = ? WHERE path = ? AND digest = ?",
                (os.fsencode(new), os.fsencode(old), digest),
            )
            here, there = os.fsencode(new), os.fsencode(old)
            connection.execute(TAKE_OVER, (there, digest, here))
            connection.execute("DELETE FROM files WHERE path = ? AND digest = ?", (there, digest))

    def name_whole(self, part: str, whole: str) -> None:
        """Record that the digests of a part and of the whole belong to the same audio."""
        with self._change(may_wait=True) as connection:
            connection.execute("UPDATE writes SET digest = ? WHERE digest = ?", (whole, part))

    def _places(self, where: str, values: Sequence[object]) -> Iterator[Place]:
        return self._read(
            _to_place,
            "SELECT path, size, mtime_ns, inode, digest, fields "  # noqa: S608 - `where` is one of ours, with placeholders
            f"FROM files {where}",
            values,
        )


def _to_place(row: tuple[Any, ...]) -> Place:
    return Place(
        path=os.fsdecode(row[0]),
        identity=to_identity(row[1:4]),
        digest=row[4] or "",
        fields=to_values(row[5] or "{}"),
    )
