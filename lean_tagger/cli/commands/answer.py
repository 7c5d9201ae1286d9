"""``lean-tag answer``: listen for a program that asks again and again, in one process."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator

from lean_tagger.cli import options
from lean_tagger.cli.commands import tag
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError

_DESCRIPTION = """\
Listen for another program, and write nothing. Paths come on standard input, each ended by a NUL;
an empty one ends a batch. A batch is answered on standard output by the JSON lines of lean-tag -n
--json: one a file as soon as it is known, then a summary. The network stays loaded until the input
ends. Takes all options of lean-tag that decide what is heard and what is said of it."""

_WITHOUT = ("dask", "notify", "only_in", "out", "path_map", "settle", "shard", "until")
"""Options of single runs."""


def run(arguments: list[str], stop: Stop) -> int:
    """Answer until nobody asks any more."""
    given = _parse(arguments)
    # Late: --help and mistakes have no use for what this loads.
    from lean_tagger.run.kept import KeptSupervisor

    with contextlib.closing(KeptSupervisor()) as kept:
        for given.paths in _batches():
            tag.tag(given, stop, make=kept.executor)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options of each batch.

    Raises
    ------
    ConfigError
        A path is among them, an option makes no sense here, or nobody can ask.
    """
    parser = options.Parser(
        prog="lean-tag answer",
        usage="lean-tag answer [OPTIONS]",
        description=_DESCRIPTION,
    )
    _, rest = parser.parse_known_args(arguments)
    given = tag.parse(["--dry-run", "--json", *rest], needs_paths=False)
    if given.paths:
        raise ConfigError("lean-tag answer reads paths from standard input, each ended by a NUL")
    for name in _WITHOUT:
        if getattr(given, name):
            option = name.replace("_", "-")
            raise ConfigError(
                f"lean-tag answer does not take --{option}; see lean-tag answer --help"
            )
    if sys.stdin is None or sys.stdin.isatty():
        raise ConfigError("lean-tag answer is for programs: it reads paths from a pipe")
    return given


def _batches() -> Iterator[list[str]]:
    """Yield the names that are asked for together; the end of the input ends a batch, too."""
    names: list[str] = []
    for name in _names():
        if name:
            names.append(os.fsdecode(name))
        elif names:
            yield names
            names = []
    if names:
        yield names


def _names() -> Iterator[bytes]:
    """Yield what a NUL ends on standard input, as it comes."""
    rest = b""
    while data := os.read(sys.stdin.fileno(), 1 << 16):
        *names, rest = (rest + data).split(b"\0")
        yield from names
    yield rest
