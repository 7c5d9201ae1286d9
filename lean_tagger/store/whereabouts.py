"""Where a file is that was written to: writes belong to its audio, whatever its name is now.

A file that was moved, renamed or retagged by another program is known again by the digest of
its audio. Its writes then get its new name, so that all else in the journal goes by name. A
copy has writes of its own or none: the writes of a file that is still there stay with it.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lean_tagger.jobs import Identity, Values
from lean_tagger.store.database import Database
from lean_tagger.store.rows import (
    WRITE_COLUMNS,
    Write,
    columns,
    spans,
    to_identity,
    to_values,
    to_write,
)

PAGE = 100
"""Rows that are read at a time where all are gone through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file as it was when it was last looked at.

    Attributes
    ----------
    path : str
        Its name.
    identity : Identity
        By which it is known to be unchanged.
    digest : str
        Of its audio; empty where that is not known.
    fields : mapping of str to tuple of str
        What our fields held.
    """

    path: str
    identity: Identity
    digest: str
    fields: Values


class Whereabouts:
    """What a journal knows of the places of its files.

    Parameters
    ----------
    database : Database
        The journal's.
    """

    def __init__(self, database: Database) -> None:
        self._change, self._all = database.change, database.rows

    def at(self, path: str) -> Place | None:
        """Return what was at a name."""
        return next(self._places("WHERE path = ?", [os.fsencode(path)]), None)

    def of_audio(self, digest: str) -> Iterator[Place]:
        """Yield the files on record with this audio."""
        yield from self._places("WHERE digest = ? ORDER BY path", [digest])

    def under(self, names: Iterable[str], *, signed: bool = False) -> Iterator[Place]:
        """Yield the files that are these or in these folders; `signed` by a LEANTAG only."""
        which = "AND fields LIKE '%leantag%'" if signed else ""
        for first, last in spans(names):
            where, values = "path >= ? AND path < ?", [first, last]
            while page := list(
                self._places(f"WHERE {where} {which} ORDER BY path LIMIT {PAGE}", values)
            ):
                yield from page  # nothing is being read meanwhile: the rows may be changed
                where, values = "path > ? AND path < ?", [os.fsencode(page[-1].path), last]

    def history(self, digest: str) -> list[Write]:
        """Return all writes into this audio that came to pass, under any name, in their order."""
        rows = self._all(
            f"SELECT {WRITE_COLUMNS} FROM writes WHERE digest = ? AND state <> 'failed' "  # noqa: S608
            "ORDER BY id",
            [digest],
        )
        return list(map(to_write, rows))

    def written_elsewhere(self, place: Place) -> bool:
        """Tell whether there are writes into this audio under other names."""
        rows = self._all(
            "SELECT 1 FROM writes WHERE digest = ? AND path <> ? LIMIT 1",
            [place.digest, os.fsencode(place.path)],
        )
        return next(rows, None) is not None

    def digests(self, names: Iterable[str]) -> list[str]:
        """Return the digests on record that these stand for; see `jobs.Recognised`."""
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

    def standing(self) -> Iterator[tuple[str, str, int]]:
        """Yield name and digest of each file with writes that stand, and how many these are."""
        last: tuple[bytes, str] = (b"", "")
        while page := list(
            self._all(
                "SELECT path, coalesce(digest, '') AS audio, count(*) FROM writes "  # noqa: S608
                "WHERE state IN ('intent', 'done') AND path >= ? AND (path, audio) > (?, ?) "
                f"GROUP BY path, audio ORDER BY path, audio LIMIT {PAGE}",
                [last[0], *last],
            )
        ):
            for path, digest, count in page:
                yield os.fsdecode(path), digest, count
            last = page[-1][0], page[-1][1]

    def has_standing(self, path: str) -> bool:
        """Tell whether a file has writes that stand."""
        rows = self._all(
            "SELECT 1 FROM writes WHERE path = ? AND state IN ('intent', 'done') LIMIT 1",
            [os.fsencode(path)],
        )
        return next(rows, None) is not None

    def note(self, place: Place, *, run: int) -> None:
        """Note that a file was recognised; one that failed stays as it is on record."""
        row = (os.fsencode(place.path), *columns(place.identity), run, time.time())
        with self._change() as connection:
            connection.execute(
                """INSERT INTO files (path, size, mtime_ns, inode, status, kind, message,
                    attempts, run, seen, digest, fields)
                VALUES (?, ?, ?, ?, 'recognised', '', '', 0, ?, ?, ?, ?)
                ON CONFLICT (path) DO UPDATE SET size = excluded.size,
                    mtime_ns = excluded.mtime_ns, inode = excluded.inode, run = excluded.run,
                    seen = excluded.seen, digest = excluded.digest, fields = excluded.fields
                WHERE status <> 'failed'""",
                (*row, place.digest or None, json.dumps(place.fields)),
            )

    def move(self, old: str, new: str, digest: str) -> None:
        """Give the writes into a file, and the file, its new name."""
        with self._change() as connection:
            connection.execute(
                "UPDATE writes SET path = ? WHERE path = ? AND digest = ?",
                (os.fsencode(new), os.fsencode(old), digest),
            )
            connection.execute(
                "DELETE FROM files WHERE path = ? AND digest = ?", (os.fsencode(old), digest)
            )

    def name_whole(self, part: str, whole: str) -> None:
        """Note that both digests, of a part and of the whole, are of one audio."""
        with self._change() as connection:
            connection.execute("UPDATE writes SET digest = ? WHERE digest = ?", (whole, part))

    def _places(self, where: str, values: Sequence[bytes | str]) -> Iterator[Place]:
        rows = self._all(
            "SELECT path, size, mtime_ns, inode, coalesce(digest, ''), coalesce(fields, '{}') "  # noqa: S608 - `where` is one of ours, with placeholders
            f"FROM files {where}",
            values,
        )
        for row in rows:
            yield Place(
                path=os.fsdecode(row[0]),
                identity=to_identity(row[1:4]),
                digest=row[4],
                fields=to_values(row[5]),
            )
