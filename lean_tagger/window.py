"""Roll a window over the chunks.

One buffer is allocated, and every window is a view of it. The two ends of the *track*, and
only these, are continued, as a centred STFT of the whole track would do it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from lean_tagger.spec import Ends

__all__ = ["count_windows", "roll"]

REFLECTED = Ends()

Floats = npt.NDArray[np.float32]


def roll(
    chunks: Iterable[memoryview],
    *,
    window_samples: int,
    hop_samples: int,
    pad_samples: int,
    ends: Ends = REFLECTED,
) -> Iterator[Floats]:
    """Yield the windows of a track.

    Parameters
    ----------
    chunks : iterable of memoryview
        float32 mono samples, of any length each.
    window_samples, hop_samples : int
        Length and stride of the windows, above 0; `window_samples` at least
        ``2 · pad_samples``.
    pad_samples : int
        Samples by which each end of the track is continued. Reflected: ``x[pad] … x[1]`` before
        ``x[0]``, and the same mirrored behind the last.
    ends : Ends
        How they are continued, and what becomes of samples that fill no window.

    Yields
    ------
    (window_samples,) float32
        A view, valid until the next is asked for. It is shorter where the last patch, or the
        only one, is to be made of fewer patch frames (``repeat``).
        A track of no more than `pad_samples` samples cannot be reflected and gives none.

    Notes
    -----
    With ``repeat`` there is a last window whenever a patch frame lies behind the start of the
    next one; with ``zero`` and ``repeat_samples`` only if samples lie in no window yet, and then
    the end is not continued otherwise.
    """
    spare = pad_samples + ends.grid_samples
    buffer = np.empty(2 * window_samples + pad_samples + spare + 1, np.float32)
    start = 0  # of the next window; behind `fill` where the hop is longer than the window
    fill = pad_samples  # the continuation of the track's first end is written later
    reflected = ends.padding == "reflect"
    buffer[:pad_samples] = 0.0
    begun = not reflected
    windows = seen = 0
    for chunk in chunks:
        samples = np.asarray(chunk, np.float32)
        seen += len(samples)
        taken = 0
        while taken < len(samples):
            count = min(len(samples) - taken, len(buffer) - fill)
            buffer[fill : fill + count] = samples[taken : taken + count]
            taken += count
            fill += count
            if not begun and fill > 2 * pad_samples:
                buffer[:pad_samples] = buffer[2 * pad_samples : pad_samples : -1]
                begun = True
            while begun and fill - start >= window_samples:
                yield buffer[start : start + window_samples]
                windows += 1
                start += hop_samples
            if fill == len(buffer):
                start, fill = _keep(buffer, start, fill, pad_samples)
    if not begun or not seen:
        return
    start, fill = _keep(buffer, start, fill, pad_samples)
    end = _end_samples(seen, pad_samples, ends)
    short = not windows and fill + end < window_samples
    rule = ends.short_track if short else ends.last_patch
    if rule in {"zero", "repeat_samples"}:
        covered = start - hop_samples + window_samples if windows else start
        if covered < fill and start < fill:
            yield _filled(buffer[start : start + window_samples], fill - start, rule)
        return
    if reflected:
        buffer[fill : fill + end] = buffer[fill - 1 - end : fill - 1][::-1]
    else:
        buffer[fill : fill + end] = 0.0
    fill += end
    while fill - start >= window_samples:
        yield buffer[start : start + window_samples]
        start += hop_samples
    if rule == "repeat" and fill - start >= ends.least_samples:
        yield buffer[start:fill]


def count_windows(
    samples: int,
    *,
    window_samples: int,
    hop_samples: int,
    pad_samples: int,
    ends: Ends = REFLECTED,
) -> int:
    """Return how many windows `roll` yields of a track of so many samples, in constant time."""
    if not samples or (ends.padding == "reflect" and samples <= pad_samples):
        return 0
    end = _end_samples(samples, pad_samples, ends)
    total = pad_samples + samples
    short = total + end < window_samples
    rule = ends.short_track if short else ends.last_patch
    filled = rule in {"zero", "repeat_samples"}
    if not filled:
        total += end
    full = max(0, (total - window_samples) // hop_samples + 1)
    start = full * hop_samples
    if filled:
        covered = start - hop_samples + window_samples if full else 0
        return full + (covered < total and start < total)
    return full + (rule == "repeat" and total - start >= ends.least_samples)


def _end_samples(samples: int, pad_samples: int, ends: Ends) -> int:
    """Return by how many samples the second end is continued."""
    past = -samples % ends.grid_samples if ends.padding == "zero_past_end" else 0
    return pad_samples + past


def _filled(window: Floats, count: int, rule: str) -> Floats:
    """Fill a window behind its first `count` samples."""
    copies = len(window) // count if rule == "repeat_samples" else 1
    for copy in range(1, copies):
        window[copy * count : (copy + 1) * count] = window[:count]
    window[copies * count :] = 0.0
    return window


def _keep(buffer: Floats, start: int, fill: int, pad_samples: int) -> tuple[int, int]:
    """Move to the front what the next window, or the reflection of the end, still needs."""
    first = min(start, fill - pad_samples - 1)
    buffer[: fill - first] = buffer[first:fill]
    return start - first, fill - first
