"""Where cards are, and how one is read."""

import json
import os
import stat
from pathlib import Path

from lean_tagger.errors import ConfigError
from lean_tagger.spec.card import ModelSpec
from lean_tagger.spec.shape import build, did_you_mean

__all__ = ["installed", "load", "models_folder", "read_json", "shipped", "user_folder"]

MOST_CARD_BYTES = 16 << 20
"""Of a card with 10,000 labels: 1 MiB."""


def models_folder() -> Path:
    """Return the folder of the models that came with the package.

    Inside the package when installed, beside it in a checkout.
    """
    here = Path(__file__).parents[1]
    inside = here / "models"
    return inside if inside.is_dir() else here.parent / "models"


def user_folder() -> Path:
    """Return the folder of the person's own models; it need not be there.

    ``LEAN_TAG_MODELS``, or else ``lean-tag/models`` in the folder for data of the XDG base
    directory specification, by which a path that is not absolute does not count.
    """
    if given := os.environ.get("LEAN_TAG_MODELS"):
        return Path(given).absolute()
    base = os.environ.get("XDG_DATA_HOME", "")
    data = Path(base) if base and Path(base).is_absolute() else Path.home() / ".local/share"
    return data / "lean-tag" / "models"


def shipped() -> list[str]:
    """Return the names of the models that came with the package, sorted."""
    return _names_in(models_folder())


def installed() -> list[str]:
    """Return the names of all models: those that came with the package, then the person's."""
    ours = shipped()
    return ours + [name for name in _names_in(user_folder()) if name not in ours]


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(card.stem for card in folder.glob("*.json") if not card.stem.startswith("."))
    except OSError:  # no right to look into it
        return []


def load(name_or_path: str) -> ModelSpec:
    """Read a card.

    Parameters
    ----------
    name_or_path : str
        A model's name ("msd-musicnn"), where one that came with the package comes before one
        of the person's; or the path of a ``.json`` card or of the ``.onnx`` file beside one.

    Raises
    ------
    ConfigError
        There is no such model; the card is no JSON, lacks a key, has one too many, or
        holds a value of the wrong type.
    """
    given = Path(name_or_path)
    if given.suffix in {".json", ".onnx"} or given.parent != Path():
        card = given.with_suffix(".json")
    else:
        cards = [folder / f"{name_or_path}.json" for folder in (models_folder(), user_folder())]
        card = next((card for card in cards if card.is_file()), cards[0])
        if not card.is_file():
            raise ConfigError(
                f"there is no model {name_or_path!r}{did_you_mean(name_or_path, installed())}; "
                f"installed: {', '.join(installed())}"
            )
    data = read_json(card)
    spec = build(ModelSpec, data, where=str(card), folder=str(card.parent.absolute()))
    assert isinstance(spec, ModelSpec)  # noqa: S101 - narrows the type for mypy
    _check(spec, card)
    return spec


def read_json(card: Path) -> object:
    """Return what a card, or any other JSON file about a model, says.

    Raises
    ------
    ConfigError
        It cannot be read, is no regular file, or no JSON.
    """
    try:
        # Opening a pipe would wait for ever, and a device never ends.
        fd = os.open(card, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                raise ConfigError(f"cannot read the model card {card}: it is no regular file")
            if about.st_size > MOST_CARD_BYTES:
                raise ConfigError(f"the model card {card} is longer than any card")
            return json.loads(file.read(MOST_CARD_BYTES))
    except OSError as error:
        raise ConfigError(f"cannot read the model card {card}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the model card {card} is not JSON: {error}") from error


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
