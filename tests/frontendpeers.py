"""The front-ends of the families as others compute them, each from its own publication.

A peer takes a whole track's samples, (n,) float32 at the family's rate, and returns its patches,
(windows, frames, bands). Constants are written out here, not read from the cards. librosa
computes in float64, so that what remains is our rounding; Essentia computes in float32.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]


def cut(spectrogram: Floats, frames: int, hop: int) -> Floats:
    """Return whole patches; of a shorter spectrogram one, its rows repeated to fill it."""
    if len(spectrogram) < frames:
        return np.resize(spectrogram, (1, frames, spectrogram.shape[1]))
    starts = range(0, len(spectrogram) - frames + 1, hop)
    return np.stack([spectrogram[start : start + frames] for start in starts])


def _mel(samples: Floats, rate: int, n_fft: int, hop: int, bands: int, **more: Any) -> Floats:
    import librosa

    options = {"pad_mode": "reflect"} | more
    mel = librosa.feature.melspectrogram(
        y=samples.astype(np.float64),
        sr=rate,
        n_fft=n_fft,
        hop_length=hop,
        n_mels=bands,
        **options,
    )
    return mel.T


def musicnn(samples: Floats) -> Floats:
    """Without the original's rounding to float16."""
    return cut(np.log10(1 + 1e4 * _mel(samples, 16000, 512, 256, 96)), 187, 187)


def _symmetric_hann(length: int) -> Floats:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))


def _to_grid(samples: Floats, hop: int) -> Floats:
    """Append zeros until a frame's middle is at the end or behind, as FrameCutter does."""
    return np.pad(samples, (0, -len(samples) % hop))


def _like_essentias_musicnn(samples: Floats) -> Floats:
    import librosa

    padded = _to_grid(samples, 256).astype(np.float64)
    window = _symmetric_hann(512)
    spectrum = librosa.stft(padded, n_fft=512, hop_length=256, window=window, pad_mode="constant")
    hz = np.array([_slaney_hz(mel) for mel in _added_up(0.0, _SLANEY_8000, 96)])
    weights = _triangles(np.arange(257) * 31.25, hz) * (2.0 / (hz[2:] - hz[:-2]))
    return np.log10(1 + 1e4 * (np.abs(spectrum).T ** 2 @ weights))


_SLANEY_8000 = 15.0 + 27.0 * math.log(8.0) / math.log(6.4)


def _slaney_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def _added_up(low: float, high: float, bands: int) -> list[float]:
    """As Essentia's MelBands finds its edges: float32, one step after the other."""
    step, at, places = np.float32((high - low) / (bands + 1)), np.float32(low), []
    for _ in range(bands + 2):
        places.append(float(at))
        at = np.float32(at + step)
    return places


def _triangles(bins: Floats, edges: Floats) -> Floats:
    rows = [np.interp(bins, edges[i : i + 3], [0, 1, 0], 0, 0) for i in range(len(edges) - 2)]
    return np.array(rows).T


def _log_warped(samples: Floats, window: Floats, offset: float, edges: Floats) -> Floats:
    """Of frames of 400 samples: librosa centres these in the transform's 512."""
    import librosa

    margins = np.pad(samples.astype(np.float64), 56)
    spectrum = librosa.stft(
        margins, n_fft=512, hop_length=160, win_length=400, window=window, center=False
    )
    mel = 1127.0 * np.log1p(np.arange(257) * 31.25 / 700.0)
    return np.log(np.abs(spectrum).T @ _triangles(mel, edges) + offset)


_LOW, _HIGH = 1127.0 * math.log1p(125.0 / 700.0), 1127.0 * math.log1p(7500.0 / 700.0)
_EDGES = np.linspace(_LOW, _HIGH, 66)
"""Of VGGish's and YAMNet's 64 bands, in mel."""


def _periodic_hann(length: int) -> Floats:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def vggish(samples: Floats) -> Floats:
    return cut(_log_warped(samples, _periodic_hann(400), 0.01, _EDGES), 96, 96)


def yamnet(samples: Floats) -> Floats:
    least, hop = 15600, 7680  # 0.96 s and the rest of the last frame; 0.48 s
    missing = least - len(samples) if len(samples) < least else -(len(samples) - least) % hop
    padded = np.pad(samples, (0, missing))
    return cut(_log_warped(padded, _periodic_hann(400), 0.001, _EDGES), 96, 48)


