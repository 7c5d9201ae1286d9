"""Learning and checking on weakly labelled music, by the protocol that lies next to it."""

from types import ModuleType

import earscore
import numpy as np
import pytest

from lean_tagger.genres.arithmetic import logistic, measures, scan, wrong_labels
from lean_tagger.genres.arithmetic.classes import Classes

WRONG = 0.1


@pytest.fixture(scope="module")
def score() -> ModuleType:
    return earscore.load()


def learnt(rows: np.ndarray, classes: np.ndarray, count: int):
    z = rows.copy()
    mean, scale = logistic.z_score(z)
    model = logistic.fit(z, np.eye(count, dtype=bool)[classes])
    return lambda more: model.probabilities((more - mean) / scale)


def nearest(rows: np.ndarray, classes: np.ndarray, count: int):
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    known = (rows - mean) / scale

    def predict(more: np.ndarray) -> np.ndarray:
        away = -2 * ((more - mean) / scale) @ known.T + (known**2).sum(axis=1)
        votes = classes[np.argsort(away, axis=1)[:, :7]]
        return np.stack([(votes == it).mean(axis=1) for it in range(count)], axis=1)

    return predict


@pytest.mark.slow
def test_logistic_regression_is_right_for_new_artists_and_better_than_neighbours(score) -> None:
    ours, theirs = score.learn_score(learnt)[0], score.learn_score(nearest)[0]
    assert ours["balanced"] >= 0.49
    assert ours["balanced"] > theirs["balanced"] + 0.05


def scanned(score: ModuleType, shift: np.ndarray) -> tuple[float, int, wrong_labels.Expected]:
    """Return how well shifted labels are found, how many are among the first, and expected."""
    classes, groups, rows, _, names = score.task()
    logistic.z_score(rows)
    group = np.unique(groups, return_inverse=True)[1]
    wanted = np.eye(len(names), dtype=bool)[(classes + shift) % len(names)]
    tags = Classes(names=names, keys=names, wanted=wanted, several=False, left_out=[], pooled=[])
    found = scan.suspicion(rows, tags, group, group)
    first = np.argsort(-found.suspicious, kind="stable")[: scan.FIRST]
    area = measures.roc_auc(found.suspicious, shift > 0)
    return (
        area,
        int((shift[first] > 0).sum()),
        wrong_labels.expected(found.at_random, wanted, first),
    )


def of_files(score: ModuleType, seed: int) -> np.ndarray:
    classes, _, _, _, names = score.task()
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(classes)) < WRONG
    return np.where(wrong, rng.integers(1, len(names), len(classes)), 0)


def of_groups(score: ModuleType, seed: int) -> np.ndarray:
    classes, groups, _, _, names = score.task()
    group = np.unique(groups, return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    order = rng.permutation(group.max() + 1)
    size = np.cumsum(np.bincount(group)[order])
    wrong = np.isin(group, order[: np.searchsorted(size, WRONG * len(classes)) + 1])
    return np.where(wrong, rng.integers(1, len(names), group.max() + 1)[group], 0)


def test_as_many_wrong_files_are_expected_as_are_planted(score) -> None:
    found = [scanned(score, of_files(score, seed)) for seed in range(3)]
    assert np.mean([area for area, _, _ in found]) >= 0.9
    for _, planted, said in found:
        assert said.low <= planted <= said.high
        assert abs(said.count - planted) <= 5


def test_where_none_is_planted_hardly_any_is_expected(score) -> None:
    _, _, said = scanned(score, np.zeros(len(score.task()[0]), int))
    assert said.count < 5


@pytest.mark.slow
def test_whole_groups_with_wrong_labels_are_found(score) -> None:
    found = [scanned(score, of_groups(score, seed)) for seed in range(8)]
    assert np.mean([area for area, _, _ in found]) >= 0.8
