"""``lean-tag doctor``: will it work here, and if not, what to do."""

import argparse
import dataclasses
import json

from lean_tagger.cli import options
from lean_tagger.cli.console import Console
from lean_tagger.cli.doctor import examine
from lean_tagger.cli.doctor.lay_out import lay_out
from lean_tagger.cli.signals import Stop
from lean_tagger.cli.terminal import columns


def run(arguments: list[str], _: Stop) -> int:
    """Examine this machine and print what was found; return 1 if something will not work."""
    given = _parse(arguments)
    console = Console(json_lines=given.json)
    if console.wants_total:  # a user is waiting
        console.notice("loading the libraries and every model once ...")
    report = examine(given.paths, max_mem_bytes=given.max_mem, start_seconds=given.start_timeout)
    if given.json:
        found = {"type": "doctor", "ok": not report.problems, **dataclasses.asdict(report)}
        console.line(json.dumps(found))
    else:
        for line in lay_out(report, columns=min(max(columns(), 60), 100)):
            console.line(line)
    return 1 if report.problems else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = options.Parser(
        prog="lean-tag doctor",
        description="Say whether lean-tag will work here, and if not, what to do.",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="music that a run would be given")
    options.add_budget(parser, says="plan with this budget")
    options.add_start_timeout(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return parser.parse_anywhere(arguments)
