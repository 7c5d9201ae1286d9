"""``lean-tag PATH...``: listen, decide, write."""

import argparse
import contextlib
import dataclasses
import datetime
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from lean_tagger.cli import given_paths, hear_first, option_types, options
from lean_tagger.cli.after_run import update_playlists
from lean_tagger.cli.notifying import add_notify, players_of, telling
from lean_tagger.cli.signals import Stop
from lean_tagger.jobs import Failed, Job, Skipped
from lean_tagger.system.urls import full_name, is_url

if TYPE_CHECKING:
    from lean_tagger.always.players import Player
    from lean_tagger.cli.console import Console
    from lean_tagger.jobs import Later, Outcome
    from lean_tagger.run.executor import Executor
    from lean_tagger.run.summary import Summary
    from lean_tagger.store.resume import Resume

_EXAMPLES = """\
examples:
  lean-tag -n ~/Music              show what would be written, write nothing
  lean-tag ~/Music                 fill genre and mood where they are missing
  lean-tag --merge --fields genre song.mp3
  lean-tag --json ~/Music > tags.jsonl
  lean-tag doctor ~/Music          will it work here, and if not, what to do

other commands, each with its own --help:
  retag, undo, redo                from what is on record, without listening
  find, similar, path, playlists   ask the library
  explain, status, runs, doctor    what was done and why, what can be done here
  watch, service                   tag what arrives, from boot on
  answer                           listen for a program that asks batch by batch
  models, labels                   more networks, words of your own
  rules, export, import, merge     your vocabulary; several machines
  report, taggram                  a page to look at, a picture of what is heard

For a folder named like a command: lean-tag ./find

exit codes: 0 all done, 1 some files failed, 2 bad option, 3 bad model,
4 memory budget too small, 5 cannot write, 6 cannot download,
7 the cluster is gone, 11 another run is using the journal,
130 stopped by Ctrl-C
"""


def run(arguments: list[str], stop: Stop) -> int:
    """Tag music."""
    given = parse(arguments)
    told = players_of(given.notify)
    if given.only_in is None:  # with it, a path may be a share that is away for a while
        given_paths.require(given.paths)
    return update_playlists(given, stop, tag(given, stop, told))


def tag(
    given: argparse.Namespace,
    stop: Stop,
    told: "Sequence[Player]" = (),
    *,
    make: "Callable[..., Executor] | None" = None,
) -> int:
    """Do one run, and return its exit code.

    Parameters
    ----------
    given : argparse.Namespace
        From `parse`.
    stop : Stop
        What ends it early.
    told : sequence of Player
        Who is told of it.
    make : callable, optional
        Makes another executor than the local one; see `session.do`.
    """
    # Late: --help and mistakes need nothing of what these load.
    from lean_tagger.cli import session
    from lean_tagger.run.summary import Summary
    from lean_tagger.store.albums import album_jobs
    from lean_tagger.store.resume import Resume

    if given.pace == "gentle":
        from lean_tagger.system.pace import be_gentle

        be_gentle()
    max_mem_bytes = session.budget_bytes(given.max_mem)
    console = session.console(given, max_mem_bytes=max_mem_bytes)
    chosen = session.build(given, max_mem_bytes=max_mem_bytes)
    if chosen.by_album:  # an album's first tracks are decided later
        chosen = dataclasses.replace(chosen, dry_run=True)
    music = _music(given, chosen.rules.exclude, console)
    summary = Summary(max_mem_bytes=max_mem_bytes)
    with (
        contextlib.closing(console),
        telling(told, summary, console),
        session.journal(given, console) as journal,
    ):
        if any(map(is_url, given.paths)):
            console.notice("files at an address are only heard; no tags are written into them")
        under = [full_name(path) for path in given.paths]
        if given.retry_failed:
            journal.forget_failures(under)
        if given.dask or given.out:
            hearing = hear_first.Hearing(given, chosen, journal, music, under)
            code = hearing.run(console=console, stop=stop, summary=summary)
            if code > 1 or given.out:
                return code
            chosen = dataclasses.replace(chosen, listen=False)
            music = hearing.left
        resume = Resume(journal, "tag", chosen)
        if console.wants_total or given.dry_run:
            console.expect(music(), with_forecast=given.dry_run)
        found = _left_to_do(resume, music(), given, console)
        do = functools.partial(session.do, console=console, stop=stop, summary=summary, make=make)
        if not chosen.by_album:
            return do(found, resume.recorder, given, chosen)
        # An album has to be heard in full before any of its tracks can be decided.
        code = do(found, resume.recorder, given, chosen, only_hear=True)
        if code > 1:
            return code
        deciding = dataclasses.replace(chosen, dry_run=given.dry_run, listen=False)
        resume = Resume(journal, "tag", deciding)
        albums = album_jobs(resume.judge, under, notice=console.notice)
        code = do(albums, resume.recorder, given, deciding)
        _tell_unlisted(summary, given, console)
        return code


