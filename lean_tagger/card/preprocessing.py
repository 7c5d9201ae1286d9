"""The part of a card about how samples at the network's rate become its input."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

LONGEST_SAMPLES = 1 << 26
"""Samples of a window, with its hop: more than an hour of music at 16 kHz."""

Ranges: TypeAlias = dict[str, tuple[float, float, float]]
"""By key of the card: its value, and the lowest and highest that it may have."""

Padding = Literal["reflect", "zero", "zero_past_end", "none"]
"""How an end is extended: mirrored, with zeros, with zeros until a transform is centred on or
after the last sample, or not at all."""


LastPatch = Literal["drop", "repeat", "repeat_samples", "zero"]
ShortTrack = Literal["repeat", "repeat_samples", "zero"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How a track's two ends are extended.

    Attributes
    ----------
    padding : Padding
        How they are extended.
    last_patch, short_track : str
        The card's keys.
    least_samples : int
        Fewest samples in a last or only window that make a patch frame.
    grid_samples : int
        From one patch frame to the next, for ``zero_past_end``.
    """

    padding: Padding = "reflect"
    last_patch: LastPatch = "drop"
    short_track: ShortTrack = "repeat"
    least_samples: int = 1
    grid_samples: int = 1


class FrontendSpec(Protocol):
    """What the rest of the program must know about any front-end.

    A new front-end is a class like this one with a row in `AnyFrontend`, and a class that
    does the work with a row in `listen.frontend.FRONTENDS`.
    """

    @property
    def kind(self) -> str:
        """Name of the front-end, also in cards."""

    @property
    def hop_samples(self) -> int:
        """Samples from one patch frame to the next."""

    @property
    def track_padding(self) -> Padding:
        """How the two ends of a track are extended."""

    @property
    def track_pad_samples(self) -> int:
        """Number of samples by which each end of a track is extended."""

    @property
    def least_samples(self) -> int:
        """Fewest samples in a last or only window that make a patch frame."""

    @property
    def layouts(self) -> tuple[str, ...]:
        """How a patch may be laid out for the network; see `PatchLayout`."""

    @property
    def most_frames(self) -> int:
        """Patch frames of the longest patch that a card may ask for."""

    @property
    def ranges(self) -> Ranges:
        """The ranges of the constants."""

    def window_samples(self, patch_frames: int) -> int:
        """Return the number of samples that one patch covers."""

    def patch_shape(self, patch_frames: int) -> tuple[int, ...]:
        """Return the shape of a patch."""

    def complaints(self, *, sample_rate_hz: int, patch_frames: int) -> list[str]:
        """Return what is wrong although each value is in its range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMelSpec:
    """A log-mel spectrogram.

    The steps, in order: transform, spectrum, mel bands, rounding, compression, range,
    standardisation. Defaults are those of the first models.

    Attributes
    ----------
    kind : {'log_mel'}
        The name of this front-end.
    n_fft, hop_samples : int
        STFT length and stride, in samples at the model's rate.
    window : {'hann_periodic', 'hann_symmetric'}
        Window over each transform: with a period of n samples, or with first and last zero.
    frame_samples : int or None
        Length of that window; zeros follow it up to `n_fft`. (Their place makes no difference to
        a spectrum without phase.) None is `n_fft`.
    padding : {'reflect', 'zero', 'zero_past_end', 'none'}
        How the two ends are extended by ``frame_samples // 2`` samples (centred STFT), or not
        at all: the first transform then begins with the first sample.
    patch_samples : int or None
        If set, the track is first cut into pieces of so many samples, and each piece is extended
        like a track; transforms beyond `patch_frames` are left out. If None, patches are cut
        from the spectrogram of the whole track.
    fft_precision : {'float32', 'float64'}
        Precision of the transform. float32 leaves noise 140 dB below the loudest bin of a frame,
        which shows in empty bands if the logarithm has no offset.
    spectrum : {'power', 'magnitude'}
        Squared magnitude or not.
    n_mels : int
        Number of mel bands.
    f_min_hz, f_max_hz : float
        Edges of the lowest and highest band.
    mel_scale : {'slaney', 'htk'}
        Auditory Toolbox scale, or ``2595·log10(1 + f/700)``.
    mel_steps : {'even', 'float32'}
        The edges on that scale: evenly spaced, or reached by repeatedly adding a step in single
        precision. Essentia does the latter, which moves the upper edges by about 1e-5.
    mel_triangles : {'hz', 'mel'}
        Whether the sides of a triangle are straight over Hz or over mel.
    mel_norm : {'slaney', 'none'}
        Triangles of unit area over Hz, or of unit height.
    mel_rounding : {'float16', 'none'}
        Precision to which the mel bands are rounded before the logarithm.
    compression : {'log10_gain', 'ln_offset', 'log10', 'db', 'none'}
        ``log10(1 + log_gain·x)``, ``ln(x + log_offset)``, ``log10(max(x, log_floor))``, ten
        times that, or nothing.
    log_gain, log_offset, log_floor : float
        Constants of the compression; only one of them is used.
    range_below_max : float or None
        Values in a patch are raised to at least its highest value minus this.
    mean, divisor : float
        The patch becomes ``(patch - mean) / divisor``.
    """

    kind: Literal["log_mel"]
    n_fft: int
    hop_samples: int
    window: Literal["hann_periodic", "hann_symmetric"]
    padding: Padding
    spectrum: Literal["power", "magnitude"]
    n_mels: int
    f_min_hz: float
    f_max_hz: float
    mel_scale: Literal["slaney", "htk"]
    mel_norm: Literal["slaney", "none"]
    mel_rounding: Literal["float16", "none"]
    frame_samples: int | None = None
    patch_samples: int | None = None
    fft_precision: Literal["float32", "float64"] = "float32"
    mel_steps: Literal["even", "float32"] = "even"
    mel_triangles: Literal["hz", "mel"] = "hz"
    compression: Literal["log10_gain", "ln_offset", "log10", "db", "none"] = "log10_gain"
    log_gain: float = 0.0
    log_offset: float = 0.0
    log_floor: float = 0.0
    range_below_max: float | None = None
    mean: float = 0.0
    divisor: float = 1.0

    @property
    def transform_samples(self) -> int:
        """Number of samples in one transform."""
        return self.n_fft if self.frame_samples is None else self.frame_samples

    @property
    def pad_samples(self) -> int:
        """Samples by which an end is extended, the track's or the piece's."""
        return 0 if self.padding == "none" else self.transform_samples // 2

    @property
    def track_padding(self) -> Padding:
        """How the two ends of a track are extended; not at all if each piece is."""
        return self.padding if self.patch_samples is None else "none"

    @property
    def track_pad_samples(self) -> int:
        """Number of samples by which each end of a track is extended (centred STFT)."""
        return self.pad_samples if self.patch_samples is None else 0

    @property
    def least_samples(self) -> int:
        """Fewest samples in a last or only window that make a patch frame."""
        own = self.pad_samples - self.track_pad_samples
        # Reflection needs one sample more than it adds.
        return max(self.transform_samples - 2 * own, own + 1)

    @property
    def layouts(self) -> tuple[str, ...]:
        """How a patch may be laid out for the network."""
        axes = ("frames_bands", "bands_frames")
        return (*axes, *(f"1_{a}" for a in axes), *(f"{a}_1" for a in axes))

    @property
    def most_frames(self) -> int:
        """Patch frames of the longest patch: far beyond any network that hears music."""
        return 100_000

    @property
    def ranges(self) -> Ranges:
        """The ranges of the constants."""
        ranges: Ranges = {
            "n_fft": (self.n_fft, 2, 1 << 16),
            "hop_samples": (self.hop_samples, 1, 1 << 16),
            "n_mels": (self.n_mels, 1, 4_096),
            "frame_samples": (self.transform_samples, 2, self.n_fft),
        }
        if self.compression == "log10_gain":
            ranges["log_gain"] = (self.log_gain, 1e-6, 1e9)
        elif self.compression == "ln_offset":
            ranges["log_offset"] = (self.log_offset, 1e-30, 1e3)
        elif self.compression in {"log10", "db"}:
            ranges["log_floor"] = (self.log_floor, 1e-30, 1e3)
        if self.range_below_max is not None:
            ranges["range_below_max"] = (self.range_below_max, 1e-3, 1e6)
        return ranges

    def window_samples(self, patch_frames: int) -> int:
        """Return the number of samples that one patch covers: derived, or `patch_samples`."""
        if self.patch_samples is not None:
            return self.patch_samples
        return self._spanned_samples(patch_frames)

    def _spanned_samples(self, patch_frames: int) -> int:
        return (patch_frames - 1) * self.hop_samples + self.transform_samples

    def patch_shape(self, patch_frames: int) -> tuple[int, ...]:
        """Return the shape of a patch: (patch_frames, n_mels)."""
        return (patch_frames, self.n_mels)

    def complaints(self, *, sample_rate_hz: int, patch_frames: int) -> list[str]:
        """Return what is wrong although each value is in its range."""
        found = []
        if not 0 <= self.f_min_hz < self.f_max_hz <= sample_rate_hz / 2:
            found.append("f_min_hz and f_max_hz must lie in 0 to half the sample rate")
        if not (math.isfinite(self.mean) and math.isfinite(self.divisor) and self.divisor):
            found.append("'mean' and 'divisor' must be numbers, and 'divisor' not 0")
        spanned = self._spanned_samples(patch_frames)
        if self.patch_samples is None:
            if 2 * self.pad_samples > spanned:
                found.append("'padding' is longer than a patch")
        elif self.padding == "zero_past_end":
            found.append("'padding' zero_past_end is for whole tracks, without 'patch_samples'")
        elif not max(spanned - 2 * self.pad_samples, 1) <= self.patch_samples <= LONGEST_SAMPLES:
            found.append(f"'patch_samples' must be {spanned - 2 * self.pad_samples} or more")
        elif self.patch_samples <= self.pad_samples:
            found.append("'patch_samples' must be longer than the padding")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesSpec:
    """Samples as they are: a patch frame is one sample.

    Attributes
    ----------
    kind : {'samples'}
        The name of this front-end.
    normalise : {'none', 'peak', 'standard'}
        Each window on its own: divided by its largest magnitude, or shifted to mean 0 and
        divided by its standard deviation.
    epsilon : float
        Added to the largest magnitude, or to the variance, so that silence stays finite.
    gain : float
        Factor after that, for networks that do not expect ±1 at full scale.
    """

    kind: Literal["samples"]
    normalise: Literal["none", "peak", "standard"] = "none"
    epsilon: float = 1e-7
    gain: float = 1.0

    @property
    def hop_samples(self) -> int:
        """Samples from one patch frame to the next."""
        return 1

    @property
    def track_padding(self) -> Padding:
        """How the two ends of a track are extended: not at all."""
        return "none"

    @property
    def track_pad_samples(self) -> int:
        """Number of samples by which each end of a track is extended."""
        return 0

    @property
    def least_samples(self) -> int:
        """Fewest samples in a last or only window that make a patch frame."""
        return 1

    @property
    def layouts(self) -> tuple[str, ...]:
        """How a patch may be laid out for the network."""
        return ("samples", "1_samples", "samples_1")

    @property
    def most_frames(self) -> int:
        """Samples of the longest patch: far beyond any network that hears music."""
        return 1 << 24

    @property
    def ranges(self) -> Ranges:
        """The ranges of the constants."""
        return {"epsilon": (self.epsilon, 0.0, 1.0)}

    def window_samples(self, patch_frames: int) -> int:
        """Return the number of samples that one patch covers: those of the patch."""
        return patch_frames

    def patch_shape(self, patch_frames: int) -> tuple[int, ...]:
        """Return the shape of a patch: (samples,)."""
        return (patch_frames,)

    def complaints(self, *, sample_rate_hz: int, patch_frames: int) -> list[str]:
        """Return what is wrong although each value is in its range."""
        del sample_rate_hz, patch_frames
        if not (math.isfinite(self.gain) and self.gain):
            return ["'gain' must be a number other than 0"]
        return []


AnyFrontend: TypeAlias = LogMelSpec | SamplesSpec
"""The front-ends that a card may name, told apart by their ``kind``."""
