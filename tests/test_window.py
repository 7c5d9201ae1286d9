"""The windows are those of a reflected whole track, whatever the chunks."""

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from lean_tagger.window import roll

Floats = npt.NDArray[np.float32]


def one_shot(x: Floats, window: int, hop: int, pad: int) -> list[Floats]:
    if len(x) <= pad:
        return []
    padded = np.pad(x, pad, mode="reflect")
    starts = range(0, len(padded) - window + 1, hop)
    return [padded[s : s + window] for s in starts] or [padded]


@settings(max_examples=300, deadline=None)
@given(
    length=st.integers(0, 900),
    chunk=st.one_of(st.sampled_from([1, 7, 64, 1000]), st.integers(1, 300)),
    pad=st.integers(0, 20),
    extra=st.integers(1, 80),
    hop=st.integers(1, 250),
)
def test_rolling_equals_cutting_the_padded_track(
    length: int, chunk: int, pad: int, extra: int, hop: int
) -> None:
    x = np.arange(length, dtype=np.float32)
    window = 2 * pad + extra
    chunks = (x[i : i + chunk].data for i in range(0, length, chunk))
    got = [w.copy() for w in roll(chunks, window_samples=window, hop_samples=hop, pad_samples=pad)]
    want = one_shot(x, window, hop, pad)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert np.array_equal(a, b)


def test_a_window_is_a_view_of_one_buffer() -> None:
    x = np.arange(1000, dtype=np.float32)
    windows = list(roll([x.data], window_samples=100, hop_samples=90, pad_samples=10))
    bases = {id(w.base) for w in windows}
    assert len(windows) == 11
    assert len(bases) == 1


def test_nothing_gives_no_window() -> None:
    assert list(roll([], window_samples=100, hop_samples=90, pad_samples=10)) == []
