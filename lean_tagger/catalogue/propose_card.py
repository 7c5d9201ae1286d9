"""Make a card for a network from other people's files.

There are three cases: a card of ours, complete or based on a family; Essentia's metadata; and no
file at all, when only the graph's shapes are known. The rest is assumed, and every assumption is a
sentence for the user.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lean_tagger.card import family_names, load_card
from lean_tagger.card.onnx_graph import FLOAT, Graph, Tensor
from lean_tagger.catalogue import essentia, families, find_outputs
from lean_tagger.catalogue.find_outputs import GraphOutputs
from lean_tagger.catalogue.label_kinds import are_numbers, labels, numbers, task_of
from lean_tagger.catalogue.licences import UNKNOWN
from lean_tagger.errors import ConfigError
from lean_tagger.rules import FIELDS

_OURS = frozenset({"frontend", "tensors", "head_of", "family", "activation", "sample_rate_hz"})
"""Keys that identify a card of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The user's options for a model.

    Attributes
    ----------
    name : str
        Its name.
    family : str or None
        The family with its front-end.
    head_of : str or None
        The model that gives its embeddings.
    classes : tuple of str or None
        Names of its labels.
    """

    name: str
    family: str | None = None
    head_of: str | None = None
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A card, and the facts and assumptions behind it.

    Attributes
    ----------
    card : dict
        The card without ``file`` and ``sha256``.
    said : tuple of str
        Sentences about what was taken from the files.
    assumed : tuple of str
        Sentences about what was assumed.
    licence : str
        The licence's name.
    """

    card: dict[str, Any]
    said: tuple[str, ...]
    assumed: tuple[str, ...]
    licence: str


def propose(graph: Graph, metadata: Mapping[str, Any] | None, wishes: Wishes) -> Proposal:
    """Return a proposed card for a network.

    Parameters
    ----------
    graph : Graph
        The contents of its file.
    metadata : mapping or None
        The contents of the file next to it.
    wishes : Wishes
        The user's options, which override the files.

    Raises
    ------
    ConfigError
        They contradict each other, or are not enough.
    """
    if metadata is not None and _OURS & set(metadata) and "inference" not in metadata:
        return _ours(metadata, wishes)
    said = essentia.read(metadata or {})
    classes = wishes.classes or said.classes
    if said.activation is None and are_numbers(classes):
        said = replace(said, activation="numbers")
    if _takes_embeddings(graph) and (said.is_head or wishes.head_of):
        return _head(graph, said, wishes, classes)
    if said.is_head:
        takes = ", ".join(families.shape_text(it) for it in graph.inputs)
        raise ConfigError(f"the metadata describe a head, but the network takes {takes}")
    return _network(graph, said, wishes, classes)


def _ours(metadata: Mapping[str, Any], wishes: Wishes) -> Proposal:
    """Return a card of ours; if it names a family, it is based on the family's."""
    card = {key: value for key, value in metadata.items() if key != "family"}
    family = wishes.family or metadata.get("family")
    said = [f"a card of lean-tag, based on {family}" if family else "a card of lean-tag"]
    if family is not None:
        base = families.template(str(family))
        tensors = {**base.get("tensors", {}), **_object(card, "tensors")}
        card = {**base, **card, "tensors": tensors}
    if wishes.head_of:
        card["head_of"] = wishes.head_of
    if wishes.classes:
        card["labels"] = labels(wishes.classes, task=task_of(wishes.name))
    card["name"] = wishes.name
    card.setdefault("description", wishes.name)
    licence = _object(card, "licence").get("id", UNKNOWN)
    return Proposal(card=card, said=tuple(said), assumed=(), licence=str(licence))


def _network(
    graph: Graph, said: essentia.Metadata, wishes: Wishes, classes: Sequence[str]
) -> Proposal:
    """Return the card for a network that takes sound."""
    fit, assumed = _family(graph, said, wishes)
    base = families.template(fit.family)
    if said.sample_rate_hz not in {None, base["sample_rate_hz"]}:
        raise ConfigError(
            f"the metadata say {said.sample_rate_hz} Hz, but {fit.family} hears "
            f"{base['sample_rate_hz']} Hz"
        )
    usual = base["activation"] if base["tensors"].get("logits") else None
    scores = find_outputs.find(graph, classes, said, embedding=True, usual=usual)
    tensors = {
        "input": fit.tensor.name,
        "logits": scores.logits,
        "embedding": scores.embedding,
        "layout": fit.layout,
        "batch": fit.batch,
    }
    default = f"a network of the family {fit.family}"
    card = {**base, **_about(said, wishes, classes, scores, default=default)}
    card["tensors"] = tensors
    if scores.logits is not None:
        card["activation"] = scores.activation
    by = "as you say" if wishes.family else f"by {said.algorithm or 'its shape'}"
    sentences = [f"front-end of the family {fit.family}, {by}"]
    return _proposal(card, said, scores, sentences, assumed)


