"""``lean-tag status``: what the journal has, and what is set aside."""

import json
from collections.abc import Iterator
from typing import Any

from lean_tagger.cli import options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.store.journal import Journal
from lean_tagger.store.moved import count_lost

SHOWN = 20
"""Files that are set aside, of which so many are named; ``--json`` has them all."""


def run(arguments: list[str], _: Stop) -> int:
    """Print counts, failures by kind, and the files that are set aside."""
    parser = options.Parser(
        prog="lean-tag status",
        description="What is on record: files, failures, and what is set aside.",
    )
    options.add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(arguments)
    console = Console(json_lines=given.json)
    with session.journal_to_read(given) as journal:
        report = _report(journal)
    for line in [json.dumps(report)] if given.json else _lines(report):
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
        "writes": journal.count_writes(),
        "writes_not_found": count_lost(journal.whereabouts),
        "set_aside": [
            {"path": path, "kind": kind, "message": message, "attempts": attempts}
            for path, kind, message, attempts in journal.failures()
        ],
    }


def _lines(report: dict[str, Any]) -> Iterator[str]:
    total = sum(report["files"].values())
    yield f"journal    {report['journal']}"
    yield f"runs       {report['runs']}; see lean-tag runs"
    counts = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in report["files"].items())
    yield f"files      {total}{': ' if counts else ''}{counts}"
    yield f"writes     {report['writes']} that stand; lean-tag undo takes them back"
    if lost := report["writes_not_found"]:
        yield (
            f"           {lost} of them in files that are not where they were; "
            "lean-tag undo FOLDER finds these by their audio"
        )
    if not report["set_aside"]:
        yield "set aside  none"
        return
    kinds = ", ".join(f"{n} {kind}" for kind, n in report["failures"].items())
    yield f"set aside  {len(report['set_aside'])}: {kinds}; --retry-failed tries them again"
    for it in report["set_aside"][:SHOWN]:
        yield f"           {it['path']}: {it['message']}"
    if len(report["set_aside"]) > SHOWN:
        yield f"           and {len(report['set_aside']) - SHOWN} more; see --json"
