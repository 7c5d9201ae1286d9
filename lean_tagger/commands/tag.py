"""``lean-tag PATH...``: listen, decide, write."""

import argparse
import contextlib
import os
from collections.abc import Iterator

from lean_tagger import __version__, discover, limits
from lean_tagger.commands import options, running
from lean_tagger.commands.stop import Stop
from lean_tagger.errors import LeanTagError
from lean_tagger.options import Options
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
    chosen = build(given, max_mem_bytes=max_mem_bytes)
    with contextlib.closing(console):
        try:
            with running.journal(given, console) as journal:
                resume = Resume(journal, "tag", chosen)
                if given.retry_failed:
                    journal.forget_failures(map(os.path.abspath, given.paths), resume.key)
                if console.wants_total:
                    console.expect(_walk(given))
                found = resume.jobs(_walk(given))
                return running.do(found, resume, given, chosen, console=console, stop=stop)
        except LeanTagError as error:
            console.error(str(error))
            return error.exit_code


def _walk(given: argparse.Namespace) -> Iterator[Job | Skipped | Failed]:
    return discover.walk(given.paths, follow_symlinks=given.follow_symlinks)


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
    _add_tag_options(parser.add_argument_group("what is written"))
    _add_model_options(parser.add_argument_group("how it listens"))
    options.add_state(parser.add_argument_group("what was done before"))
    _add_output_options(parser.add_argument_group("resources and output"))
    given = parser.parse_anywhere(arguments)
    if not given.paths:
        parser.error("give a file or a folder")
    return given


def _add_tag_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-n", "--dry-run", action="store_true", help="show what would be written, write nothing")
    policy = group.add_mutually_exclusive_group()
    policy.add_argument(
        "--overwrite",
        dest="policy",
        action="store_const",
        const="overwrite",
        default="fill",
        help="replace the genres and moods that are there",
    )
    policy.add_argument(
        "--merge",
        dest="policy",
        action="store_const",
        const="merge",
        help="keep what is there and add to it",
    )
    add(
        "--fields",
        type=options.fields,
        default=options.FIELDS,
        metavar="LIST",
        help="which to write: genre,mood (default), genre or mood",
    )
    add("--min-score", type=options.share, metavar="X", help="least score of a tag, 0 to 1")
    add("--ratio", type=options.share, metavar="R", help="least share of the top score, 0 to 1")
    add("--max-tags", type=options.count, metavar="N", help="most values per field")
    add("--follow-symlinks", action="store_true", help="walk linked folders too")


def _add_model_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--model", default=Options().model, metavar="NAME|PATH", help="default: %(default)s")
    add(
        "--device",
        choices=("auto", "cpu", "cuda", "rocm"),
        default="auto",
        help="where the network runs: auto (default), cpu, cuda, rocm",
        metavar="NAME",
    )
    add(
        "--decoder",
        choices=("auto", "ffmpeg", "soundfile"),
        default="auto",
        help="auto (default), ffmpeg, soundfile",
        metavar="NAME",
    )
    add(
        "--pool",
        choices=("logit-mean", "prob-mean", "max"),
        help="over windows: logit-mean, prob-mean, max (default: the model's)",
        metavar="HOW",
    )
    add(
        "--hop-seconds",
        type=options.seconds,
        metavar="S",
        help="from window to window (default: the model's)",
    )


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--max-mem",
        type=options.size,
        metavar="SIZE",
        help="memory budget: 1500M, 1.5G, 512MiB (default: 2G, or half of the machine)",
    )
    add(
        "--jobs",
        type=options.count,
        default=limits.usable_cores(),
        metavar="N",
        help="most files at a time, and cores in use (default: all usable, %(default)s here)",
    )
    add(
        "--timeout",
        type=options.seconds,
        default=60.0,
        metavar="S",
        help="give a file up after S seconds (default: 60) and 40 for each MB of it",
    )
    add("--json", action="store_true", help="one JSON object per line, for programs")
    add("-q", "--quiet", action="store_true", help="print only what failed")
    add(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        metavar="WHEN",
        help="auto (default), always, never",
    )
    add("--version", action="version", version=f"lean-tag {__version__}", help="print it and end")
    add("-h", "--help", action="help", help="print this and end")


def build(given: argparse.Namespace, *, max_mem_bytes: int) -> Options:
    return Options(
        model=given.model,
        device=given.device,
        decoder=given.decoder,
        pool=given.pool,
        hop_seconds=given.hop_seconds,
        fields=given.fields,
        policy=given.policy,
        dry_run=given.dry_run,
        min_score=given.min_score,
        ratio=given.ratio,
        max_tags=given.max_tags,
        max_mem_bytes=max_mem_bytes,
    )
