"""Divide tracks into folds: by whole groups, so that no artist is on both sides, or at random."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

FOLDS = 5
_SEED = 1

Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]


def numbered(groups: Sequence[Hashable]) -> Ints:
    """Return a number for each track's group, in order of appearance, (n,)."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(it, len(numbers)) for it in groups], np.intp)


def by_group(wanted: Bools, groups: Ints, *, count: int = FOLDS) -> Ints:
    """Return the fold of each track, (n,): whole groups, spread so that each fold has each class.

    Parameters
    ----------
    wanted : (n, n_classes) bool
        Whether a track has a class.
    groups : (n,) int
        Who made each track; see `numbered`.
    count : int
        Number of folds; fewer if there are fewer groups.
    """
    n_groups = int(groups.max()) + 1
    count = min(count, n_groups)
    sizes = np.zeros((n_groups, wanted.shape[1]), np.float32)
    for column, in_class in enumerate(wanted.T):
        sizes[:, column] = np.bincount(groups[in_class], minlength=n_groups)
    order = np.random.default_rng(_SEED).permutation(n_groups)
    load = np.zeros((wanted.shape[1], count))
    fold = np.zeros(n_groups, np.intp)
    for group in sorted(order, key=lambda group: -sizes[group].max()):
        main = int(sizes[group].argmax())
        least = np.flatnonzero(load[main] == load[main].min())
        fold[group] = least[load[:, least].sum(axis=0).argmin()]
        load[:, fold[group]] += sizes[group]
    return np.asarray(fold[groups], np.intp)


def at_random(n: int, *, count: int = FOLDS) -> Ints:
    """Return a random fold for each of so many tracks, regardless of artist, (n,)."""
    return np.random.default_rng(_SEED).permutation(n).astype(np.intp) % min(count, max(n, 1))
