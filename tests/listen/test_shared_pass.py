"""Several models in one pass: each hears what it hears alone, and what they share is done once."""

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Run
from conftest import DATA
from hypothesis import given, settings
from hypothesis import strategies as st
from rolled import roll
from thinned import thinned
from tinymodel import make, make_family, make_head

from lean_tagger import Tagger
from lean_tagger.card import load_card, models_folder
from lean_tagger.errors import ConfigError, FileError, ModelError
from lean_tagger.listen import shared_pass
from lean_tagger.listen.resample import resample

SONG = str(DATA / "hacienda.ogg")
PAIR = ("msd-musicnn", "mtt-musicnn")
CARD = load_card("msd-musicnn")
FAR = {"n_fft": 1024, "hop_samples": 441, "f_max_hz": 11025.0}
"""A front-end with nothing in common with the shipped models' but the shape of its patches."""


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a model with that front-end, another rate, and patches that overlap."""
    shipped = json.loads((models_folder() / "msd-musicnn.json").read_text())
    change = {"sample_rate_hz": 22050, "hop_frames": 100, "frontend": shipped["frontend"] | FAR}
    return str(make(tmp_path_factory.mktemp("far"), change=change))


def same(a: Any, b: Any) -> None:
    """Compare two scores, bit by bit."""
    assert a.model == b.model
    assert np.array_equal(a.values, b.values)
    assert (a.embedding is None) == (b.embedding is None)
    assert a.embedding is None or np.array_equal(a.embedding, b.embedding)
    assert (a.n_windows, a.seconds, a.digest) == (b.n_windows, b.seconds, b.digest)


@thinned("names", [PAIR, PAIR[::-1]], fast=1)
@pytest.mark.parametrize("song", ["hacienda.ogg", "west.flac", "skyvibe.mp3"])
def test_models_that_share_a_front_end_score_as_each_alone(
    names: tuple[str, str], song: str
) -> None:
    tagger = Tagger(names)
    assert len(tagger.listener.stems) == 1
    scores = tagger.score(DATA / song)
    for found, name in zip((scores, *scores.others), names, strict=True):
        same(found, Tagger(name).score(DATA / song))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_with_another_rate_and_front_end_scores_as_alone(far: str, threads: int) -> None:
    tagger = Tagger(("msd-musicnn", far, "mtt-musicnn"), threads=threads)
    assert [len(stem.networks) for stem in tagger.listener.stems] == [2, 1]
    scores = tagger.score(SONG)
    first, second = scores.others
    same(scores, Tagger("msd-musicnn").score(SONG))
    same(first, Tagger(far).score(SONG))
    same(second, Tagger("mtt-musicnn").score(SONG))
    assert first.n_windows > scores.n_windows


def test_networks_of_many_families_score_as_each_alone(tmp_path: Path) -> None:
    """Raw samples, fixed batches, other rates and other ends of the track next to each other."""
    names = ("discogs-effnet", "yamnet", "birdnet-2.4", "sample-level-cnn", "maest-5s")
    models = ["msd-musicnn", *(family(tmp_path, name) for name in names)]
    tagger = Tagger(models)
    scores = tagger.score(SONG)
    assert [it.model for it in scores.others] == list(names)
    for found, name in zip((scores, *scores.others), models, strict=True):
        same(found, Tagger(name).score(SONG))


def family(folder: Path, name: str) -> str:
    """Make a model of a family, which is called like it."""
    (folder / name).mkdir()
    path = make_family(folder / name, name)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": name}))
    return str(path)


@pytest.mark.parametrize("effort", ["full", "3"])
def test_a_graph_with_a_fixed_batch_is_asked_once_for_each_batch(
    tmp_path: Path, effort: str
) -> None:
    for name, batch in (("free", None), ("fixed", 4)):
        (tmp_path / name).mkdir()
        make_family(tmp_path / name, "discogs-effnet", batch=batch)
    cut = tmp_path / "cut.ogg"
    cut.write_bytes(Path(SONG).read_bytes()[:6000])
    free, fixed = (
        Tagger(str(next((tmp_path / name).glob("*.json"))), effort=effort)
        for name in ("free", "fixed")
    )
    with contextlib.suppress(FileError):  # it leaves patches that are of no later track
        fixed.score(cut)
    wanted, found = free.score(SONG), fixed.score(SONG)
    assert found.n_windows == wanted.n_windows
    assert found.n_windows % 4
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-5)
    np.testing.assert_allclose(found.embedding, wanted.embedding, rtol=1e-5)
    (stem,) = fixed.listener.stems
    patches = [np.ones((1, 128, 96), np.float32)] * 9
    said = [list(stem.networks[0].hear(patch, (0,))) for patch in patches]
    assert [len(it) for it in said] == [0, 0, 0, 1, 0, 0, 0, 1, 0]
    ((_, rest),) = stem.finish((0,))
    assert len(rest.logits) == 1


def test_cards_that_differ_in_the_last_patch_only_share_no_windows(tmp_path: Path) -> None:
    other = str(make(tmp_path, change={"last_patch": "zero"}))
    tagger = Tagger(("msd-musicnn", other))
    assert len(tagger.listener.stems) == 2
    scores = tagger.score(SONG)
    assert scores.others[0].n_windows == scores.n_windows + 1
    same(scores.others[0], Tagger(other).score(SONG))


def test_only_those_models_hear_a_file_that_are_asked_to(far: str) -> None:
    tagger = Tagger(("msd-musicnn", far, "mtt-musicnn"))
    heard = tagger.score(SONG, only=[1])
    assert (heard.model, heard.others) == ("tiny", ())
    heard = tagger.score(SONG, only=[0, 2])
    assert [heard.model, *(it.model for it in heard.others)] == list(PAIR)


@contextlib.contextmanager
def opened(path: str) -> Iterator[list[str]]:
    """Collect how often a file is opened; a hook cannot be taken away, so it is told to rest."""
    times: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and arguments[0] == path:
            times.append(path)

    sys.addaudithook(hook)
    try:
        yield times
    finally:
        watching.clear()


def test_a_file_is_decoded_once_and_its_patches_are_made_once(far: str, tmp_path: Path) -> None:
    """Each further model adds a window of its own only where it has a front-end of its own."""
    path = str(shutil.copy(DATA / "west.flac", tmp_path))
    seen: dict[tuple[str, ...], tuple[int, list[float]]] = {}
    for names in (PAIR[:1], PAIR, (*PAIR, far)):
        windows: list[float] = []
        tagger = Tagger(names, on_window=lambda _, audio, to=windows: to.append(audio.seconds))
        with opened(path) as times:
            tagger.score(path)
        seen[names] = (len(times), windows)
    (once, alone), (pair, both), (three, all_) = seen.values()
    assert 1 <= once == pair == three
    assert both == alone
    assert len(all_) == len(alone) + Tagger(far).score(path).n_windows
    assert all_ == sorted(all_)


BLOCKS = {
    "lengths": st.lists(st.integers(1, 40_000), min_size=1, max_size=12),
    "rates": st.lists(st.sampled_from([16000, 22050, 44100]), min_size=12, max_size=12),
}


@pytest.mark.slow
@settings(max_examples=5)
@given(**BLOCKS)
def test_windows_are_those_of_each_front_end_alone_as_soon_as_they_can_be(
    far: str, lengths: list[int], rates: list[int]
) -> None:
    check_windows(far, lengths, rates)


@pytest.mark.slow
@settings(max_examples=100)
@given(**BLOCKS)
def test_windows_of_many_blocks_are_those_of_each_front_end_alone(
    far: str, lengths: list[int], rates: list[int]
) -> None:
    check_windows(far, lengths, rates)


def check_windows(far: str, lengths: list[int], rates: list[int]) -> None:
    """No window waits for a block that it does not need: nothing is kept but the buffers."""
    noise = np.random.default_rng(0).standard_normal(sum(lengths)).astype(np.float32)
    edges = np.cumsum([0, *lengths])
    blocks = [
        (rate, noise[start:end].data)
        for rate, start, end in zip(rates, edges, edges[1:], strict=False)
    ]
    filled = replace(CARD, last_patch="zero", hop_frames=50)
    cards = [CARD, load_card("msd-vgg"), load_card(far), filled]
    stems = [shared_pass.Stem(card, card.hop_frames, lambda window: window) for card in cards]
    taken = 0

    def counted() -> Iterator[tuple[int, memoryview]]:
        nonlocal taken
        for block in blocks:
            taken += 1
            yield block

    found: dict[int, list[tuple[int, np.ndarray]]] = {id(stem): [] for stem in stems}
    for stem, window in shared_pass.windows(counted(), stems):
        found[id(stem)].append((taken, window.copy()))
    for stem in stems:
        taken, want = 0, []
        chunks = resample(
            counted(),
            stem.card.resampler,
            rate_hz=stem.card.sample_rate_hz,
            chunk_samples=1,
        )
        for window in roll(
            chunks,
            window_samples=stem.card.window_samples,
            hop_samples=stem.hop_frames * stem.card.frontend.hop_samples,
            pad_samples=stem.card.pad_samples,
            ends=stem.card.ends,
        ):
            want.append((taken, window.copy()))
        got = found[id(stem)]
        assert [it[0] for it in got] == [it[0] for it in want]
        assert all(np.array_equal(a[1], b[1]) for a, b in zip(got, want, strict=True))


# Heads


@pytest.fixture
def weights() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((96, 3)).astype(np.float32)


def test_a_head_hears_the_embedding_of_each_window(tmp_path: Path, weights: np.ndarray) -> None:
    make(tmp_path)
    head = Tagger(str(make_head(tmp_path, "head", weights))).score(SONG)
    body = Tagger(str(tmp_path / "tiny.json")).score(SONG)
    assert head.others == ()
    assert (head.model, head.n_windows, head.digest) == ("head", body.n_windows, body.digest)
    # The mean of logits that are linear in the embedding is that of the mean embedding.
    logits = body.embedding.astype(np.float64) @ weights
    assert np.allclose(np.log(head.values / (1 - head.values)), logits, atol=1e-4)


def test_a_backbone_is_run_once_for_itself_and_all_its_heads(
    tmp_path: Path, weights: np.ndarray
) -> None:
    body = str(make(tmp_path))
    heads = [str(make_head(tmp_path, name, weights * sign)) for name, sign in (("a", 1), ("b", -1))]
    tagger = Tagger((heads[0], body, heads[1], "mtt-musicnn"))
    assert [len(stem.networks) for stem in tagger.listener.stems] == [2]
    scores = tagger.score(SONG)
    assert [scores.model, *(it.model for it in scores.others)] == ["a", "tiny", "b", "mtt-musicnn"]
    for found, name in zip((scores, *scores.others), (heads[0], body, heads[1]), strict=False):
        same(found, Tagger(name).score(SONG))


def test_a_backbone_without_labels_has_heads_and_no_say(
    tmp_path: Path, weights: np.ndarray
) -> None:
    bare = {"tensors": {"input": "mel", "embedding": "embedding"}, "labels": []}
    body = str(make(tmp_path, change=bare))
    head = str(make_head(tmp_path, "head", weights))
    heard = Tagger((body, head)).score(SONG)
    assert heard.as_dict() == {}
    same(heard.others[0], Tagger(head).score(SONG))
    done = Run("-n", "--model", body, SONG)
    assert (done.code, done.results) == (2, {})
    assert "tiny gives an embedding and no labels; use one of its heads" in done.said


def test_a_head_may_be_heard_in_part(tmp_path: Path, weights: np.ndarray) -> None:
    make(tmp_path)
    part = Tagger(str(make_head(tmp_path, "head", weights)), effort="3").score(SONG)
    assert (part.n_windows, part.of_windows, part.model) == (3, 6, "head")


def test_what_a_head_hears_depends_on_its_backbone(tmp_path: Path, weights: np.ndarray) -> None:
    body = load_card(str(make(tmp_path)))
    path = make_head(tmp_path, "head", weights)
    before = load_card(str(path))
    assert before.backbone == body
    assert body.identity != before.identity
    make(tmp_path, weights=lambda: np.ones((96, 3)))
    after = load_card(str(path))
    assert after.sha256 == before.sha256
    assert after.identity != before.identity


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"head_of": "nobody"}, "there is no model 'nobody'"),
        ({"head_of": "head"}, "is a head itself"),
        ({"head_of": "dumb"}, "gives no embedding"),
        ({"patch_frames": 10}, "'patch_frames' belongs in the card of 'tiny'"),
    ],
)
def test_a_head_whose_card_makes_no_sense_is_refused(
    tmp_path: Path, weights: np.ndarray, change: dict[str, Any], said: str
) -> None:
    make(tmp_path)
    make(tmp_path, name="dumb", change={"tensors": {"input": "mel", "logits": "logits"}})
    with pytest.raises(ConfigError, match=said):
        load_card(str(make_head(tmp_path, "head", weights, change=change)))


def test_a_head_for_another_embedding_is_refused_before_any_music(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(ModelError, match="the model head failed"):
        Tagger(str(make_head(tmp_path, "head", np.ones((95, 3)))))


# What makes no sense


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two models called 'msd-musicnn'"):
        Tagger(("msd-musicnn", "msd-musicnn"))


@pytest.mark.parametrize("effort", ["fast", "balanced", "7"])
def test_several_models_hear_a_track_whole(effort: str) -> None:
    with pytest.raises(ConfigError, match="several models always hear whole tracks"):
        Tagger(PAIR, effort=effort)
