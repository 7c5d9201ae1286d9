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

LABELS = (("rock", "genre", "Rock"), ("jazz", "genre", "Jazz"), ("chill", "mood", "Chill"))


def make(
    folder: Path,
    *,
    weights: Callable[[], np.ndarray] | None = None,
    change: dict[str, Any] | None = None,
) -> Path:
    """Write ``tiny.onnx`` and ``tiny.json``; return the card.

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
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "tiny.onnx"
    onnx.save(model, str(path))
    card = json.loads((spec.models_folder() / "msd-musicnn.json").read_text())
    card |= {
        "name": "tiny",
        "file": "tiny.onnx",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "labels": [{"name": n, "kind": k, "display": d} for n, k, d in LABELS],
    }
    card |= change or {}
    (folder / "tiny.json").write_text(json.dumps(card))
    return folder / "tiny.json"
