"""The command ``lean-tag``: read the options, run, end with the right code.

``lean-tag PATH...`` tags; further commands will stand beside it in `_COMMANDS`, and a folder
that is called like one can be given as ``./name``. Nothing heavy is imported until the
options are known to be good, so ``--help`` and mistakes answer at once.
"""

import argparse
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import NoReturn

from lean_tagger import __version__, batch, discover, limits, memory
from lean_tagger.console import Console, OutputClosed, escape
from lean_tagger.errors import ConfigError, LeanTagError
from lean_tagger.options import Options
from lean_tagger.outcome import Failed, Job, Skipped
from lean_tagger.runner import Runner

__all__ = ["main", "parse"]

_FIELDS = ("genre", "mood")
_MOST = 1024  # threads or values: more is a slip of the finger
_FAILED_EXIT = 1
_CLOSED_EXIT = 128 + 13  # as if ended by SIGPIPE, whose number Windows lacks

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str or None
        The arguments; ``None`` takes those of the process.

    Returns
    -------
    int
        Exit code: 0; 1 if a file failed; the error's own if the run was ended by one; 128
        and the signal's number if it was ended by a signal.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, and with 2 for a bad option.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = _COMMANDS.get(arguments[0]) if arguments else None
    with _Stop() as stop:
        try:
            return command(arguments[1:], stop) if command else _tag(arguments, stop)
        except KeyboardInterrupt:
            return stop.exit_code
        except OutputClosed:
            return _CLOSED_EXIT


def _doctor(arguments: list[str], _: "_Stop") -> int:
    from lean_tagger import doctor

    parser = _Parser(
        prog="lean-tag doctor",
        description="Tell whether lean-tag will work here, and if not, what to do.",
        allow_abbrev=False,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="music that a run would be given")
    parser.add_argument("--max-mem", type=_size, metavar="SIZE", help="plan with this budget")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    given = parser.parse_anywhere(arguments)
    return doctor.run(given.paths, max_mem_bytes=given.max_mem, as_json=given.json)


def _tag(arguments: list[str], stop: "_Stop") -> int:
    given = parse(arguments)
    folders = [path for path in given.paths if os.path.isdir(path)]  # noqa: PTH112 - stay str
    limit_bytes = limits.machine_limit_bytes()
    max_mem_bytes = min(given.max_mem or limits.default_budget_bytes(), limit_bytes)
    console = Console(
        json_lines=given.json,
        quiet=given.quiet,
        colour=given.color,
        base=folders[0] if len(given.paths) == 1 and folders else None,
        max_mem_bytes=max_mem_bytes,
    )
    if given.max_mem and given.max_mem > limit_bytes:
        allowed = memory.format_size(limit_bytes)
        console.notice(f"--max-mem is more than this machine allows; lowered to {allowed}")
    found = discover.walk(given.paths, follow_symlinks=given.follow_symlinks)
    runner = Runner(
        _options(given, max_mem_bytes=max_mem_bytes),
        jobs=given.jobs,
        patience_seconds=given.timeout,
        progress=console.progress,
        notice=console.notice,
    )
    console.rss_bytes = runner.rss_bytes
    with contextlib.closing(runner), contextlib.closing(console):
        return _run(found, runner, console=console, stop=stop, max_mem_bytes=max_mem_bytes)


def _run(
    found: Iterator[Job | Skipped | Failed],
    runner: Runner,
    *,
    console: Console,
    stop: "_Stop",
    max_mem_bytes: int,
) -> int:
    """Do what was found, with a summary whatever ends it."""
    summary = batch.Summary(max_mem_bytes=max_mem_bytes)
    code = 0
    try:
        # Enough to know whether there is a file for every worker; with a bar, all of it.
        first = list(found if console.wants_total else _some(found, runner.jobs))
        ready = runner.start(sum(isinstance(item, Job) for item in first))
        console.start(model=ready.model, device=ready.device)
        if console.wants_total:
            console.expect(first)
        batch.run(
            runner.outcomes(itertools.chain(first, found)),
            report=console.result,
            peak_rss_bytes=runner.peak_bytes,
            summary=summary,
        )
    except LeanTagError as error:
        console.error(str(error))
        code = error.exit_code
        if not runner.started:
            return code
    except KeyboardInterrupt:
        console.error("stopped; the files that were not reached are as they were")
        code = stop.exit_code
        summary.peak_rss_bytes = runner.peak_bytes()  # it may not have come to `run`
        runner.close()  # before the summary, lest a worker still writes while it is read
    console.summary(summary)
    return code or (_FAILED_EXIT if summary.failed else 0)


