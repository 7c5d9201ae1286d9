"""Where cards are, and how one is read."""

import json
from collections.abc import Sequence
from pathlib import Path

from lean_tagger.errors import ConfigError
from lean_tagger.spec.card import ModelSpec
from lean_tagger.spec.shape import build, did_you_mean

__all__ = ["installed", "load", "load_all", "models_folder"]

HEARD_BY_HEADS = (
    *("sample_rate_hz", "resampler", "frontend", "patch_frames", "hop_frames"),
    *("last_patch", "short_track"),
)
"""The keys that a head's card has from its backbone's."""


def models_folder() -> Path:
    """Return the folder of the models that came with the package.

    Inside the package when installed, beside it in a checkout.
    """
    here = Path(__file__).parents[1]
    inside = here / "models"
    return inside if inside.is_dir() else here.parent / "models"


def installed() -> list[str]:
    """Return the names of the models that came with the package, sorted."""
    return sorted(card.stem for card in models_folder().glob("*.json"))


def load(name_or_path: str) -> ModelSpec:
    """Read a card.

    Parameters
    ----------
    name_or_path : str
        A shipped model's name ("msd-musicnn"), or the path of a ``.json`` card or of the
        ``.onnx`` file beside one.

    Raises
    ------
    ConfigError
        There is no such model; the card is no JSON, lacks a key, has one too many, or
        holds a value of the wrong type.
    """
    card = _find(name_or_path)
    data, backbone = _read(card), None
    if isinstance(data, dict) and isinstance(data.get("head_of"), str):
        beside = card.with_name(f"{data['head_of']}.json")
        body = beside if beside.is_file() else _find(data["head_of"])
        data, backbone = _as_head(data, card, _read(body)), load(str(body))
    extra = {"folder": str(card.parent.absolute()), "backbone": backbone}
    spec = build(ModelSpec, data, where=str(card), **extra)
    assert isinstance(spec, ModelSpec)  # noqa: S101 - narrows the type for mypy
    _check(spec, card)
    return spec


def _find(name_or_path: str) -> Path:
    """Return where a card is; its folder need not be there if a path is given."""
    given = Path(name_or_path)
    if given.suffix in {".json", ".onnx"} or given.parent != Path():
        return given.with_suffix(".json")
    card = models_folder() / f"{name_or_path}.json"
    if not card.is_file():
        raise ConfigError(
            f"there is no model {name_or_path!r}{did_you_mean(name_or_path, installed())}; "
            f"installed: {', '.join(installed())}"
        )
    return card


def _read(card: Path) -> object:
    try:
        return json.loads(card.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the model card {card}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the model card {card} is not JSON: {error}") from error


def _as_head(data: dict[str, object], card: Path, body: object) -> dict[str, object]:
    """Return a head's card with what it has from the card of its backbone."""
    where = f"{card}: the model that it is a head of"
    if not isinstance(body, dict) or "head_of" in body:
        raise ConfigError(f"{where}, {data['head_of']!r}, is a head itself")
    tensors = body.get("tensors")
    if not isinstance(tensors, dict) or not tensors.get("embedding"):
        raise ConfigError(f"{where}, {data['head_of']!r}, gives no embedding")
    for key in HEARD_BY_HEADS:
        if key in data:
            raise ConfigError(f"{card}: {key!r} is that of {data['head_of']!r}; leave it out")
    return data | {key: body[key] for key in HEARD_BY_HEADS if key in body}


def load_all(names_or_paths: Sequence[str]) -> tuple[ModelSpec, ...]:
    """Read the cards of models that are to hear the same music; see `load`.

    Raises
    ------
    ConfigError
        As for `load`; or two of them have the same name, by which their scores are told apart.
    """
    cards = tuple(map(load, names_or_paths))
    names = [card.name for card in cards]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"there are two models called {name!r}; give each --model once")
    return cards


def _check(spec: ModelSpec, card: Path) -> None:
    """Refuse values that have the right type and make no sense."""
    front = spec.frontend
    # Generous for any network that hears music; far beyond, only memory would be the limit.
    ranges = {
        "sample_rate_hz": (spec.sample_rate_hz, 1_000, 384_000),
        "patch_frames": (spec.patch_frames, 1, 100_000),
        "hop_frames": (spec.hop_frames, 1, 100_000),
        "n_fft": (front.n_fft, 2, 1 << 16),
        "hop_samples": (front.hop_samples, 1, 1 << 16),
        "n_mels": (front.n_mels, 1, 4_096),
        "zero_crossings": (spec.resampler.zero_crossings, 1, 1_024),
        "table_steps": (spec.resampler.table_steps, 256, 1 << 16),
        "rolloff": (spec.resampler.rolloff, 0.1, 1.0),
        "kaiser_beta": (spec.resampler.kaiser_beta, 0.0, 50.0),
        "log_gain": (front.log_gain, 1e-6, 1e9),
    }
    for key, (value, least, most) in ranges.items():
        if not least <= value <= most:  # also false for NaN
            raise ConfigError(f"{card}: {key!r} must be from {least:g} to {most:g}, not {value:g}")
    window_samples = spec.patch_frames * max(front.hop_samples, front.n_fft)
    if window_samples * max(1, spec.hop_frames // spec.patch_frames) > 1 << 26:
        raise ConfigError(f"{card}: a patch of that many frames is more than an hour of music")
    if not 0 <= front.f_min_hz < front.f_max_hz <= spec.sample_rate_hz / 2:
        raise ConfigError(f"{card}: f_min_hz and f_max_hz must lie in 0 to half the sample rate")
    if not spec.labels:
        raise ConfigError(f"{card}: 'labels' is empty")
    if Path(spec.file).name != spec.file:
        raise ConfigError(f"{card}: 'file' must be a name beside the card, not {spec.file!r}")
