"""``lean-tag retag``: decide again from stored scores, without listening."""

import argparse
import contextlib
import functools
import os

from lean_tagger.cli import given_paths, options, session
from lean_tagger.cli.after_run import update_playlists
from lean_tagger.cli.notifying import add_notify, players_of, telling
from lean_tagger.cli.signals import Stop
from lean_tagger.run.summary import Summary
from lean_tagger.store.albums import album_jobs, tagged_album_jobs
from lean_tagger.store.resume import Resume, stored_jobs


def run(arguments: list[str], stop: Stop) -> int:
    """Decide again, and write what comes out differently."""
    given = _parse(arguments)
    return update_playlists(given, stop, _retag(given, stop))


def _retag(given: argparse.Namespace, stop: Stop) -> int:
    max_mem_bytes = session.budget_bytes(given.max_mem)
    console = session.console(given, max_mem_bytes=max_mem_bytes)
    under = [os.path.abspath(path) for path in given.paths]
    chosen = session.build(given, max_mem_bytes=max_mem_bytes, listen=False)
    summary = Summary(max_mem_bytes=max_mem_bytes)
    told = players_of(given.notify)
    with (
        contextlib.closing(console),
        telling(told, summary, console),
        session.journal(given, console) as journal,
    ):
        given_paths.require(given.paths, journal=journal)
        resume = Resume(journal, "retag", chosen)
        if chosen.by_album:
            found = album_jobs(resume.judge, under, notice=console.notice)
        elif chosen.albums:
            album = console.notice if given.verbose else _silent
            found = tagged_album_jobs(resume.judge, under, notice=album)
        else:
            found = stored_jobs(resume.judge, under)
        do = functools.partial(session.do, console=console, stop=stop, summary=summary)
        return do(found, resume.recorder, given, chosen)


def _silent(_: str) -> None:
    """Say nothing."""


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = options.Parser(
        prog="lean-tag retag",
        description="Choose tags again from stored scores, with other thresholds or fields. Values "
        "that lean-tag wrote are replaced; yours are treated as in a first run.",
        add_help=False,
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders (default: all on record)"
    )
    options.add_choice(parser.add_argument_group("what is written"))
    options.add_model(parser.add_argument_group("which scores"))
    options.add_state(parser.add_argument_group("journal"))
    resources = parser.add_argument_group("resources and output")
    options.add_resources(resources)
    add_notify(resources)
    return parser.parse_anywhere(arguments)
