"""Types of option values; each function is an argparse ``type``."""

import argparse
import contextlib
import datetime

from lean_tagger.errors import ConfigError
from lean_tagger.system import memory

_MOST = 1024  # threads or values: more is a typing mistake


def size(text: str) -> int:
    """Return a size in bytes."""
    try:
        return memory.parse_size(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def text(given: str) -> str:
    """Return what was given; nothing, as of a variable that is not set, is a mistake."""
    if not given:
        raise argparse.ArgumentTypeError("nothing was given")
    return given


def fields(text: str) -> tuple[str, ...]:
    """Return fields, in the order of writing."""
    from lean_tagger.fields import NUMBERS  # late: few commands write
    from lean_tagger.rules import FIELDS

    names = [name.strip() for name in text.lower().split(",")]
    known = (*FIELDS, *NUMBERS)
    if not set(names) <= set(known):
        words, numbers = " and ".join(FIELDS), " and ".join(NUMBERS)
        message = f"{text!r} is not a list of {words}, {numbers}"
        raise argparse.ArgumentTypeError(message)
    return tuple(name for name in known if name in names)


def effort(text: str) -> str:
    """Return the name of an effort."""
    from lean_tagger.listen import effort as efforts  # late: few commands listen

    try:
        return efforts.effort(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def count(text: str) -> int:
    """Return a whole number above 0."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) <= _MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MOST}")
    return int(text)


def clock(text: str) -> datetime.time:
    """Return a time of day in hours and minutes."""
    hours, _, minutes = text.partition(":")
    if text.isascii() and hours.isdigit() and minutes.isdigit() and len(minutes) == 2:
        with contextlib.suppress(ValueError):
            return datetime.time(int(hours), int(minutes))
    raise argparse.ArgumentTypeError(f"{text!r} is not a time of day such as 06:00")


def tracks(text: str) -> int:
    """Return a number of tracks, above 0."""
    if not (text.isascii() and text.isdigit() and int(text[:10]) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text[:10])


def shard(text: str) -> tuple[int, int]:
    """Return a part and the number of parts, from ``2/3``."""
    first, _, last = text.partition("/")
    if first.isdigit() and last.isdigit() and text.isascii() and len(text) < 12:
        part, parts = int(first), int(last)
        if 1 <= part <= parts:
            return part, parts
    raise argparse.ArgumentTypeError(f"{text!r} is not a part of a library; write it as 2/3")


def run_number(text: str) -> int:
    """Return the number of a run."""
    if not (text.isascii() and text.isdigit() and int(text[:18]) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a run; see lean-tag runs")
    return int(text[:18])


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
