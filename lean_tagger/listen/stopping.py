"""How sure the decision on a track is after some of its windows.

The pooled score of a part is an estimate for the whole track. How wrong it may be follows from
how much the windows differ, and from how many are missing. So likely scores of the whole are
drawn, the rules choose for each, and the share of draws with the present choice is counted. If
no label is close to a threshold or to another label, that share is 1 after a few windows.

The draws keep the correlation between labels: each is the mean plus a random combination of the
windows' differences from it (the Gaussian form of a bootstrap), narrowed for the finite population
(M of N windows leave ``(1 - M/N) / M`` of the variance of one). A few windows may agree by chance,
so their variance is combined with a typical one.

The rules are used in a short form: thresholds, ratio, number and order of values. Renames and
trees only make a decision coarser, so a decision that is stable here is stable with them. The
random numbers are fixed: the same windows always give the same confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from lean_tagger.card import Label
from lean_tagger.rules import Rules

DRAWS = 200

KEPT_COLUMNS = 64
"""Columns of random numbers that are made together and kept for the next round."""

TYPICAL_SPREAD = 0.9
"""Typical standard deviation of a label's logit over the windows of a track (shipped networks, 74
tracks); it counts as much as `PRIOR_WINDOWS` windows."""

PRIOR_WINDOWS = 4

MOST_ROWS = 4096
"""More windows than this (three hours) are not used for the spread."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How one field's values are chosen.

    Attributes
    ----------
    labels : tuple of int
        The labels that may be chosen.
    least : tuple of float
        Lowest score of each label.
    ratio : float
        Lowest share of the best score.
    most : int
        Most values.
    """

    labels: tuple[int, ...]
    least: tuple[float, ...]
    ratio: float
    most: int


def choices(labels: Sequence[Label], rules: Rules) -> list[Choice]:
    """Return the short form of the rules that `Confidence` uses."""
    found = []
    for field in rules.written:
        mine = [(i, label) for i, label in enumerate(labels) if label.kind == field.name]
        own = {name.casefold(): least for name, least in field.thresholds}
        found.append(
            Choice(
                labels=tuple(i for i, _ in mine),
                least=tuple(
                    own.get(
                        it.name.casefold(),
                        own.get(it.display.casefold(), max(field.min_score, it.least)),
                    )
                    for _, it in mine
                ),
                ratio=field.ratio,
                most=field.max_tags,
            )
        )
    return found


class Confidence:
    """Estimates the probability that all windows would lead to the same decision.

    Parameters
    ----------
    choices : sequence of Choice
        One for each field that is written.
    n_windows : int
        Of the whole track.
    """

    def __init__(self, choices: Sequence[Choice], *, n_windows: int) -> None:
        self._choices = [choice for choice in choices if choice.labels]
        self._columns = np.array([i for c in self._choices for i in c.labels], np.int64)
        self._n_windows = n_windows
        self._rows: list[Floats] = []
        self._heard = 0

    def add(self, logits: npt.NDArray[np.float32]) -> None:
        """Take (n, n_labels) float32."""
        self._heard += len(logits)
        if len(self._rows) < MOST_ROWS:
            self._rows += list(logits[:, self._columns].astype(np.float64))

    def value(self) -> float:
        """Return the probability, 0 to 1."""
        if self._heard >= self._n_windows or not self._choices:
            return 1.0
        if not self._rows:
            return 0.0
        rows = np.array(self._rows)
        mean = rows.mean(axis=0)
        drawn = mean + np.sqrt((1 - self._heard / self._n_windows) / self._heard) * _noise(rows)
        now, then = self._decided(mean[None, :]), self._decided(drawn)
        return float((now == then).all(axis=1).mean())

    def _decided(self, logits: Floats) -> npt.NDArray[np.int64]:
        """Return the chosen labels of each row, in order; -1 for none."""
        scores = 1.0 / (1.0 + np.exp(-logits))
        found, start = [], 0
        for choice in self._choices:
            mine = scores[:, start : start + len(choice.labels)]
            start += len(choice.labels)
            mine = np.where(mine >= np.array(choice.least), mine, 0.0)
            mine = np.where(mine >= choice.ratio * mine.max(axis=1, keepdims=True), mine, 0.0)
            ranked = np.argsort(-mine, axis=1, kind="stable")[:, : choice.most]
            chosen = np.take_along_axis(mine, ranked, axis=1) > 0
            found.append(np.where(chosen, ranked, -1))
        return np.concatenate(found, axis=1)


def _noise(rows: Floats) -> Floats:
    """Return random errors of one window, (DRAWS, n_labels)."""
    count, labels = rows.shape
    wanted = count + labels
    random = _normal(-(-wanted // KEPT_COLUMNS) * KEPT_COLUMNS)[:, :wanted]
    distances = rows - rows.mean(axis=0)
    drawn = random[:, :count] @ distances / np.sqrt(max(1, count - 1))
    own = distances.var(axis=0) * count / max(1, count - 1)
    prior = TYPICAL_SPREAD**2
    joint = (PRIOR_WINDOWS * prior + (count - 1) * own) / (PRIOR_WINDOWS + count - 1)
    missing = np.sqrt(np.maximum(0.0, joint - own))
    return np.asarray(drawn + random[:, count:] * missing)


@lru_cache(maxsize=1)
def _normal(columns: int) -> Floats:
    """Return normally distributed numbers, (DRAWS, columns); a column is always the same.

    They are counters, hashed by SplitMix64 (Steele, Lea and Flood 2014), through the transform
    of Box and Muller. ``numpy.random`` takes 6 MiB and may change its numbers.
    """
    bits = np.arange(1, 2 * DRAWS * columns + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius, angle = uniform.reshape(columns, 2, DRAWS).transpose(1, 2, 0)
    drawn: Floats = np.sqrt(-2.0 * np.log(radius)) * np.cos(2.0 * np.pi * angle)
    return drawn
