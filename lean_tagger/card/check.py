"""Refuse cards whose values have the right type and make no sense."""

import math
from pathlib import Path

from lean_tagger.card.card import ModelSpec
from lean_tagger.card.preprocessing import FrontendSpec, SamplesSpec
from lean_tagger.errors import ConfigError

__all__ = ["check"]

LONGEST_SAMPLES = 1 << 26
"""Of a window, with its hop: more than an hour of music at 16 kHz."""

Ranges = dict[str, tuple[float, float, float]]


def check(spec: ModelSpec, card: Path) -> None:
    """Look at what no type can say.

    Raises
    ------
    ConfigError
        The first thing that is wrong.
    """
    front = spec.frontend
    ranges = _ranges(spec)
    if isinstance(front, FrontendSpec):
        ranges |= _log_mel_ranges(front)
    else:
        ranges |= {"epsilon": (front.epsilon, 0.0, 1.0)}
    for key, (value, least, most) in ranges.items():
        if not least <= value <= most:  # also false for NaN
            raise ConfigError(f"{card}: {key!r} must be from {least:g} to {most:g}, not {value:g}")
    for complaint in _complaints(spec):
        raise ConfigError(f"{card}: {complaint}")


def _ranges(spec: ModelSpec) -> Ranges:
    # Generous for any network that hears music; far beyond, only memory would be the limit.
    most_frames = 1 << 24 if isinstance(spec.frontend, SamplesSpec) else 100_000
    return {
        "sample_rate_hz": (spec.sample_rate_hz, 1_000, 384_000),
        "patch_frames": (spec.patch_frames, 1, most_frames),
        "hop_frames": (spec.hop_frames, 1, most_frames),
        "batch": (1 if spec.tensors.batch is None else spec.tensors.batch, 1, 4_096),
        "zero_crossings": (spec.resampler.zero_crossings, 1, 1_024),
        "table_steps": (spec.resampler.table_steps, 256, 1 << 16),
        "rolloff": (spec.resampler.rolloff, 0.1, 1.0),
        "kaiser_beta": (spec.resampler.kaiser_beta, 0.0, 50.0),
    }


def _log_mel_ranges(front: FrontendSpec) -> Ranges:
    ranges: Ranges = {
        "n_fft": (front.n_fft, 2, 1 << 16),
        "hop_samples": (front.hop_samples, 1, 1 << 16),
        "n_mels": (front.n_mels, 1, 4_096),
        "frame_samples": (front.transform_samples, 2, front.n_fft),
    }
    if front.compression == "log10_gain":
        ranges["log_gain"] = (front.log_gain, 1e-6, 1e9)
    elif front.compression == "ln_offset":
        ranges["log_offset"] = (front.log_offset, 1e-30, 1e3)
    elif front.compression in {"log10", "db"}:
        ranges["log_floor"] = (front.log_floor, 1e-30, 1e3)
    if front.range_below_max is not None:
        ranges["range_below_max"] = (front.range_below_max, 1e-3, 1e6)
    return ranges


def _complaints(spec: ModelSpec) -> list[str]:
    front, tensors = spec.frontend, spec.tensors
    found = []
    if isinstance(front, FrontendSpec):
        found += _log_mel_complaints(spec, front)
    elif not (math.isfinite(front.gain) and front.gain):
        found.append("'gain' must be a number other than 0")
    if spec.window_samples + spec.hop_frames * front.hop_samples > LONGEST_SAMPLES:
        found.append("a patch of that many frames is more than an hour of music")
    if spec.pad_samples and "repeat_samples" in {spec.last_patch, spec.short_track}:
        found.append("repeat_samples is for tracks whose ends are not continued")
    if spec.label_vectors is None and tensors.logits is not None and not spec.labels:
        found.append("'labels' is empty")
    if not all(0 <= label.least <= 1 for label in spec.labels):
        found.append("a label's 'least' must be from 0 to 1")
    if tensors.logits is None and tensors.embedding is None:
        found.append("'tensors' names neither logits nor an embedding")
    if tensors.layout not in _layouts(spec):
        found.append(f"the layout {tensors.layout!r} is none of {', '.join(_layouts(spec))}")
    if Path(spec.file).name != spec.file:
        found.append(f"'file' must be a name beside the card, not {spec.file!r}")
    return found + _words_complaints(spec)


def _words_complaints(spec: ModelSpec) -> list[str]:
    found, given = [], spec.label_vectors
    if given is None:
        return []
    if spec.tensors.embedding is None:
        found.append("'label_vectors' need an embedding in 'tensors'")
    if spec.labels:
        found.append("'labels' are those of 'label_vectors'; leave them out")
    if Path(given.file).name != given.file:
        found.append(f"'label_vectors' must be a name beside the card, not {given.file!r}")
    if given.scale is not None and not 0 < given.scale < math.inf:
        found.append(f"'scale' must be above 0, not {given.scale:g}")
    return found


def _layouts(spec: ModelSpec) -> tuple[str, ...]:
    if spec.head_of is not None:
        return ("embedding",)
    if isinstance(spec.frontend, SamplesSpec):
        return ("samples", "1_samples", "samples_1")
    axes = ("frames_bands", "bands_frames")
    return (*axes, *(f"1_{a}" for a in axes), *(f"{a}_1" for a in axes))


def _log_mel_complaints(spec: ModelSpec, front: FrontendSpec) -> list[str]:
    found = []
    if not 0 <= front.f_min_hz < front.f_max_hz <= spec.sample_rate_hz / 2:
        found.append("f_min_hz and f_max_hz must lie in 0 to half the sample rate")
    if not (math.isfinite(front.mean) and math.isfinite(front.divisor) and front.divisor):
        found.append("'mean' and 'divisor' must be numbers, and 'divisor' not 0")
    if front.patch_samples is None:
        if 2 * front.pad_samples > spec.window_samples:
            found.append("'padding' is longer than a patch")
    elif front.padding == "zero_past_end":
        found.append("'padding' zero_past_end is for whole tracks, without 'patch_samples'")
    else:
        least = (spec.patch_frames - 1) * front.hop_samples + front.transform_samples
        if not max(least - 2 * front.pad_samples, 1) <= front.patch_samples <= LONGEST_SAMPLES:
            found.append(f"'patch_samples' must be {least - 2 * front.pad_samples} or more")
        elif front.patch_samples <= front.pad_samples:
            found.append("'patch_samples' must be longer than the padding")
    return found
