"""``lean-tag models get``: fetch networks that others publish.

Without a name it lists what there is; nothing is fetched and no connection is opened.
"""

import argparse
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lean_tagger.card import installed_models
from lean_tagger.catalogue import downloads, get_model, http_get, licences, on_record
from lean_tagger.catalogue.downloads import Entry, Source
from lean_tagger.catalogue.fetch import Manners
from lean_tagger.catalogue.http_get import ElsewhereError
from lean_tagger.cli import ask, models_page, option_types, options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.transfer_bar import transfer_bar

PATIENCE_SECONDS = 30.0


def run(arguments: list[str]) -> int:
    """List what can be fetched, or fetch it."""
    given = _parser().parse_args(arguments)
    console = Console(json_lines=given.json)
    entries = downloads.entries(given.catalogue)
    if given.name is None:
        return _list(console, entries, given)
    return _get(console, downloads.named(given.name, entries), entries, given)


def _parser() -> options.Parser:
    parser = options.Parser(
        prog="lean-tag models get",
        description="Fetch networks that others publish. Without NAME, list what there is and "
        "open no connection. The system's proxy settings are used.",
    )
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="what to fetch")
    add("--accept-licence", action="store_true", help="agree to the licence; it is remembered")
    add(
        "--url",
        metavar="URL",
        help="fetch from here instead: the address of a mirror with the source's layout, or of "
        "one .onnx file",
    )
    add("--replace", action="store_true", help="also fetch what is there already")
    add(
        "--accept-changed",
        action="store_true",
        help="accept files with another length or checksum than the one on record",
    )
    add(
        "--redirect-to",
        action="append",
        default=[],
        metavar="HOST",
        help="a server to which the source may redirect",
    )
    add(
        "--max-size",
        type=option_types.size,
        metavar="SIZE",
        help="most for a file of unknown length (default: 256M)",
    )
    add(
        "--timeout",
        type=option_types.seconds,
        default=PATIENCE_SECONDS,
        metavar="S",
        help="give up when almost nothing arrives for S seconds (default: %(default)g)",
    )
    options.add_start_timeout(parser)
    options.add_budget(parser)
    add("--catalogue", metavar="FILE", help="a list of your own, in the form of downloads.toml")
    add("--json", action="store_true", help="for programs: one JSON object per line")
    return parser


# What there is


def _list(console: Console, entries: Mapping[str, Entry], given: argparse.Namespace) -> int:
    """Print a line for each entry; nothing is fetched."""
    if given.json:
        for entry in entries.values():
            console.line(json.dumps(_row(entry)))
        return 0
    head = ("name", "size", "here", "needs", "licence", "adds")
    lines = [head, *(_cells(entry) for entry in entries.values())]
    for line in models_page.columned(lines):
        console.line(line)
    for base, holder in dict.fromkeys(
        (it.source.base, it.source.holder) for it in entries.values()
    ):
        console.line(f"from {base} ({holder})")
    for entry in entries.values():
        if entry.unsure:
            console.line(f"not confirmed for {entry.name}: {entry.unsure}")
    pinned = [name for name, entry in entries.items() if _row(entry)["pinned"]]
    console.line(
        f"checksums are known for {', '.join(pinned) or 'none'}; for the others, the checksum of "
        "the first download is kept and compared with later ones"
    )
    console.line("fetch one: lean-tag models get NAME")
    return 0


def _cells(entry: Entry) -> tuple[str, ...]:
    row = _row(entry)
    count, there = len(row["models"]), len(row["installed"])
    here = "yes" if there == count else f"{there} of {count}" if there else "no"
    size = _size_text(entry.size_bytes)
    licence = entry.source.licence
    return entry.name, size, here, entry.needs or "-", licence, entry.adds


def _row(entry: Entry) -> dict[str, Any]:
    """Return an entry for programs."""
    installed = set(installed_models())
    return {
        "type": "downloadable",
        "name": entry.name,
        "adds": entry.adds,
        "models": list(entry.models),
        "installed": [it for it in entry.models if it in installed],
        "size_bytes": entry.size_bytes,
        "licence": entry.source.licence,
        "holder": entry.source.holder,
        "needs": entry.needs,
        "source": entry.source.base,
        "pinned": all(it.sha256 for it in entry.networks),
        "unsure": entry.unsure or None,
    }


def _size_text(size_bytes: int) -> str:
    """Return a length in decimal units, as in the servers' lists."""
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1e3:.0f} kB"
    return f"{size_bytes / 1e6:.1f} MB"


# Fetching


def _get(
    console: Console, entry: Entry, entries: Mapping[str, Entry], given: argparse.Namespace
) -> int:
    """Fetch an entry and what it needs."""
    hosts = list(given.redirect_to)
    wishes = get_model.Wishes(
        url=given.url,
        most_bytes=given.max_size or get_model.MOST_BYTES,
        accept_changed=given.accept_changed,
        replace=given.replace,
        manners=Manners(hosts=hosts, patience_seconds=given.timeout),
    )
    if given.url is not None:
        http_get.check(given.url)
    wanted = get_model.items(entry, entries, wishes)
    if not wanted:
        _told(console, given, {"type": "there", "name": entry.name}, f"{entry.name} is there")
        return 0
    accepted = {
        source.licence: _accepted(console, source, given)
        for source in dict.fromkeys(item.source for item in wanted)
    }
    if given.url is not None:
        console.notice("not the usual source: known lengths and checksums are not compared")
    while True:
        try:
            _fetch(console, wanted, wishes, accepted, given)
        except ElsewhereError as error:
            if not ask.somebody_is_there():
                raise
            ask.agree(console, error.what, option=f"--redirect-to {error.host}")
            hosts.append(error.host)
        except KeyboardInterrupt:
            console.error("stopped; the same command goes on from there")
            raise
        else:
            break
    if not given.json:
        console.line(f"hear with it: lean-tag -n --model {entry.name} PATH")
    return 0


def _accepted(console: Console, source: Source, given: argparse.Namespace) -> str | None:
    """Return the day on which the user agreed to a licence; ask if they did not yet."""
    if not licences.needs_acceptance(source.licence):
        return None
    if day := on_record.agreed(source.licence):
        return day
    terms = f"{licences.terms(source.licence)}; by {source.holder}, see {source.notice}"
    if given.accept_licence:
        console.notice(terms)
    else:
        ask.agree(console, terms, option="--accept-licence")
    return on_record.agree(source.licence)


def _fetch(
    console: Console,
    wanted: Sequence[get_model.Item],
    wishes: get_model.Wishes,
    accepted: Mapping[str, str | None],
    given: argparse.Namespace,
) -> None:
    for name, measured in get_model.get(
        wanted,
        wishes,
        accepted=accepted,
        max_mem_bytes=session.budget_bytes(given.max_mem),
        start_seconds=given.start_timeout,
        say=console.notice,
        progress=functools.partial(transfer_bar, console),
    ):
        row = models_page.read_row(name, shipped=False)
        row = models_page.changed(row, measured=measured, error=None)
        said = {**models_page.row_json(row), "type": "added"}
        _told(console, given, said, f"added {name}: {models_page.in_short(row)}")


def _told(console: Console, given: argparse.Namespace, said: dict[str, Any], text: str) -> None:
    console.line(json.dumps(said) if given.json else text)
