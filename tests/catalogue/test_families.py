"""A network shaped like any family's runs with the family's card, and streams."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DATA
from familycards import Floats, card_of, completed, heard, streamed
from hypothesis import given, settings
from hypothesis import strategies as st
from thinned import thinned
from tinymodel import EMBEDDING_SIZE, LABELS, make_family

from lean_tagger import Tagger
from lean_tagger.card import (
    ModelSpec,
    SamplesSpec,
    family_card,
    family_names,
    load_card,
    models_folder,
)
from lean_tagger.errors import ConfigError
from lean_tagger.listen.frontend import frontend
from lean_tagger.listen.frontend.log_mel import LogMel
from lean_tagger.listen.network import Network

FAMILIES = family_names()
ISSUED = (
    *("musicnn", "essentia-musicnn", "discogs-effnet", "maest-5s", "maest-10s", "maest-20s"),
    *("maest-30s", "vggish", "yamnet", "panns-cnn14", "clap-htsat-unfused", "mtr-plus-plus"),
    *("birdnet-2.4", "sample-level-cnn"),
)


def one_shot(card: ModelSpec, samples: Floats) -> Floats:
    """Return a track's patches from the whole of it: padded, transformed, and only then cut.

    For tracks of at least one patch, without what is behind the last whole one.
    """
    front, size, hop = card.frontend, card.window_samples, card.hop_frames
    if isinstance(front, SamplesSpec) or front.patch_samples is not None:
        made = frontend(front, sample_rate_hz=card.sample_rate_hz, patch_frames=card.patch_frames)
        starts = range(0, len(samples) - size + 1, hop * front.hop_samples)
        return np.concatenate([made(samples[start : start + size]).copy() for start in starts])
    if front.padding != "none":
        past = -len(samples) % front.hop_samples if front.padding == "zero_past_end" else 0
        mode: Any = "reflect" if front.padding == "reflect" else "constant"
        samples = np.pad(samples, (card.pad_samples, card.pad_samples + past), mode)
    count = (len(samples) - front.transform_samples) // front.hop_samples + 1
    whole = LogMel(front, sample_rate_hz=card.sample_rate_hz, patch_frames=count)(samples)[0]
    starts = range(0, count - card.patch_frames + 1, hop)
    return np.stack([whole[start : start + card.patch_frames] for start in starts])


@thinned("family", FAMILIES, fast=8)
def test_a_network_of_the_familys_shape_hears_a_file_as_if_at_once(
    tmp_path: Path, family: str
) -> None:
    path = make_family(tmp_path, family)
    card = load_card(str(path))
    music = DATA / "hacienda.ogg"
    tagger = Tagger(str(path))
    got = tagger.taggram(str(music)).logits
    whole = heard(music, card)
    patches = streamed(card, whole, chunk_samples=len(whole))
    if len(whole) >= card.window_samples:
        cut = one_shot(card, whole)
        # What is left behind the last whole patch is filled up with silence where a card says so.
        assert len(patches) - len(cut) in ({0, 1} if card.last_patch == "zero" else {0})
        difference = np.abs(patches[: len(cut)] - cut)
        # A matrix product differs in its last bit with the rows that it is given. Where the
        # original rounds to float16, that may lead to the next one: 2**-10 of a value, in log10.
        rounds = getattr(card.frontend, "mel_rounding", "none") == "float16"
        assert difference.max() < (4.3e-4 if rounds else 1e-5)
        assert np.mean(difference > 1e-5) < 1e-4
    said = Network(card)(patches)
    assert got.shape == (len(patches), len(card.labels))
    assert np.allclose(got, said.logits, atol=1e-5)
    scores = tagger.score(str(music))
    assert scores.n_windows == len(patches)
    if card.tensors.logits is not None:
        assert np.ptp(got) > 1e-3, "the network does not hear what it is given"
        assert len(scores.labels) == len(LABELS)
    if card.tensors.embedding is not None:
        assert scores.embedding is not None
        assert scores.embedding.shape == (EMBEDDING_SIZE,)
        assert np.ptp(scores.embedding) > 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_patches_do_not_depend_on_chunks(family: str) -> None:
    card = card_of(family)
    whole = heard(DATA / "west.flac", card)
    want = streamed(card, whole, chunk_samples=len(whole))

    @settings(max_examples=8, deadline=None)
    @given(chunk=st.integers(400, len(whole)), cut=st.integers(0, len(whole) // 2))
    def chunked(chunk: int, cut: int) -> None:
        if cut % 2:
            assert np.array_equal(streamed(card, whole, chunk_samples=chunk), want)
        else:
            some = whole[cut:]
            once = streamed(card, some, chunk_samples=len(some))
            assert np.array_equal(streamed(card, some, chunk_samples=chunk), once)

    chunked()


def test_all_families_are_there_with_the_source_of_their_numbers() -> None:
    assert set(FAMILIES) >= set(ISSUED)
    for family in FAMILIES:
        card = family_card(family)
        assert card["name"] == family
        assert len(card["sources"]) >= 3
        assert not {"file", "sha256", "labels"} & set(card)


def test_every_card_says_whose_resampler_it_has_or_in_what_it_is_not_exact() -> None:
    """And so does `models show`: see `tests/test_essentia.py`."""
    for family in FAMILIES:
        card = family_card(family)
        assert card.get("documented") or card.get("inexact"), family
        if card["resampler"]["kind"].startswith("libsamplerate"):
            assert "resampleQuality" in card["documented"]
            assert card["decoding"] == {"mp3": "int16", "mp4_delay": "kept"}
    kinds = {it: family_card(it)["resampler"]["kind"] for it in FAMILIES}
    assert kinds["essentia-musicnn"] == "libsamplerate_sinc"
    assert kinds["discogs-effnet"] == kinds["maest-30s"] == "libsamplerate_linear"


def test_musicnns_family_is_the_shipped_card() -> None:
    shipped = json.loads((models_folder() / "msd-musicnn.json").read_text())
    family = family_card("musicnn")
    for key in ("frontend", "resampler", "patch_frames", "hop_frames", "sample_rate_hz"):
        assert family[key] == shipped[key]


def test_an_unknown_family_is_met_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'yamnet'"):
        family_card("yamnett")
    with pytest.raises(ConfigError, match="no family"):
        family_card("../msd-musicnn")


def test_a_short_track_fills_a_patch_as_the_card_says() -> None:
    music = np.sin(np.arange(200_000, dtype=np.float32) / 9)
    clap = card_of("clap-htsat-unfused")
    twice = np.pad(np.tile(music, 2), (0, 80_000)).astype(np.float32)
    assert np.array_equal(streamed(clap, music), streamed(clap, twice))
    bird = card_of("birdnet-2.4")
    (patch,) = streamed(bird, music[:100_000])
    assert np.array_equal(patch[:100_000], music[:100_000])
    assert not patch[100_000:].any()
    first, second = streamed(bird, music)
    assert np.array_equal(first, music[:144_000])
    assert not second[56_000:].any()
    (patch,) = streamed(card_of("sample-level-cnn"), music[:20_000])
    assert np.array_equal(patch, np.resize(music[:20_000], 59_049))


def test_yamnet_hears_silence_behind_the_end_and_nothing_else() -> None:
    card = card_of("yamnet")
    music = np.sin(np.arange(40_000, dtype=np.float32) / 9)
    filled = np.pad(music, (0, 15_600 + 4 * 7_680 - 40_000))
    assert np.array_equal(streamed(card, music), streamed(card, filled))
    assert len(streamed(card, filled)) == 5


def test_range_and_standardisation_come_last() -> None:
    (patch,) = streamed(card_of("mtr-plus-plus"), np.zeros(30_000, np.float32))
    assert np.allclose(patch, (-10 + 4) / 4)
    loud = np.zeros(220_500, np.float32)
    loud[110_000] = 1.0
    (patch,) = streamed(card_of("mtr-plus-plus"), loud)
    assert np.isclose(patch.max() - patch.min(), 2.0)


@pytest.mark.parametrize("gain", [1.0, 32768.0])
def test_samples_are_normalised_as_the_card_says(gain: float) -> None:
    samples = np.random.default_rng(0).normal(0.2, 0.1, 4_000).astype(np.float32)

    def patch(normalise: str) -> Floats:
        keys: dict[str, Any] = {"kind": "samples", "normalise": normalise, "gain": gain}
        front = SamplesSpec(**keys)
        return frontend(front, sample_rate_hz=16_000, patch_frames=4_000)(samples)[0]

    assert np.allclose(patch("none"), samples * gain)
    assert np.isclose(np.abs(patch("peak")).max(), gain, rtol=1e-5)
    assert np.isclose(patch("standard").std(), gain, rtol=1e-3)
    assert abs(patch("standard").mean()) < 1e-4 * gain


def test_silence_stays_finite_however_it_is_normalised() -> None:
    for normalise in ("none", "peak", "standard"):
        keys: dict[str, Any] = {"kind": "samples", "normalise": normalise}
        made = frontend(SamplesSpec(**keys), sample_rate_hz=16_000, patch_frames=100)
        assert not made(np.zeros(100, np.float32)).any()


def test_a_familys_card_lacks_only_what_weights_bring(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps(completed("yamnet")))
    assert load_card(str(tmp_path / "card.json")).licence is None
