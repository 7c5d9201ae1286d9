"""Roll a window over the chunks.

One buffer is allocated, and every window is a view of it. Only the two ends of the *track* are
extended, as in a centred STFT of the whole track.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from lean_tagger.card import Ends

REFLECTED = Ends()

Floats = npt.NDArray[np.float32]


class Rolling:
    """The windows of a track, from one chunk after the other.

    Parameters
    ----------
    window_samples, hop_samples : int
        Length and stride of the windows, above 0; `window_samples` at least
        ``2 · pad_samples``.
    pad_samples : int
        Number of samples by which each end of the track is extended. Reflected, that is
        ``x[pad] … x[1]`` before ``x[0]``, and the same mirrored after the last.
    ends : Ends
        How they are extended, and what happens to samples that do not fill a window.

    Notes
    -----
    A track of no more than `pad_samples` samples cannot be reflected and gives no window.

    With ``repeat`` there is a last window whenever a patch frame lies after the start of the next
    window. With ``zero`` and ``repeat_samples`` there is one only if some samples are in no window
    yet, and then the end is not extended in another way.
    """

    def __init__(
        self, *, window_samples: int, hop_samples: int, pad_samples: int, ends: Ends = REFLECTED
    ) -> None:
        self._window, self._hop, self._pad, self._ends = (
            window_samples,
            hop_samples,
            pad_samples,
            ends,
        )
        spare = pad_samples + ends.grid_samples
        self._buffer = np.empty(2 * window_samples + pad_samples + spare + 1, np.float32)
        self._buffer[:pad_samples] = 0.0
        self._start = 0  # of the next window; after `fill` if the hop is longer than it
        self._fill = pad_samples  # the extension of the track's start is written later
        self._begun = ends.padding != "reflect"
        self._windows = self._seen = 0

    def push(self, chunk: memoryview | Floats) -> Iterator[Floats]:
        """Take samples, (n,) float32; yield the windows that they complete.

        Yields
        ------
        (window_samples,) float32
            A view, valid until the next is asked for.
        """
        buffer, pad = self._buffer, self._pad
        samples = np.asarray(chunk, np.float32)
        self._seen += len(samples)
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

    def finish(self) -> Iterator[Floats]:
        """Yield the windows that reach into the extension of the track's end.

        The last is shorter if it should be made of fewer patch frames (``repeat``).
        """
        if not self._begun or not self._seen:
            return
        self._keep()
        buffer, fill, ends = self._buffer, self._fill, self._ends
        end = _end_samples(self._seen, self._pad, ends)
        short = not self._windows and fill + end < self._window
        rule = ends.short_track if short else ends.last_patch
        if rule in {"zero", "repeat_samples"}:
            start = self._start
            covered = start - self._hop + self._window if self._windows else start
            if covered < fill and start < fill:
                yield _filled(buffer[start : start + self._window], fill - start, rule)
            return
        if ends.padding == "reflect":
            buffer[fill : fill + end] = buffer[fill - 1 - end : fill - 1][::-1]
        else:
            buffer[fill : fill + end] = 0.0
        self._fill += end
        yield from self._complete()
        if rule == "repeat" and self._fill - self._start >= ends.least_samples:
            yield buffer[self._start : self._fill]

    def _complete(self) -> Iterator[Floats]:
        while self._fill - self._start >= self._window:
            yield self._buffer[self._start : self._start + self._window]
            self._windows += 1
            self._start += self._hop

    def _keep(self) -> None:
        """Move what the next window or the end's reflection needs to the front."""
        first = min(self._start, self._fill - self._pad - 1)
        self._buffer[: self._fill - first] = self._buffer[first : self._fill]
        self._start -= first
        self._fill -= first


def count_windows(
    samples: int,
    *,
    window_samples: int,
    hop_samples: int,
    pad_samples: int,
    ends: Ends = REFLECTED,
) -> int:
    """Return how many windows `Rolling` yields for so many samples, in constant time."""
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
    """Return the number of samples by which the second end is extended."""
    past = -samples % ends.grid_samples if ends.padding == "zero_past_end" else 0
    return pad_samples + past


def _filled(window: Floats, count: int, rule: str) -> Floats:
    """Fill a window after its first `count` samples."""
    copies = len(window) // count if rule == "repeat_samples" else 1
    for copy in range(1, copies):
        window[copy * count : (copy + 1) * count] = window[:count]
    window[copies * count :] = 0.0
    return window
