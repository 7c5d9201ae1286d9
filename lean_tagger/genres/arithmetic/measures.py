"""Measures of accuracy: areas under curves, thresholds for a wanted precision, ranges.

The tests compare them with scikit-learn.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

DRAWS = 400
LEAST_ABOVE = 5
"""Least number of tracks above a threshold; with fewer, its precision is chance."""

_SEED = 2


def roc_auc(scores: Floats, right: Bools) -> float:
    """Return the area under the ROC curve, 0 to 1; NaN if all or none are right.

    Parameters
    ----------
    scores : (n,) float
    right : (n,) bool
    """
    n_right = int(right.sum())
    n_wrong = len(right) - n_right
    if not n_right or not n_wrong:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]  # equals get their mean
    return float((ranks[right].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))


def average_precision(scores: Floats, right: Bools) -> float:
    """Return the area under the precision-recall curve as a sum of steps; NaN without a right one.

    That is ``sum((recall[n] - recall[n - 1]) · precision[n])`` over all thresholds.
    """
    if not right.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def threshold_for(scores: Floats, right: Bools, precision: float) -> float | None:
    """Return the lowest score from which this share is right; None if there is none.

    At least `LEAST_ABOVE` tracks must be above it, or all tracks of the class.
    """
    if not right.any():
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    reached = np.cumsum(right[order])[ends] / (ends + 1) >= precision
    enough = ends + 1 >= min(LEAST_ABOVE, int(right.sum()))
    good = np.flatnonzero(reached & enough)
    if not len(good):
        return None
    return float(scores[order][ends[good[-1]]])


def curve(sure: Floats, right: Bools, *, points: int = 10) -> list[tuple[float, float]]:
    """Return the precision for shares of the surest tracks: (coverage, precision), 0 to 1."""
    order = np.argsort(-sure, kind="stable")
    hits = np.cumsum(right[order])
    sizes = [max(1, round(len(order) * (n + 1) / points)) for n in range(points)]
    return [(size / len(order), float(hits[size - 1] / size)) for size in sizes]


def spread(
    right: Bools, classes: npt.NDArray[np.intp], groups: npt.NDArray[np.intp], n_classes: int
) -> npt.NDArray[np.float64]:
    """Return accuracy and balanced accuracy for random draws of whole groups, (DRAWS, 2).

    Parameters
    ----------
    right : (n,) bool
        Whether each track's class was found.
    classes, groups : (n,) int
        The class and the group of each track.
    n_classes : int
        Number of classes.
    """
    n_groups = int(groups.max()) + 1
    rng = np.random.default_rng(_SEED)
    found = np.empty((DRAWS, 2))
    for draw in range(DRAWS):
        weights = np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)[groups]
        drawn = np.bincount(classes, weights, n_classes)
        hits = np.bincount(classes, weights * right, n_classes)
        there = drawn > 0
        found[draw] = hits.sum() / max(drawn.sum(), 1), (hits[there] / drawn[there]).mean()
    return found
