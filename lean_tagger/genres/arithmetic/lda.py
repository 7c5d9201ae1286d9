"""Linear discriminant analysis with a shrunk covariance, to find wrong labels.

It is fast, and wrong labels affect it less than logistic regression. Its probabilities are not
usable, only their order.
"""

import numpy as np
import numpy.typing as npt

from lean_tagger.genres.arithmetic.logistic import BLOCK, Linear

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

SHRINKAGE = 0.6


def fit(
    z: Floats,
    wanted: Bools,
    *,
    several: bool = False,  # noqa: ARG001 - as `logistic.fit`
    out: Bools | None = None,
) -> Linear:
    """Learn classes from z-scored rows, with equal prior probabilities; as `logistic.fit`.

    If a row has several classes, each counts.
    """
    out = np.zeros(len(z), bool) if out is None else out
    wanted = wanted & ~out[:, None]
    counts = np.maximum(wanted.sum(axis=0), 1).astype(np.float32)
    centres = _sums(wanted, z) / counts[:, None]
    # The scatter within the classes: the total minus that of the centres. Few rows are left out
    # or count more than once.
    within = z.T @ z - (centres * counts[:, None]).T @ centres
    times = wanted.sum(axis=1)
    odd = np.flatnonzero(times != 1)
    for start in range(0, len(odd), BLOCK):
        rows = z[odd[start : start + BLOCK]]
        often = (times[odd[start : start + BLOCK]] - 1).astype(np.float32)
        within += (rows * often[:, None]).T @ rows
    within = within.astype(np.float64) / max(float(wanted.sum()), 1)
    dim = len(within)
    shrunk = (1 - SHRINKAGE) * within
    shrunk[np.diag_indices(dim)] += SHRINKAGE * np.trace(within) / dim + 1e-9
    weights = np.linalg.solve(shrunk, centres.T.astype(np.float64)).T
    bias = -0.5 * np.einsum("ij,ij->i", weights, centres)
    return Linear(weights=weights.astype(np.float32), bias=bias.astype(np.float32), several=False)


def _sums(wanted: Bools, z: Floats) -> Floats:
    """Return the sum of the rows of each class, (n_classes, dim)."""
    sums = np.zeros((wanted.shape[1], z.shape[1]), np.float32)
    for start in range(0, len(z), BLOCK):
        block = slice(start, start + BLOCK)
        sums += wanted[block].T.astype(np.float32) @ z[block]
    return sums
