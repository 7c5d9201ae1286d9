"""Nearest neighbours by brute force, in blocks."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BLOCK_BYTES = 4 << 20
"""Bytes of similarities per block; sorting them takes four times as much."""


def nearest(
    vectors: Floats, others: Floats, *, count: int, itself: bool = True
) -> Iterator[tuple[int, npt.NDArray[np.int64], Floats]]:
    """Yield the most similar rows of `others` for each vector, by dot product.

    Parameters
    ----------
    vectors, others : (n, d) and (m, d) float32
        Rows to compare.
    count : int
        Number of `others` for each vector, at most `m`.
    itself : bool
        If False, `others` are the same rows, and none is its own neighbour.

    Yields
    ------
    int
        The first row of a block.
    (rows, count) int64
        Indices in `others`, nearest first.
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
