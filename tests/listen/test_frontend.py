"""The front-end gives the published log-mel patches."""

from typing import get_args, get_type_hints

import numpy as np
import pytest
from conftest import CLIPS, DATA
from rolled import roll

from lean_tagger.card import AnyFrontend, ModelSpec
from lean_tagger.listen.decode import open_audio
from lean_tagger.listen.frontend import FRONTENDS, log_mel
from lean_tagger.listen.frontend.log_mel import LogMel
from lean_tagger.listen.frontend.mel_filters import mel_filters
from lean_tagger.listen.resample import resample


@pytest.fixture
def frontend(card: ModelSpec) -> LogMel:
    return LogMel(card.frontend, sample_rate_hz=card.sample_rate_hz, patch_frames=card.patch_frames)


FLOAT16_STEP = np.log10(1 + 2**-10)


# A value near the middle between two float16 numbers may be rounded to the other one. MP3
# decoders differ in the quietest bands, by more than that.
@pytest.mark.parametrize("clip", CLIPS)
def test_first_patch_is_the_originals(card: ModelSpec, frontend: LogMel, clip: str) -> None:
    with open_audio(str(DATA / clip)) as audio:
        chunks = resample(audio, card.resampler, rate_hz=card.sample_rate_hz, chunk_samples=16000)
        windows = roll(
            chunks,
            window_samples=card.window_samples,
            hop_samples=card.hop_frames * card.frontend.hop_samples,
            pad_samples=card.pad_samples,
        )
        patch = frontend(next(windows))
    want = np.load(DATA / "reference.npz")[clip.replace(".", "_") + "/logmel"]
    assert patch.shape == want.shape == (1, 187, 96)
    difference = np.abs(patch - want)
    assert difference.max() < (12 if clip.endswith("mp3") else 2.01) * FLOAT16_STEP
    assert np.quantile(difference, 0.9) < 1e-6


def test_a_short_window_repeats_its_frames(card: ModelSpec, frontend: LogMel) -> None:
    rng = np.random.default_rng(0)
    short = rng.standard_normal(512 + 49 * 256).astype(np.float32)
    patch = frontend(short)[0].copy()
    assert np.array_equal(patch[:50], patch[50:100])
    assert np.array_equal(patch[:37], patch[150:187])
    long = np.zeros(card.window_samples, np.float32)
    long[: len(short)] = short
    assert np.allclose(frontend(long)[0][:50], patch[:50])


def test_silence_is_zero(card: ModelSpec, frontend: LogMel) -> None:
    assert not frontend(np.zeros(card.window_samples, np.float32)).any()


def test_rounding_to_float16_gives_the_bits_of_the_conversion() -> None:
    every = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)  # 0 to 65504
    ties = (every[:-1] + every[1:]) / 2  # exact in float32
    around = [np.nextafter(it, to) for it in (every, ties) for to in np.float32([0, np.inf])]
    dice = np.random.default_rng(0)
    anything = dice.integers(0, 0x7F800000, 10**6, dtype=np.int32).view(np.float32)
    beyond = np.float32([65505, 65519.996, 65520, 65536, 1e38, np.inf])
    values = np.concatenate([every, ties, *around, anything, beyond])
    want = np.minimum(values, log_mel.LARGEST_FLOAT16).astype(np.float16).astype(np.float32)
    log_mel.round_to_float16(values, np.empty_like(values))
    assert np.array_equal(values.view(np.int32), want.view(np.int32))


def test_what_is_no_number_stays_none_when_it_is_rounded() -> None:
    values = np.float32([np.nan, 1.0])
    log_mel.round_to_float16(values, np.empty_like(values))
    assert np.isnan(values[0])
    assert values[1] == 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-4])
def test_the_size_of_a_block_changes_nothing(
    card: ModelSpec, monkeypatch: pytest.MonkeyPatch, scale: float
) -> None:
    window = np.random.default_rng(0).normal(0, scale, card.window_samples).astype(np.float32)
    patches = []
    for frames in (log_mel.BLOCK_FRAMES, card.patch_frames):
        monkeypatch.setattr(log_mel, "BLOCK_FRAMES", frames)
        frontend = LogMel(
            card.frontend, sample_rate_hz=card.sample_rate_hz, patch_frames=card.patch_frames
        )
        patches.append(frontend(window))
    # The same bits here; another processor's matrix product may add in another order.
    assert np.allclose(*patches, rtol=0, atol=1.01 * FLOAT16_STEP)


def test_a_tone_lands_in_the_band_around_it(card: ModelSpec, frontend: LogMel) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(card.window_samples) / 16000)
    band = int(frontend(tone.astype(np.float32))[0, 90].argmax())
    weights = mel_filters(card.frontend, 16000)[band]
    assert weights[1000 * 512 // 16000] == weights.max()


def test_every_mel_band_hears_something_and_has_unit_area(card: ModelSpec) -> None:
    filters = mel_filters(card.frontend, 16000)
    assert filters.shape == (96, 257)
    assert (filters.max(axis=1) > 0).all()
    # Wide bands are sampled densely enough for their area to show: 1, per Hz.
    assert np.allclose(filters[-20:].sum(axis=1) * 16000 / 512, 1.0, atol=0.02)


def test_there_is_a_front_end_for_every_kind_that_a_card_may_name() -> None:
    kinds = [get_args(get_type_hints(spec)["kind"])[0] for spec in get_args(AnyFrontend)]
    assert sorted(kinds) == sorted(FRONTENDS)
