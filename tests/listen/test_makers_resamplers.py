"""The resamplers of libsamplerate: as the package ``samplerate`` has them, and streaming."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lean_tagger.card import (
    AnyResampler,
    LibsamplerateLinearSpec,
    LibsamplerateSincSpec,
    family_card,
)
from lean_tagger.listen.resample import resample

Floats = npt.NDArray[np.float32]

LINEAR = LibsamplerateLinearSpec(kind="libsamplerate_linear")
SINC_MEDIUM = LibsamplerateSincSpec(**family_card("essentia-musicnn")["resampler"])
BOTH = {"sinc_medium": SINC_MEDIUM, "linear": LINEAR}

RATES = (
    *((44_100, 16_000), (48_000, 16_000), (32_000, 16_000), (22_050, 16_000), (96_000, 16_000)),
    *((8_000, 16_000), (11_025, 16_000), (44_101, 16_000), (7_999, 16_000), (16_001, 16_000)),
    *((44_100, 48_000), (192_000, 16_000), (2_822_400, 16_000)),
)


def collect(blocks: list[tuple[int, Floats]], spec: AnyResampler, rate_hz: int) -> Floats:
    views = ((rate, block.data) for rate, block in blocks)
    chunks = [np.array(it) for it in resample(views, spec, rate_hz=rate_hz, chunk_samples=997)]
    return np.concatenate(chunks) if chunks else np.empty(0, np.float32)


def noise(count: int, seed: int = 0) -> Floats:
    return (np.random.default_rng(seed).standard_normal(count) * 0.3).astype(np.float32)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
@pytest.mark.parametrize("count", [30_011, 301])
def test_it_gives_what_libsamplerate_gives(
    name: str, rate_in: int, rate_out: int, count: int
) -> None:
    peer: Any = pytest.importorskip("samplerate", reason="needs the package samplerate")
    samples = noise(count)
    want = peer.resample(samples, rate_out / rate_in, name)
    found = collect([(rate_in, samples)], BOTH[name], rate_out)
    assert len(found) == -(-count * rate_out // rate_in)
    assert 0 <= len(found) - len(want) <= 1, "the last output reaches past the end"
    np.testing.assert_allclose(found[: len(want)], want, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("rate_in", [44_100, 22_050, 44_101, 8_000])
def test_pieces_of_any_size_give_what_the_whole_gives(name: str, rate_in: int) -> None:
    samples = noise(9_000, seed=1)
    whole = collect([(rate_in, samples)], BOTH[name], 16_000)

    @settings(max_examples=12)
    @given(st.lists(st.integers(1, 4_000), min_size=1, max_size=9))
    def in_pieces(sizes: list[int]) -> None:
        cuts = np.cumsum(sizes)
        pieces = [(rate_in, it) for it in np.split(samples, cuts[cuts < len(samples)])]
        np.testing.assert_allclose(collect(pieces, BOTH[name], 16_000), whole, rtol=0, atol=1e-6)

    in_pieces()


def test_the_linear_one_is_a_sample_late_and_begins_as_if_it_had_gone_on_before() -> None:
    samples = np.arange(10, 20, dtype=np.float32)
    np.testing.assert_allclose(
        collect([(8_000, samples)], LINEAR, 16_000)[:5], [10, 10, 10, 10.5, 11], rtol=1e-6
    )


def test_the_sinc_passes_low_tones_as_they_are_and_stops_what_cannot_be_there() -> None:
    t = np.arange(44_100) / 44_100
    for hertz, low, high in ((1_000, 0.999, 1.001), (12_000, 0.0, 1e-4)):
        tone = np.sin(2 * np.pi * hertz * t).astype(np.float32)
        middle = collect([(44_100, tone)], SINC_MEDIUM, 16_000)[2_000:-2_000]
        assert low <= np.sqrt(2 * np.mean(middle.astype(np.float64) ** 2)) <= high


@pytest.mark.parametrize("spec", BOTH.values(), ids=BOTH)
def test_a_track_of_no_samples_gives_none_and_of_one_sample_one(spec: AnyResampler) -> None:
    assert len(collect([], spec, 16_000)) == 0
    assert len(collect([(44_100, np.empty(0, np.float32))], spec, 16_000)) == 0
    assert len(collect([(44_100, noise(1))], spec, 16_000)) == 1


def test_a_rate_that_changes_begins_a_new_stretch() -> None:
    one, other = noise(5_000), noise(7_000, seed=2)
    found = collect([(44_100, one), (48_000, other)], SINC_MEDIUM, 16_000)
    parts = [collect([(44_100, one)], SINC_MEDIUM, 16_000)]
    parts.append(collect([(48_000, other)], SINC_MEDIUM, 16_000))
    np.testing.assert_allclose(found, np.concatenate(parts), rtol=0, atol=1e-6)


def test_the_same_constants_are_in_every_card_that_names_it() -> None:
    from lean_tagger.card import family_names

    named = [family_card(name)["resampler"] for name in family_names()]
    sincs = {json.dumps(it) for it in named if it["kind"] == "libsamplerate_sinc"}
    assert len(sincs) == 1
