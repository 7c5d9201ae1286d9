"""Numbers, years, lengths and dates in a query, and ranges of them: ``1990..1999``."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass


class BadValue(ValueError):  # noqa: N818 - part of a message, never seen as an error
    """A value cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `first` to `last`, both included."""

    first: float = -math.inf
    last: float = math.inf


ALL = Range()

_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})", re.ASCII)
_YEAR = re.compile(r"\d{1,4}", re.ASCII)
_CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,6}(?:\.\d{1,6})?)", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_AGO = re.compile(r"([+-]?)(\d{1,4})([dwmy])", re.ASCII)
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_DAY_SECONDS = 86_400
_SECOND_SECONDS = 1


def _number(text: str) -> tuple[float, float]:
    if not _NUMBER.fullmatch(text):
        raise BadValue(f"{text[:40]!r} is not a number, as in 0.4 or 0.4..")
    return float(text), float(text)


def _score(text: str) -> tuple[float, float]:
    first, last = _number(text)
    if not 0 <= first <= 1:
        raise BadValue(f"a score is a number from 0 to 1, not {text[:40]}")
    return first, last


def _year(text: str) -> tuple[float, float]:
    if not _YEAR.fullmatch(text):
        raise BadValue(f"{text[:40]!r} is not a year, as in 1990 or 1990..1999")
    return float(text), float(text)


def _length(text: str) -> tuple[float, float]:
    found = _CLOCK.fullmatch(text)
    if not found:
        raise BadValue(f"{text[:40]!r} is not a length, as in 4:30, 270 or ..5:00")
    hours, minutes, seconds = (float(it or 0) for it in found.groups())
    whole = 3600 * hours + 60 * minutes + seconds
    # A length for people: 4:30 is all of that second.
    return whole, whole if "." in text else math.nextafter(whole + _SECOND_SECONDS, 0)


def _date(text: str) -> tuple[float, float]:
    if ago := _AGO.fullmatch(text):
        days = int(ago[2]) * _DAYS[ago[3]] * (1 if ago[1] == "+" else -1)
        then = time.time() + days * _DAY_SECONDS
        return then, then
    found = _DATE.fullmatch(text)
    if not found:
        raise BadValue(
            f"{text[:40]!r} is not a date, as in 2026, 2026-05, 2026-05-31.. or 2w.. (weeks ago)"
        )
    year, month, day = (int(it) if it else 0 for it in found.groups())
    try:
        first = _begins(year, month or 1, day or 1)
        if time.localtime(first)[:3] != (year, month or 1, day or 1):
            raise ValueError("no such day")
        if day:
            following = _begins(year, month, day + 1)
        else:
            following = _begins(year, month + 1, 1) if month else _begins(year + 1, 1, 1)
    except (ValueError, OverflowError):
        raise BadValue(f"there is no day {text[:40]}") from None
    return first, math.nextafter(following, 0)


def _begins(year: int, month: int, day: int) -> float:
    """Return when a day begins here, in seconds since 1970; day 32 is in the next month."""
    return time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))


def _ranged(read: Callable[[str], tuple[float, float]]) -> Callable[[str], Range]:
    """Return a function that reads a range of values, each read by `read`."""

    def ranged(text: str) -> Range:
        first, dots, last = text.partition("..")
        if not dots:
            return Range(*read(text))
        low = read(first)[0] if first else -math.inf
        high = read(last)[1] if last else math.inf
        if low > high:
            raise BadValue(f"{text[:40]!r} starts above its end")
        return Range(low, high)

    return ranged


READERS: dict[str, Callable[[str], Range]] = {
    "number": _ranged(_number),
    "score": _ranged(_score),
    "year": _ranged(_year),
    "length": _ranged(_length),
    "date": _ranged(_date),
}
"""Functions from text to range, by the kind of a field. Each raises `BadValue`."""
