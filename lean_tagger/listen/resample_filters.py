"""The filters of resamplers, as functions from a position between two samples to tap weights.

Each is used by the makers of some network. With ``r = rate_out / rate_in`` and
``m = min(1, r)``:

windowed_sinc
    A windowed sinc (J. O. Smith, "Digital Audio Resampling Home Page", CCRMA) sampled into a
    table of ``steps`` entries per zero crossing, which is read by linear interpolation, as in
    resampy 0.2. The taps' weights are the table read every ``int(m · steps)`` entries, scaled by
    ``m``. The stride is *truncated* (185, not 185.76, for 44.1 → 16 kHz), which lowers the
    cutoff and adds up to 0.4 % of gain. That is part of the filter.
libsamplerate_sinc
    The same with the exact stride, ``m · steps``, rounded to 1/4096 of an entry. The impulse
    response of libsamplerate's ``SRC_SINC_MEDIUM_QUALITY`` was measured through the package
    ``samplerate`` 0.2: it is a Kaiser window over a sinc. The constants were fitted to 2e-7, the
    rounding of float32.
libsamplerate_linear
    ``SRC_LINEAR``, measured in the same way: a line between neighbours, one input sample late,
    that begins as if the first sample came twice.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lean_tagger.card import AnyResampler, LibsamplerateSincSpec, ResamplerSpec

Doubles = npt.NDArray[np.float64]

_FIXED_POINT = 1 << 12
"""Fractions of a table entry in libsamplerate."""


class Filter(Protocol):
    """A filter for one ratio of rates.

    Attributes
    ----------
    half_taps : int
        Taps on each side of an output.
    holds_first : bool
        Copies of the first sample precede it; otherwise silence.
    """

    half_taps: int
    holds_first: bool

    def __hash__(self) -> int:
        """As for any object: tables are cached by filter."""

    def weights(self, fraction: Doubles) -> Doubles:
        """Return the weights of the taps of outputs that lie between two input samples.

        Parameters
        ----------
        fraction : (n,) float64
            Distance of each output from the last input sample at or before it, 0 to 1.

        Returns
        -------
        (n, 2 · half_taps) float64
            For the inputs ``half_taps - 1`` before that sample to ``half_taps`` after it.
        """


class _TruncatedSinc:
    """The interpolated table of resampy 0.2, with a whole stride."""

    holds_first = False

    def __init__(self, spec: ResamplerSpec, ratio: float) -> None:
        size = spec.zero_crossings * spec.table_steps
        crossings = np.linspace(0.0, spec.zero_crossings, size + 1)
        window = np.kaiser(2 * size + 1, spec.kaiser_beta)[size:]
        self._gain = min(1.0, ratio)
        self._steps = spec.table_steps
        table = self._gain * spec.rolloff * np.sinc(spec.rolloff * crossings) * window
        stride = int(self._gain * spec.table_steps)
        self.half_taps = (size + 1) // stride
        # Row `first` has the entries first, first + stride, …: floor((size + 1 - first) /
        # stride) of them, as in resampy, then zeros.
        starts = np.arange(int(self._gain * spec.table_steps) + 2)[:, None]
        index = starts + np.arange(self.half_taps) * stride
        inside = np.arange(self.half_taps) < (size + 1 - starts) // stride
        index = np.minimum(index, size)
        self._values = np.where(inside, table[index], 0.0)
        self._slopes = np.where(inside, np.append(np.diff(table), 0.0)[index], 0.0)

    def weights(self, fraction: Doubles) -> Doubles:
        """As `Filter.weights`."""
        left = self._wing(self._gain * fraction)
        right = self._wing(self._gain * (1.0 - fraction))
        return np.concatenate([left[:, ::-1], right], axis=1)

    def _wing(self, distance: Doubles) -> Doubles:
        """Read the table from `distance` (in zero crossings) outwards, one entry per stride."""
        position = distance * self._steps
        first = position.astype(np.int64)
        weights = self._slopes[first]
        weights *= (position - first)[:, None]
        weights += self._values[first]
        return weights


class _Sinc:
    """The interpolated table of libsamplerate, with a fractional stride."""

    holds_first = False

    def __init__(self, spec: LibsamplerateSincSpec, ratio: float) -> None:
        size = int(spec.half_width * spec.table_steps)
        at = np.arange(size + 2) / spec.table_steps
        inside = np.clip(1.0 - (at / spec.half_width) ** 2, 0.0, None)
        window = np.i0(spec.kaiser_beta * np.sqrt(inside)) / np.i0(spec.kaiser_beta)
        gain = min(1.0, ratio)
        table = gain * spec.rolloff * np.sinc(spec.rolloff * at) * window
        table[-1] = 0.0  # read for all that lies beyond
        self._values, self._slopes = table, np.append(np.diff(table[:-1]), [0.0, 0.0])
        self._entries = gain * spec.table_steps  # from one input sample to the next
        self._stride = _fixed(np.array(self._entries))
        self.half_taps = int(size / self._stride) + 1

    def weights(self, fraction: Doubles) -> Doubles:
        """As `Filter.weights`."""
        start = _fixed(fraction * self._entries)
        taps = np.arange(self.half_taps) * self._stride
        left = self._read(start[:, None] + taps)
        right = self._read(self._stride - start[:, None] + taps)
        return np.concatenate([left[:, ::-1], right], axis=1)

    def _read(self, position: Doubles) -> Doubles:
        """Read the table between its entries; 0 after the last."""
        entry = np.minimum(position.astype(np.int64), len(self._values) - 1)
        weights: Doubles = self._values[entry] + (position - entry) * self._slopes[entry]
        return weights


def _fixed(entries: Doubles) -> Doubles:
    """Return positions in a table, rounded as in libsamplerate."""
    return np.rint(entries * _FIXED_POINT) / _FIXED_POINT


class _Line:
    """A line from each sample to the next, one sample late."""

    half_taps = 2
    holds_first = True

    def weights(self, fraction: Doubles) -> Doubles:
        """As `Filter.weights`."""
        none = np.zeros_like(fraction)
        return np.stack([1.0 - fraction, fraction, none, none], axis=1)


_FILTERS: dict[str, Callable[[Any, float], Filter]] = {
    "windowed_sinc": _TruncatedSinc,
    "libsamplerate_sinc": _Sinc,
    "libsamplerate_linear": lambda _spec, _ratio: _Line(),
}
"""Filters by the ``kind`` of the resampler in a card."""


@lru_cache(maxsize=4)  # a library has few rates, and a table takes 3 ms
def filter_of(spec: AnyResampler, ratio: float) -> Filter:
    """Return the filter of a resampler, for a ratio of the rate out to the rate in."""
    return _FILTERS[spec.kind](spec, ratio)