def essentia_vggish_by_librosa(samples: Floats) -> Floats:
    padded = np.pad(_to_grid(samples, 160), 200)
    scale = 2595.0 / (1127.0 * math.log(10.0))  # Essentia's own constant: it rounds elsewhere
    edges = np.array(_added_up(_LOW * scale, _HIGH * scale, 64)) / scale
    return cut(_log_warped(padded, _symmetric_hann(400), 0.01, edges), 96, 93)


def _pieces(samples: Floats, length: int, hop: int) -> list[Floats]:
    return [samples[at : at + length] for at in range(0, len(samples) - length + 1, hop)]


def panns(samples: Floats) -> Floats:
    pieces = _pieces(samples, 320_000, 320_000) or [np.pad(samples, (0, 320_000 - len(samples)))]
    return np.stack([_decibels(p, 32000, 320) for p in pieces])


def clap(samples: Floats) -> Floats:
    pieces = _pieces(samples, 480_000, 480_000)
    if not pieces:
        whole = np.tile(samples, 480_000 // len(samples))
        pieces = [np.pad(whole, (0, 480_000 - len(whole)))]
    return np.stack([_decibels(p, 48000, 480) for p in pieces])


def _decibels(samples: Floats, rate: int, hop: int) -> Floats:
    import librosa

    mel = _mel(samples, rate, 1024, hop, 64, fmin=50, fmax=14000)
    return librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None)


def mtr(samples: Floats) -> Floats:
    pieces = _pieces(samples, 220_500, 220_440) or [np.pad(samples, (0, 220_500 - len(samples)))]
    patches = []
    for piece in pieces:
        log = np.log10(np.maximum(_mel(piece, 22050, 1024, 220, 128)[:-1], 1e-10))
        patches.append((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0)
    return np.stack(patches)


def _maest(spectrogram: Callable[[Floats], Floats], frames: int, hop: int) -> Any:
    def peer(samples: Floats) -> Floats:
        logs = spectrogram(samples).astype(np.float64)
        return cut((logs - 2.06755686098554) / (2 * 1.268292820667291), frames, hop)

    return peer


def _by_essentia(algorithm: str, frame: int, hop: int) -> Callable[[Floats], Floats]:
    """Run Essentia's own network of algorithms, as its Tensorflow… predictors do."""

    def spectrogram(samples: Floats) -> Floats:
        import essentia
        from essentia import streaming

        pool = essentia.Pool()
        source = streaming.VectorInput(samples)
        # Noise in the place of digital silence is the predictors' default, and random.
        cutter = streaming.FrameCutter(frameSize=frame, hopSize=hop, silentFrames="keep")
        mel = getattr(streaming, algorithm)()
        source.data >> cutter.signal
        cutter.frame >> mel.frame
        mel.bands >> (pool, "bands")
        essentia.run(source)
        return pool["bands"]

    return spectrogram


_ESSENTIAS_MUSICNN = _by_essentia("TensorflowInputMusiCNN", 512, 256)
_ESSENTIAS_VGGISH = _by_essentia("TensorflowInputVGGish", 400, 160)
_MAEST = {5: (316, 313), 10: (626, 625), 20: (1256, 1250), 30: (1876, 1875)}

BY_LIBROSA: dict[str, Callable[[Floats], Floats]] = {
    "musicnn": musicnn,
    "essentia-musicnn": lambda samples: cut(_like_essentias_musicnn(samples), 187, 93),
    "discogs-effnet": lambda samples: cut(_like_essentias_musicnn(samples), 128, 62),
    **{f"maest-{s}s": _maest(_like_essentias_musicnn, *size) for s, size in _MAEST.items()},
    "vggish": vggish,
    "essentia-vggish": essentia_vggish_by_librosa,
    "yamnet": yamnet,
    "panns-cnn14-mel": panns,
    "clap-htsat-unfused": clap,
    "mtr-plus-plus": mtr,
}
"""By family; the others take samples."""

BY_ESSENTIA: dict[str, Callable[[Floats], Floats]] = {
    "essentia-musicnn": lambda samples: cut(_ESSENTIAS_MUSICNN(samples), 187, 93),
    "discogs-effnet": lambda samples: cut(_ESSENTIAS_MUSICNN(samples), 128, 62),
    **{f"maest-{s}s": _maest(_ESSENTIAS_MUSICNN, *size) for s, size in _MAEST.items()},
    "essentia-vggish": lambda samples: cut(_ESSENTIAS_VGGISH(samples), 96, 93),
}
