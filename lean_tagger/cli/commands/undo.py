"""``lean-tag undo`` and ``redo``: take back what was written, if it is still there."""

import argparse
import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator

from lean_tagger.cli import given_paths, option_types, options, session
from lean_tagger.cli.after_run import update_playlists
from lean_tagger.cli.notifying import add_notify, players_of, telling
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Job, Later, Outcome
from lean_tagger.run.find_files import walk
from lean_tagger.run.summary import Summary
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal, Write
from lean_tagger.store.lost import lost_jobs
from lean_tagger.store.moved import follow, follow_all, in_doubt, to_recognise
from lean_tagger.store.recorder import Recorder
from lean_tagger.store.resume import Resume
from lean_tagger.store.undo import FORWARD, last_run, leantag_jobs, undo_jobs

_UNDO = """\
Restore genre and mood from before lean-tag wrote them. By default the last run is undone (in
these files and folders). A field that was changed since is left alone. Files that were moved or
renamed are recognised by their audio in the folders that you name; without a path, lean-tag looks
for them near the places where they were. If the journal is lost, the field LEANTAG in the files
says what they held before."""
_HINT = "; lean-tag undo FOLDER also uses what lean-tag left in the files themselves"
_REDO = "Take back what the last undo did."


def run(arguments: list[str], stop: Stop) -> int:
    """Restore the values from before our writes."""
    return _run(arguments, stop, command="undo")


def redo(arguments: list[str], stop: Stop) -> int:
    """Take an undo back."""
    return _run(arguments, stop, command="redo")


def _run(arguments: list[str], stop: Stop, *, command: str) -> int:
    given = _parse(arguments, command)
    return update_playlists(given, stop, _undo(given, stop, command))


def _undo(given: argparse.Namespace, stop: Stop, command: str) -> int:
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
    told = players_of(given.notify)
    with (
        contextlib.closing(console),
        telling(told, summary, console),
        session.journal(given, console) as journal,
    ):
        given_paths.require(given.paths, journal=journal)
        if given.run is not None and all(it.id != given.run for it in journal.runs()):
            raise ConfigError(f"there is no run {given.run} on record; see lean-tag runs")
        do = functools.partial(session.do, console=console, stop=stop, summary=summary)
        code, recorder = 0, None
        found = _to_examine(journal, given, under, redo=command == "redo", notice=console.notice)
        first = next(found, None)
        if under or first is not None:
            recorder = Resume(journal, command, chosen).recorder
            found = itertools.chain([first] if first else [], found)
            earlier = in_doubt(journal.whereabouts, under) if under else ()
            code = do(_then(found, recorder, earlier), recorder, given, chosen, only_hear=True)
            if code > 1:
                return code
        if under:
            follow(journal.whereabouts, under)
        else:
            follow_all(journal.whereabouts)
        jobs = _jobs(journal, given, under, redo=command == "redo")
        job = next(jobs, None)
        if job is None:
            hint = "" if under or command == "redo" else _HINT
            console.notice(f"nothing to {command}: no write on record is in place{hint}")
            return code
        recorder = recorder or Resume(journal, command, chosen).recorder
        return do(itertools.chain([job], jobs), recorder, given, chosen)


def _to_examine(
    journal: Journal,
    given: argparse.Namespace,
    under: list[str],
    *,
    redo: bool,
    notice: Callable[[str], None],
) -> Iterator[Job | Outcome]:
    """Yield files that may have been written under another name."""
    if under:
        return to_recognise(journal, walk(under), under)
    near = functools.partial(walk, one_file_system=True)
    writes = _writes(journal, given, under, redo=redo)
    return lost_jobs(journal.whereabouts, writes or (), walk=near, notice=notice)


def _then(
    first: Iterable[Job | Outcome], recorder: Recorder, second: Iterable[Job]
) -> Iterator[Job | Outcome | Later]:
    """Yield jobs, and others only when the outcomes of the first are on record."""
    yield from first
    while recorder.waits:
        yield Later()
    yield from second


def _jobs(
    journal: Journal, given: argparse.Namespace, under: list[str], *, redo: bool
) -> Iterator[Job | Outcome]:
    """Yield what is to be restored, by the journal's writes and by LEANTAG."""
    where = journal.whereabouts
    writes = _writes(journal, given, under, redo=redo)
    if writes is not None:
        yield from undo_jobs(where, writes, to_the_first=given.all, redo=redo)
    if (given.all or writes is None) and under and not redo:
        yield from leantag_jobs(where, under)


def _writes(
    journal: Journal, given: argparse.Namespace, under: list[str], *, redo: bool
) -> Iterator[Write] | None:
    """Return the writes to take back, file by file; None if there are none."""
    if given.all:
        forward = {it.id for it in journal.runs() if it.command in FORWARD}
        return (write for write in journal.writes(under=under) if write.run in forward)
    number = last_run(journal, under=under, redo=redo) if given.run is None else given.run
    return None if number is None else journal.writes(under=under, run=number)


def _parse(arguments: list[str], command: str) -> argparse.Namespace:
    parser = options.Parser(
        prog=f"lean-tag {command}",
        description=_UNDO if command == "undo" else _REDO,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files and folders (default: all)")
    add("-n", "--dry-run", action="store_true", help="show what would be restored, write nothing")
    options.add_ways(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--run", type=option_types.run_number, metavar="N", help="what run N wrote")
    if command == "undo":
        which.add_argument("--all", action="store_true", help="what every run wrote")
    else:
        parser.set_defaults(all=False)
    options.add_state(parser.add_argument_group("journal"))
    resources = parser.add_argument_group("resources and output")
    options.add_resources(resources)
    add_notify(resources)
    return parser.parse_anywhere(arguments)
