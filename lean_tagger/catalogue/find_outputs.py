"""Find a graph's scores and embedding among its outputs, and the kind of scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lean_tagger.card.onnx_graph import FLOAT, Graph, Tensor
from lean_tagger.catalogue.families import shape_text
from lean_tagger.errors import ConfigError

_ACTIVATIONS = {"Sigmoid": "sigmoid", "Softmax": "softmax", "HardSigmoid": "sigmoid"}

_LINEAR = frozenset({"Gemm", "MatMul", "Add", "Conv", "Sub", "Mul"})
"""Operators with unbounded results, which are not probabilities."""


class Said(Protocol):
    """What metadata say about the outputs."""

    @property
    def activation(self) -> str | None:
        """``sigmoid``, ``softmax``, ``logits`` or ``numbers``."""

    @property
    def embedding_dim(self) -> int | None:
        """Length of the embedding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphOutputs:
    """The outputs of a graph.

    Attributes
    ----------
    logits, embedding : str or None
        Names of tensors.
    activation : {'logits', 'sigmoid', 'softmax', 'numbers'}
        What the scores are.
    said, assumed : tuple of str
        Sentences about what is known, and about what is only assumed.
    """

    logits: str | None
    embedding: str | None
    activation: str
    said: tuple[str, ...]
    assumed: tuple[str, ...]


def find(
    graph: Graph,
    classes: Sequence[str],
    said: Said,
    *,
    embedding: bool,
    usual: str | None = "logits",
) -> GraphOutputs:
    """Find scores and embedding by shape.

    Parameters
    ----------
    graph : Graph
        The network.
    classes : sequence of str
        Names of the labels; empty for a network that gives only an embedding.
    said : Said
        What its metadata say.
    embedding : bool
        Whether an embedding is wanted.
    usual : {'logits', 'sigmoid', 'softmax'} or None
        The usual kind of scores of such networks; ``None`` if they give only an embedding.

    Raises
    ------
    ConfigError
        No output has one number for each label, or the labels are not known.
    """
    rows = [it for it in graph.outputs if it.kind == FLOAT]
    vector = _embedding(rows, classes, said) if embedding else None
    if not classes:
        if vector is None or (said.embedding_dim is None and usual is not None):
            raise ConfigError(
                "the names of its labels are not known: give its metadata as CARD.json, or a "
                "file with one name per line as --labels"
            )
        sentence = f"no labels, only the embedding {vector!r}"
        return GraphOutputs(
            logits=None, embedding=vector, activation="logits", said=(sentence,), assumed=()
        )
    tensor = _scores(graph, rows, len(classes))
    activation, assumed = _activation(graph, tensor, said, usual or "logits")
    sentences = [f"{len(classes)} labels from {tensor.name!r}, which holds {_WORDS[activation]}"]
    if vector is not None:
        sentences.append(f"the embedding is {vector!r}")
        if said.embedding_dim is None:
            assumed = (*assumed, f"{vector!r} is an embedding, because of its shape")
    return GraphOutputs(
        logits=tensor.name,
        embedding=vector,
        activation=activation,
        said=tuple(sentences),
        assumed=assumed,
    )


_WORDS = {
    "logits": "logits",
    "sigmoid": "independent probabilities (a sigmoid)",
    "softmax": "probabilities that add up to 1 (a softmax)",
    "numbers": "numbers, which are not probabilities",
}


def _length(tensor: Tensor) -> int | str | None:
    """Return how many numbers there are for each patch, if there is one row of them."""
    if tensor.shape is None or len(tensor.shape) != 2:
        return None
    return tensor.shape[1]


def _scores(graph: Graph, rows: Sequence[Tensor], count: int) -> Tensor:
    """Return the output with a score for each label."""
    found = [it for it in rows if _length(it) == count]
    if not found:  # an exporter may leave shapes open
        found = [it for it in rows if it.shape is None or isinstance(_length(it), str)]
        found = found if len(found) == 1 else []
    if not found:
        shapes = ", ".join(f"{it.name!r} {shape_text(it)}" for it in graph.outputs)
        raise ConfigError(f"there are names for {count} labels, but the network gives {shapes}")
    # A sigmoid can be computed label by label from its input, a softmax cannot.
    order = {"Softmax": 0, "Sigmoid": 2}
    return min(found, key=lambda it: order.get(graph.operator(it.name), 1))


def _activation(
    graph: Graph, tensor: Tensor, said: Said, usual: str
) -> tuple[str, tuple[str, ...]]:
    """Return the kind of scores, and sentences about assumptions."""
    operator = graph.operator(tensor.name)
    if operator in _ACTIVATIONS:
        return _ACTIVATIONS[operator], ()
    if said.activation == "numbers":
        return "numbers", ()
    if operator in _LINEAR:
        if said.activation == "softmax":
            raise ConfigError(
                f"{tensor.name!r} is the input of the softmax that the metadata name; "
                "export the network with the softmax"
            )
        return "logits", ()
    if said.activation is not None:
        return said.activation, ()
    maker = f"the operator {operator} computes it" if operator else "its operator is not known"
    return usual, (f"{tensor.name!r} holds {_WORDS[usual]}, as is usual, though {maker}",)


def _embedding(rows: Sequence[Tensor], classes: Sequence[str], said: Said) -> str | None:
    """Return the output that is the embedding, if only one can be."""
    others = [it for it in rows if isinstance(_length(it), int) and _length(it) != len(classes)]
    if said.embedding_dim is not None:
        others = [it for it in rows if _length(it) == said.embedding_dim]
    return others[0].name if len(others) == 1 else None
