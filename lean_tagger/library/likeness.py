"""What is asked about likeness, and what is answered: plain data that crosses to a child."""

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
"""Networks that tell more together than each alone, in the order in which they are asked."""

_LOOKED_AT, _AT_ONCE = 6400, 64  # rows, of which one has an embedding if any do; mostly the first

MIX_SECONDS = 1200.0
"""A mean over a longer file is that of many tracks, and like nothing in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Which tracks are wanted.

    Attributes
    ----------
    state : Path
        The journal.
    keys : tuple of Key
        Models by whose embeddings tracks are compared.
    seeds, against : tuple of str
        Digests: like all of these, unlike all of those.
    where : Query or None
        What the tracks must fulfil besides.
    labels : tuple of Label
        By which the words of `where` are understood.
    most_seconds : float
        Of longer ones nothing is wanted; infinity for all.
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
    """Which tracks are wanted between two; attributes as those of `Likeness`.

    Attributes
    ----------
    steps : int
        How many tracks lie between.
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
    """How much was looked at.

    Attributes
    ----------
    tracks : int
        That were compared with the seeds.
    too_long : int
        That were left out for their length.
    unheard : int
        That have no embedding on record which could be compared.
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
        To what was asked for, -1 to 1. On a way, to the nearer of its ends.
    cosines : tuple of float
        To each seed; on a way, to its two ends.
    version : str
        Of which seed it is nearly the same recording: its digest; empty else.
    """

    files: tuple[Track, ...]
    cosine: float
    cosines: tuple[float, ...]
    version: str = ""


def compared_by(features: Features, names: Sequence[str] = ()) -> tuple[Key, ...]:
    """Return the models by whose embeddings the tracks of a journal are compared.

    Parameters
    ----------
    features : Features
        Of the journal.
    names : sequence of str, optional
        Models that are asked for; without, those of `SIDE_BY_SIDE` that are on record, and where
        none of these is, the one that heard most.

    Returns
    -------
    tuple of Key
        One for each model: of several cards or ways to listen, that with which most was heard.
    """
    most: dict[str, Key] = {}
    for name, key, _ in sorted(features.counts(), key=lambda it: it[2]):
        if _has_embeddings(features, key):
            most.pop(name, None)  # so that the last one is that which heard most
            most[name] = key
    wanted = [name for name in names or SIDE_BY_SIDE if name in most]
    if not wanted and not names:
        wanted = list(most)[-1:]
    return tuple(most[name] for name in wanted)


def _has_embeddings(features: Features, key: Key) -> bool:
    """Tell whether there are some, as far as a look at some tracks tells."""
    return any(
        embedding
        for block in features.sample(key, most=_LOOKED_AT, size=_AT_ONCE)
        for embedding, _ in block
    )
