"""Measure how right scores are for artists that were left out of the learning."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.genres.arithmetic import measures
from lean_tagger.genres.arithmetic.classes import Classes

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

MOST_CONFUSIONS = 20


@dataclass(slots=True)
class Stock:
    """The first model's own labels.

    Attributes
    ----------
    scores : (n, n_classes) float32
        Score of the label of each class; -1 if there is none.
    labels : list of (str or None)
        Their names.
    used : frozenset of int
        Classes for which they are better than the learnt ones.
    """

    scores: Floats
    labels: list[str | None]
    used: frozenset[int] = frozenset()


class Judged:
    """Scores for artists that were left out of the learning, compared with the user's tags.

    Parameters
    ----------
    classes : Classes
        The true classes.
    groups : (n,) int
        Who made each track.
    scores : (n, n_classes) float32
        The scores to judge.
    stock : Stock
        The stock labels' scores.
    precision : float
        Wanted precision of each class, 0 to 1.

    Attributes
    ----------
    labelled : (n,) bool
        Tracks with one of the classes. The others have another class: they only count for the
        score from which a class is right.
    """

    def __init__(
        self,
        classes: Classes,
        groups: Ints,
        scores: Floats,
        *,
        stock: Stock,
        precision: float,
    ) -> None:
        self._classes, self._groups, self._scores = classes, groups, scores
        self._stock, self._precision = stock, precision
        self._first = classes.wanted.argmax(axis=1)
        self.labelled = classes.wanted.any(axis=1)

    def hits(self, scores: Floats) -> Bools:
        """Return for each track whether the best class is one of its own."""
        best = scores.argmax(axis=1)
        said = scores.max(axis=1) >= 0  # stock has no label for some classes
        found: Bools = self._classes.wanted[np.arange(len(best)), best] & said
        return found

    def per_class(self) -> list[dict[str, Any]]:
        """Return a row for each class."""
        best = self._scores.argmax(axis=1)
        return [self._row(column, name, best) for column, name in enumerate(self._classes.names)]

    def _row(self, column: int, name: str, best: Ints) -> dict[str, Any]:
        scores = self._scores[:, column]
        right = self._classes.wanted[:, column]
        said = (best == column) & self.labelled
        found = int((said & right).sum())
        threshold = measures.threshold_for(scores, right, self._precision)
        above = scores >= threshold if threshold is not None else np.zeros(len(scores), bool)
        theirs = self._stock.scores[:, column]
        stock_at = measures.threshold_for(theirs, right, self._precision)
        has_stock = self._stock.labels[column] is not None
        return {
            "class": name,
            "tracks": int(right.sum()),
            "artists": len(np.unique(self._groups[right])),
            "precision": rounded(found / max(int(said.sum()), 1)) if said.any() else None,
            "recall": rounded(found / int(right.sum())),
            "threshold": None if threshold is None else _floor(threshold),
            "precision_above": rounded(right[above].mean()) if above.any() else None,
            "recall_above": rounded(above[right].mean()),
            "average_precision": rounded(measures.average_precision(scores, right)),
            "roc_auc": rounded(measures.roc_auc(scores, right)),
            "stock_label": self._stock.labels[column],
            "stock_recall_above": rounded((theirs[right] >= stock_at).mean())
            if has_stock and stock_at is not None
            else (0.0 if has_stock else None),
            "uses_stock": column in self._stock.used,
        }

    def overall(self) -> dict[str, Any]:
        """Return the accuracy of all classes together, of stock and of the most frequent class."""
        wanted = self._classes.wanted
        ways = {
            "learnt": self.hits(self._scores),
            "stock": self.hits(self._stock.scores),
            "majority": wanted[:, int(wanted.sum(axis=0).argmax())],
        }
        draws = {name: self._spread(hits) for name, hits in ways.items()}
        said: dict[str, Any] = {name: self._mean(hits) for name, hits in ways.items()}
        for name, drawn in draws.items():
            for at, what in enumerate(("accuracy", "balanced_accuracy")):
                said[name][f"{what}_range"] = spread_range(drawn[:, at])
        better = draws["learnt"][:, 1] - draws["stock"][:, 1]
        said["better_than_stock"] = {
            "balanced_accuracy_range": spread_range(better),
            "draws_better": rounded((better > 0).mean()),
        }
        sure = self._sure()
        said["wanted_precision"] = self._precision
        said["coverage"] = rounded(sure[self.labelled].any(axis=1).mean())
        named = wanted[sure]
        said["precision"] = rounded(named.mean()) if len(named) else None
        return said

    def others(self) -> dict[str, Any]:
        """Return how many tracks have another class, and how many of those get one of these."""
        sure = self._sure()[~self.labelled]
        return {
            "tracks": len(sure),
            "written": rounded(sure.any(axis=1).mean()) if len(sure) else None,
        }

    def _sure(self) -> Bools:
        """Return for each track and class whether it is written, (n, n_classes)."""
        thresholds = [
            measures.threshold_for(scores, right, self._precision)
            for scores, right in zip(self._scores.T, self._classes.wanted.T, strict=True)
        ]
        found: Bools = self._scores >= np.array([2.0 if it is None else it for it in thresholds])
        return found

    def _mean(self, hits: Bools) -> dict[str, Any]:
        counts = np.bincount(self._first[self.labelled], minlength=len(self._classes.names))
        per_class = np.bincount(self._first[hits], minlength=len(counts)) / np.maximum(counts, 1)
        return {
            "accuracy": rounded(hits[self.labelled].mean()),
            "balanced_accuracy": rounded(per_class[counts > 0].mean()),
        }

    def _spread(self, hits: Bools) -> npt.NDArray[np.float64]:
        of = self.labelled
        n_classes = len(self._classes.names)
        return measures.spread(hits[of], self._first[of], self._groups[of], n_classes)

    def curve(self) -> list[tuple[float, float]]:
        """Return precision over coverage."""
        sure, hits = self._scores.max(axis=1), self.hits(self._scores)
        return measures.curve(sure[self.labelled], hits[self.labelled])

    def confusion(self) -> list[dict[str, Any]]:
        """Return the confusions between classes, most frequent first."""
        best, names = self._scores.argmax(axis=1), self._classes.names
        wrong = self.labelled & ~self.hits(self._scores)
        pairs, counts = np.unique(
            np.stack([self._first[wrong], best[wrong]]), axis=1, return_counts=True
        )
        order = np.argsort(-counts, kind="stable")[:MOST_CONFUSIONS]
        return [
            {"class": names[pairs[0, at]], "taken_for": names[pairs[1, at]], "n": int(counts[at])}
            for at in order
        ]


def rounded(number: float) -> float | None:
    """Return a number with three digits; None if it is not a number."""
    return None if np.isnan(number) else round(float(number), 3)


def _floor(number: float) -> float:
    """Return a threshold with four digits, rounded down."""
    return float(np.floor(number * 1e4) / 1e4)


def spread_range(draws: npt.NDArray[np.float64]) -> list[float | None]:
    """Return the range of 95 of 100 draws."""
    return [rounded(it) for it in np.percentile(draws, [2.5, 97.5])]
