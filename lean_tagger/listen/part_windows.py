"""Single windows of a track: only the part around each window is decoded.

A window here has exactly the samples of the same window in the full pass. So a part begins at
a sample where the resampler's output grid meets the input grid, and earlier by the filter's
reach. The first and last windows are not available: they extend the track's ends, and a decoder
cannot start within the first moments.
"""

from math import gcd

import numpy as np
import numpy.typing as npt

from lean_tagger.card import ModelSpec
from lean_tagger.listen.decode.packet_finders import Unsteady
from lean_tagger.listen.decode.parts import Parts
from lean_tagger.listen.resample import resample
from lean_tagger.listen.windows import count_windows

WARM_SECONDS = 0.5
"""Earliest start of a part; see `Parts.read`."""

MARGIN_SECONDS = 0.1
"""Least distance of a part from the end, where a container may be wrong by a packet."""


class PartWindows:
    """Windows of one track, in any order.

    Parameters
    ----------
    segments : Parts
        The track; the caller closes it.
    card : ModelSpec
        Gives rate, filter and windows.
    hop_frames : int
        Patch frames from one window to the next.

    Attributes
    ----------
    n_windows : int
        Number of windows of the whole track, as from `windows.Rolling`.
    usable : range
        Numbers of the windows that `window` can give.
    seconds : float
        Length of the windows given so far.
    seconds_skipped : float
        0, since a part with damage is not given.
    """

    seconds_skipped = 0.0

    def __init__(self, segments: Parts, card: ModelSpec, *, hop_frames: int) -> None:
        self._segments, self._card = segments, card
        self._hop_samples = hop_frames * card.frontend.hop_samples
        rate_in, rate_out = segments.rate_hz, card.sample_rate_hz
        divisor = gcd(rate_in, rate_out)
        self._up, self._down = rate_out // divisor, rate_in // divisor
        # Taps on each side, in input samples; more if the filter is stretched.
        reach = card.resampler.reach_samples * max(1.0, rate_in / rate_out) * 1.02
        self._reach = 0 if rate_in == rate_out else int(reach) + 2
        self.n_windows = count_windows(
            -(-segments.samples * self._up // self._down),
            window_samples=card.window_samples,
            hop_samples=self._hop_samples,
            pad_samples=card.pad_samples,
            ends=card.ends,
        )
        self.usable = self._find_usable()
        self._given = 0
        self.seconds = 0.0

    def progress(self) -> float:
        """Return the share of the windows given so far."""
        return self._given / max(1, self.n_windows)

    def window(self, number: int) -> npt.NDArray[np.float32]:
        """Return the samples of a window, (window_samples,) float32.

        Raises
        ------
        Unsteady
            The track cannot be heard in parts.
        """
        size, rate_hz = self._card.window_samples, self._card.sample_rate_hz
        first, count, skipped = self._span(number)
        chunks = resample(
            self._segments.read(first, count),
            self._card.resampler,
            rate_hz=rate_hz,
            chunk_samples=skipped + size,
        )
        found = np.asarray(next(iter(chunks), memoryview(b"")), np.float32)
        if len(found) < skipped + size:
            raise Unsteady("a part of it was too short")
        self._given += 1
        self.seconds += size / rate_hz
        return found[skipped:]

    def _span(self, number: int) -> tuple[int, int, int]:
        """Return first sample and length of a window's input, and the outputs before it."""
        start = number * self._hop_samples - self._card.pad_samples
        if self._up == self._down:
            return start, self._card.window_samples, 0
        group = max(0, start * self._down // self._up - self._reach) // self._down
        end = -(-(start + self._card.window_samples) * self._down // self._up) + self._reach
        first = group * self._down
        return first, end - first, start - group * self._up

    def _find_usable(self) -> range:
        rate_hz = self._segments.rate_hz
        earliest, latest = WARM_SECONDS * rate_hz, self._segments.samples - MARGIN_SECONDS * rate_hz
        first, stop = 0, self.n_windows
        while first < stop and self._span(first)[0] < earliest:
            first += 1
        while first < stop and sum(self._span(stop - 1)[:2]) > latest:
            stop -= 1
        return range(first, stop)
