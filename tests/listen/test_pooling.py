"""Pooling does not depend on how the windows came in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.listen.pooling import POOLS, PoolName, Scores, sigmoid

LOGITS = np.random.default_rng(0).standard_normal((37, 5)).astype(np.float32) * 4


def test_logit_mean_is_the_sigmoid_of_the_mean() -> None:
    pool = POOLS["logit-mean"]()
    for row in LOGITS:
        pool.add(row[None])
    assert np.allclose(pool.values(), sigmoid(LOGITS.astype(float).mean(axis=0)), atol=1e-12)


def test_prob_mean_is_the_mean_of_the_sigmoids() -> None:
    pool = POOLS["prob-mean"]()
    pool.add(LOGITS)
    assert np.allclose(pool.values(), (1 / (1 + np.exp(-LOGITS.astype(float)))).mean(axis=0))


def test_max_is_the_loudest_window() -> None:
    pool = POOLS["max"]()
    pool.add(LOGITS)
    assert np.allclose(pool.values(), sigmoid(LOGITS.max(axis=0)))


@pytest.mark.parametrize("name", list(POOLS))
@given(cuts=st.lists(st.integers(1, 36), unique=True))
def test_batches_do_not_matter(name: PoolName, cuts: list[int]) -> None:
    whole, parts = POOLS[name](), POOLS[name]()
    whole.add(LOGITS)
    for piece in np.split(LOGITS, sorted(cuts)):
        parts.add(piece)
    assert parts.n_windows == whole.n_windows == 37
    assert np.allclose(parts.values(), whole.values(), atol=1e-12)


@pytest.mark.parametrize("name", list(POOLS))
def test_no_window_has_no_score(name: PoolName) -> None:
    with pytest.raises(ValueError, match="no window"):
        POOLS[name]().values()


def test_sigmoid_survives_both_ends() -> None:
    assert np.array_equal(sigmoid(np.array([-1e9, 0.0, 1e9])), [0.0, 0.5, 1.0])


def test_scores_come_strongest_first() -> None:
    scores = Scores(
        model="m",
        labels=("a", "b", "c"),
        values=np.array([0.1, 0.9, 0.5]),
        n_windows=1,
        seconds=3.0,
        seconds_skipped=0.0,
        repeated=False,
        digest="",
    )
    assert list(scores.as_dict()) == ["b", "c", "a"]
    assert scores.top(1) == [("b", 0.9)]
