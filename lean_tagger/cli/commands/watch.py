"""``lean-tag watch PATH...``: tag what is there, then what arrives."""

import argparse
import contextlib
import os
import signal

from lean_tagger.cli import given_paths, option_types, options
from lean_tagger.cli.commands import tag
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.system import pace

_DESCRIPTION = """\
Tag what is in these folders, then what arrives in them, until it is stopped. Takes all options of
lean-tag PATH except --until, --only-in, --out and --shard; see lean-tag --help. While nothing
arrives, only a small process waits."""

_SETTLE_SECONDS, _POLL_SECONDS = 30.0, 300.0


def run(arguments: list[str], stop: Stop) -> int:
    """Watch folders; SIGTERM ends that and is not a failure."""
    own, rest = _parse(arguments)
    given = tag.parse(rest)
    _refuse(given)
    if own.pace == "gentle":
        pace.be_gentle()
    # Late: --help and mistakes need nothing of what these load.
    from lean_tagger.always.watching import Watching
    from lean_tagger.cli.batch_report import BatchReport
    from lean_tagger.cli.console import Console

    console = Console(json_lines=own.json, verbose=own.verbose, quiet=own.quiet, colour=own.color)
    report = BatchReport(console, json_lines=own.json, verbose=own.verbose)
    passed_on = ["--settle", f"{own.settle:g}", "--pace", own.pace, *rest]
    watching = Watching(
        [os.path.abspath(path) for path in given.paths],
        passed_on,
        settle_seconds=own.settle,
        poll_seconds=own.poll,
        told=report.told,
        ended=report.ended,
        notice=console.notice,
    )
    with contextlib.closing(watching):
        try:
            return watching.run()
        except KeyboardInterrupt:
            code = stop.exit_code
            return 0 if code == 128 + signal.SIGTERM else code


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options of watching, and what each batch gets."""
    parser = options.Parser(
        prog="lean-tag watch",
        usage="lean-tag watch [OPTIONS] PATH...",
        description=_DESCRIPTION,
        add_help=False,
    )
    add = parser.add_argument
    add(
        "--settle",
        type=option_types.seconds,
        default=_SETTLE_SECONDS,
        metavar="S",
        help="tag an album when nothing has come into it for S seconds (default: %(default)g)",
    )
    add(
        "--poll",
        type=option_types.seconds,
        default=_POLL_SECONDS,
        metavar="S",
        help="look every S seconds where the kernel reports no changes: NFS, SMB, FUSE "
        "(default: %(default)g)",
    )
    options.add_pace(parser, default="gentle")
    options.add_output(parser.add_argument_group("output"))
    split = arguments.index("--") if "--" in arguments else len(arguments)
    own, rest = parser.parse_known_args(arguments[:split])
    if not rest and split >= len(arguments) - 1:
        parser.error("give a folder")
    return own, rest + arguments[split:]


def _refuse(given: argparse.Namespace) -> None:
    """Refuse what watching cannot do.

    Raises
    ------
    ConfigError
        An option or a path makes no sense here.
    """
    for name, value in (
        ("--until", given.until),
        ("--only-in", given.only_in),
        ("--out", given.out),
    ):
        if value is not None:
            raise ConfigError(f"lean-tag watch does not take {name}; see lean-tag watch --help")
    if given.shard is not None:
        raise ConfigError(
            "lean-tag watch does not take --shard; let each machine watch its own folders"
        )
    given_paths.require(given.paths)
    for path in given.paths:
        if not os.path.isdir(path):
            raise ConfigError(f"only a folder can be watched; {path} is not one")
