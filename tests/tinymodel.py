"""Make a real, tiny ONNX model with its card."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from familycards import completed
from onnx import TensorProto, helper, numpy_helper

from lean_tagger.card import models_folder
from lean_tagger.card.card import OF_SOUND

LABELS = (("rock", "genre", "Rock"), ("jazz", "genre", "Jazz"), ("chill", "mood", "Chill"))


def make(
    folder: Path,
    *,
    weights: Callable[[], np.ndarray] | None = None,
    change: dict[str, Any] | None = None,
    name: str = "tiny",
) -> Path:
    """Write ``tiny.onnx`` and ``tiny.json``, or of another name; return the card.

    The logits are the mean patch frame times `weights` (96, n); `change` replaces keys of the
    card, whose constants are those of msd-musicnn.
    """
    matrix = weights() if weights else np.linspace(-1, 1, 96 * 3).reshape(96, 3)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["mel"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
            helper.make_node("Identity", ["mean"], ["embedding"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["n", 187, 96])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", matrix.shape[1]]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 96]),
        ],
        [numpy_helper.from_array(matrix.astype(np.float32), "weights")],
    )
    return _save(folder, name, graph, card=_card(), change=change)


def make_head(
    folder: Path,
    name: str,
    weights: np.ndarray,
    *,
    head_of: str = "tiny",
    change: dict[str, Any] | None = None,
) -> Path:
    """Write a head, whose logits are the embedding times `weights` (dim, 3); return the card."""
    dim, labels = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "weights"], ["logits"])],
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", dim])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", labels])],
        [numpy_helper.from_array(weights.astype(np.float32), "weights")],
    )
    card = {key: value for key, value in _card().items() if key not in OF_SOUND}
    tensors = {"input": "features", "logits": "logits", "layout": "embedding"}
    card |= {"head_of": head_of, "tensors": tensors}
    return _save(folder, name, graph, card=card, change=change)


def _card() -> dict[str, Any]:
    labels = [{"name": n, "kind": k, "display": d} for n, k, d in LABELS]
    card = json.loads((models_folder() / "msd-musicnn.json").read_text())
    return card | {"labels": labels, "abstain": []}


def _save(
    folder: Path,
    name: str,
    graph: onnx.GraphProto,
    *,
    card: dict[str, Any],
    change: dict[str, Any] | None,
) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / f"{name}.onnx"
    onnx.save(model, str(path))
    own = {
        "name": name,
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    (folder / f"{name}.json").write_text(json.dumps(card | own | (change or {})))
    return folder / f"{name}.json"


SHAPES = {
    "frames_bands": ("frames", "bands"),
    "1_frames_bands": (1, "frames", "bands"),
    "frames_bands_1": ("frames", "bands", 1),
    "bands_frames": ("bands", "frames"),
    "1_bands_frames": (1, "bands", "frames"),
    "bands_frames_1": ("bands", "frames", 1),
    "samples": ("frames",),
    "1_samples": (1, "frames"),
    "samples_1": ("frames", 1),
}
EMBEDDING_SIZE = 8


def make_family(
    folder: Path, family: str, *, layout: str | None = None, batch: int | None = None, **more: Any
) -> Path:
    """Write a network shaped like a family's, and the family's card; return the card.

    Its scores are sums of all that it is given, with other weights for each, through the
    activation that the card names; so is its embedding.

    Parameters
    ----------
    folder : Path
        For both files.
    family : str
        Of `card.family_names`.
    layout, batch
        In place of the card's; `batch` patches are then all that the graph takes.
    **more
        Further keys of the card to replace.
    """
    card = completed(family, **more)
    card["name"] = "tiny"
    tensors = card["tensors"]
    tensors["layout"] = layout or tensors["layout"]
    tensors["batch"] = batch or tensors.get("batch")
    sizes = {"frames": card["patch_frames"], "bands": card["frontend"].get("n_mels", 1)}
    shape = [sizes.get(axis, axis) for axis in SHAPES[tensors["layout"]]]
    count = int(np.prod(shape))
    path = folder / card["file"]
    onnx.save(_sums(shape, count, card), str(path))
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card))
    return path.with_suffix(".json")


def _sums(shape: list[int], count: int, card: dict[str, Any]) -> onnx.ModelProto:
    tensors = card["tensors"]
    rows = tensors["batch"] or "n"
    nodes = [
        helper.make_node("Flatten", [tensors["input"]], ["flat"], axis=1),
        # Weights are computed, so that the file stays small.
        helper.make_node("Range", ["zero", "count", "one"], ["row"]),
        helper.make_node("Unsqueeze", ["row", "axis"], ["column"]),
    ]
    outputs = []
    for key, size, step in (("logits", len(LABELS), 0.37), ("embedding", EMBEDDING_SIZE, 0.11)):
        if (name := tensors[key]) is None:
            continue
        steps = step * (1 + np.arange(size, dtype=np.float32))[None] / np.sqrt(count)
        nodes += [
            helper.make_node(
                "Constant",
                [],
                [f"{key} steps"],
                value=numpy_helper.from_array(steps.astype(np.float32)),
            ),
            helper.make_node("Mul", ["column", f"{key} steps"], [f"{key} angles"]),
            helper.make_node("Cos", [f"{key} angles"], [f"{key} weights"]),
            helper.make_node("MatMul", ["flat", f"{key} weights"], [f"{key} sums"]),
            helper.make_node("Mul", [f"{key} sums", "scale"], [f"{key} plain"]),
        ]
        operator = card["activation"].capitalize() if key == "logits" else "Identity"
        operator = {"Logits": "Identity"}.get(operator, operator)
        nodes.append(helper.make_node(operator, [f"{key} plain"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, size]))
    scale = 10.0 if "n_mels" in card["frontend"] else 1000.0  # samples swing around 0
    constants = {"zero": 0.0, "count": count, "one": 1.0, "scale": scale / count}
    graph = helper.make_graph(
        nodes,
        "sums",
        [helper.make_tensor_value_info(tensors["input"], TensorProto.FLOAT, [rows, *shape])],
        outputs,
        [
            *(numpy_helper.from_array(np.float32(v), k) for k, v in constants.items()),
            numpy_helper.from_array(np.array([1]), "axis"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
