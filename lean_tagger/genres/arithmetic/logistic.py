"""Logistic regression on z-scored features, class-balanced, with an L2 penalty of 1.

Plain numpy in float32; L-BFGS with a line search. Logits are computed and used in blocks, so
many classes of many tracks take no memory. No method in `profiling/learning.py` is clearly better,
and the probabilities need no calibration.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

L2 = 1.0
"""Factor of half the weights' squares, relative to the *mean* cost of a track."""

MOST_STEPS = 60
"""Steps of L-BFGS. 30 lead to the same genres; 25,000 tracks need no more than 60."""

TOLERANCE = 1e-3
"""Length of the gradient, relative to the first one, at which no first genre changes any more."""

_MEMORY = 10
BLOCK = 2048
"""Rows with logits in memory at a time."""

_LEAST_SCALE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """The learnt model for z-scored rows: ``logits = weights · row + bias``.

    Attributes
    ----------
    weights : (n_classes, dim) float32
    bias : (n_classes,) float32
    several : bool
        Each class is judged on its own, since tracks have several.
    """

    weights: Floats
    bias: Floats
    several: bool

    def probabilities(self, z: Floats) -> Floats:
        """Return the probability of each class for z-scored rows, (n, n_classes) float32."""
        logits: Floats = z @ self.weights.T
        logits += self.bias
        if self.several:
            return _sigmoid(logits, np.exp(-np.abs(logits)))
        return _softmax(logits)

    def probabilities_of(self, z: Floats, chosen: Bools, into: Floats) -> None:
        """Put the probabilities of the chosen rows into the same rows of `into`, in blocks.

        Parameters
        ----------
        z : (n, dim) float32
            z-scored rows.
        chosen : (n,) bool
        into : (n, n_classes) float32
        """
        places = np.flatnonzero(chosen)
        for start in range(0, len(places), BLOCK):
            block = places[start : start + BLOCK]
            into[block] = self.probabilities(z[block])


def z_score(rows: Floats) -> tuple[Floats, Floats]:
    """Give each column of rows mean 0 and spread 1, in place; return the old ones.

    This is in place and once for all folds: a library's rows are the largest object in memory,
    and their mean does not depend on labels.
    """
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows -= mean
    scale = np.sqrt(np.einsum("ij,ij->j", rows, rows) / len(rows))
    scale = np.maximum(scale, np.float32(_LEAST_SCALE))
    rows /= scale
    return mean, scale


def fit(z: Floats, wanted: Bools, *, several: bool = False, out: Bools | None = None) -> Linear:
    """Learn classes from rows.

    Parameters
    ----------
    z : (n, dim) float32
        Features, z-scored.
    wanted : (n, n_classes) bool
        Whether a row has a class; without `several`, each row has one.
    several : bool
        Learn each class against the rest.
    out : (n,) bool, optional
        Rows to leave out.
    """
    dim, classes = z.shape[1], wanted.shape[1]
    counted = np.ones(len(z), bool) if out is None else ~out
    slope = (_several if several else _one)(wanted, counted)
    found = _minimise(_loss(z, slope), np.zeros((classes, dim + 1)))
    return Linear(
        weights=np.ascontiguousarray(found[:, :dim], np.float32),
        bias=found[:, dim].astype(np.float32),
        several=several,
    )


Loss = Callable[[Wide], tuple[float, Wide]]
Slope = Callable[[Floats, slice], float]
"""Replaces the logits of a block of rows by the slope of the loss; returns their cost."""


def _loss(z: Floats, slope: Slope) -> Loss:
    """Return the loss of parameters, and its gradient, without logits of all rows at once."""

    def loss(parameters: Wide) -> tuple[float, Wide]:
        narrow = parameters.astype(np.float32)
        weights, bias = np.ascontiguousarray(narrow[:, :-1].T), narrow[:, -1]
        cost, gradient = 0.0, np.zeros_like(parameters)
        for start in range(0, len(z), BLOCK):
            block = slice(start, start + BLOCK)
            logits: Floats = z[block] @ weights
            logits += bias
            cost += slope(logits, block)
            gradient[:, :-1] += logits.T @ z[block]
            gradient[:, -1] += logits.sum(axis=0)
        gradient[:, :-1] += L2 * parameters[:, :-1]
        square = float(np.einsum("ij,ij->", parameters[:, :-1], parameters[:, :-1]))
        return cost + L2 / 2 * square, gradient

    return loss


