"""Learning and measuring, against definitions and against scikit-learn where it is there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lean_tagger.genres.arithmetic import folds, lda, logistic, measures, wrong_labels
from lean_tagger.genres.arithmetic.material import kept_rows


def made(n: int = 400, classes: int = 4, dim: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    of = rng.integers(classes, size=n)
    rows = (rng.normal(size=(classes, dim))[of] + rng.normal(size=(n, dim)) * 2 + 5).astype(
        np.float32
    )
    logistic.z_score(rows)
    return rows, np.eye(classes, dtype=bool)[of]


@pytest.mark.parametrize("method", [logistic.fit, lda.fit])
def test_classes_that_differ_are_told_apart(method) -> None:
    rows, wanted = made()
    model = method(rows, wanted, out=np.arange(400) >= 300)
    right = model.probabilities(rows[300:]).argmax(axis=1) == wanted[300:].argmax(axis=1)
    assert right.mean() > 0.8


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("method", [logistic.fit, lda.fit])
def test_nothing_is_learnt_from_what_is_left_out(method, several: bool) -> None:
    rows, wanted = made()
    out = np.arange(400) % 3 == 0
    lies = np.where(out[:, None], np.roll(wanted, 1, axis=1), wanted)
    one, other = (method(rows, it, several=several, out=out) for it in (wanted, lies))
    assert np.abs(one.weights - other.weights).max() < 1e-5


def two_of_each() -> tuple[np.ndarray, np.ndarray]:
    rows, wanted = made()
    return rows, wanted | np.roll(wanted, 1, axis=1)


def test_where_tracks_carry_several_each_class_is_learnt_as_if_there_were_no_other() -> None:
    """One against the rest: the loss is a sum over classes that share no parameter."""
    rows, both = two_of_each()
    together = logistic.fit(rows, both, several=True).probabilities(rows)
    for at in range(4):
        alone = logistic.fit(rows, both[:, [at]], several=True).probabilities(rows)
        assert np.abs(together[:, at] - alone[:, 0]).max() < 0.01


def test_where_tracks_carry_several_a_class_and_the_rest_count_alike() -> None:
    """The bias has no penalty, so at the minimum both sides are wrong by the same mean."""
    rows, both = two_of_each()
    rare = both & (np.arange(400) % 5 == 0)[:, None]
    p = logistic.fit(rows, rare, several=True).probabilities(rows)
    for at in range(4):
        yes, no = rare[:, at], ~rare[:, at]
        assert (1 - p[yes, at]).mean() == pytest.approx(p[no, at].mean(), abs=0.01)


@pytest.mark.parametrize("several", [False, True])
def test_blocks_change_nothing(several: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, wanted = made()
    out = np.arange(400) % 3 == 0
    whole = [method(rows, wanted, several=several, out=out) for method in (logistic.fit, lda.fit)]
    for module in (logistic, lda):
        monkeypatch.setattr(module, "BLOCK", 7)
    parts = [method(rows, wanted, several=several, out=out) for method in (logistic.fit, lda.fit)]
    for one, other in zip(whole, parts, strict=True):
        wide = one.probabilities(rows)
        assert np.abs(wide - other.probabilities(rows)).max() < 1e-3
        into = np.full_like(wide, -1)
        other.probabilities_of(rows, out, into)
        assert np.abs(into[out] - wide[out]).max() < 1e-3
        assert (into[~out] == -1).all()


@given(st.data(), st.integers(1, 6000))
def test_kept_rows_are_those_that_were_chosen(data: st.DataObject, n: int) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    share = data.draw(st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0]))
    rows = np.arange(n * 2, dtype=np.float32).reshape(n, 2)
    kept = np.flatnonzero(np.random.default_rng(seed).random(n) < share)
    wanted = rows[kept]
    assert (kept_rows(rows, kept) == wanted).all()


def test_rare_classes_count_as_much_as_frequent_ones() -> None:
    rows, wanted = made(n=1000, classes=2, dim=5)
    first = np.flatnonzero(wanted[:, 0])
    kept = np.sort(np.concatenate([first[:20], np.flatnonzero(wanted[:, 1])]))
    model = logistic.fit(rows[kept], wanted[kept])
    said = model.probabilities(rows).argmax(axis=1)
    assert (said[first] == 0).mean() > 0.6


@pytest.mark.parametrize("several", [False, True])
def test_the_loss_falls_as_its_gradient_says(several: bool) -> None:
    rows, wanted = made(n=60, dim=6)
    counted = np.arange(60) % 4 > 0
    slope = (logistic._several if several else logistic._one)(wanted, counted)
    loss = logistic._loss(rows, slope)
    at = np.random.default_rng(1).normal(size=(4, 7)) * 0.1
    _, gradient = loss(at)
    step = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        step[:] = 0
        step[place] = 1e-2
        slope = (loss(at + step)[0] - loss(at - step)[0]) / 2e-2
        assert slope == pytest.approx(gradient[place], abs=2e-3)


def test_the_same_data_give_the_same_bytes() -> None:
    rows, wanted = made()
    one, other = logistic.fit(rows, wanted), logistic.fit(rows.copy(), wanted.copy())
    assert one.weights.tobytes() == other.weights.tobytes()
    assert one.bias.tobytes() == other.bias.tobytes()


def test_a_feature_that_never_changes_does_no_harm() -> None:
    rows, wanted = made()
    rows[:, 3] = 7
    logistic.z_score(rows)
    assert np.isfinite(logistic.fit(rows, wanted).probabilities(rows)).all()
    assert np.isfinite(lda.fit(rows, wanted).probabilities(rows)).all()


def test_no_group_is_in_two_folds_and_each_fold_has_each_class() -> None:
    _, wanted = made()
    groups = np.arange(400) // 4
    fold = folds.by_group(wanted, groups)
    assert all(len(set(fold[groups == group])) == 1 for group in range(100))
    assert all(wanted[fold == number].any(axis=0).all() for number in range(folds.FOLDS))


def test_there_are_no_more_folds_than_groups() -> None:
    fold = folds.by_group(np.ones((6, 1), bool), np.array([0, 0, 1, 1, 2, 2]))
    assert sorted(set(fold)) == [0, 1, 2]


scores = hnp.arrays(np.float64, st.integers(2, 40), elements=st.integers(0, 5).map(float))


@given(scores, st.data())
def test_areas_are_those_of_their_definitions(values: np.ndarray, data: st.DataObject) -> None:
    right = data.draw(hnp.arrays(bool, len(values)))
    area = measures.roc_auc(values, right)
    if right.all() or not right.any():
        assert np.isnan(area)
    else:
        pairs = values[right][:, None] - values[~right][None]
        assert area == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    if right.any():
        last, total = 0.0, 0.0
        for threshold in sorted(set(values), reverse=True):
            above = values >= threshold
            recall = right[above].sum() / right.sum()
            total += (recall - last) * right[above].mean()
            last = recall
        assert measures.average_precision(values, right) == pytest.approx(total)


@given(scores, st.data())
def test_areas_are_those_of_scikit_learn(values: np.ndarray, data: st.DataObject) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    right = data.draw(hnp.arrays(bool, len(values)))
    if right.any() and not right.all():
        theirs = metrics.roc_auc_score(right, values)
        assert measures.roc_auc(values, right) == pytest.approx(theirs, abs=1e-9, rel=0)
        theirs = metrics.average_precision_score(right, values)
        assert measures.average_precision(values, right) == pytest.approx(theirs, abs=1e-9, rel=0)


def test_areas_of_many_tracks_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    for ties in (10, 1_000, 65_535):  # the journal keeps scores in 65,535 steps
        right = rng.random(25_000) < 0.03
        values = (np.floor((rng.random(25_000) + right) / 2 * ties) / ties).astype(np.float32)
        theirs = metrics.roc_auc_score(right, values)
        assert measures.roc_auc(values, right) == pytest.approx(theirs, abs=1e-9, rel=0)
        theirs = metrics.average_precision_score(right, values)
        assert measures.average_precision(values, right) == pytest.approx(theirs, abs=1e-9, rel=0)


def test_logistic_regression_is_that_of_scikit_learn() -> None:
    linear_model = pytest.importorskip(
        "sklearn.linear_model", reason="scikit-learn is not installed"
    )
    rows, wanted = made()
    weight = wanted @ (1 / (wanted.shape[1] * wanted.sum(axis=0)))
    theirs = linear_model.LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
    theirs.fit(rows, wanted.argmax(axis=1), sample_weight=weight)
    ours = logistic.fit(rows, wanted).probabilities(rows)
    assert np.abs(ours - theirs.predict_proba(rows)).max() < 0.01


@given(scores, st.data(), st.sampled_from([0.5, 0.8, 1.0]))
def test_from_a_threshold_on_the_wanted_share_is_right(
    values: np.ndarray, data: st.DataObject, precision: float
) -> None:
    right = data.draw(hnp.arrays(bool, len(values)))
    found = measures.threshold_for(values, right, precision)
    good = [
        it
        for it in set(values)
        if right.any()
        and right[values >= it].mean() >= precision
        and (values >= it).sum() >= min(measures.LEAST_ABOVE, right.sum())
    ]
    assert found == (min(good) if good else None)


def test_ranges_contain_the_whole() -> None:
    rng = np.random.default_rng(3)
    right, classes, groups = rng.random(300) < 0.7, rng.integers(3, size=300), np.arange(300) // 10
    drawn = measures.spread(right, classes, groups, 3)
    low, high = np.percentile(drawn[:, 0], [2.5, 97.5])
    assert low < right.mean() < high
    assert high - low < 0.2


def held_out(n: int, wrong_share: float, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return calibrated scores, labels of which some are wrong, and which are."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet([0.15] * 5, size=n).astype(np.float32)
    label = (rng.random(n)[:, None] > scores.cumsum(axis=1)).sum(axis=1).clip(max=4)
    wrong = rng.random(n) < wrong_share
    label = (label + np.where(wrong, rng.integers(1, 5, n), 0)) % 5
    return scores, np.eye(5, dtype=bool)[label], wrong


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("sharpened", [0.3, 1.0, 2.0])
def test_as_many_wrong_labels_are_expected_as_there_are(share: float, sharpened: float) -> None:
    """Also of scores that are too sure of themselves, or not sure enough."""
    within = 0
    for seed in range(5):
        scores, wanted, wrong = held_out(1500, share, seed=seed)
        scores **= np.float32(sharpened)
        scores /= scores.sum(axis=1, keepdims=True)
        first = np.argsort((scores * wanted).sum(axis=1))[:20]
        said = wrong_labels.expected(scores, wanted, first)
        assert said.low <= said.count <= said.high
        within += said.low - 1 <= wrong[first].sum() <= said.high + 1
    assert within >= 4


@pytest.mark.parametrize("sharpened", [0.3, 1.0, 2.0])
def test_where_no_label_is_wrong_hardly_any_is_expected(sharpened: float) -> None:
    scores, wanted, _ = held_out(1500, 0, seed=0)
    scores **= np.float32(sharpened)
    scores /= scores.sum(axis=1, keepdims=True)
    first = np.argsort((scores * wanted).sum(axis=1))[:20]
    assert wrong_labels.expected(scores, wanted, first).count < 5
