"""``lean-tag check``: which of your own tags look wrong. It never writes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lean_tagger.cli import option_types, options, own_genres, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.system.write_whole import written

_MARK = b"#EXTM3U"
_ABOUT = """\
Show which of your own tags look wrong: files that sound like another genre, genres spelt in several
ways, mixed albums, missing and meaningless ones. Nothing is written into music files."""


def run(arguments: list[str], _: Stop) -> int:
    """Print what looks wrong, worst first."""
    given = own_genres.parse(arguments, "check", _ABOUT, _options)
    console = Console(json_lines=given.json, quiet=given.quiet)
    request = own_genres.check_request(given, own_genres.how(given), limit=given.limit)
    max_mem_bytes = session.budget_bytes(given.max_mem)
    report = own_genres.calculate(own_genres.CHECK, request, max_mem_bytes=max_mem_bytes)
    if given.m3u8:
        _write_playlist(Path(given.m3u8), [it["path"] for it in report["wrong"]])
    for line in [json.dumps(report)] if given.json else _lines(report):
        console.line(line)
    return 0


def _options(parser: options.Parser) -> None:
    add = parser.add_argument
    own_genres.add_source(parser)
    add(
        "--limit",
        type=option_types.count,
        default=50,
        metavar="N",
        help="most entries of each kind (default: 50)",
    )
    add("--m3u8", metavar="FILE", help="write the suspicious files into a playlist, worst first")


def _write_playlist(path: Path, names: list[str]) -> None:
    """Write a playlist; names keep their bytes.

    Raises
    ------
    ConfigError
        A file of this name is no playlist.
    StateError
        It cannot be written.
    """
    # A name with a line break would become two entries; no player can open it.
    lines = [os.fsencode(name) for name in names if "\n" not in name and "\r" not in name]
    with written(str(path), mark=_MARK) as file:
        file.write(b"".join(line + b"\n" for line in [_MARK, *lines]))


def _lines(report: dict[str, Any]) -> Iterator[str]:
    wrong, first = report["wrong"], report["first"]
    low, high = report["wrong_of_first_range"]
    yield (
        f"{report['tracks']} tracks with a {report['field']} were compared; of the first {first}, "
        f"about {report['wrong_of_first']} are likely wrong ({low} to {high})"
    )
    for it in wrong:
        has = ", ".join(it["has"])
        yield f"{it['path']}: has {has}, sounds like {it['says']} ({it['sure']:.0%})"
    yield from _section("spelt in several ways", map(_spelling, report["spellings"]))
    yield from _section("albums with several", map(_mixed, report["mixed"]))
    yield from _section("without one", report["missing"])
    yield from _section(
        "says nothing", (f"{it['path']}: {', '.join(it['values'])}" for it in report["junk"])
    )


def _section(title: str, lines: "Iterator[str] | list[str]") -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in found)


def _spelling(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def _mixed(it: dict[str, Any]) -> str:
    return f"{it['album']}: {_spelling(it['genres'])}"
