"""Find and read cards."""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lean_tagger.card.card import ABOUT_SOUND, OF_SOUND, LabelVectors, ModelSpec
from lean_tagger.card.check import check
from lean_tagger.card.from_json import build, did_you_mean
from lean_tagger.card.label_vectors import read_words
from lean_tagger.errors import ConfigError
from lean_tagger.system import folders
from lean_tagger.system.digest import sha256_of_file
from lean_tagger.system.files import open_regular

MOST_CARD_BYTES = 16 << 20
"""Size of a card with 10,000 labels: 1 MiB."""


def models_folder() -> Path:
    """Return the folder of the models that came with the package.

    It is inside the package when installed, next to it in a checkout.
    """
    here = Path(__file__).parents[1]
    inside = here / "models"
    return inside if inside.is_dir() else here.parent / "models"


def user_models_folder() -> Path:
    """Return the folder of the user's own models; it need not exist.

    ``LEAN_TAG_MODELS``, or else ``models`` in the user's folder for data.

    Raises
    ------
    ConfigError
        The variable is not set, and the user has no home folder.
    """
    if given := os.environ.get("LEAN_TAG_MODELS"):
        return Path(given).absolute()
    return folders.data() / "models"


def _folders() -> list[Path]:
    """Return the folders of models; without a home folder a user has no own models."""
    found = [models_folder()]
    with contextlib.suppress(ConfigError):
        found.append(user_models_folder())
    return found


def shipped_models() -> list[str]:
    """Return the names of the models that came with the package, sorted."""
    return _names_in(models_folder())


def installed_models() -> list[str]:
    """Return the names of all models: those that came with the package, then the user's."""
    return list(dict.fromkeys(name for folder in _folders() for name in _names_in(folder)))


def backbone_names() -> list[str]:
    """Return the names of the backbones of published heads, made from shipped models; sorted.

    They are in no list of models, but can be used by name.
    """
    return _names_in(_backbones_folder())


def _backbones_folder() -> Path:
    return models_folder() / "backbones"


def readable_cards() -> list[ModelSpec]:
    """Return the cards of all models, without those that cannot be read."""
    cards = []
    for name in installed_models():
        with contextlib.suppress(ConfigError):
            cards.append(load_card(name))
    return cards


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(card.stem for card in folder.glob("*.json") if not card.stem.startswith("."))
    except OSError:  # we may not read it
        return []


def load_card(name_or_path: str) -> ModelSpec:
    """Read a card.

    Parameters
    ----------
    name_or_path : str
        A model's name ("msd-musicnn"; the package's own models come before the user's), or the
        path of a ``.json`` card or of the ``.onnx`` file next to one.

    Raises
    ------
    ConfigError
        There is no such model; the card is not JSON, lacks a key, has an unknown key, or holds
        a value of the wrong type.
    """
    return _build(_find(name_or_path))


def load_cards(names_or_paths: Sequence[str], *, words: str | None = None) -> tuple[ModelSpec, ...]:
    """Read the cards of models that will hear the same music; see `load_card`.

    Parameters
    ----------
    names_or_paths : sequence of str
        The models.
    words : str, optional
        The path of a file of words, for models that use words as labels.

    Raises
    ------
    ConfigError
        As for `load_card`; or two models have the same name, so that their scores cannot be
        told apart; or words are given and none of the models can use them.
    """
    cards = tuple(map(load_card, names_or_paths))
    if words is not None:
        cards = tuple(_hearing(card, Path(words)) for card in cards)
        if not any(card.label_vectors for card in cards):
            raise ConfigError(
                f"--labels {words}: {names_or_paths[0]} was not trained with text; give "
                "a --model that has 'label_vectors' in its card"
            )
    names = [card.name for card in cards]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"there are two models called {name!r}; give each --model once")
    return cards


def _hearing(card: ModelSpec, words: Path) -> ModelSpec:
    """Return a card with these words, if its network and a text network go together."""
    if card.label_vectors is None and card.labels:
        return card
    read_words(words)  # first: it is quick and gives the best error
    given = LabelVectors(file=str(words.absolute()), sha256=_sha256(words))
    return _worded(replace(card, label_vectors=given))


def _worded(card: ModelSpec) -> ModelSpec:
    """Return a card with the labels from its file of words."""
    given = card.label_vectors
    if given is None:
        return card
    path = Path(card.folder) / given.file
    labels = read_words(path).labels
    if _sha256(path) != given.sha256:
        raise ConfigError(
            f"the words {path} are not the ones in the card of {card.name} (their sha256 "
            "differs); make the card again, or name the file with --labels"
        )
    return replace(card, labels=labels, tensors=replace(card.tensors, logits=None))


