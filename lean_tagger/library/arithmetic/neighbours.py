"""Nearest neighbours by brute force, some tracks at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BLOCK_BYTES = 4 << 20
"""Of likenesses at a time; sorting them takes four times as much."""


def nearest(
    vectors: Floats, others: Floats, *, count: int, itself: bool = True
) -> Iterator[tuple[int, npt.NDArray[np.int64], Floats]]:
    """Yield those of `others` that each vector is most like, by dot product.

    Parameters
    ----------
    vectors, others : (n, d) and (m, d) float32
        Rows that are compared.
    count : int
        So many of `others` for each, at most `m`.
    itself : bool
        Without, `others` are the same rows, and none is its own neighbour.

    Yields
    ------
    int
        The first row of a block.
    (rows, count) int64
        Numbers of `others`, the nearest one first.
    (rows, count) float32
        Their dot products.
    """
    rows = max(1, BLOCK_BYTES // (4 * len(others)))
    for start in range(0, len(vectors), rows):
        likeness = vectors[start : start + rows] @ others.T
        if not itself:
            own = np.arange(len(likeness))
            likeness[own, start + own] = -np.inf
        found = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(likeness, found, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        yield (
            start,
            np.take_along_axis(found, order, axis=1),
            np.take_along_axis(values, order, axis=1),
        )
