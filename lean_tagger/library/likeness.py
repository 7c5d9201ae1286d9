"""Requests and answers about similarity, as plain data for a child process."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lean_tagger.store.features import Features
from lean_tagger.store.rows import Key
from lean_tagger.store.tracks import Track

if TYPE_CHECKING:  # a child that has no query to answer starts sooner without
    from lean_tagger.library.query import Query
    from lean_tagger.library.vocabulary import Label

SIDE_BY_SIDE = ("msd-musicnn", "mtt-musicnn")
"""Networks that work better together than each alone, in order."""

_LOOKED_AT, _AT_ONCE = 6400, 64  # rows to check for an embedding, mostly in the first

MIX_SECONDS = 1200.0
"""A longer file usually has many tracks, and their mean is like none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """A request for similar tracks.

    Attributes
    ----------
    state : Path
        The journal.
    keys : tuple of Key
        Models with the embeddings to compare.
    seeds, against : tuple of str
        Digests: like all of these, unlike all of those.
    where : Query or None
        More conditions for the tracks.
    labels : tuple of Label
        Give the words of `where` their meaning.
    most_seconds : float
        Longest tracks; infinity for no limit.
    """

    state: Path
    keys: tuple[Key, ...]
    seeds: tuple[str, ...]
    against: tuple[str, ...] = ()
    where: "Query | None" = None
    labels: "tuple[Label, ...]" = ()
    most_seconds: float = MIX_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A request for tracks between two; the other attributes are those of `Likeness`.

    Attributes
    ----------
    steps : int
        Number of tracks in between.
    """

    state: Path
    keys: tuple[Key, ...]
    first: str
    last: str
    steps: int
    where: "Query | None" = None
    labels: "tuple[Label, ...]" = ()
    most_seconds: float = MIX_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How much was compared.

    Attributes
    ----------
    tracks : int
        Number of tracks compared with the seeds.
    too_long : int
        Number left out because of their length.
    unheard : int
        Number without a comparable embedding on record.
    """

    tracks: int
    too_long: int
    unheard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """One answer.

    Attributes
    ----------
    files : tuple of Track
        All files on record that have this audio, at least one.
    cosine : float
        Similarity to the request, -1 to 1; on a way, to the nearer of its ends.
    cosines : tuple of float
        Similarity to each seed; on a way, to its two ends.
    version : str
        Digest of the seed with nearly the same recording; else empty.
    """

    files: tuple[Track, ...]
    cosine: float
    cosines: tuple[float, ...]
    version: str = ""


def compared_by(features: Features, names: Sequence[str] = ()) -> tuple[Key, ...]:
    """Return the models with the embeddings for comparing a journal's tracks.

    Parameters
    ----------
    features : Features
        Of the journal.
    names : sequence of str, optional
        Requested models; by default those of `SIDE_BY_SIDE` that are on record, or else the one
        that heard most.

    Returns
    -------
    tuple of Key
        One for each model: if it has several, the key with most tracks.
    """
    most: dict[str, Key] = {}
    for name, key, _ in sorted(features.counts(), key=lambda it: it[2]):
        if _has_embeddings(features, key):
            most.pop(name, None)  # so that the one that heard most is last
            most[name] = key
    wanted = [name for name in names or SIDE_BY_SIDE if name in most]
    if not wanted and not names:
        wanted = list(most)[-1:]
    return tuple(most[name] for name in wanted)


def _has_embeddings(features: Features, key: Key) -> bool:
    """Tell whether some tracks have embeddings, by a sample."""
    return any(
        embedding
        for block in features.sample(key, most=_LOOKED_AT, size=_AT_ONCE)
        for embedding, _ in block
    )
