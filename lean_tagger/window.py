"""Roll a window over the chunks.

One buffer is allocated, and every window is a view of it. The two ends of the *track*, and
only these, are continued by reflection, as a centred STFT of the whole track would do it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["Rolling", "roll"]


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
    rolling = Rolling(
        window_samples=window_samples, hop_samples=hop_samples, pad_samples=pad_samples
    )
    for chunk in chunks:
        yield from rolling.push(chunk)
    yield from rolling.finish()


class Rolling:
    """What `roll` does, for those who have one chunk at a time and share it with others.

    Parameters
    ----------
    window_samples, hop_samples, pad_samples : int
        As for `roll`.
    """

    def __init__(self, *, window_samples: int, hop_samples: int, pad_samples: int) -> None:
        self._window, self._hop, self._pad = window_samples, hop_samples, pad_samples
        self._buffer = np.empty(2 * window_samples + 2 * pad_samples + 1, np.float32)
        self._start = 0  # of the next window; behind `fill` where the hop is longer than it
        self._fill = pad_samples  # the continuation of the track's first end is written later
        self._begun = False
        self._windows = 0

    def push(self, chunk: memoryview) -> Iterator[npt.NDArray[np.float32]]:
        """Take a chunk; yield the windows that it completes, each as `roll` does."""
        buffer, pad = self._buffer, self._pad
        samples = np.asarray(chunk, np.float32)
        taken = 0
        while taken < len(samples):
            count = min(len(samples) - taken, len(buffer) - self._fill)
            buffer[self._fill : self._fill + count] = samples[taken : taken + count]
            taken += count
            self._fill += count
            if not self._begun and self._fill > 2 * pad:
                buffer[:pad] = buffer[2 * pad : pad : -1]
                self._begun = True
            if self._begun:
                yield from self._complete()
            if self._fill == len(buffer):
                self._keep()

    def finish(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the windows that reach into the continuation of the track's last end."""
        if not self._begun:
            return
        self._keep()
        fill, pad = self._fill, self._pad
        self._buffer[fill : fill + pad] = self._buffer[fill - 1 - pad : fill - 1][::-1]
        self._fill += pad
        yield from self._complete()
        if not self._windows:
            yield self._buffer[self._start : self._fill]

    def _complete(self) -> Iterator[npt.NDArray[np.float32]]:
        while self._fill - self._start >= self._window:
            yield self._buffer[self._start : self._start + self._window]
            self._windows += 1
            self._start += self._hop

    def _keep(self) -> None:
        """Move to the front what the next window, or the reflection of the end, still needs."""
        first = min(self._start, self._fill - self._pad - 1)
        self._buffer[: self._fill - first] = self._buffer[first : self._fill]
        self._start -= first
        self._fill -= first