def _one(wanted: Bools, counted: Bools) -> Slope:
    """Return the slope for one class of each row: cross-entropy of the softmax."""
    counts = (wanted & counted[:, None]).sum(axis=0)
    share = (1 / (len(counts) * np.maximum(counts, 1))).astype(np.float32)

    def slope(logits: Floats, block: slice) -> float:
        right = wanted[block]
        weight = counted[block] * (right @ share)
        p = _softmax(logits)
        sure = np.maximum(np.einsum("ij,ij->i", p, right), np.float32(1e-30))
        p -= right
        p *= weight[:, None]
        return -float(weight @ np.log(sure))

    return slope


def _several(wanted: Bools, counted: Bools) -> Slope:
    """Return the slope for each class against the rest, of all classes together."""
    counts = (wanted & counted[:, None]).sum(axis=0)
    yes = (1 / (2 * np.maximum(counts, 1))).astype(np.float32)
    no = (1 / (2 * np.maximum(counted.sum() - counts, 1))).astype(np.float32)

    def slope(logits: Floats, block: slice) -> float:
        right = wanted[block]
        weight = np.where(right, yes, no)
        weight *= counted[block, None]
        wrong = np.where(right, -logits, logits)
        small = np.exp(-np.abs(logits))
        # log(1 + exp(wrong)), which neither overflows nor is as slow as numpy's logaddexp
        cost = np.maximum(wrong, 0) + np.log(1 + small)
        p = _sigmoid(logits, small)
        p -= right
        p *= weight
        return float(np.einsum("ij,ij->", weight, cost))

    return slope


def _softmax(logits: Floats) -> Floats:
    """Turn logits into probabilities, in place."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def _sigmoid(logits: Floats, small: Floats) -> Floats:
    """Return the probability of each class on its own, in place of the logits.

    `small` is ``exp(-abs(logits))``.
    """
    np.divide(np.where(logits < 0, small, np.float32(1)), 1 + small, out=logits)
    return logits


def _minimise(loss: Loss, start: Wide) -> Wide:
    """Minimise the loss by L-BFGS (Nocedal and Wright, Numerical Optimization, 7.2)."""
    at = start
    value, gradient = loss(at)
    first = float(np.linalg.norm(gradient))
    steps: list[tuple[Wide, Wide, float]] = []
    for _ in range(MOST_STEPS):
        if float(np.linalg.norm(gradient)) <= TOLERANCE * first:
            break
        direction = _direction(gradient, steps)
        slope = float(np.einsum("ij,ij->", direction, gradient))
        length = 1.0 if steps else 1 / max(first, 1e-12)
        for _ in range(20):
            there = at + length * direction
            new_value, new_gradient = loss(there)
            if new_value <= value + 1e-4 * length * slope:
                break
            length /= 2
        else:
            break  # the limit of float32
        step, change = there - at, new_gradient - gradient
        curvature = float(np.einsum("ij,ij->", step, change))
        if curvature > 1e-10:
            steps = [*steps, (step, change, 1 / curvature)][-_MEMORY:]
        at, value, gradient = there, new_value, new_gradient
    return at


def _direction(gradient: Wide, steps: list[tuple[Wide, Wide, float]]) -> Wide:
    """Return the direction of L-BFGS, by its two loops."""
    q = gradient.copy()
    shares = []
    for step, change, rho in reversed(steps):
        share = rho * float(np.einsum("ij,ij->", step, q))
        q -= share * change
        shares.append(share)
    if steps:
        _, change, rho = steps[-1]
        q /= rho * float(np.einsum("ij,ij->", change, change))
    for (step, change, rho), share in zip(steps, reversed(shares), strict=True):
        q += (share - rho * float(np.einsum("ij,ij->", change, q))) * step
    return -q
