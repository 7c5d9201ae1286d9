"""What networks heard in every track on record, in blocks: for arithmetic over the library.

Read by the child of a `run.calculation.Calculation`, which opens the journal for itself. Rows come
in the order in which they were recorded, which is the order in which they lie in the file.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from lean_tagger.jobs import Identity, Pooling, TrackInfo, Values
from lean_tagger.store import sql
from lean_tagger.store.database import Database
from lean_tagger.store.rows import Key, to_values

BLOCK = 1000
"""Tracks in a block; with two embeddings of 200 values 1.6 MB."""

Column = Literal["embedding", "uint16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What is on record of a file beside the scores.

    Attributes
    ----------
    path : str
        The file.
    digest : str
        Of its audio.
    identity : Identity
        When it was last looked at.
    fields : mapping of str to tuple of str
        What our fields held then.
    info : TrackInfo or None
        Whose music it is, where that was looked for.
    """

    path: str
    digest: str
    identity: Identity
    fields: Values
    info: TrackInfo | None


def _to_track(row: tuple[Any, ...]) -> Track:
    path, digest, size, mtime_ns, inode, fields, artist, albumartist, album = row
    info = None
    if artist is not None:
        info = TrackInfo(artist=artist, albumartist=albumartist or "", album=album or "")
    return Track(
        path=os.fsdecode(path),
        digest=digest,
        identity=Identity(size, mtime_ns, inode),
        fields=to_values(fields) if fields is not None else {},
        info=info,
    )


class Features:
    """A journal, opened to read what was heard; a context manager that closes it.

    Parameters
    ----------
    path : Path
        The journal.

    Raises
    ------
    StateError
        There is none, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, notice=None, locked=False, on_network=True)

    def __enter__(self) -> "Features":
        """Return the open features."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal."""
        self._database.close()

    def keys(self) -> list[Key]:
        """Return every model and pool that anything was heard with."""
        rows = self._database.rows("SELECT model, pool, hop FROM keys ORDER BY id")
        return [Key(model=model, pooling=Pooling(pool=pool, hop=hop)) for model, pool, hop in rows]

    def blocks(
        self, keys: Sequence[Key], column: Column = "embedding", *, size: int = BLOCK
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the tracks that every one of these models heard, some at a time.

        Parameters
        ----------
        keys : sequence of Key
            One model at least.
        column : {'embedding', 'uint16'}
            Little-endian float32 values, or scores as `jobs.to_uint16` packs them. Tracks that
            lack it for one of the models are left out.
        size : int
            Most tracks in a block.

        Yields
        ------
        list of (str, bytes, ...)
            The digest of a track's audio, and the column of each model, in the order of `keys`.
            Each digest comes once, however many files have it.
        """
        names = [f"s{number}" for number in range(len(keys))]
        joins = " ".join(
            f"JOIN scores AS {name} ON {name}.digest = s0.digest AND {name}.key = ?"
            for name in names[1:]
        )
        columns = ", ".join(f"{name}.{column}" for name in names)
        there = " AND ".join(f"length({name}.{column}) > 0" for name in names)
        statement = (
            f"SELECT s0.digest, {columns} FROM scores AS s0 NOT INDEXED {joins} "  # noqa: S608 - ours
            f"WHERE s0.key = ? AND {there}"
        )
        ids = [self._key_id(key) for key in keys]
        if None in ids:
            return
        block: list[tuple[Any, ...]] = []
        for row in self._database.rows(statement, (*ids[1:], ids[0])):
            block.append(row)
            if len(block) >= size:
                yield block
                block = []
        if block:
            yield block

    def count(self, key: Key) -> int:
        """Return of how many tracks a model's embedding is on record."""
        ((count,),) = self._database.rows(
            "SELECT count(*) FROM scores NOT INDEXED WHERE key = ? AND length(embedding) > 0",
            (self._key_id(key),),
        )
        return int(count)

    def tracks(self, under: Iterable[str] = ()) -> Iterator[Track]:
        """Yield what is on record of files and folders of these names, or of all; in path order.

        Failed files, and those in which nothing was ever heard, are left out.
        """
        for span in sql.spans(under):
            statement = (
                "SELECT path, digest, size, mtime_ns, inode, fields, artist, albumartist, album "  # noqa: S608 - ours
                f"FROM files WHERE {sql.WITHIN} AND digest IS NOT NULL ORDER BY path"
            )
            yield from self._database.read(_to_track, statement, span)

    def _key_id(self, key: Key) -> int | None:
        rows = self._database.rows(
            "SELECT id FROM keys WHERE model = ? AND pool = ? AND hop = ?",
            (key.model, key.pooling.pool, key.pooling.hop),
        )
        return next((number for (number,) in rows), None)