def _head(
    graph: Graph, said: essentia.Metadata, wishes: Wishes, classes: Sequence[str]
) -> Proposal:
    """Return the card for a head."""
    tensor = graph.inputs[0]
    assert tensor.shape is not None  # noqa: S101 - `_takes_embeddings` has looked
    count, dim = tensor.shape
    backbone = essentia.backbone(said, dim, head_of=wishes.head_of)
    scores = find_outputs.find(graph, classes, said, embedding=False)
    tensors = {"input": tensor.name, "logits": scores.logits, "layout": "embedding"}
    card = {
        **_about(said, wishes, classes, scores, default=f"a head of {backbone}"),
        "head_of": backbone,
        "tensors": {**tensors, "batch": count if isinstance(count, int) else None},
        "activation": scores.activation,
        "pooling": load_card(backbone).pooling,
    }
    return _proposal(card, said, scores, [f"a head: it takes the embeddings of {backbone}"], ())


def _proposal(
    card: dict[str, Any],
    said: essentia.Metadata,
    scores: GraphOutputs,
    sentences: Sequence[str],
    assumed: Sequence[str],
) -> Proposal:
    return Proposal(
        card=card,
        said=(*sentences, *scores.said, *_kinds(card["labels"])),
        assumed=(*assumed, *scores.assumed),
        licence=said.licence,
    )


def _kinds(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence about the kinds of labels, and whether any can be written."""
    kinds = Counter(label["kind"] for label in found)
    if kinds:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        none = "" if {*FIELDS, "number"} & set(kinds) else ", none of which is written into a tag"
        yield f"what its labels are: {counts}{none}"


def _about(
    said: essentia.Metadata,
    wishes: Wishes,
    classes: Sequence[str],
    scores: GraphOutputs,
    *,
    default: str,
) -> dict[str, Any]:
    """Return the part of a card about the network and its labels."""
    if scores.activation == "numbers":
        found = numbers(classes)
    else:
        found = labels(classes, task=task_of(wishes.name, said.name, said.description))
    about: dict[str, Any] = {
        "name": wishes.name,
        "description": said.description or default,
        "licence": {"id": said.licence, "holder": said.holder, "notice": said.notice},
        "labels": found,
    }
    if said.accuracy is not None:
        about["accuracy"] = said.accuracy
    return about


def _takes_embeddings(graph: Graph) -> bool:
    """Tell whether a graph takes one row of numbers for each patch."""
    if len(graph.inputs) != 1 or graph.inputs[0].kind != FLOAT:
        return False
    shape = graph.inputs[0].shape
    return shape is not None and len(shape) == 2 and isinstance(shape[1], int)


def _family(
    graph: Graph, said: essentia.Metadata, wishes: Wishes
) -> tuple[families.FamilyMatch, tuple[str, ...]]:
    """Return the family of a graph, and sentences about assumptions."""
    asked = [wishes.family] if wishes.family else list(said.families)
    found = list(families.fits(graph, asked or family_names()))
    if not asked:
        found = [fit for fit in found if fit.whole]
    takes = ", ".join(map(_shown, graph.inputs)) or "nothing"
    if not found:
        known = " or ".join(asked) if asked else "any family that lean-tag knows"
        raise ConfigError(
            f"the network takes {takes}, which is not a patch of {known}; write a card for it, or "
            f"give --family: {', '.join(family_names())}"
        )
    if len(found) > 1 and not said.families:
        names = ", ".join(fit.family for fit in found)
        raise ConfigError(
            f"the network takes {takes}, like these: {names}; choose one with --family"
        )
    fit = found[0]
    if asked:
        return fit, ()
    return fit, (f"it is a network of the family {fit.family}, because it takes {takes}",)


def _shown(tensor: Tensor) -> str:
    return f"{tensor.name!r} {families.shape_text(tensor)}"


def _object(card: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = card.get(key)
    return dict(value) if isinstance(value, dict) else {}
