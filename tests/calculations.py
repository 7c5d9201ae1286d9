"""Functions for the child of a `Calculation` to call."""

import os
from collections.abc import Iterator

from lean_tagger.errors import ConfigError


def squares(count: int) -> Iterator[int]:
    """Yield squares, while a library talks."""
    for number in range(count):
        print("not for the pipe")
        yield number * number


def greedy(size: int) -> Iterator[int]:
    """Take so many bytes."""
    yield len(bytearray(size))


def multiplies(size: int) -> Iterator[float]:
    """Multiply two matrices, for which OpenBLAS takes a buffer, and ends the process without."""
    import numpy as np

    yield float((np.ones((size, size)) @ np.ones((size, size))).sum())


def refuses(text: str) -> Iterator[None]:
    """Raise an error of our tree."""
    raise ConfigError(text)
    yield


def dies(signal: int) -> Iterator[str]:
    """End by a signal, after one value."""
    yield "first"
    os.kill(os.getpid(), signal)
    yield "never"


def wrong(_: object) -> Iterator[float]:
    """Raise what nobody foresaw."""
    yield 1 // 0
