"""Read the metadata of Essentia's models.

Each model on essentia.upf.edu has a JSON file next to it. It names the classes, the TensorFlow
graph's inputs and outputs, the algorithm that feeds it, and for a head the network that gives its
embeddings. Tensor names and shapes are those of the TensorFlow graph, and some are wrong
(mtg_jamendo_top50tags has 50 classes and says 56), so only purposes are taken from there. The
licence is not in it, but on Essentia's pages.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lean_tagger.card import (
    ModelSpec,
    backbone_names,
    installed_models,
    load_card,
    onnx_graph,
    shipped_models,
)
from lean_tagger.catalogue import licences
from lean_tagger.errors import ConfigError

ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "TensorflowPredictMusiCNN": ("essentia-musicnn",),
    "TensorflowPredictVGGish": ("essentia-vggish",),
    "TensorflowPredictEffnetDiscogs": ("discogs-effnet",),
    "TensorflowPredictMAEST": ("maest-5s", "maest-10s", "maest-20s", "maest-30s"),
}
"""The families for each algorithm of Essentia."""

HEAD_ALGORITHM = "TensorflowPredict2D"

_HOLDER = "Music Technology Group, Universitat Pompeu Fabra"
_NOTICE = "https://essentia.upf.edu/models.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The contents of metadata; empty or ``None`` if something is missing.

    Attributes
    ----------
    name, description : str
        For people.
    classes : tuple of str
        In the order of the outputs.
    sample_rate_hz : int or None
        Sample rate of the network's input.
    algorithm : str
        Essentia's algorithm that feeds it.
    families : tuple of str
        The families that this algorithm feeds.
    is_head : bool
        It takes embeddings.
    backbone : str
        For a head, Essentia's name of the model that gives its embeddings.
    activation : {'logits', 'sigmoid', 'softmax', 'numbers'} or None
        What the predictions are.
    embedding_dim : int or None
        Length of the embedding, if it gives one.
    licence, holder, notice : str
        Terms of use.
    accuracy : dict or None
        As in a card.
    """

    name: str
    description: str
    classes: tuple[str, ...]
    sample_rate_hz: int | None
    algorithm: str
    families: tuple[str, ...]
    is_head: bool
    backbone: str
    activation: str | None
    embedding_dim: int | None
    licence: str
    holder: str
    notice: str
    accuracy: dict[str, Any] | None


def read(metadata: Mapping[str, Any]) -> Metadata:
    """Return the contents of metadata; empty metadata give empty contents.

    Raises
    ------
    ConfigError
        They belong to a network that lean-tag cannot feed, or make no sense.
    """
    inference = _object(metadata, "inference")
    algorithm = _text(inference, "algorithm")
    below = _object(inference, "embedding_model")
    is_head = algorithm == HEAD_ALGORITHM or bool(below)
    if algorithm and not is_head and algorithm not in ALGORITHMS:
        raise ConfigError(
            f"the metadata name {algorithm}, but lean-tag has no front-end for it; it has those of "
            f"{', '.join(ALGORITHMS)}"
        )
    rate = inference.get("sample_rate")
    predictions = _output(metadata, "predictions")
    embeddings = _output(metadata, "embeddings")
    theirs = bool(algorithm) or "essentia.upf.edu" in _text(metadata, "link")
    licence = _text(metadata, "licence") or _text(metadata, "license")
    return Metadata(
        name=_text(metadata, "name"),
        description=_text(metadata, "description"),
        classes=_classes(metadata),
        sample_rate_hz=int(rate) if isinstance(rate, int | float) and 0 < rate < 1e6 else None,
        algorithm=algorithm,
        families=() if is_head else ALGORITHMS.get(algorithm, ()),
        is_head=is_head,
        backbone=_text(below, "model_name"),
        activation=_activation(_text(predictions, "op"), task=_text(metadata, "type")),
        embedding_dim=_last_axis(embeddings),
        licence=licence or (licences.ESSENTIA if theirs else licences.UNKNOWN),
        holder=_HOLDER if theirs else _text(metadata, "author") or "unknown",
        notice=_text(metadata, "link") or (_NOTICE if theirs else ""),
        accuracy=_accuracy(_object(metadata, "dataset")),
    )


