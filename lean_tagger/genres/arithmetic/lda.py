"""Linear discriminant analysis with a shrunk covariance: for looking for wrong labels.

It is quick, and a wrong label bends it less than it bends logistic regression; its
probabilities are of no use, only their order is.
"""

import numpy as np
import numpy.typing as npt

from lean_tagger.genres.arithmetic.logistic import Linear, z_scored

Floats = npt.NDArray[np.float32]

SHRINKAGE = 0.6


def fit(
    rows: Floats,
    wanted: Floats,
    *,
    several: bool = False,  # noqa: ARG001 - as `logistic.fit`
    overwrite: bool = False,
) -> Linear:
    """Learn classes from rows, each as likely as the others; as `logistic.fit`.

    Of a row with several classes, each counts.
    """
    z, mean, scale = z_scored(rows, overwrite=overwrite)
    counts = np.maximum(wanted.sum(axis=0), 1)
    centres = (wanted.T @ z) / counts[:, None]
    # The scatter within the classes: of everything, less that of the centres.
    z *= np.sqrt(wanted.sum(axis=1))[:, None]
    within = z.T @ z - (centres * counts[:, None]).T @ centres
    within = within.astype(np.float64) / max(float(wanted.sum()), 1)
    dim = len(within)
    shrunk = (1 - SHRINKAGE) * within
    shrunk[np.diag_indices(dim)] += SHRINKAGE * np.trace(within) / dim + 1e-9
    weights = np.linalg.solve(shrunk, centres.T.astype(np.float64)).T
    bias = -0.5 * np.einsum("ij,ij->i", weights, centres)
    return Linear(
        mean=mean,
        scale=scale,
        weights=weights.astype(np.float32),
        bias=bias.astype(np.float32),
        several=False,
    )
