"""Tracks that sound like a song, or lead from one to another: ``similar``, ``path``, ``like:``."""

import argparse

from lean_tagger.cli import listing, options
from lean_tagger.cli.alike import Alike, add_alike, most_seconds
from lean_tagger.cli.library_session import LibrarySession, add_asking
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.library.likeness import Likeness, Way
from lean_tagger.library.query import Query
from lean_tagger.run.calculation import Child

_SIMILAR = """\
List the tracks on record that sound most like a song, or most like all of several songs. A song
that was never heard is heard first."""
_PATH = """\
List tracks that lead from one song to another in even steps, both included. A song that was never
heard is heard first."""


def similar(arguments: list[str], stop: Stop, child: Child | None) -> int:
    """List the most similar tracks."""
    parser = _parser("similar", _SIMILAR, most=20)
    parser.add_argument("paths", nargs="*", metavar="SONG", help="a music file")
    parser.add_argument(
        "--not",
        dest="unlike",
        action="append",
        default=[],
        metavar="SONG",
        help="avoid tracks like this one",
    )
    given = parser.parse_anywhere(arguments)
    if not given.paths:
        parser.error("give a song")
    listing.check(given)
    asked = LibrarySession(given, stop, child)
    where = _where(asked, given)
    return nearest(asked, given, where, like=given.paths, unlike=given.unlike)


def nearest(
    asked: LibrarySession,
    given: argparse.Namespace,
    where: Query,
    *,
    like: list[str],
    unlike: list[str],
) -> int:
    """List the tracks that are most similar to some songs, and least to others."""
    seeds, against = asked.digests(like), asked.digests(unlike)
    request = Likeness(
        state=asked.library.state,
        keys=asked.library.keys,
        seeds=seeds,
        against=tuple(it for it in against if it not in seeds),
        where=where.conditions,
        labels=asked.library.labels if where.conditions else (),
        most_seconds=most_seconds(given),
    )
    return _show(asked, given, request)


def path(arguments: list[str], stop: Stop, child: Child | None) -> int:
    """List tracks that lead from one song to another."""
    parser = _parser("path", _PATH, most=15)
    parser.add_argument("paths", nargs="*", metavar="SONG", help="the first and the last song")
    given = parser.parse_anywhere(arguments)
    if len(given.paths) != 2:
        parser.error("give two songs")
    listing.check(given)
    asked = LibrarySession(given, stop, child)
    where = _where(asked, given)
    ends = asked.digests(given.paths)
    if len(ends) < 2:
        raise ConfigError("both songs have the same audio; there is no way between them")
    request = Way(
        state=asked.library.state,
        keys=asked.library.keys,
        first=ends[0],
        last=ends[1],
        steps=max(given.most - 2, 0),
        where=where.conditions,
        labels=asked.library.labels if where.conditions else (),
        most_seconds=most_seconds(given),
    )
    return _show(asked, given, request)


def _parser(name: str, description: str, *, most: int) -> options.Parser:
    parser = options.Parser(
        prog=f"lean-tag {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    wanted = parser.add_argument_group("which tracks")
    wanted.add_argument(
        "--where", default="", metavar="QUERY", help="only these; see lean-tag find"
    )
    add_alike(wanted)
    listing.add_listing(parser.add_argument_group("how they are listed"), most=most)
    add_asking(parser)
    return parser


def _where(asked: LibrarySession, given: argparse.Namespace) -> Query:
    where = asked.query(given.where)
    if where.sorts or where.like or where.unlike:
        raise ConfigError("--where does not sort tracks: leave sorts out")
    return where


def _show(asked: LibrarySession, given: argparse.Namespace, request: Likeness | Way) -> int:
    alike = Alike(
        asked.library, request, given, max_mem_bytes=asked.max_mem_bytes, child=asked.child
    )
    shown = listing.show(alike.items(), given, asked.console)
    alike.tell(asked.console)
    listing.tell_gone(asked.console, alike.gone)
    if not shown and not alike.gone:
        asked.console.notice("there is no other track on record that fits")
    return 0
