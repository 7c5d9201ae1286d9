"""Refuse cards with values that have the right type but make no sense."""

import math
from pathlib import Path

from lean_tagger.card.card import ModelSpec
from lean_tagger.card.preprocessing import LONGEST_SAMPLES, Ranges
from lean_tagger.errors import ConfigError


def check(spec: ModelSpec, card: Path) -> None:
    """Check what types cannot express.

    Raises
    ------
    ConfigError
        The first thing that is wrong.
    """
    for key, (value, least, most) in (_ranges(spec) | spec.frontend.ranges).items():
        if not least <= value <= most:  # also false for NaN
            raise ConfigError(f"{card}: {key!r} must be from {least:g} to {most:g}, not {value:g}")
    for complaint in _complaints(spec):
        raise ConfigError(f"{card}: {complaint}")


def _ranges(spec: ModelSpec) -> Ranges:
    # Generous for any network that hears music; without this, only memory would be the limit.
    most_frames = spec.frontend.most_frames
    return {
        "sample_rate_hz": (spec.sample_rate_hz, 1_000, 384_000),
        "patch_frames": (spec.patch_frames, 1, most_frames),
        "hop_frames": (spec.hop_frames, 1, most_frames),
        "batch": (1 if spec.tensors.batch is None else spec.tensors.batch, 1, 4_096),
        **spec.resampler.ranges,
    }


def _complaints(spec: ModelSpec) -> list[str]:
    front, tensors = spec.frontend, spec.tensors
    found = front.complaints(sample_rate_hz=spec.sample_rate_hz, patch_frames=spec.patch_frames)
    if spec.window_samples + spec.hop_frames * front.hop_samples > LONGEST_SAMPLES:
        found.append("a patch of that many frames is more than an hour of music")
    if spec.pad_samples and "repeat_samples" in {spec.last_patch, spec.short_track}:
        found.append("repeat_samples is for tracks without padding at the ends")
    if spec.label_vectors is None and tensors.logits is not None and not spec.labels:
        found.append("'labels' is empty")
    if not all(0 <= it <= 1 for label in spec.labels for it in (label.least, label.bar)):
        found.append("a label's 'least' and 'bar' must be from 0 to 1")
    found += _number_complaints(spec)
    if tensors.logits is None and tensors.embedding is None:
        found.append("'tensors' names neither logits nor an embedding")
    layouts = front.layouts if spec.head_of is None else ("embedding",)
    if tensors.layout not in layouts:
        found.append(f"the layout {tensors.layout!r} is not one of {', '.join(layouts)}")
    if Path(spec.file).name != spec.file:
        found.append(f"'file' must be a name next to the card, not {spec.file!r}")
    return found + _derived_complaints(spec) + _words_complaints(spec)


def _derived_complaints(spec: ModelSpec) -> list[str]:
    if spec.weights != "derived":
        return ["'also_of' is for derived models"] if spec.also_of else []
    found = []
    if spec.head_of is None:
        found.append("a derived model needs 'head_of'")
    if not spec.labels or spec.label_vectors is not None:
        found.append("a derived model needs 'labels' and takes no 'label_vectors'")
    names = [spec.head_of, *spec.also_of]
    if len(set(names)) < len(names):
        found.append("'also_of' names a model twice")
    return found


def _number_complaints(spec: ModelSpec) -> list[str]:
    found, numbers = [], [label for label in spec.labels if label.kind == "number"]
    if (len(numbers) == len(spec.labels) > 0) != (spec.activation == "numbers"):
        found.append("labels of the kind number go with the activation numbers, and only with it")
    if not all(-math.inf < label.low < label.high < math.inf for label in numbers):
        found.append("a number's 'low' must be below its 'high'")
    if numbers and spec.label_vectors is not None:
        found.append("'label_vectors' do not go with the activation numbers")
    return found


def _words_complaints(spec: ModelSpec) -> list[str]:
    found, given = [], spec.label_vectors
    if given is None:
        return []
    if spec.tensors.embedding is None:
        found.append("'label_vectors' need an embedding in 'tensors'")
    if spec.labels:
        found.append("the labels come from 'label_vectors'; leave 'labels' out")
    if Path(given.file).name != given.file:
        found.append(f"'label_vectors' must be a name next to the card, not {given.file!r}")
    if given.scale is not None and not 0 < given.scale < math.inf:
        found.append(f"'scale' must be above 0, not {given.scale:g}")
    return found
