"""The families' cards, completed for tests, and what their front-ends make of samples."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rolled import roll

from lean_tagger.card import ModelSpec, family_card
from lean_tagger.card.from_json import build
from lean_tagger.listen.decode import open_audio
from lean_tagger.listen.frontend import frontend
from lean_tagger.listen.resample import resample

Floats = npt.NDArray[np.float32]

LABELS = [
    {"name": "rock", "kind": "genre", "display": "Rock"},
    {"name": "jazz", "kind": "genre", "display": "Jazz"},
    {"name": "chill", "kind": "mood", "display": "Chill"},
]


def completed(family: str, **more: Any) -> dict[str, Any]:
    """Return a family's card with what belongs to weights, as a JSON object."""
    card = family_card(family)
    assert card.pop("sources")
    card |= {"file": f"{family}.onnx", "sha256": "0" * 64}
    if card["tensors"]["logits"] is not None:
        card["labels"] = LABELS
    return card | more


def card_of(family: str) -> ModelSpec:
    card = build(ModelSpec, completed(family), where=family)
    assert isinstance(card, ModelSpec)
    return card


def heard(path: Path, card: ModelSpec) -> Floats:
    """Return a whole file at the card's rate."""
    with open_audio(str(path)) as audio:
        rate = card.sample_rate_hz
        chunks = resample(audio, card.resampler, rate_hz=rate, chunk_samples=rate)
        return np.concatenate([np.array(chunk) for chunk in chunks])


def streamed(card: ModelSpec, samples: Floats, *, chunk_samples: int = 16_000) -> Floats:
    """Return the patches of a track that comes in chunks, as the tagger makes them."""
    made = frontend(
        card.frontend, sample_rate_hz=card.sample_rate_hz, patch_frames=card.patch_frames
    )
    chunks = (samples[at : at + chunk_samples] for at in range(0, len(samples), chunk_samples))
    windows = roll(
        (chunk.data for chunk in chunks),
        window_samples=card.window_samples,
        hop_samples=card.hop_frames * card.frontend.hop_samples,
        pad_samples=card.pad_samples,
        ends=card.ends,
    )
    return np.concatenate([made(window).copy() for window in windows])
