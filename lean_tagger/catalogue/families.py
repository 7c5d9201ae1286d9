"""Find a network's family by the shape of its input.

Names of tensors differ from export to export, shapes do not. Two families may have the same shape
and differ in a constant, so a shape alone never decides between them.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lean_tagger.card import family_card
from lean_tagger.card.onnx_graph import FLOAT, Graph, Tensor


@dataclass(frozen=True, slots=True)
class FamilyMatch:
    """A family with patches that a graph takes.

    Attributes
    ----------
    family : str
        Its name.
    tensor : Tensor
        The graph's input.
    layout : str
        The layout of a patch in it; see `card.PatchLayout`.
    batch : int or None
        Number of patches that the graph requires.
    whole : bool
        Every axis of a patch has the family's length; otherwise some axes are open.
    """

    family: str
    tensor: Tensor
    layout: str
    batch: int | None
    whole: bool


def template(family: str) -> dict[str, Any]:
    """Return a family's card, without the keys that do not belong in a card."""
    return {key: value for key, value in family_card(family).items() if key != "sources"}


def fits(graph: Graph, families: Sequence[str]) -> Iterator[FamilyMatch]:
    """Yield those of the families with patches that the graph takes."""
    inputs = [it for it in graph.inputs if it.kind == FLOAT and it.shape is not None]
    for family in families:
        card = template(family)
        for layout, tensor in itertools.product(_layouts(card), inputs):
            found = _fit(family, card, tensor, layout)
            if found is not None:
                yield found
                break


def shape_text(tensor: Tensor) -> str:
    """Return a shape for people: ``n x 128 x 96``."""
    if tensor.shape is None:
        return "of no stated shape"
    return " x ".join("?" if axis is None else str(axis) for axis in tensor.shape)


def _layouts(card: Mapping[str, Any]) -> list[str]:
    """Return the possible layouts of a patch, the family's own first."""
    own = str(card.get("tensors", {}).get("layout", "frames_bands"))
    plain = ["samples"] if "samples" in own else ["frames_bands", "bands_frames"]
    return list(dict.fromkeys([own, *plain, *(f"1_{it}" for it in plain)]))


def _fit(family: str, card: Mapping[str, Any], tensor: Tensor, layout: str) -> FamilyMatch | None:
    front = card["frontend"]
    lengths = {
        "1": 1,
        "frames": card["patch_frames"],
        "samples": card["patch_frames"],
        "bands": front.get("n_mels", 0),
    }
    wanted = [lengths[axis] for axis in layout.split("_")]
    assert tensor.shape is not None  # noqa: S101 - narrows the type for mypy
    count, *found = tensor.shape
    if len(found) != len(wanted):
        return None
    for axis, length in zip(found, wanted, strict=True):
        if isinstance(axis, int) and axis != length:
            return None
    batch = count if isinstance(count, int) else None
    whole = all(isinstance(axis, int) for axis in found)
    return FamilyMatch(family, tensor, layout, batch, whole)
