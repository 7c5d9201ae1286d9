"""Estimate from this library how many of its labels are likely wrong.

A label is either what its track sounds like, or, for a share of all tracks, any of the classes.
What a track sounds like is learnt from the other folds; how far that can be trusted (`TRUST`), and
how large the share is (`SHARES`), is not known. So each pair of the two counts as much as it makes
the labels likely that the library has, out of fold (Bayes' rule, all pairs alike before). The
probability that a label is wrong follows for each pair, and so does how many of some are.

Measured by `profiling/learning.py`, with 10 % planted wrong labels in 8 draws: 11 to 17 of the
first twenty were expected where 12 to 18 were planted, at most 4 apart; with 5 %, 6 to 11 where 5
to 12 were; with none, 2.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lean_tagger.genres.arithmetic.logistic import BLOCK

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

TRUST = np.geomspace(0.03, 3, 24)
"""Powers of the learnt probabilities."""

SHARES = np.concatenate([[0], np.geomspace(0.002, 0.5, 24)])
"""Shares of tracks with an arbitrary label."""

_NINE_OF_TEN = 1.645  # standard deviations to each side of the mean
_LEAST = np.float32(1e-12)


@dataclass(frozen=True, slots=True)
class Expected:
    """How many labels of some tracks are likely wrong.

    Attributes
    ----------
    count : float
        The mean.
    low, high : float
        Nine times out of ten the number is between these.
    """

    count: float
    low: float
    high: float


def expected(scores: Floats, wanted: Bools, first: Ints) -> Expected:
    """Return how many labels of the first tracks are likely wrong.

    Parameters
    ----------
    scores : (n, n_classes) float32
        Probabilities, learnt from other folds.
    wanted : (n, n_classes) bool
        The labels that the tracks have, one or more.
    first : (m,) int
        The first tracks.
    """
    own = _own(scores, wanted)
    arbitrary = wanted.mean(axis=1)
    weights = np.array([[_log_likelihood(it, arbitrary, share) for share in SHARES] for it in own])
    weights = np.exp(weights - weights.max()) * np.gradient(SHARES)
    weights /= weights.sum()
    by_chance = SHARES[:, None] * arbitrary[first]
    wrong = by_chance / (by_chance + (1 - SHARES[:, None]) * own[:, None, first])
    mean, spread = wrong.sum(axis=2), (wrong * (1 - wrong)).sum(axis=2)
    count = float((weights * mean).sum())
    variance = float((weights * (spread + mean**2)).sum()) - count**2
    away = _NINE_OF_TEN * max(variance, 0.0) ** 0.5
    return Expected(count, max(count - away, 0.0), min(count + away, float(len(first))))


def _own(scores: Floats, wanted: Bools) -> Wide:
    """Return the probability of each track's own labels, (len(TRUST), n)."""
    own = np.empty((len(TRUST), len(scores)))
    for start in range(0, len(scores), BLOCK):
        block = slice(start, start + BLOCK)
        logs = np.log(np.maximum(scores[block], _LEAST))
        logs -= logs.max(axis=1, keepdims=True)
        for at, trust in enumerate(TRUST.astype(np.float32)):
            powers = np.exp(trust * logs)
            own[at, block] = (powers * wanted[block]).sum(axis=1) / powers.sum(axis=1)
    return own


def _log_likelihood(own: Wide, arbitrary: Wide, share: float) -> float:
    """Return how likely all labels are, if such a share of them is arbitrary."""
    return float(np.log(np.maximum((1 - share) * own + share * arbitrary, 1e-300)).sum())
