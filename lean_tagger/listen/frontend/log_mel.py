"""Log-mel patches."""

from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.card import LogMelSpec
from lean_tagger.listen.frontend.mel_filters import mel_filters

BLOCK_FRAMES = 48
"""Patch frames per transform: their spectra fit into a core's cache."""

LN_10 = np.log(10.0)

LARGEST_FLOAT16 = np.float32(65504.0)
_SMALLEST_NORMAL_FLOAT16 = np.float32(2.0**-14)
_EXPONENT_BITS = np.int32(0x7F800000)  # of a float32
_DROPPED = np.float32(2.0**13)  # a float16 has 13 bits less


class LogMel:
    """A log-mel front-end: call it with a window, get a patch.

    The steps are those of `card.LogMelSpec`, in that order.
    If patches are cut from the whole track's spectrogram, the window already includes the
    extension of the track's ends, so frame 0 is centred on the track's first sample without any
    padding here. If the card cuts the track first, the window is extended here.

    Parameters
    ----------
    spec : LogMelSpec
        The constants.
    sample_rate_hz : int
        Of the windows.
    patch_frames : int
        Rows of a patch.
    """

    def __init__(self, spec: LogMelSpec, *, sample_rate_hz: int, patch_frames: int) -> None:
        bins = spec.n_fft // 2 + 1
        block = min(patch_frames, BLOCK_FRAMES)
        self._spec = spec
        self._hann = _hann(spec)
        self._mel = np.ascontiguousarray(mel_filters(spec, sample_rate_hz).T)
        real, whole = _PRECISIONS[spec.fft_precision]
        # Zeros: nothing is written after a window that is shorter than the transform.
        self._framed = np.zeros((block, spec.n_fft), real)
        self._spectrum = np.empty((block, bins), whole)
        self._power = np.empty((block, bins), np.float32)
        rounded = spec.mel_rounding == "float16"
        self._steps = np.empty((patch_frames, spec.n_mels), np.float32) if rounded else None
        self._patch = np.empty((1, patch_frames, spec.n_mels), np.float32)
        own = 0 if spec.patch_samples is None else spec.patch_samples + 2 * spec.pad_samples
        self._padded = np.empty(own, np.float32)

    def __call__(self, window: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the patch of one window.

        Parameters
        ----------
        window : (n,) float32
            `ModelSpec.window_samples` samples. Fewer, but at least `Ends.least_samples`,
            give fewer frames, which are repeated to fill the patch.

        Returns
        -------
        (1, patch_frames, n_mels) float32
            Owned by this object and valid until the next call.
        """
        patch, spec = self._patch[0], self._spec
        if spec.patch_samples is not None:
            window = self._continued(window)
        length, hop = spec.transform_samples, spec.hop_samples
        count = min(len(patch), (len(window) - length) // hop + 1)
        frames = np.lib.stride_tricks.as_strided(
            window, (count, length), (hop * window.itemsize, window.itemsize)
        )
        mel = patch[:count]
        for first in range(0, count, BLOCK_FRAMES):
            self._bands(frames[first : first + BLOCK_FRAMES], mel[first : first + BLOCK_FRAMES])
        if self._steps is not None:
            round_to_float16(mel, self._steps[:count])  # as the original stored its spectrograms
        self._compress(mel)
        if spec.range_below_max is not None:
            np.maximum(mel, mel.max() - np.float32(spec.range_below_max), out=mel)
        if spec.mean:
            mel -= np.float32(spec.mean)
        if spec.divisor != 1.0:
            mel *= np.float32(1.0 / spec.divisor)
        for row in range(count, len(patch), count):
            rest = min(count, len(patch) - row)
            patch[row : row + rest] = patch[:rest]
        return self._patch

    def _continued(self, window: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the window with both ends extended."""
        pad, length = self._spec.pad_samples, len(window)
        padded = self._padded[: length + 2 * pad]
        padded[pad : pad + length] = window
        if pad and self._spec.padding == "reflect":
            padded[:pad] = padded[2 * pad : pad : -1]
            padded[pad + length :] = padded[length - 1 : pad + length - 1][::-1]
        elif pad:
            padded[:pad] = padded[pad + length :] = 0.0
        return padded

    def _bands(self, frames: npt.NDArray[np.float32], mel: npt.NDArray[np.float32]) -> None:
        """Write the mel bands of at most `BLOCK_FRAMES` frames."""
        count, length = frames.shape
        framed = self._framed[:count]
        np.multiply(frames, self._hann, out=framed[:, :length])
        # float32 in, complex64 out since NumPy 2; its type hints still say complex128.
        spectrum = np.fft.rfft(framed, out=self._spectrum[:count])
        # |z|² by hand: abs() would take a root that is squared again.
        parts = spectrum.view(framed.dtype)
        np.square(parts, out=parts)
        power: npt.NDArray[Any] = self._power[:count]
        np.add(parts[:, 0::2], parts[:, 1::2], out=power, casting="same_kind")
        if self._spec.spectrum == "magnitude":
            np.sqrt(power, out=power)
        np.matmul(power, self._mel, out=mel)

    def _compress(self, mel: npt.NDArray[np.float32]) -> None:
        # The natural logarithm of float32 is vectorised, log10 is not: 10 times faster.
        spec = self._spec
        if spec.compression == "log10_gain":
            mel *= np.float32(spec.log_gain)
            mel += np.float32(1.0)
            np.log(mel, out=mel)
            mel *= np.float32(1.0 / LN_10)
        elif spec.compression == "ln_offset":
            mel += np.float32(spec.log_offset)
            np.log(mel, out=mel)
        elif spec.compression != "none":
            np.maximum(mel, np.float32(spec.log_floor), out=mel)
            np.log(mel, out=mel)
            mel *= np.float32((10.0 if spec.compression == "db" else 1.0) / LN_10)


def round_to_float16(values: npt.NDArray[np.float32], steps: npt.NDArray[np.float32]) -> None:
    """Round to the nearest float16, in place; larger values become the largest float16.

    The result is the same as from NumPy's conversion there and back, which takes ten times as
    long. Adding a power of two 13 bits above a number rounds it to a float16's precision, ties to
    even.

    Parameters
    ----------
    values : (...) float32
        Not negative.
    steps : (...) float32
        Scratch space of the same shape.
    """
    np.minimum(values, LARGEST_FLOAT16, out=values)
    np.bitwise_and(values.view(np.int32), _EXPONENT_BITS, out=steps.view(np.int32))
    np.maximum(steps, _SMALLEST_NORMAL_FLOAT16, out=steps)  # below it, all steps are equal
    steps *= _DROPPED
    values += steps
    values -= steps


_PRECISIONS: dict[str, tuple[Any, Any]] = {
    "float32": (np.float32, np.complex64),
    "float64": (np.float64, np.complex128),
}


def _hann(spec: LogMelSpec) -> npt.NDArray[Any]:
    """Return the window, as precise as the transform."""
    length = spec.transform_samples
    hann = np.hanning(length) if spec.window == "hann_symmetric" else np.hanning(length + 1)[:-1]
    return hann.astype(_PRECISIONS[spec.fft_precision][0])
