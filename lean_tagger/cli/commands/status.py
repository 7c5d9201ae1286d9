"""``lean-tag status``: what the journal has, and what is set aside."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from lean_tagger.cli import options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.store.journal import Journal
from lean_tagger.store.moved import count_lost
from lean_tagger.store.undo import FORWARD

SHOWN = 20
"""How many of the files that are set aside are named; ``--json`` has them all."""


def run(arguments: list[str], _: Stop) -> int:
    """Print counts, failures by kind, and the files that are set aside."""
    parser = options.Parser(
        prog="lean-tag status",
        description="Show what is on record: files, failures, and what is set aside.",
    )
    options.add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(arguments)
    console = Console(json_lines=given.json)
    with session.journal_to_read(given) as journal:
        report = _report(journal)
        if given.json:
            console.pieces(_json(report, journal))
            return 0
        for line in _lines(report, journal):
            console.line(line)
    return 0


def _report(journal: Journal) -> dict[str, Any]:
    statuses, kinds = journal.tally()
    runs = journal.runs()
    return {
        "type": "status",
        "journal": str(journal.path),
        "runs": len(runs),
        "last_run": runs[0].started if runs else None,
        "files": statuses,
        "failures": kinds,
        "writes": journal.count_writes(FORWARD),
        "writes_not_found": count_lost(journal.whereabouts, FORWARD),
    }


def _json(report: dict[str, Any], journal: Journal) -> Iterator[str]:
    """Yield one object in pieces: the files set aside may be most of a library."""
    yield json.dumps(report)[:-1] + ', "set_aside": ['
    for number, (path, kind, message, attempts) in enumerate(journal.failures()):
        it = {"path": path, "kind": kind, "message": message, "attempts": attempts}
        yield (", " if number else "") + json.dumps(it)
    yield "]}"


def _lines(report: dict[str, Any], journal: Journal) -> Iterator[str]:
    total = sum(report["files"].values())
    yield f"journal    {report['journal']}"
    yield f"runs       {report['runs']}; see lean-tag runs"
    counts = ", ".join(f"{n} {_shown(status)}" for status, n in report["files"].items())
    yield f"files      {total}{': ' if counts else ''}{counts}"
    yield f"writes     {report['writes']} in place; lean-tag undo undoes them"
    if lost := report["writes_not_found"]:
        yield (
            f"           {lost} of them in files that are not where they were; "
            "lean-tag undo FOLDER finds these by their audio"
        )
    count = sum(report["failures"].values())
    if not count:
        yield "set aside  none"
        return
    kinds = ", ".join(f"{n} {kind}" for kind, n in report["failures"].items())
    yield f"set aside  {count}: {kinds}; --retry-failed tries them again"
    for path, _, message, _ in islice(journal.failures(), SHOWN):
        yield f"           {path}: {message}"
    if count > SHOWN:
        yield f"           and {count - SHOWN} more; see --json"


def _shown(status: str) -> str:
    """Return how a status is shown."""
    return "seen by undo only" if status == "recognised" else status.replace("_", " ")
