"""What networks heard in every track on record, in blocks: for arithmetic over the library.

Read by the child of a `run.calculation.Calculation`, which opens the journal for itself. Rows come
in the order in which they were recorded, which is the order in which they lie in the file.
"""

import functools
import json
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Any, Literal

from lean_tagger.jobs import Pooling
from lean_tagger.store.database import Reader
from lean_tagger.store.rows import Key

BLOCK = 1000
"""Tracks in a block; with two embeddings of 200 values 1.6 MB."""

SAMPLE = 8192
"""Rows from which means and spreads are known well enough: to two per cent of a spread."""

_PIECE = 64  # rows that lie together in a sample

Column = Literal["embedding", "uint16"]


class Features(Reader):
    """A journal, opened to read scores and embeddings."""

    def keys(self) -> list[Key]:
        """Return the key of every model and pooling with scores on record."""
        rows = self.database.rows("SELECT model, pool, hop FROM keys ORDER BY id")
        return [Key(model=model, pooling=Pooling(pool=pool, hop=hop)) for model, pool, hop in rows]

    def counts(self) -> list[tuple[str, Key, int]]:
        """Return the name and key of each model, and the number of tracks that it heard.

        It is the model's name at that time; empty if not known. The result is computed once, so
        another run may have added tracks since.
        """
        return self._counts

    @functools.cached_property
    def _counts(self) -> list[tuple[str, Key, int]]:
        rows = self.database.rows(
            """SELECT coalesce(models.name, ''), model, pool, hop, (SELECT count(*) FROM scores
                WHERE scores.key = keys.id) FROM keys LEFT JOIN models ON models.sha256 = model
            ORDER BY keys.id"""
        )
        return [
            (name, Key(model=model, pooling=Pooling(pool=pool, hop=hop)), count)
            for name, model, pool, hop, count in rows
        ]

    def labels(self) -> dict[str, list[str]]:
        """Return the labels of each model, by the first part of its key."""
        return dict(
            self.database.read(
                lambda row: (row[0], json.loads(row[1])), "SELECT sha256, labels FROM models"
            )
        )

    def of(self, digest: str, key: Key) -> bytes:
        """Return one model's embedding of a track; empty without one."""
        rows = self.database.rows(
            "SELECT embedding FROM scores WHERE digest = ? AND key = ?",
            (digest, self.key_id(key) or 0),
        )
        return next((embedding for (embedding,) in rows), b"")

    def scores_of(self, digest: str, key: Key) -> bytes:
        """Return one model's scores of a track, as `jobs.to_uint16` packs them; empty without."""
        rows = self.database.rows(
            "SELECT uint16 FROM scores WHERE digest = ? AND key = ?",
            (digest, self.key_id(key) or 0),
        )
        return next((scores for (scores,) in rows), b"")

    def count_tracks(self) -> int:
        """Return the number of tracks with files on record."""
        ((count,),) = self.database.rows("SELECT count(DISTINCT digest) FROM files")
        return int(count)

    def blocks(
        self, keys: Sequence[Key], column: Column = "embedding", *, size: int = BLOCK
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the tracks that all these models heard, in blocks.

        Parameters
        ----------
        keys : sequence of Key
            One model at least.
        column : {'embedding', 'uint16'}
            Little-endian float32 values, or scores packed by `jobs.to_uint16`. Tracks that lack
            it for one of the models are left out.
        size : int
            Most tracks in a block.

        Yields
        ------
        list of (str, bytes, ...)
            The digest of a track's audio, and the column of each model, in the order of `keys`.
            Each digest comes once, even if several files have it.
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
        ids = [self.key_id(key) for key in keys]
        if None in ids:
            return
        yield from _blocks(self.database.rows(statement, (*ids[1:], ids[0])), size)

    def side_by_side(
        self, keys: Sequence[Key], *, size: int = BLOCK
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the embeddings of every track that at least one of these models heard.

        Parameters
        ----------
        keys : sequence of Key
            One model at least.
        size : int
            Most tracks in a block.

        Yields
        ------
        list of (str, float, bytes or None, ...)
            Digest and length in seconds of a track, and each model's embedding, in the order of
            `keys`: little-endian float32, or None. Each digest comes once.
        """
        ids = [self.key_id(key) or 0 for key in keys]  # no row has key 0
        for first in range(len(ids)):
            paired = yield from self._embeddings(ids, first, size)
            if first + 2 == len(ids) and paired == self._count(ids[-1]):
                return  # the last model heard nothing more than the others

    def _embeddings(
        self, ids: Sequence[int], first: int, size: int
    ) -> Generator[list[tuple[Any, ...]], None, int]:
        """Yield tracks that the model at `first` heard and no earlier one did.

        Returns how many of these tracks the last model heard.
        """
        columns = ["NULL"] * first + ["s.embedding"]
        columns += [_paired(ids[number], number - first) for number in range(first + 1, len(ids))]
        before = "".join(
            f" AND NOT EXISTS (SELECT 1 FROM scores AS e WHERE e.digest = s.digest "  # noqa: S608 - numbers of ours
            f"AND e.key = {number:d} AND length(e.embedding) > 0)"
            for number in ids[:first]
        )
        statement = (
            f"SELECT s.digest, s.seconds, {', '.join(columns)} FROM scores AS s NOT INDEXED "  # noqa: S608 - ours
            f"WHERE s.key = {ids[first]:d} AND length(s.embedding) > 0{before}"
        )
        paired = 0
        for block in _blocks(self.database.rows(statement), size):
            paired += sum(row[-1] is not None for row in block)
            yield block
        return paired

    def sample(
        self, key: Key, *, most: int = SAMPLE, size: int = BLOCK
    ) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield embeddings and scores of some tracks, spread evenly over the journal.

        They are always the same ones; all, if there are at most `most` rows.

        Yields
        ------
        list of (bytes, bytes)
            Embedding and scores, as in `blocks`; either may be empty.
        """
        number = self.key_id(key)
        ((last,),) = self.database.rows("SELECT coalesce(max(rowid), 0) FROM scores")
        pieces = 1 if last <= most else most // _PIECE
        statement = (
            "SELECT embedding, uint16 FROM scores WHERE rowid > ? AND rowid <= ? AND +key = ?"
        )
        starts = (last * piece // pieces for piece in range(pieces))
        rows = (
            row
            for start in starts
            for row in self.database.rows(
                statement, (start, start + min(last, most) // pieces, number)
            )
        )
        yield from _blocks(rows, size)

    def _count(self, key_id: int) -> int:
        ((count,),) = self.database.rows("SELECT count(*) FROM scores WHERE key = ?", (key_id,))
        return int(count)

    def count(self, key: Key) -> int:
        """Return the number of tracks with an embedding of this model."""
        ((count,),) = self.database.rows(
            "SELECT count(*) FROM scores NOT INDEXED WHERE key = ? AND length(embedding) > 0",
            (self.key_id(key),),
        )
        return int(count)

    def key_id(self, key: Key) -> int | None:
        """Return the id of a model's scores; None if it heard nothing."""
        rows = self.database.rows(
            "SELECT id FROM keys WHERE model = ? AND pool = ? AND hop = ?",
            (key.model, key.pooling.pool, key.pooling.hop),
        )
        return next((number for (number,) in rows), None)


def _paired(key_id: int, behind: int) -> str:
    """Return an SQL expression for another model's embedding of the same track.

    Models that heard a track in one run have neighbouring rows; looking there first halves the
    time.
    """
    near = [
        f"(SELECT embedding FROM scores AS o WHERE o.rowid = s.rowid + {step:d} "  # noqa: S608 - numbers of ours
        f"AND o.digest = s.digest AND o.key = {key_id:d})"
        for step in (behind, -behind)
    ]
    anywhere = (
        f"(SELECT embedding FROM scores AS o WHERE o.digest = s.digest AND o.key = {key_id:d})"  # noqa: S608 - the same
    )
    return f"coalesce({', '.join([*near, anywhere])})"


def _blocks(rows: Iterator[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    while block := list(islice(rows, size)):
        yield block
