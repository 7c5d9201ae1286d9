"""Scores in 16 bits each, as in the journal and in files."""

import array
import sys
from collections.abc import Iterable

SCORE_STEPS = (1 << 16) - 1
"""Number of steps in which a probability is kept, in the journal and in files."""


def to_uint16(scores: Iterable[float]) -> bytes:
    """Return probabilities, 0 to 1, as uint16, little-endian: 65,535 is 1."""
    numbers = array.array("H", [round(score * SCORE_STEPS) for score in scores])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def from_uint16(data: bytes) -> tuple[float, ...]:
    """Return the probabilities that `to_uint16` packed.

    Raises
    ------
    ValueError
        An odd number of bytes.
    """
    numbers = array.array("H")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(number / SCORE_STEPS for number in numbers)


def quantised(scores: Iterable[float]) -> tuple[float, ...]:
    """Return probabilities as a file's LEANTAG keeps them.

    All decisions use these. If scores were rounded only when they are written, a later run
    could find one on the other side of a threshold.
    """
    return from_uint16(to_uint16(scores))
