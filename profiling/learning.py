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

from lean_tagger.genres.arithmetic import lda, logistic, measures, scan, wrong_labels
from lean_tagger.genres.arithmetic.classes import Classes

Floats = npt.NDArray[np.float32]
Predict = Callable[[Floats], Any]
DRAWS, PLANTED, BOOTSTRAP = 8, 0.1, 4000


def same_length(z: Floats) -> Floats:
    """Return z-scored rows of which only the direction counts."""
    length = np.linalg.norm(z, axis=1, keepdims=True) / np.float32(z.shape[1] ** 0.5)
    return np.asarray(z / length, np.float32)


def of(
    method: Any, then: Callable[[Floats], Floats] = np.asarray
) -> Callable[[Floats, Any, int], Predict]:
    """Return one of our methods as the protocol calls it."""

    def fit(rows: Floats, classes: Any, count: int) -> Predict:
        z = rows.copy()
        mean, scale = logistic.z_score(z)
        model = method(then(z), np.eye(count, dtype=bool)[classes])
        return lambda more: model.probabilities(then((more - mean) / scale))

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
    "logistic, rows of one length": of(logistic.fit, same_length),
    "LDA": of(lda.fit),
    "LDA, rows of one length": of(lda.fit, same_length),
    "prototypes": prototypes,
    "prototypes, cosine": prototypes_by_cosine,
    "7 neighbours": neighbours,
}


def compare(score: Any) -> None:
    """Print the figures of each method, and of its difference."""
    classes, groups, _, fold_of, names = score.task()
    group = np.unique(groups, return_inverse=True)[1]
    n_groups = int(group.max()) + 1
    drawn = np.random.default_rng(0).multinomial(
        n_groups, np.full(n_groups, 1 / n_groups), size=BOOTSTRAP
    )
    first: list[Any] = []
    for name, fit in METHODS.items():
        said: list[Any] = []
        figures, _ = score.learn_score(recorded(fit, said))
        right, sure = np.zeros((2, len(fold_of), len(classes)))
        for draw, folds in enumerate(fold_of):
            p = np.zeros((len(classes), len(names)))
            for fold in range(score.FOLDS):
                p[folds == fold] = said[draw * score.FOLDS + fold]
            right[draw] = p.argmax(axis=1) == classes
            sure[draw, np.argsort(-p.max(axis=1))[: len(classes) // 2]] = 1
        of_class = np.eye(len(names))[classes]
        balanced = np.nanmean(of_groups(right, of_class, group, drawn), axis=1)
        surer = of_groups(right * sure, np.ones((len(classes), 1)), group, drawn, sure)[:, 0]
        first = first or [balanced, surer]
        print(f"{name}: " + ", ".join(f"{what} {value:.3f}" for what, value in figures.items()))
        for what, ours, theirs in zip(
            ("balanced", "at 50 %"), first, (balanced, surer), strict=True
        ):
            low, high = np.percentile(ours - theirs, [2.5, 97.5])
            better = (ours > theirs).mean()
            print(f"  {what}: the first is better by {low:+.3f} to {high:+.3f} ({better:.1%})")


def recorded(fit: Callable[[Floats, Any, int], Predict], said: list[Any]) -> Any:
    """Return a method that notes what it says, for the protocol tells only how right it is."""

    def noting(rows: Floats, classes: Any, count: int) -> Predict:
        predict = fit(rows, classes, count)

        def predict_and_note(more: Floats) -> Any:
            said.append(predict(more))
            return said[-1]

        return predict_and_note

    return noting


def of_groups(right: Any, of_class: Any, group: Any, drawn: Any, counted: Any = None) -> Any:
    """Return the share of right ones of each class, (BOOTSTRAP, n_classes), in draws of groups."""
    hits, sizes = np.zeros((2, group.max() + 1, of_class.shape[1]))
    there = np.ones(right.shape) if counted is None else counted
    np.add.at(hits, group, right.mean(axis=0)[:, None] * of_class)
    np.add.at(sizes, group, there.mean(axis=0)[:, None] * of_class)
    in_draws = drawn @ sizes
    return np.where(in_draws > 0, (drawn @ hits) / np.maximum(in_draws, 1e-9), np.nan)


def find_errors(score: Any) -> None:
    """Print how well wrong labels are found, and how many of the first twenty are expected."""
    classes, groups, rows, _, names = score.task()
    group, count = np.unique(groups, return_inverse=True)[1], len(names)
    logistic.z_score(rows)
    of_rows = rows, group, names
    print(f"no wrong labels: expected {_scanned(classes, 0 * classes, *of_rows)[1]}")
    for share in (PLANTED / 2, PLANTED):
        found: dict[str, list[tuple[float, str]]] = {"single files": [], "whole groups": []}
        for draw in range(DRAWS):
            rng = np.random.default_rng(draw)
            single = rng.random(len(classes)) < share
            shift = np.where(single, rng.integers(1, count, len(classes)), 0)
            found["single files"].append(_scanned(classes, shift, *of_rows))
            order = rng.permutation(group.max() + 1)
            size = np.cumsum([(group == it).sum() for it in order])
            wrong = np.isin(group, order[: np.searchsorted(size, share * len(classes)) + 1])
            shift = np.where(wrong, rng.integers(1, count, group.max() + 1)[group], 0)
            found["whole groups"].append(_scanned(classes, shift, *of_rows))
        for what, scanned in found.items():
            areas, first = zip(*scanned, strict=True)
            print(f"{share:.0%} of {what} wrong: ROC-AUC {np.mean(areas):.3f}")
            print(f"  of the first twenty, expected (range): planted: {', '.join(first)}")


def _scanned(
    classes: Any, shift: Any, rows: Floats, group: Any, names: list[str]
) -> tuple[float, str]:
    """Return how well shifted labels are found, and how many are expected and planted."""
    wanted = np.eye(len(names), dtype=bool)[(classes + shift) % len(names)]
    of_tags = Classes(names=names, keys=names, wanted=wanted, several=False, left_out=[], pooled=[])
    found = scan.suspicion(rows, of_tags, group, group)
    first = np.argsort(-found.suspicious, kind="stable")[: scan.FIRST]
    said = wrong_labels.expected(found.at_random, wanted, first)
    planted = int((shift[first] > 0).sum())
    text = f"{said.count:.0f} ({said.low:.0f} to {said.high:.0f}): {planted}"
    return measures.roc_auc(found.suspicious, shift > 0), text


if __name__ == "__main__":
    sys.path.insert(0, str(Path(sys.argv[1])))
    protocol = importlib.import_module("score")
    compare(protocol)
    find_errors(protocol)
