"""Make a real, tiny ONNX model with its card."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lean_tagger import spec
from lean_tagger.spec.library import OF_THE_BACKBONE

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
    card = {key: value for key, value in _card().items() if key not in OF_THE_BACKBONE}
    tensors = {"input": "features", "logits": "logits", "layout": "embedding"}
    card |= {"head_of": head_of, "tensors": tensors}
    return _save(folder, name, graph, card=card, change=change)


def make_raw(folder: Path, name: str = "raw", *, change: dict[str, Any] | None = None) -> Path:
    """Write a model of raw samples, 8,000 at 22,050 Hz; return the card."""
    weights = np.float32([[1.0, -1.0, 0.0]])
    graph = helper.make_graph(
        [
            helper.make_node("Abs", ["samples"], ["loud"]),
            helper.make_node("ReduceMean", ["loud"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
        ],
        name,
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["n", 8000])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weights, "weights")],
    )
    sound = {
        "sample_rate_hz": 22050,
        "frontend": {"kind": "samples"},
        "patch_frames": 8000,
        "hop_frames": 8000,
        "tensors": {"input": "samples", "logits": "logits", "layout": "samples"},
    }
    return _save(folder, name, graph, card=_card() | sound, change=change)


def _card() -> dict[str, Any]:
    labels = [{"name": n, "kind": k, "display": d} for n, k, d in LABELS]
    card = json.loads((spec.models_folder() / "msd-musicnn.json").read_text())
    return card | {"labels": labels}


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
