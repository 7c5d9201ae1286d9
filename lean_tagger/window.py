"""Roll a window over the chunks.

One buffer is allocated, and every window is a view of it. The two ends of the *track*, and
only these, are continued by reflection, as a centred STFT of the whole track would do it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["roll"]


def roll(
    chunks: Iterable[memoryview], *, window_samples: int, hop_samples: int, pad_samples: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the windows of a track.

    Parameters
    ----------
    chunks : iterable of memoryview
        float32 mono samples, of any length each.
    window_samples, hop_samples : int
        Length and stride of the windows, above 0; `window_samples` at least
        ``2 · pad_samples``.
    pad_samples : int
        Samples by which each end of the track is continued: ``x[pad] … x[1]`` before
        ``x[0]``, and the same mirrored behind the last.

    Yields
    ------
    (window_samples,) float32
        A view, valid until the next is asked for. An incomplete last window is dropped; a
        track that fills no window at all gives one shorter view, with all there is of it.
        A track of no more than `pad_samples` samples cannot be reflected and gives none.
    """
    buffer = np.empty(2 * window_samples + 2 * pad_samples + 1, np.float32)
    start = 0  # of the next window; behind `fill` where the hop is longer than the window
    fill = pad_samples  # the continuation of the track's first end is written later
    begun = False
    windows = 0
    for chunk in chunks:
        samples = np.asarray(chunk, np.float32)
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
    if not begun:
        return
    start, fill = _keep(buffer, start, fill, pad_samples)
    buffer[fill : fill + pad_samples] = buffer[fill - 1 - pad_samples : fill - 1][::-1]
    fill += pad_samples
    while fill - start >= window_samples:
        yield buffer[start : start + window_samples]
        windows += 1
        start += hop_samples
    if not windows:
        yield buffer[start:fill]


def _keep(
    buffer: npt.NDArray[np.float32], start: int, fill: int, pad_samples: int
) -> tuple[int, int]:
    """Move to the front what the next window, or the reflection of the end, still needs."""
    first = min(start, fill - pad_samples - 1)
    buffer[: fill - first] = buffer[first:fill]
    return start - first, fill - first