def _sha256(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise ConfigError(f"cannot read the words {path}: {error.strerror}") from error


def family_names() -> list[str]:
    """Return the names of published networks with a card but no weights here, sorted."""
    return sorted(card.stem for card in (models_folder() / "families").glob("*.json"))


def family_card(name: str) -> dict[str, Any]:
    """Return a card without weights, as a JSON object.

    It lacks ``file``, ``sha256``, ``labels`` and other keys that belong to weights. ``sources``
    says where each of its numbers comes from; it is not a key of a card.

    Raises
    ------
    ConfigError
        There is no such family.
    """
    if name not in family_names():
        raise ConfigError(f"there is no family {name!r}{did_you_mean(name, family_names())}")
    card: dict[str, Any] = read_json(models_folder() / "families" / f"{name}.json")
    return card


def _find(name_or_path: str) -> Path:
    """Return the path of the card."""
    given = Path(name_or_path)
    if given.suffix in {".json", ".onnx"} or given.parent != Path():
        return given.with_suffix(".json")
    folders_of_cards = (*_folders(), _backbones_folder())
    cards = [folder / f"{name_or_path}.json" for folder in folders_of_cards]
    card = next((card for card in cards if card.is_file()), None)
    if card is None:
        raise ConfigError(
            f"there is no model {name_or_path!r}{did_you_mean(name_or_path, installed_models())}; "
            f"installed: {', '.join(installed_models())}"
        )
    return card


def read_json(card: Path) -> Any:
    """Return the contents of a card, or of any other JSON file about a model.

    Raises
    ------
    ConfigError
        It cannot be read, is not a regular file, or is not JSON.
    """
    try:
        fd = open_regular(card)
        with open(fd, "rb") as file:
            if os.fstat(fd).st_size > MOST_CARD_BYTES:
                raise ConfigError(f"the model card {card} is longer than any card")
            return json.loads(file.read(MOST_CARD_BYTES))
    except OSError as error:
        raise ConfigError(f"cannot read the model card {card}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the model card {card} is not JSON: {error}") from error


def _build(card: Path) -> ModelSpec:
    """Build a card from its file; a head's includes the keys that it takes from its backbone."""
    data = _said_in(card)
    name = data.get("head_of") if isinstance(data, dict) else None
    if not isinstance(name, str):
        return _checked(data, card)
    backbone, sound = _backbone(name, card)
    for key in OF_SOUND:
        if key in data:
            raise ConfigError(f"{card}: {key!r} belongs in the card of {name!r}")
    others = data.get("also_of")
    names = others if isinstance(others, list) else []  # `build` reports what is wrong with it
    further = tuple(_backbone(it, card)[0] for it in names if isinstance(it, str))
    whole = data | {key: sound[key] for key in (*OF_SOUND, *ABOUT_SOUND) if key in sound}
    return _checked(whole, card, backbone=backbone, further=further)


def _backbone(name: str, card: Path) -> tuple[ModelSpec, dict[str, Any]]:
    """Return the model that a head names, and its card's contents."""
    below = card.parent / f"{name}.json"
    if Path(name).name != name:
        raise ConfigError(f"{card}: 'head_of' must be the name of a model, not {name!r}")
    if not below.is_file():
        below = _find(name)
    sound = _said_in(below)
    if isinstance(sound, dict) and sound.get("head_of") is not None:
        raise ConfigError(f"{card}: {name!r} is a head itself")
    backbone = _checked(sound, below)
    if backbone.tensors.embedding is None:
        raise ConfigError(f"{card}: {name!r} gives no embedding")
    return backbone, sound


def _said_in(card: Path) -> Any:
    """Return the contents of a card's file; for a backbone, with the keys from elsewhere.

    A backbone names a shipped model, for weights, labels and licence, and a family, for the keys
    about sound. Its own keys override both.
    """
    data = read_json(card)
    if card.parent != _backbones_folder():
        return data
    weights = read_json(models_folder() / f"{data.pop('weights_of')}.json")
    family = family_card(data.pop("family"))
    for own_of_one_card in ("formerly", "agreement", "sources"):
        for said in (weights, family, data):
            said.pop(own_of_one_card, None)
    return {**weights, **family, **data}


def _checked(
    data: object,
    card: Path,
    *,
    backbone: ModelSpec | None = None,
    further: tuple[ModelSpec, ...] = (),
) -> ModelSpec:
    home = models_folder() if card.parent == _backbones_folder() else card.parent
    folder = str(home.absolute())
    spec: ModelSpec = build(
        ModelSpec, data, where=str(card), folder=folder, backbone=backbone, further=further
    )
    check(spec, card)
    return _worded(spec)
