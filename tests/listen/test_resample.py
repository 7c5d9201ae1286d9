"""The resampler gives the published filter, at any rate and any chunk size."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thinned import thinned

from lean_tagger.card import ResamplerSpec
from lean_tagger.listen.resample import BANK_BYTES, resample

KAISER_BEST = ResamplerSpec(
    kind="windowed_sinc",
    zero_crossings=64,
    table_steps=512,
    rolloff=0.9475937167399596,
    kaiser_beta=14.769656459379492,
)


def collect(
    blocks: list[tuple[int, npt.NDArray[np.float32]]], rate_hz: int, chunk_samples: int = 1000
) -> npt.NDArray[np.float32]:
    views: Iterator[tuple[int, memoryview]] = ((rate, block.data) for rate, block in blocks)
    chunks = resample(views, KAISER_BEST, rate_hz=rate_hz, chunk_samples=chunk_samples)
    copies = [np.array(chunk) for chunk in chunks]
    assert all(len(copy) == chunk_samples for copy in copies[:-1])
    return np.concatenate(copies) if copies else np.empty(0, np.float32)


def noise(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(count) * 0.3).astype(np.float32)


def by_definition(
    x: npt.NDArray[np.float32], rate_in: int, rate_out: int
) -> npt.NDArray[np.float64]:
    """Sum every tap of every output in float64, straight from the formula."""
    ratio = rate_out / rate_in
    gain = min(1.0, ratio)
    size = KAISER_BEST.zero_crossings * KAISER_BEST.table_steps
    at = np.arange(size + 1) / KAISER_BEST.table_steps
    table = np.kaiser(2 * size + 1, KAISER_BEST.kaiser_beta)[size:]
    table *= gain * KAISER_BEST.rolloff * np.sinc(KAISER_BEST.rolloff * at)
    stride = int(gain * KAISER_BEST.table_steps)
    out = np.zeros(-(-len(x) * rate_out // rate_in))
    for t in range(len(out)):
        whole, part = divmod(t * rate_in, rate_out)
        for distance, inputs in (
            (part / rate_out, x[whole::-1]),
            (1 - part / rate_out, x[whole + 1 :]),
        ):
            start = distance * gain * KAISER_BEST.table_steps
            taps = min(len(inputs), int((size + 1 - int(start)) // stride))
            position = start + np.arange(taps) * stride
            out[t] += np.interp(position, np.arange(size + 1), table) @ inputs[:taps]
    return out


@thinned(
    "rate",
    [8000, 11025, 22050, 24000, 32000, 37800, 44100, 44101, 48000, 88200, 192000, 352800, 384000],
    fast=6,
)
def test_every_output_is_the_sum_of_its_taps(rate: int) -> None:
    x = noise(rate // 8)
    got = collect([(rate, x)], 16000)
    want = by_definition(x, rate, 16000)
    assert len(got) == len(want)
    assert np.abs(got - want).max() < 2e-6


@thinned(
    ("rate", "target"),
    [(11127, 16000), (15999, 16000), (22254, 32000), (16000, 22050), (44100, 48000)],
    fast=2,
)
def test_a_rate_with_many_weights_is_exact_and_keeps_few_of_them(rate: int, target: int) -> None:
    x = noise(rate // 8)
    tracemalloc.start()
    try:
        got = collect([(rate, x)], target)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < BANK_BYTES + (8 << 20)
    assert np.abs(got - by_definition(x, rate, target)).max() < 2e-6


def test_equal_rates_pass_the_samples_through_untouched() -> None:
    x = noise(12345)
    assert np.array_equal(collect([(16000, x)], 16000), x)


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([8000, 11025, 22050, 44100, 44101, 48000, 16000, 96000]),
    block=st.one_of(st.sampled_from([1, 7, 997, 4096, 10**6]), st.integers(1, 5000)),
    chunk=st.one_of(st.sampled_from([1, 13, 1024, 16000, 10**6]), st.integers(1, 5000)),
    length=st.integers(0, 6000),
)
def test_streaming_equals_one_shot(rate: int, block: int, chunk: int, length: int) -> None:
    x = noise(length)
    pieces = [(rate, x[i : i + block]) for i in range(0, length, block)]
    streamed = collect(pieces, 16000, chunk)
    whole = collect([(rate, x)], 16000, 10**6) if length else streamed
    # The matrix product may sum in another order; the samples are the same to its rounding.
    assert len(streamed) == -(-length * 16000 // rate)
    assert np.abs(streamed - whole).max(initial=0.0) < 1e-6


def test_a_rate_change_ends_one_stream_and_begins_another() -> None:
    first, second = noise(4410), noise(4800, seed=1)
    got = collect([(44100, first), (48000, second)], 16000)
    want = np.concatenate([collect([(44100, first)], 16000), collect([(48000, second)], 16000)])
    assert np.abs(got - want).max() < 1e-6


def test_a_chunk_is_a_view_of_one_buffer_that_is_used_again() -> None:
    blocks = [(44100, noise(44100).data)]
    chunks = resample(iter(blocks), KAISER_BEST, rate_hz=16000, chunk_samples=500)
    first = next(chunks)
    before = bytes(first)
    second = next(chunks)
    assert bytes(second) == bytes(first) != before


def test_what_follows_a_silence_is_not_delayed() -> None:
    """An impulse at input sample n comes out at n · 16000 / rate."""
    x = np.zeros(48000, np.float32)
    x[30000] = 1.0
    assert np.argmax(collect([(48000, x)], 16000)) == 10000


@pytest.mark.parametrize("chunk_samples", [0, -1])
def test_a_chunk_without_samples_is_refused(chunk_samples: int) -> None:
    with pytest.raises(ValueError, match="chunk_samples"):
        next(resample(iter([]), KAISER_BEST, rate_hz=16000, chunk_samples=chunk_samples))


@pytest.mark.parametrize("rate", [0, -8000, 10**9])
def test_an_absurd_rate_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="cannot resample"):
        collect([(rate, noise(100))], 16000)
