"""Find files by a query: what the child of a `run.calculation.Calculation` does for ``find``."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lean_tagger.library.query import Query
from lean_tagger.library.query_sql import Condition
from lean_tagger.library.vocabulary import Label
from lean_tagger.store.features import Features
from lean_tagger.store.tracks import Track, Tracks

BLOCK = 100
"""Files that cross the pipe together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for.

    Attributes
    ----------
    state : Path
        The journal.
    query : Query
        Without what it is to be like.
    labels : tuple of Label
        By which its words are understood.
    """

    state: Path
    query: Query
    labels: tuple[Label, ...] = ()


def found(request: Search) -> Iterator[list[Track]]:
    """Yield the files that fulfil a query, some at a time, in its order.

    Raises
    ------
    ConfigError
        An expression takes too long.
    """
    with Features(request.state) as features, Tracks(request.state) as tracks:
        condition = Condition(request.query, features, tracks, request.labels)
        block: list[Track] = []
        for track in condition.tracks():
            block.append(track)
            if len(block) >= BLOCK:
                yield block
                block = []
        if block:
            yield block
