"""The tracks on record that match a query."""

import argparse
import dataclasses
from collections.abc import Iterator

from lean_tagger.cli import listing, options
from lean_tagger.cli.alike import add_alike
from lean_tagger.cli.library_session import LibrarySession, add_asking
from lean_tagger.cli.listing import Item, Present
from lean_tagger.cli.nearest import nearest
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.library import query_tokens
from lean_tagger.library.query import FIELDS, Query
from lean_tagger.library.search import Search
from lean_tagger.run.calculation import Calculation, Child

_DESCRIPTION = "List the tracks on record that match a query; without one, list all."
_EXAMPLES = f"""\
examples:
  lean-tag find piano calm ^vocals           words, in labels that were heard and in tags
  lean-tag find genre:rock year:1990..1999   both
  lean-tag find mood:happy , mood:party      one of these
  lean-tag find ^genre:                      has no genre
  lean-tag find 'title::^the ' length:..5:00 a regular expression; at most five minutes
  lean-tag find score.electronic:0.4.. added-
  lean-tag find like:song.mp3 year:2000..    most similar first

fields: {", ".join(FIELDS)}, score.LABEL
"""

ALIKE = 100
"""How many tracks are listed when they are sorted by similarity."""


def find(arguments: list[str], stop: Stop, child: Child | None) -> int:
    """List the tracks that match a query."""
    given = _parse(arguments)
    listing.check(given)
    asked = LibrarySession(given, stop, child)
    query = asked.query(query_tokens.join(given.paths))
    if query.like:
        given.most = given.most or ALIKE
        if query.sorts:
            raise ConfigError("like: sorts tracks by similarity; leave other sorts out")
        conditions = dataclasses.replace(query, like=(), unlike=())
        return nearest(asked, given, conditions, like=[*query.like], unlike=[*query.unlike])
    if query.unlike:
        raise ConfigError(
            "^like: alone would match nearly everything; add a like: for what you want"
        )
    present = Present()
    shown = listing.show(present.of(items(asked, query)), given, asked.console)
    listing.tell_gone(asked.console, present.gone)
    if not shown and not present.gone:
        asked.console.notice("nothing on record matches")
    return 0


def items(asked: LibrarySession, query: Query) -> Iterator[Item]:
    """Yield the tracks that match a query, in its order."""
    library = asked.library
    request = Search(state=library.state, query=query, labels=library.labels)
    with Calculation(
        "lean_tagger.library.arithmetic.search:found",
        request,
        max_mem_bytes=asked.max_mem_bytes,
        child=asked.child,
    ) as calculation:
        for block in calculation:
            for track in block:
                yield Item(track=track)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = options.Parser(
        prog="lean-tag find",
        usage="lean-tag find [OPTIONS] QUERY...",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("paths", nargs="*", metavar="QUERY", help=argparse.SUPPRESS)
    listing.add_listing(parser.add_argument_group("how they are listed"), most=None)
    add_alike(parser.add_argument_group("with like:SONG"))
    add_asking(parser)
    return parser.parse_anywhere(arguments)