def backbone(said: Metadata, dim: int | str | None, *, head_of: str | None) -> str:
    """Return the installed model that gives a head's embeddings.

    Parameters
    ----------
    said : Metadata
        The head's.
    dim : int
        Numbers that it takes.
    head_of : str or None
        The user's choice.

    Raises
    ------
    ConfigError
        There is none, or its embeddings are different.
    """
    if head_of is not None:
        head_of = _as_its_makers_hear(head_of, said)
        found = _embedding_dim(load_card(head_of))
        if found not in {dim, None}:
            raise ConfigError(f"the head takes {dim} numbers, but {head_of} gives {found}")
        return head_of
    # Not our listed models: they hear differently, so the numbers would differ.
    own = [name for name in installed_models() if name not in shipped_models()]
    known = dict.fromkeys([*own, *backbone_names()])
    same = [name for name in known if _plain(name) == _plain(said.backbone)]
    for name in sorted(same, key=lambda name: name != said.backbone):
        if _embedding_dim(_loaded(name)) == dim:
            return name
    wanted = said.backbone or "a network"
    raise ConfigError(
        f"it is a head that takes {dim} numbers of {wanted}, which is not among your models; add "
        "that first, or name one with --head-of"
    )


def _as_its_makers_hear(name: str, said: Metadata) -> str:
    """Return the backbone that a head means, if only its weights are named."""
    for backbone in backbone_names():
        if _plain(backbone) == _plain(said.backbone) and load_card(backbone).path.stem == name:
            return backbone
    return name


def _loaded(name: str) -> ModelSpec | None:
    try:
        return load_card(name)
    except ConfigError:
        return None


def _embedding_dim(card: ModelSpec | None) -> int | None:
    """Return the length of a model's embedding, from its graph; None if that lacks it."""
    if card is None or card.tensors.embedding is None:
        return None
    for tensor in onnx_graph.read(card.path).outputs:
        if tensor.name == card.tensors.embedding and tensor.shape:
            last = tensor.shape[-1]
            return last if isinstance(last, int) else None
    return None


def _plain(name: str) -> str:
    """Return a model's name without batch and version, in which exports differ."""
    return re.sub(r"(-bs[a-z0-9]+)?(-\d+)?$", "", name.lower())


def _activation(operator: str, *, task: str) -> str | None:
    if "regression" in task.lower():
        return "numbers"
    return {"sigmoid": "sigmoid", "softmax": "softmax"}.get(operator.lower())


def _accuracy(dataset: Mapping[str, Any]) -> dict[str, Any] | None:
    metrics = _object(dataset, "metrics")
    areas = {}
    for ours, theirs in (("roc_auc", "ROC-AUC"), ("pr_auc", "PR-AUC")):
        value = metrics.get(theirs, metrics.get(f"test {theirs}"))
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            return None
        areas[ours] = float(value)
    return {"dataset": _text(dataset, "name"), **areas, "source": "the model's metadata"}


def _classes(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    found = metadata.get("classes", [])
    if not isinstance(found, list) or not all(isinstance(it, str) and it.strip() for it in found):
        raise ConfigError("the metadata's 'classes' are not a list of names")
    if len(set(found)) < len(found):
        raise ConfigError("the metadata's 'classes' name one twice")
    return tuple(found)


def _output(metadata: Mapping[str, Any], purpose: str) -> Mapping[str, Any]:
    found = _object(metadata, "schema").get("outputs")
    for it in found if isinstance(found, list) else []:
        if isinstance(it, dict) and it.get("output_purpose") == purpose:
            return it
    return {}


def _last_axis(output: Mapping[str, Any]) -> int | None:
    shape = output.get("shape")
    last = shape[-1] if isinstance(shape, list) and shape else None
    return last if isinstance(last, int) else None


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""
