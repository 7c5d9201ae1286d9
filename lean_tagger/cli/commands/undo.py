"""``lean-tag undo`` and ``redo``: take back what was written, where it still stands."""

import argparse
import contextlib
import functools
import os

from lean_tagger.cli import options, session
from lean_tagger.cli.signals import Stop
from lean_tagger.run.summary import Summary
from lean_tagger.settings import Settings
from lean_tagger.store.resume import Resume
from lean_tagger.store.undo import FORWARD, last_run, undo_jobs

_UNDO = """\
Put back what genre and mood held before lean-tag wrote them: by default what the last run
wrote (into these files and folders). A field that somebody has changed since is left alone."""
_REDO = "Take back what the last undo did."


def run(arguments: list[str], stop: Stop) -> int:
    """Put back what stood there before."""
    return _run(arguments, stop, command="undo")


def redo(arguments: list[str], stop: Stop) -> int:
    """Take an undo back."""
    return _run(arguments, stop, command="redo")


def _run(arguments: list[str], stop: Stop, *, command: str) -> int:
    given = _parse(arguments, command)
    max_mem_bytes = session.budget_bytes(given.max_mem)
    console = session.console(given, max_mem_bytes=max_mem_bytes)
    chosen = Settings(
        dry_run=given.dry_run,
        ways=session.ways(given),
        listen=False,
        max_mem_bytes=max_mem_bytes,
    )
    under = [os.path.abspath(path) for path in given.paths]
    summary = Summary(max_mem_bytes=max_mem_bytes)
    with contextlib.closing(console), session.journal(given, console) as journal:
        number = given.run
        if number is None and not given.all:
            number = last_run(journal, under=under, redo=command == "redo")
            if number is None:
                console.notice(f"nothing to {command}: no write is on record that stands")
                return 0
        writes = journal.writes(under=under, run=number)
        if given.all:
            forward = {it.id for it in journal.runs() if it.command in FORWARD}
            writes = (write for write in writes if write.run in forward)
        recorder = Resume(journal, command, chosen).recorder
        do = functools.partial(session.do, console=console, stop=stop, summary=summary)
        return do(undo_jobs(writes), recorder, given, chosen)


def _parse(arguments: list[str], command: str) -> argparse.Namespace:
    parser = options.Parser(
        prog=f"lean-tag {command}",
        description=_UNDO if command == "undo" else _REDO,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files and folders; all without any")
    add("-n", "--dry-run", action="store_true", help="show what would be put back, write nothing")
    options.add_ways(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--run", type=options.run_number, metavar="N", help="what this run wrote")
    if command == "undo":
        which.add_argument("--all", action="store_true", help="what all runs wrote")
    else:
        parser.set_defaults(all=False)
    options.add_state(parser.add_argument_group("journal"))
    options.add_resources(parser.add_argument_group("resources and output"))
    return parser.parse_anywhere(arguments)
