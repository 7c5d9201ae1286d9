"""``lean-tag report PAGE.html``: one file to look at."""

import argparse
import os
from collections.abc import Iterator

from lean_tagger.cli import option_types, options, own_genres, report_tables, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.library.heat_map import HeatMap
from lean_tagger.library.page import MOST_TRACKS, Extra, Request
from lean_tagger.library.taggram import Request as Song
from lean_tagger.library.taggram import heat_maps
from lean_tagger.run.calculation import Calculation
from lean_tagger.system.memory import format_size
from lean_tagger.system.write_whole import written_whole

MARK = b'<meta name="generator" content="lean-tag">'
"""Marks a page as ours; such a page may be replaced."""

DEFAULT_BYTES = 200 << 20
"""Budget for a page; a taggram gets `session.budget_bytes`, since it loads a network."""


def run(arguments: list[str], _: Stop) -> int:
    """Write the page."""
    given = _parse(arguments)
    console = Console(quiet=given.quiet)
    state = session.state_path(given)
    with session.journal_to_read(given):  # complain before a network is loaded
        pass
    request = Request(
        state=state,
        root=_root(given.root),
        most_tracks=given.most,
        models=tuple(given.model or ()),
        heat_maps=tuple(_heard(given, console)),
        extras=(*report_tables.learnt(), *_checked(given, console)),
    )
    max_mem_bytes = min(given.max_mem or DEFAULT_BYTES, session.budget_bytes(given.max_mem))
    with (
        Calculation(
            "lean_tagger.library.arithmetic.report:pieces", request, max_mem_bytes=max_mem_bytes
        ) as calculation,
        written_whole(given.page, mark=MARK) as file,
    ):
        for piece in calculation:
            file.write(piece.encode())
    size = format_size(os.stat(given.page).st_size)
    peak = format_size(calculation.peak_bytes)
    console.notice(f"wrote {given.page}: {size}, with {peak} of memory")
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = options.Parser(
        prog="lean-tag report",
        description="Write a page about what is on record: one HTML file with a map, search and "
        "a table, which needs no server and no network.",
    )
    add = parser.add_argument
    add(
        "page",
        metavar="PAGE",
        help="the file to write, such as page.html; replaced if lean-tag wrote it",
    )
    add("--root", metavar="FOLDER", help="only what is in this folder (default: all on record)")
    add(
        "--taggram",
        action="append",
        default=[],
        metavar="SONG",
        help="show what is heard in SONG second by second; may be repeated",
    )
    add("--check", action="store_true", help="show which tags look wrong, as lean-tag check does")
    add(
        "--most",
        type=option_types.tracks,
        default=MOST_TRACKS,
        metavar="N",
        help=f"most files in the map and the table (default: {MOST_TRACKS:,})",
    )
    options.add_models(parser)
    options.add_budget(parser, says="memory budget (default: 200M)")
    options.add_state(parser)
    add("-q", "--quiet", action="store_true", help="print nothing but errors")
    return parser.parse_args(arguments)


def _root(name: str | None) -> str:
    if name is None:
        return ""
    if not os.path.isdir(name):
        raise ConfigError(f"{name} is not a folder")
    return os.path.abspath(name)


def _checked(given: argparse.Namespace, console: Console) -> Iterator[Extra]:
    """Yield the list of `check` for the files on the page."""
    if not given.check:
        return
    try:
        paths = [os.path.abspath(given.root)] if given.root else []
        request = own_genres.check_request(given, {"paths": paths, "models": given.model or []})
        report = own_genres.calculate(
            own_genres.CHECK, request, max_mem_bytes=session.budget_bytes(given.max_mem)
        )
    except ConfigError as error:  # too little to compare with; the rest of the page is fine
        console.notice(f"no list of tags that look wrong: {error}")
        return
    yield from report_tables.checked(report)


def _heard(given: argparse.Namespace, console: Console) -> Iterator[HeatMap]:
    for song in given.taggram:
        console.notice(f"listening to {song}")
        labels = os.path.abspath(given.labels) if given.labels else None
        yield from heat_maps(
            Song(path=os.path.abspath(song), models=options.models(given), labels=labels),
            max_mem_bytes=session.budget_bytes(given.max_mem),
        )
