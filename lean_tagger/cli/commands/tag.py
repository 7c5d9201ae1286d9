"""``lean-tag PATH...``: what may be asked for."""

import argparse

from lean_tagger.cli import options
from lean_tagger.cli.signals import Stop

__all__ = ["parse", "run"]

_EXAMPLES = """\
examples:
  lean-tag -n ~/Music              show what would be written, write nothing
  lean-tag ~/Music                 fill genre and mood where they are missing
  lean-tag --merge --fields genre song.mp3
  lean-tag --json ~/Music > tags.jsonl
  lean-tag doctor ~/Music          will it work here, and if not, what to do

other commands, each with its own --help:
  retag, undo, redo                from what is on record, without listening
  explain, status, runs, doctor    what was done and why, what can be done here
  models, labels                   networks and words of your own
  rules, export, import, merge     your vocabulary; several machines

exit codes: 0 all done, 1 some files failed, 2 bad option, 3 bad model,
4 memory budget too small, 5 cannot write, 11 another run is at it,
130 stopped by Ctrl-C
"""


def run(arguments: list[str], stop: Stop) -> int:
    """Tag music."""
    given = parse(arguments)
    from lean_tagger.cli.commands.library import tag  # late: --help has no use for what it loads

    return tag(given, stop)


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
