"""Linear discriminant analysis with a shrunk covariance: for looking for wrong labels.

It is quick, and a wrong label bends it less than it bends logistic regression; its
probabilities are of no use, only their order is.
"""

import numpy as np
import numpy.typing as npt

from lean_tagger.genres.arithmetic.logistic import Linear

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

SHRINKAGE = 0.6


def fit(
    z: Floats,
    wanted: Floats,
    *,
    several: bool = False,  # noqa: ARG001 - as `logistic.fit`
    out: Bools | None = None,
) -> Linear:
    """Learn classes from z-scored rows, each as likely as the others; as `logistic.fit`.

    Of a row with several classes, each counts.
    """
    out = np.zeros(len(z), bool) if out is None else out
    wanted = np.where(out[:, None], np.float32(0), wanted)
    counts = np.maximum(wanted.sum(axis=0), 1)
    centres = (wanted.T @ z) / counts[:, None]
    # The scatter within the classes: of everything, less that of the centres. What is left out,
    # or counts more than once, is little.
    within = z.T @ z - (centres * counts[:, None]).T @ centres
    times = wanted.sum(axis=1)
    odd = np.flatnonzero(times != 1)
    within += (z[odd] * (times[odd] - 1)[:, None]).T @ z[odd]
    within = within.astype(np.float64) / max(float(wanted.sum()), 1)
    dim = len(within)
    shrunk = (1 - SHRINKAGE) * within
    shrunk[np.diag_indices(dim)] += SHRINKAGE * np.trace(within) / dim + 1e-9
    weights = np.linalg.solve(shrunk, centres.T.astype(np.float64)).T
    bias = -0.5 * np.einsum("ij,ij->i", weights, centres)
    return Linear(weights=weights.astype(np.float32), bias=bias.astype(np.float32), several=False)
