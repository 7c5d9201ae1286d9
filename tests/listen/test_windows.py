"""The windows are those of a reflected whole track, whatever the chunks."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from rolled import roll

from lean_tagger.card import Ends
from lean_tagger.listen.windows import count_windows

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


def one_shot_with_ends(x: Floats, window: int, hop: int, pad: int, ends: Ends) -> list[Floats]:
    """Cut the whole track, padded as its ends say; what is left over becomes a last window."""
    if len(x) == 0 or (ends.padding == "reflect" and len(x) <= pad):
        return []
    past = -len(x) % ends.grid_samples if ends.padding == "zero_past_end" else 0
    mode: Any = "reflect" if ends.padding == "reflect" else "constant"
    left = np.pad(x, pad, mode)[: pad + len(x)]
    both = np.concatenate([np.pad(x, pad, mode), np.zeros(past, np.float32)])
    rule = ends.last_patch if len(both) >= window else ends.short_track
    padded = left if rule in {"zero", "repeat_samples"} else both
    starts = list(range(0, len(padded) - window + 1, hop))
    found = [padded[start : start + window] for start in starts]
    rest = padded[len(starts) * hop :]
    unheard = len(padded) - (starts[-1] + window if starts else 0)
    if rule == "repeat" and len(rest) >= ends.least_samples:
        found.append(rest)
    elif rule in {"zero", "repeat_samples"} and unheard > 0 and len(rest):
        copies = window // len(rest) if rule == "repeat_samples" else 1
        found.append(np.pad(np.tile(rest, copies), (0, window - copies * len(rest))))
    return found


@settings(max_examples=600, deadline=None)
@given(
    length=st.integers(0, 600),
    chunk=st.one_of(st.sampled_from([1, 7, 1000]), st.integers(1, 300)),
    pad=st.integers(0, 20),
    extra=st.integers(1, 80),
    hop=st.integers(1, 150),
    padding=st.sampled_from(["reflect", "zero", "zero_past_end", "none"]),
    last=st.sampled_from(["drop", "repeat", "repeat_samples", "zero"]),
    short=st.sampled_from(["repeat", "repeat_samples", "zero"]),
    grid=st.integers(1, 30),
)
def test_ends_are_continued_and_filled_as_the_card_says(
    length: int,
    chunk: int,
    pad: int,
    extra: int,
    hop: int,
    padding: Any,
    last: Any,
    short: Any,
    grid: int,
) -> None:
    x = np.arange(1, length + 1, dtype=np.float32)
    pad = 0 if padding == "none" else pad
    window = 2 * pad + extra
    ends = Ends(
        padding=padding,
        last_patch=last,
        short_track=short,
        least_samples=max(1, 2 * pad),
        grid_samples=grid,
    )
    sizes = {"window_samples": window, "hop_samples": hop, "pad_samples": pad}
    chunks = (x[i : i + chunk].data for i in range(0, length, chunk))
    got = [w.copy() for w in roll(chunks, ends=ends, **sizes)]
    want = one_shot_with_ends(x, window, hop, pad, ends)
    assert count_windows(length, ends=ends, **sizes) == len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert np.array_equal(a, b)
