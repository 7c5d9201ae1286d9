"""Mel filter banks."""

import numpy as np
import numpy.typing as npt

from lean_tagger.card import LogMelSpec

Floats = npt.NDArray[np.float64]


def mel_filters(spec: LogMelSpec, sample_rate_hz: int) -> npt.NDArray[np.float32]:
    """Return the mel filter bank.

    Triangles between neighbouring points of the mel scale: of unit area over Hz (M. Slaney,
    "Auditory Toolbox", Interval Research TR 1998-010) or of unit height; straight over Hz or, as
    in the HTK book (S. Young et al., section 5.4), over mel.

    Returns
    -------
    (n_mels, n_fft // 2 + 1) float32
        Weights of the spectrum's bins, 0 and above.
    """
    to_mel, to_hz = _SCALES[spec.mel_scale]
    low, high = to_mel(np.array([spec.f_min_hz, spec.f_max_hz]))
    points = np.linspace(low, high, spec.n_mels + 2).astype(np.float64)
    if spec.mel_steps == "float32":
        steps = np.full(spec.n_mels + 2, (high - low) / (spec.n_mels + 1), np.float32)
        steps[0] = low
        points = np.add.accumulate(steps).astype(np.float64)
    edges: Floats = to_hz(points)
    bins = np.fft.rfftfreq(spec.n_fft, 1.0 / sample_rate_hz).astype(np.float64)
    if spec.mel_triangles == "mel":
        weights = _triangles(to_mel(bins), points)
    else:
        weights = _triangles(bins, edges)
    if spec.mel_norm == "slaney":
        weights *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return weights.astype(np.float32)


def _triangles(bins: Floats, edges: Floats) -> Floats:
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights: Floats = np.maximum(0.0, np.minimum(rising, falling))
    return weights


# Slaney's scale: linear below 1 kHz, logarithmic above, 27 steps for a factor of 6.4.
_LINEAR_HZ = 200.0 / 3.0
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0


def _hz_to_slaney(hz: Floats) -> Floats:
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz / _LINEAR_HZ, above)


def _slaney_to_hz(mel: Floats) -> Floats:
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _LINEAR_HZ, above)


# HTK's scale, often given as 1127·ln; the factor makes no difference, only ratios count.
def _hz_to_htk(hz: Floats) -> Floats:
    mel: Floats = 2595.0 * np.log10(1.0 + hz / 700.0)
    return mel


def _htk_to_hz(mel: Floats) -> Floats:
    hz: Floats = 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    return hz


_SCALES = {"slaney": (_hz_to_slaney, _slaney_to_hz), "htk": (_hz_to_htk, _htk_to_hz)}
