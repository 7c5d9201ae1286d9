"""The parser of every command, and what an option may be."""

import argparse
import contextlib
from typing import NoReturn

from lean_tagger import memory
from lean_tagger.console import escape
from lean_tagger.errors import ConfigError

__all__ = ["FIELDS", "Parser", "add_state", "count", "fields", "seconds", "share", "size"]

FIELDS = ("genre", "mood")
_MOST = 1024  # threads or values: more is a slip of the finger


class Parser(argparse.ArgumentParser):
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


def add_state(group: argparse._ArgumentGroup) -> None:
    """Add the options that say where the journal is."""
    add = group.add_argument
    add("--state", metavar="PATH", help="journal of what was heard and written (default: yours)")
    add("--state-on-network", action="store_true", help="allow it on a network file system")
    add("--retry-failed", action="store_true", help="try again what failed before")


def size(text: str) -> int:
    """Return a number of bytes."""
    try:
        return memory.parse_size(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def fields(text: str) -> tuple[str, ...]:
    """Return fields, in the order in which they are written."""
    names = [name.strip() for name in text.lower().split(",")]
    if not set(names) <= set(FIELDS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {' and '.join(FIELDS)}")
    return tuple(name for name in FIELDS if name in names)


def count(text: str) -> int:
    """Return a whole number above 0."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) <= _MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MOST}")
    return int(text)


def share(text: str) -> float:
    """Return a number from 0 to 1."""
    return _number(text, most=1.0, what="a number from 0 to 1")


def seconds(text: str) -> float:
    """Return a time in seconds, up to an hour."""
    number = _number(text, most=3600.0, what="a number of seconds from 0.01 to 3600")
    if number < 0.01:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.01 to 3600")
    return number


def _number(text: str, *, most: float, what: str) -> float:
    with contextlib.suppress(ValueError):
        number = float(text)
        if 0 <= number <= most:  # false for NaN
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
