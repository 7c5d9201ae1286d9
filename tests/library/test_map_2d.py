"""The map puts near each other what sounds alike, always in the same way."""

import numpy as np
import pytest
from conftest import shared

from lean_tagger.library.arithmetic import map_2d
from lean_tagger.library.arithmetic.map_2d import positions
from lean_tagger.library.arithmetic.neighbours import nearest
from lean_tagger.library.arithmetic.reduced import to_int8


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def groups(count: int, *, each: int, seed: int = 0) -> np.ndarray:
    dice = np.random.default_rng(seed)
    centres = np.repeat(dice.normal(0, 1, (count, 20)), each, axis=0)
    return unit(centres + dice.normal(0, 0.3, centres.shape))


def trustworthiness(vectors: np.ndarray, places: np.ndarray, k: int = 5) -> float:
    """Return how far neighbours on the map are true ones: 1 less a penalty by their true rank.

    After Venna and Kaski (2001), as scikit-learn has it.
    """
    count = len(vectors)
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, np.inf)
    rank = np.argsort(np.argsort(-likeness, axis=1), axis=1)
    apart = np.square(places[:, None] - places[None]).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1)[:, :k]
    wrong = np.maximum(np.take_along_axis(rank, near, axis=1) - k, 0).sum()
    return float(1 - 2 / (count * k * (2 * count - 3 * k - 1)) * wrong)


def test_groups_stay_together() -> None:
    vectors = groups(5, each=30)
    places = positions(vectors)
    near = [found[0] // 30 for _, found, _ in nearest(vectors[:1], vectors, count=1)]
    assert len(near) == 1
    apart = np.square(places[:, None] - places[None]).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert (apart.argmin(axis=1) // 30 == np.arange(150) // 30).mean() > 0.99
    assert trustworthiness(vectors, places) > 0.95


def test_the_same_tracks_give_the_same_map() -> None:
    vectors = groups(3, each=20)
    assert np.array_equal(positions(vectors), positions(vectors.copy()))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 40])
def test_few_tracks_have_places_within_the_square(count: int) -> None:
    places = positions(groups(count, each=1))
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert np.abs(places).max(initial=0) <= 1


@pytest.mark.parametrize("count", [2, 30])
def test_equal_tracks_are_no_trouble(count: int) -> None:
    places = positions(np.tile(groups(1, each=1), (count, 1)))
    assert np.isfinite(places).all()


def test_on_the_grid_tracks_push_as_in_pairs() -> None:
    places = np.random.default_rng(0).normal(0, 3, (400, 2)).astype(np.float32)
    by_pairs, on_grid = map_2d._repulsion_by_pairs(places), map_2d._repulsion_on_grid(places)
    assert np.abs(on_grid - by_pairs).max() < 0.02 * np.abs(by_pairs).max()


def test_two_tracks_do_not_hide_each_other() -> None:
    first, second = positions(groups(2, each=1))
    assert not np.array_equal(first, second)


def test_of_many_tracks_some_are_landmarks_and_the_rest_lie_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(map_2d, "MOST_LANDMARKS", 60)
    vectors = groups(4, each=60)
    places = positions(vectors)
    assert np.isfinite(places).all()
    assert trustworthiness(vectors, places) > 0.9


def test_nearest_are_those_of_a_whole_sort() -> None:
    vectors = groups(3, each=50)
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    expected = np.argsort(-likeness, axis=1)[:, :7]
    rows = [found for _, found, _ in nearest(vectors, vectors, count=7, itself=False)]
    assert np.array_equal(np.concatenate(rows), expected)


def test_int8_keeps_the_order_of_likeness() -> None:
    vectors = groups(6, each=50)
    small = unit(to_int8(vectors, axes=20).astype(np.float32))
    assert np.abs(small @ small.T - vectors @ vectors.T).max() < 0.02
    assert (to_int8(np.zeros((2, 4), np.float32), axes=4) == 0).all()


@pytest.mark.slow
def test_labelled_music_keeps_its_neighbours() -> None:
    with np.load(shared("ears") / "features.npz") as features:
        both = [features[f"{name}-musicnn/embedding"] for name in ("msd", "mtt")]
    rows = np.concatenate(both, axis=1)
    vectors = unit((rows - rows.mean(axis=0)) / rows.std(axis=0))
    assert trustworthiness(vectors, positions(vectors)) > 0.96  # PCA has .84
