"""Find files by a query."""

from collections.abc import Iterator
from itertools import islice

from lean_tagger.library.query_sql import Condition
from lean_tagger.library.search import Search
from lean_tagger.store.features import Features
from lean_tagger.store.tracks import Track, Tracks

BLOCK = 100
"""Files per message."""


def found(request: Search) -> Iterator[list[Track]]:
    """Yield the files that match a query in blocks, in its order.

    Raises
    ------
    ConfigError
        An expression takes too long.
    """
    with Features(request.state) as features, Tracks(request.state) as tracks:
        matching = _condition(request, features, tracks).tracks()
        while block := list(islice(matching, BLOCK)):
            yield block


def _condition(request: Search, features: Features, tracks: Tracks) -> Condition:
    if not request.query.words:
        return Condition(request.query, features, tracks, request.labels)
    from lean_tagger.library.arithmetic import words  # late: it loads numpy, which only words need

    return words.condition(request.query, features, tracks, request.labels)
