"""Turn a window of samples into a log-mel patch.

Every constant comes from the card (`spec.FrontendSpec`). All arrays are allocated once; the
FFT and the mel product write into them.
"""

import numpy as np
import numpy.typing as npt

from lean_tagger.spec import FrontendSpec

__all__ = ["LogMel", "mel_filters"]


class LogMel:
    """A log-mel front-end: call it with a window, get a patch.

    The short-time Fourier transform takes `n_fft` samples under a periodic Hann window every
    `hop_samples`; the power spectrum goes through the mel filters, is rounded where the card
    says so, and through ``log10(1 + c·x)``.
    The window already holds the continuation of the track's ends, so that frame 0 is
    centred on the track's first sample without any padding here.

    Parameters
    ----------
    spec : FrontendSpec
        The constants.
    sample_rate_hz : int
        Of the windows.
    patch_frames : int
        Rows of a patch.
    """

    def __init__(self, spec: FrontendSpec, *, sample_rate_hz: int, patch_frames: int) -> None:
        bins = spec.n_fft // 2 + 1
        self._spec = spec
        self._hann = np.hanning(spec.n_fft + 1)[:-1].astype(np.float32)
        self._mel = np.ascontiguousarray(mel_filters(spec, sample_rate_hz).T)
        self._framed = np.empty((patch_frames, spec.n_fft), np.float32)
        self._spectrum = np.empty((patch_frames, bins), np.complex64)
        self._power = np.empty((patch_frames, bins), np.float32)
        rounded = spec.mel_rounding == "float16"
        self._half = np.empty((patch_frames, spec.n_mels), np.float16) if rounded else None
        self._patch = np.empty((1, patch_frames, spec.n_mels), np.float32)

    def __call__(self, window: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the patch of one window.

        Parameters
        ----------
        window : (n,) float32
            ``(patch_frames - 1) · hop_samples + n_fft`` samples. Fewer, but at least
            `n_fft`, is a track shorter than a patch: its frames are repeated to fill one,
            as the networks were trained.

        Returns
        -------
        (1, patch_frames, n_mels) float32
            0 and above; owned by this object and valid until the next call.
        """
        patch = self._patch[0]
        hop, n_fft = self._spec.hop_samples, self._spec.n_fft
        count = min(len(patch), (len(window) - n_fft) // hop + 1)
        frames = np.lib.stride_tricks.as_strided(
            window, (count, n_fft), (hop * window.itemsize, window.itemsize)
        )
        np.multiply(frames, self._hann, out=self._framed[:count])
        # float32 in, complex64 out since NumPy 2; its type hints still say complex128.
        spectrum = np.fft.rfft(self._framed[:count], out=self._spectrum[:count])  # type: ignore[arg-type]
        # |z|² by hand: abs() would take a root only to have it squared again.
        parts = spectrum.view(np.float32)
        np.square(parts, out=parts)
        power = np.add(parts[:, 0::2], parts[:, 1::2], out=self._power[:count])
        np.matmul(power, self._mel, out=patch[:count])
        mel = patch[:count]
        if self._half is not None:
            # As the original stored its spectrograms; 65504 is as far as float16 goes.
            half = self._half[:count]
            np.minimum(mel, np.float32(65504.0), out=mel)
            np.copyto(half, mel, casting="same_kind")
            np.copyto(mel, half)
        mel *= np.float32(self._spec.log_gain)
        mel += np.float32(1.0)
        # The natural logarithm of float32 is vectorised, log10 is not: 10 times faster.
        np.log(mel, out=mel)
        mel *= np.float32(1.0 / np.log(10.0))
        for row in range(count, len(patch), count):
            rest = min(count, len(patch) - row)
            patch[row : row + rest] = patch[:rest]
        return self._patch


def mel_filters(spec: FrontendSpec, sample_rate_hz: int) -> npt.NDArray[np.float32]:
    """Return the mel filter bank.

    Triangles between neighbouring points of the mel scale, each scaled to unit area
    (M. Slaney, "Auditory Toolbox", Interval Research TR 1998-010).

    Returns
    -------
    (n_mels, n_fft // 2 + 1) float32
        Weights of power-spectrum bins, 0 and above.
    """
    low, high = _hz_to_mel(np.array([spec.f_min_hz, spec.f_max_hz]))
    edges = _mel_to_hz(np.linspace(low, high, spec.n_mels + 2))
    bins = np.fft.rfftfreq(spec.n_fft, 1.0 / sample_rate_hz)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    weights = np.maximum(0.0, np.minimum(rising, falling)) * area[:, None]
    return weights.astype(np.float32)


# Slaney's scale: linear below 1 kHz, logarithmic above, 27 steps for a factor of 6.4.
_LINEAR_HZ = 200.0 / 3.0
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0


def _hz_to_mel(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz / _LINEAR_HZ, above)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _LINEAR_HZ, above)
