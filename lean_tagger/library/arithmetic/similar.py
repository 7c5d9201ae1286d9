"""Find the tracks most similar to some, and a way from one track to another.

Everything on record is read once, a block at a time: there is no index to build, and none that
could be out of date. Only the best so far are kept.
"""

import heapq
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lean_tagger.errors import ConfigError
from lean_tagger.library.arithmetic.embeddings import Block, Floats, Space, blocks, spaces_of
from lean_tagger.library.likeness import Compared, Likeness, Near, Way
from lean_tagger.store.features import Features
from lean_tagger.store.tracks import Track, Tracks

MOST = 500
"""Candidates that are kept at first; more need another look at the journal."""

SAME_COSINE = 0.9
SAME_SECONDS = 2.0
SAME_SHARE = 0.01
"""Least cosine, and most difference in length, of two files of one recording. Six tracks that were
encoded again, or made louder and cut, had .89 to .97, except for one with .69. Of 489 tracks, one
in ten has another one so close, but rarely of its length."""

_UNEVEN = 2.0
"""Penalty for being a whole step away from the right position, in cosines to both ends."""

_NONE = -2.0  # below every cosine


@dataclass(frozen=True, slots=True)
class Direction:
    """A point to compare tracks with.

    Attributes
    ----------
    parts : list of (dim,) float32
        By space; zeros if a space does not count.
    squares : list of float
        Square of each part's length.
    """

    parts: list[Floats]
    squares: list[float]

    @classmethod
    def of(cls, parts: Sequence[Floats]) -> "Direction":
        """Return the direction with these parts."""
        return cls(list(parts), [float(part @ part) for part in parts])

    @property
    def length(self) -> float:
        """Its distance from the middle of the library."""
        return float(np.sqrt(sum(self.squares)))


def cosines(block: Block, directions: Sequence[Direction]) -> Floats:
    """Return the cosine of each track and each direction.

    Only common parts count: a track that one of two networks heard is compared by that one.

    Returns
    -------
    (n, len(directions)) float32
        -1 to 1; -2 if they have no part in common.
    """
    found = np.full((len(block.digests), len(directions)), _NONE, np.float32)
    squares = [np.einsum("ij,ij->i", part, part) for part in block.parts]
    for column, direction in enumerate(directions):
        dots = np.zeros(len(block.digests), np.float32)
        own = np.zeros_like(dots)
        its = np.zeros_like(dots)
        for part, square, to, to_square in zip(
            block.parts, squares, direction.parts, direction.squares, strict=True
        ):
            if to_square:
                dots += part @ to
                own += square
                its += np.where(square > 0, to_square, 0)
        there = own > 0
        found[there, column] = dots[there] / np.sqrt(own[there] * its[there])
    return found


def nearest(request: Likeness) -> Iterator[Compared | Near]:
    """Yield how much was compared, then tracks, most similar first.

    They come as long as they are iterated: some hundred from the first look at the journal, then
    more from each other look.

    Raises
    ------
    ConfigError
        Nothing is on record to compare a seed with.
    """
    with Features(request.state) as features, Tracks(request.state) as tracks:
        spaces = spaces_of(features, request.keys)
        seeds = [_direction(features, spaces, digest) for digest in request.seeds]
        against = [_direction(features, spaces, digest) for digest in request.against]
        toward = _sum(spaces, seeds, against)
        look = _Look(features, tracks, spaces, request)
        most, last = MOST, (2.0, "")
        while True:
            best = _Best(most)
            for block, rows in look.blocks([toward]):
                best.add(rows[:, 0], block.digests, below=last)
            if last[0] > 1:
                yield look.compared()
            ranked = best.ranked()
            for cosine, digest in ranked:
                near = _near(look, digest, cosine, seeds, request.seeds)
                if near is not None:
                    yield near
            if len(ranked) < most:
                return
            last, most = ranked[-1], 8 * most


def way(request: Way) -> Iterator[Compared | Near]:
    """Yield how much was compared, then tracks between two in even steps, from first to last.

    A track's position on the way depends on how much more it is like one end than the other. The
    way has a position for each step. For each, the track is chosen that is most like both ends and
    closest to that position. Only tracks with existing files are used.

    Raises
    ------
    ConfigError
        Nothing is on record to compare an end with.
    """
    with Features(request.state) as features, Tracks(request.state) as tracks:
        spaces = spaces_of(features, request.keys)
        ends = [_direction(features, spaces, it) for it in (request.first, request.last)]
        look = _Look(features, tracks, spaces, request)
        half = 1 - _between(*ends)
        places = np.linspace(-half, half, request.steps + 2)[1:-1]
        step = max(2 * half / (request.steps + 1), 1e-6)
        best = [_Best(8 * request.steps) for _ in places]
        for block, rows in look.blocks(ends):
            counts = np.flatnonzero(np.isfinite(rows[:, 0]))
            digests = [block.digests[number] for number in counts.tolist()]
            both, where = rows[counts].sum(axis=1), rows[counts, 1] - rows[counts, 0]
            for place, some in zip(places, best, strict=True):
                off = (where - place) / step
                some.add(both - _UNEVEN * np.square(off), digests)
        yield look.compared()
        chosen: dict[str, Near] = {}
        for some in best:
            for _, digest in some.ranked():
                near = None if digest in chosen else _near(look, digest, None, ends, ())
                if near is not None and any(os.path.exists(it.path) for it in near.files):
                    chosen[digest] = near
                    break
        yield from sorted(chosen.values(), key=lambda it: it.cosines[1] - it.cosines[0])


