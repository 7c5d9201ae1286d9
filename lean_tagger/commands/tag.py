"""``lean-tag PATH...``: listen, decide, write."""

import argparse
import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator

from lean_tagger import batch, discover
from lean_tagger.albums import Albums
from lean_tagger.commands import options, running
from lean_tagger.commands.stop import Stop
from lean_tagger.errors import LeanTagError
from lean_tagger.outcome import Failed, Job, Skipped
from lean_tagger.resume import Resume

__all__ = ["parse", "run"]

_EXAMPLES = """\
examples:
  lean-tag -n ~/Music              show what would be written, write nothing
  lean-tag ~/Music                 fill genre and mood where they are missing
  lean-tag --merge --fields genre song.mp3
  lean-tag --json ~/Music > tags.jsonl
  lean-tag doctor ~/Music          will it work here, and if not, what to do

exit codes: 0 all done, 1 some files failed, 2 bad option, 3 bad model,
4 memory budget too small, 5 cannot write, 130 stopped by Ctrl-C
"""


def run(arguments: list[str], stop: Stop) -> int:
    """Tag music."""
    given = parse(arguments)
    max_mem_bytes = running.budget_bytes(given.max_mem)
    console = running.console(given, max_mem_bytes=max_mem_bytes)
    with contextlib.closing(console):
        try:
            chosen = running.build(given, max_mem_bytes=max_mem_bytes)
            if chosen.by_album:  # what is heard first is decided on later
                chosen = dataclasses.replace(chosen, dry_run=True)
            with running.journal(given, console) as journal:
                resume = Resume(journal, "tag", chosen)
                if given.retry_failed:
                    journal.forget_failures(map(os.path.abspath, given.paths), resume.key)
                if console.wants_total:
                    console.expect(_walk(given))
                found = resume.jobs(_walk(given))
                summary = batch.Summary(max_mem_bytes=max_mem_bytes)
                do = functools.partial(running.do, console=console, stop=stop, summary=summary)
                if not chosen.by_album:
                    return do(found, resume, given, chosen)
                # All of an album has to be heard before anything of it can be decided.
                code = do(found, resume, given, chosen, only_hear=True)
                if code > 1:
                    return code
                deciding = dataclasses.replace(chosen, dry_run=given.dry_run, listen=False)
                albums = Albums(journal, "tag", deciding)
                under = [os.path.abspath(path) for path in given.paths]  # noqa: PTH100 - stay str
                return do(albums.by_album(under, notice=console.notice), albums, given, deciding)
        except LeanTagError as error:
            console.error(*error.sentences)
            return error.exit_code


def _walk(given: argparse.Namespace) -> Iterator[Job | Skipped | Failed]:
    found = discover.walk(given.paths, follow_symlinks=given.follow_symlinks)
    return discover.part(found, given.paths, given.shard) if given.shard else found


def parse(arguments: list[str]) -> argparse.Namespace:
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
        allow_abbrev=False,  # an abbreviation would break when an option is added
        add_help=False,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a music file, or a folder")
    written = parser.add_argument_group("what is written")
    options.add_choice(written)
    written.add_argument("--follow-symlinks", action="store_true", help="walk linked folders too")
    written.add_argument(
        "--shard",
        type=options.shard,
        metavar="K/N",
        help="only the K-th of N parts, of which each machine takes one; see lean-tag merge",
    )
    listening = parser.add_argument_group("how it listens")
    options.add_model(listening)
    options.add_effort(listening)
    before = parser.add_argument_group("what was done before")
    options.add_state(before)
    before.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    options.add_resources(parser.add_argument_group("resources and output"))
    given = parser.parse_anywhere(arguments)
    if not given.paths:
        parser.error("give a file or a folder")
    return given
