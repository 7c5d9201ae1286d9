"""``lean-tag runs``: what was done, run by run."""

import dataclasses
import json
import time

from lean_tagger.cli import options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.cli.terminal import duration
from lean_tagger.store.journal import Run


def run(arguments: list[str], _: Stop) -> int:
    """Print the runs on record, latest first."""
    parser = options.Parser(prog="lean-tag runs", description="List what was done, run by run.")
    options.add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    given = parser.parse_args(arguments)
    console = Console(json_lines=given.json)
    with session.journal_to_read(given) as journal:
        for it in journal.runs():
            console.line(json.dumps(dataclasses.asdict(it)) if given.json else _line(it))
    return 0


def _line(it: Run) -> str:
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(it.started))
    took = duration(it.ended - it.started) if it.ended else "not ended"
    counts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in it.counts.items())
    how = "" if it.ending in {"done", None} else f" ({it.ending})"
    dry = " -n" if it.options.get("dry_run") else ""
    return f"{it.id:>4}  {begun}  {it.command + dry:<9} {took:>9}{how}  {counts or 'nothing'}"