class _Best:
    """Keeps at most so many of the best."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, str]] = []

    def add(
        self, scores: Floats, digests: Sequence[str], *, below: tuple[float, str] = (np.inf, "")
    ) -> None:
        """Add some, without those that come before, or after `below`."""
        least = self._heap[0][0] if len(self._heap) == self._most else -np.inf
        for number in np.flatnonzero((scores >= least) & np.isfinite(scores)).tolist():
            item = (float(scores[number]), digests[number])
            if item >= below:
                continue
            if len(self._heap) < self._most:
                heapq.heappush(self._heap, item)
            else:
                heapq.heappushpop(self._heap, item)

    def ranked(self) -> list[tuple[float, str]]:
        """Return scores and digests, best first."""
        return sorted(self._heap, reverse=True)


class _Look:
    """Everything on record that may be an answer, with counts of what was left out."""

    def __init__(
        self, features: Features, tracks: Tracks, spaces: list[Space], request: Likeness | Way
    ) -> None:
        self.features, self.tracks, self.spaces = features, tracks, spaces
        ends = (request.first, request.last) if isinstance(request, Way) else ()
        seeds = (*request.seeds, *request.against) if isinstance(request, Likeness) else ends
        self._not_these = set(seeds)
        self._most_seconds = request.most_seconds
        self._wanted: _Digests | None = None
        if request.where is not None:
            from lean_tagger.library.arithmetic import words  # late: most have no query

            where = words.condition(request.where, features, tracks, request.labels)
            self._wanted = _Digests(where.digests())
        self._count = self._too_long = self._heard = 0

    def blocks(self, directions: Sequence[Direction]) -> Iterator[tuple[Block, Floats]]:
        """Yield tracks with their cosines to each direction; -inf for those left out."""
        self._count = self._too_long = self._heard = 0
        for block in blocks(self.features, self.spaces):
            rows = cosines(block, directions)
            comparable = (rows > _NONE).all(axis=1)
            long = block.seconds > self._most_seconds
            wanted = self._is_wanted(block.digests)
            self._heard += int(comparable.sum())
            self._too_long += int((comparable & wanted & long).sum())
            counts = comparable & wanted & ~long
            self._count += int(counts.sum())
            rows[~counts] = -np.inf
            yield block, rows

    def compared(self) -> Compared:
        """Return the counts of the last look."""
        unheard = max(0, self.features.count_tracks() - self._heard)
        return Compared(tracks=self._count, too_long=self._too_long, unheard=unheard)

    def files(self, digest: str) -> tuple[Track, ...]:
        """Return the files of a track."""
        return tuple(self.tracks.of_audio(digest))

    def _is_wanted(self, digests: list[str]) -> npt.NDArray[np.bool_]:
        others = np.array([it not in self._not_these for it in digests])
        return others if self._wanted is None else others & self._wanted.has(digests)


class _Digests:
    """A set of digests with eight bytes each, since a million full ones would not fit."""

    def __init__(self, digests: Iterator[str]) -> None:
        self._hashes = np.unique(np.fromiter(map(hash, digests), np.int64))

    def has(self, digests: list[str]) -> npt.NDArray[np.bool_]:
        """Return for each of these whether it is in the set."""
        if not len(self._hashes):
            return np.zeros(len(digests), bool)
        hashes = np.fromiter(map(hash, digests), np.int64)
        places = np.searchsorted(self._hashes, hashes)
        there: npt.NDArray[np.bool_] = (
            self._hashes[np.minimum(places, len(self._hashes) - 1)] == hashes
        )
        return there


def _near(
    look: _Look,
    digest: str,
    cosine: float | None,
    seeds: Sequence[Direction],
    names: Sequence[str],
) -> Near | None:
    """Return one track as an answer; None if no file on record has it any more."""
    files = look.files(digest)
    if not files:
        return None
    own = _direction(look.features, look.spaces, digest)
    each = tuple(_between(own, seed) for seed in seeds)
    version = ""
    for name, like in zip(names, each, strict=False):
        other = look.files(name) if like >= SAME_COSINE else ()
        if other and _same_length(files[0].seconds, other[0].seconds):
            version = name
    return Near(
        files=files, cosine=max(each) if cosine is None else cosine, cosines=each, version=version
    )


def _same_length(seconds: float, other: float) -> bool:
    return abs(seconds - other) <= max(SAME_SECONDS, SAME_SHARE * max(seconds, other))


def _direction(features: Features, spaces: Sequence[Space], digest: str) -> Direction:
    """Return the direction of a track.

    Raises
    ------
    ConfigError
        None of these models has an embedding of it on record.
    """
    parts = [space.zscored([features.of(digest, space.key)])[0] for space in spaces]
    direction = Direction.of(parts)
    if not direction.length:
        raise ConfigError(
            "there is nothing on record to compare a track with: lean-tag has to hear at least two"
        )
    return direction


def _sum(
    spaces: Sequence[Space], seeds: Sequence[Direction], against: Sequence[Direction]
) -> Direction:
    """Return the direction towards all seeds, and away from those to avoid."""
    parts: list[Floats] = [np.zeros(space.dim, np.float32) for space in spaces]
    for some, sign in ((seeds, 1.0), (against, -1.0)):
        for one in some:
            share = np.float32(sign / (one.length * len(some)))
            for number, part in enumerate(one.parts):
                parts[number] += share * part
    return Direction.of(parts)


def _between(one: Direction, other: Direction) -> float:
    """Return the cosine of two directions, over their common parts."""
    block = Block([""], np.zeros(1, np.float32), [part[None] for part in one.parts])
    return float(cosines(block, [other])[0, 0])