def _music(
    given: argparse.Namespace, exclude: Sequence[str], console: "Console"
) -> "Callable[[], Iterator[Job | Skipped | Failed]]":
    """Return what walks the music: up to the time at which the run is to end, in each pass."""
    from lean_tagger.run.find_files import walk
    from lean_tagger.run.within import Within

    music = functools.partial(
        walk,
        given.paths,
        follow_symlinks=given.follow_symlinks,
        shard=given.shard,
        exclude=(*exclude, *given.exclude),
        within=None if given.only_in is None else Within(given.only_in),
    )
    if given.until is None:
        return music
    from lean_tagger.run.until import next_time, until

    end = next_time(given.until, datetime.datetime.now())  # as the clock on the wall has it
    notice = functools.cache(console.notice)  # said once, not in each pass
    return lambda: until(music(), end, notice)


def _tell_unlisted(summary: "Summary", given: argparse.Namespace, console: "Console") -> None:
    """Say that a first run with ``--album-genre`` does not list unchanged files.

    All of its files were heard before it decides, so they are as known as in a second run.
    """
    if summary.unchanged and summary.audio_seconds and not (given.verbose or given.json):
        console.notice("unchanged files are not listed with --album-genre; -v lists them")


def _left_to_do(
    resume: "Resume",
    files: "Iterable[Job | Skipped | Failed]",
    given: argparse.Namespace,
    console: "Console",
) -> "Iterable[Job | Outcome | Later]":
    """Return what is left to do of what was found."""
    from lean_tagger.run.arriving import settled
    from lean_tagger.store.albums_on_the_way import AlbumsOnTheWay
    from lean_tagger.store.resume import new_jobs

    found: Iterable[Job | Outcome | Later]
    if given.album_genre is None:
        album = console.notice if given.verbose else _silent
        found = AlbumsOnTheWay(resume.judge, resume.recorder, notice=album).jobs(files)
    else:
        found = new_jobs(resume.judge, files)
    return settled(found, given.settle) if given.settle else found


def _silent(_: str) -> None:
    """Say nothing."""


def parse(arguments: list[str], *, needs_paths: bool = True) -> argparse.Namespace:
    """Return the options and paths, checked.

    Raises
    ------
    SystemExit
        With 2, after one sentence on standard error; with 0 for ``--help``, ``--version``.
    """
    parser = options.Parser(
        prog="lean-tag",
        usage="lean-tag [OPTIONS] PATH...",
        description="Tag music by ear: genre and mood, under a memory budget that holds.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a music file, or a folder")
    written = parser.add_argument_group("what is written")
    options.add_choice(written)
    written.add_argument("--follow-symlinks", action="store_true", help="walk linked folders too")
    written.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out what matches, as in .gitignore; may be repeated; see .leantagignore",
    )
    written.add_argument(
        "--spoken-word",
        action="store_true",
        help="also tag podcasts and audiobooks, which are left alone otherwise",
    )
    written.add_argument(
        "--shard",
        type=option_types.shard,
        metavar="K/N",
        help="only part K of N, one part for each machine; see lean-tag merge",
    )
    options.add_waiting(written)
    listening = parser.add_argument_group("how it listens")
    options.add_model(listening)
    options.add_effort(listening)
    hear_first.add_options(listening)
    before = parser.add_argument_group("what was done before")
    options.add_state(before)
    before.add_argument(
        "--retry-failed", action="store_true", help="retry files that failed before"
    )
    resources = parser.add_argument_group("resources and output")
    options.add_pace(resources)
    options.add_resources(resources)
    add_notify(resources)
    given = parser.parse_anywhere(arguments)
    if needs_paths and not given.paths:
        parser.error("give a file or a folder")
    if given.path_map and not given.dask:
        parser.error("--path-map needs --dask")
    return given