def _some(found: Iterator[Job | Skipped | Failed], jobs: int) -> Iterator[Job | Skipped | Failed]:
    """Yield from what was found until that many jobs have come."""
    while jobs > 0 and (item := next(found, None)) is not None:
        yield item
        jobs -= isinstance(item, Job)


class _Stop:
    """Turns Ctrl-C, SIGTERM and a closed terminal into one clean end.

    The first signal raises KeyboardInterrupt; the second ends the process at once, and with
    it the workers. A tag is written beside the file and moved into place, so the file is
    whole even then.
    """

    _NAMES = ("SIGINT", "SIGTERM", "SIGHUP")

    def __init__(self) -> None:
        self._caught = 0
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    @property
    def exit_code(self) -> int:
        """What a shell calls a process that was ended by this signal."""
        return 128 + (self._caught or signal.SIGINT)

    def __enter__(self) -> "_Stop":
        for name in self._NAMES:
            number = getattr(signal, name, None)
            # Ignored means that the caller wants it so: nohup, or a background job.
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue
            with contextlib.suppress(ValueError):  # not the main thread: leave it alone
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._caught:
            os._exit(128 + number)
        self._caught = number
        raise KeyboardInterrupt


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and takes options anywhere."""

    def error(self, message: str) -> NoReturn:
        """End with one sentence instead of the whole usage."""
        self.exit(2, f"{self.prog}: {escape(message)}; see {self.prog} --help\n")

    def parse_anywhere(self, arguments: list[str]) -> argparse.Namespace:
        """Parse; what follows ``--`` is paths, which argparse gets wrong when it comes first."""
        split = arguments.index("--") if "--" in arguments else len(arguments)
        given = self.parse_intermixed_args(arguments[:split])
        given.paths += arguments[split + 1 :]
        return given


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options and paths, checked.

    Raises
    ------
    SystemExit
        With 2, after one sentence on standard error; with 0 for ``--help``, ``--version``.
    """
    parser = _Parser(
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
        type=_fields,
        default=_FIELDS,
        metavar="LIST",
        help="which to write: genre,mood (default), genre or mood",
    )
    add("--min-score", type=_share, metavar="X", help="least score of a tag, 0 to 1")
    add("--ratio", type=_share, metavar="R", help="least share of the top score, 0 to 1")
    add("--max-tags", type=_count, metavar="N", help="most values per field")
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
        type=_seconds,
        metavar="S",
        help="from window to window (default: the model's)",
    )


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--max-mem",
        type=_size,
        metavar="SIZE",
        help="memory budget: 1500M, 1.5G, 512MiB (default: 2G, or half of the machine)",
    )
    add(
        "--jobs",
        type=_count,
        default=limits.usable_cores(),
        metavar="N",
        help="most files at a time, and cores in use (default: all usable, %(default)s here)",
    )
    add(
        "--timeout",
        type=_seconds,
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


def _options(given: argparse.Namespace, *, max_mem_bytes: int) -> Options:
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


def _size(text: str) -> int:
    try:
        return memory.parse_size(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _fields(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.lower().split(",")]
    if not set(names) <= set(_FIELDS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {' and '.join(_FIELDS)}")
    return tuple(name for name in _FIELDS if name in names)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) <= _MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MOST}")
    return int(text)


def _share(text: str) -> float:
    return _number(text, most=1.0, what="a number from 0 to 1")


def _seconds(text: str) -> float:
    seconds = _number(text, most=3600.0, what="a number of seconds from 0.01 to 3600")
    if seconds < 0.01:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.01 to 3600")
    return seconds


def _number(text: str, *, most: float, what: str) -> float:
    with contextlib.suppress(ValueError):
        number = float(text)
        if 0 <= number <= most:  # false for NaN
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not {what}")


_COMMANDS: dict[str, Callable[[list[str], _Stop], int]] = {"doctor": _doctor}
