"""Make a card of what other people's files say of a network.

Three kinds of file are understood: a card of ours, whole or on top of a family; the metadata
that Essentia's models come with; and none at all, where the shapes of the graph have to do.
What none of them says is assumed, and every assumption is a sentence that a user can read.
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
"""Keys by which a card of ours is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user says of a model apart from its files.

    Attributes
    ----------
    name : str
        What it is to be called.
    family : str or None
        Whose front-end it has.
    head_of : str or None
        The model whose embeddings it takes.
    classes : tuple of str or None
        Names of its labels.
    """

    name: str
    family: str | None = None
    head_of: str | None = None
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A card, and what it rests on.

    Attributes
    ----------
    card : dict
        All of it but ``file`` and ``sha256``.
    said : tuple of str
        What was taken from the files: sentences for a user.
    assumed : tuple of str
        What none of them says.
    licence : str
        Its name.
    """

    card: dict[str, Any]
    said: tuple[str, ...]
    assumed: tuple[str, ...]
    licence: str


def propose(graph: Graph, metadata: Mapping[str, Any] | None, wishes: Wishes) -> Proposal:
    """Return the card of a network.

    Parameters
    ----------
    graph : Graph
        What its file holds.
    metadata : mapping or None
        What stands next to it.
    wishes : Wishes
        What the user says; comes before what the files say.

    Raises
    ------
    ConfigError
        They contradict each other, or do not suffice.
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
    """Return a card of ours: on top of a family's, if it names one."""
    card = {key: value for key, value in metadata.items() if key != "family"}
    family = wishes.family or metadata.get("family")
    said = [f"a card of lean-tag, on top of {family}" if family else "a card of lean-tag"]
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
    """Return the card of a network that takes sound."""
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
    """Return the card of a head."""
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
    """Yield what the labels are, and whether any goes into a field."""
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
    """Return the part of a card that says what the network is and what its labels are."""
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
    """Return the family of a graph, and what of that is assumed."""
    asked = [wishes.family] if wishes.family else list(said.families)
    found = list(families.fits(graph, asked or family_names()))
    if not asked:
        found = [fit for fit in found if fit.whole]
    takes = ", ".join(map(_shown, graph.inputs)) or "nothing"
    if not found:
        known = " or ".join(asked) if asked else "any family that lean-tag knows"
        raise ConfigError(
            f"the network takes {takes}, which is no patch of {known}; write a card for it, or "
            f"say --family: {', '.join(family_names())}"
        )
    if len(found) > 1 and not said.families:
        names = ", ".join(fit.family for fit in found)
        raise ConfigError(f"the network takes {takes}, as these do: {names}; say which: --family")
    fit = found[0]
    if asked:
        return fit, ()
    return fit, (f"it is a network of the family {fit.family}, because it takes {takes}",)


def _shown(tensor: Tensor) -> str:
    return f"{tensor.name!r} {families.shape_text(tensor)}"


def _object(card: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = card.get(key)
    return dict(value) if isinstance(value, dict) else {}
