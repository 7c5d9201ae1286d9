"""Say whether `learn` and `check` do better than what else could be done.

    python profiling/learning.py FOLDER

FOLDER holds weakly labelled music as features, and ``score.py``, the protocol by which methods are
compared: whole groups stand on one side only. Prints each method's figures, the range of its
difference to the one that is used (paired bootstrap over groups), and how well planted errors are
found.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.genres.arithmetic import lda, logistic, measures, scan
from lean_tagger.genres.arithmetic.classes import Classes

Floats = npt.NDArray[np.float32]
Predict = Callable[[Floats], Any]
DRAWS, PLANTED, BOOTSTRAP = 8, 0.1, 4000


def of(method: Any) -> Callable[[Floats, Any, int], Predict]:
    """Return one of our methods as the protocol calls it."""

    def fit(rows: Floats, classes: Any, count: int) -> Predict:
        z = rows.copy()
        mean, scale = logistic.z_score(z)
        model = method(z, np.eye(count, dtype=np.float32)[classes])
        return lambda more: model.probabilities((more - mean) / scale)

    return fit


def prototypes(rows: Floats, classes: Any, count: int) -> Predict:
    """Take the class whose centre is nearest, of z-scored rows."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    centres = np.array([((rows - mean) / scale)[classes == it].mean(axis=0) for it in range(count)])

    def predict(more: Floats) -> Any:
        away = ((((more - mean) / scale)[:, None] - centres) ** 2).mean(axis=2)
        return np.exp(-away)

    return predict


def prototypes_by_cosine(rows: Floats, classes: Any, count: int) -> Predict:
    """Take the class in whose centre's direction a z-scored row lies."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    centres = np.array([((rows - mean) / scale)[classes == it].mean(axis=0) for it in range(count)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)

    def predict(more: Floats) -> Any:
        z = (more - mean) / scale
        return np.exp(z @ centres.T / np.linalg.norm(z, axis=1, keepdims=True))

    return predict


def neighbours(rows: Floats, classes: Any, count: int) -> Predict:
    """Let the 7 nearest of whitened principal components vote."""
    mean = rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(rows - mean, full_matrices=False)
    whiten = axes[:50].T / sizes[:50]

    def unit(more: Floats) -> Any:
        found = (more - mean) @ whiten
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    known = unit(rows)

    def predict(more: Floats) -> Any:
        nearest = np.argsort(-(unit(more) @ known.T), axis=1)[:, :7]
        return np.stack([(classes[nearest] == it).mean(axis=1) for it in range(count)], axis=1)

    return predict


METHODS = {
    "logistic (used)": of(logistic.fit),
    "LDA": of(lda.fit),
    "prototypes": prototypes,
    "prototypes, cosine": prototypes_by_cosine,
    "7 neighbours": neighbours,
}


def compare(score: Any) -> None:
    """Print the figures of each method, and of its difference."""
    classes, groups, rows, fold_of, names = score.task()
    group = np.unique(groups, return_inverse=True)[1]
    drawn = np.random.default_rng(0).multinomial(
        group.max() + 1, np.full(group.max() + 1, 1 / (group.max() + 1)), size=BOOTSTRAP
    )
    sizes = np.zeros((group.max() + 1, len(names)))
    np.add.at(sizes, (group, classes), 1)
    first = None
    for name, fit in METHODS.items():
        figures, _ = score.learn_score(fit)
        right = np.zeros(len(classes))
        for folds in fold_of:
            for fold in range(score.FOLDS):
                out = folds == fold
                predict = fit(rows[~out], classes[~out], len(names))
                right[out] += predict(rows[out]).argmax(axis=1) == classes[out]
        hits = np.zeros_like(sizes)
        np.add.at(hits, (group, classes), right / len(fold_of))
        there = drawn @ sizes
        recall = np.where(there > 0, (drawn @ hits) / np.maximum(there, 1e-9), np.nan)
        balanced = np.nanmean(recall, axis=1)
        first = balanced if first is None else first
        low, high = np.percentile(first - balanced, [2.5, 97.5])
        said = ", ".join(f"{what} {value:.3f}" for what, value in figures.items())
        better = (first > balanced).mean()
        print(f"{name}: {said}; the first is better by {low:+.3f} to {high:+.3f} ({better:.1%})")


def find_errors(score: Any) -> None:
    """Print how well wrong labels are found, of single files and of whole groups."""
    classes, groups, rows, _, names = score.task()
    group, count = np.unique(groups, return_inverse=True)[1], len(names)
    logistic.z_score(rows)
    found: dict[str, list[float]] = {"single files": [], "whole groups": []}
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        single = rng.random(len(classes)) < PLANTED
        shift = np.where(single, rng.integers(1, count, len(classes)), 0)
        found["single files"].append(_area(rows, (classes + shift) % count, group, single, names))
        order = rng.permutation(group.max() + 1)
        size = np.cumsum([(group == it).sum() for it in order])
        wrong = np.isin(group, order[: np.searchsorted(size, PLANTED * len(classes)) + 1])
        shift = np.where(wrong, rng.integers(1, count, group.max() + 1)[group], 0)
        found["whole groups"].append(_area(rows, (classes + shift) % count, group, wrong, names))
    for what, areas in found.items():
        print(f"{PLANTED:.0%} of {what} wrong: area under the ROC curve {np.mean(areas):.3f}")


def _area(rows: Floats, classes: Any, group: Any, wrong: Any, names: list[str]) -> float:
    wanted = np.eye(len(names), dtype=np.float32)[classes]
    of_tags = Classes(names=names, keys=names, wanted=wanted, several=False, left_out=[], pooled=[])
    suspicious, _ = scan.suspicion(rows, of_tags, group, group)
    return measures.roc_auc(suspicious, wrong)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(sys.argv[1])))
    protocol = importlib.import_module("score")
    compare(protocol)
    find_errors(protocol)
