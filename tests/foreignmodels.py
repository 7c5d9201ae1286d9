"""Networks as other people export them: tiny, real, and with metadata of their kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
STYLES = ("Blues---Delta Blues", "Electronic---Dub Techno", "Hip Hop---RnB/Swing", "Rock---Grunge")
DIM = 8


def matrix(rows: int, columns: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, (rows, columns)).astype(np.float32)


def write(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any]
) -> Path:
    """Write a graph; inputs and outputs are (name, shape)."""
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(np.asarray(it), name) for name, it in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def effnet(
    path: Path, *, labels: int = len(STYLES), batch: int | str = "batch", squash: str = "Sigmoid"
) -> Path:
    """Write what has the shapes of Discogs-EffNet: patches in, activations and embeddings out."""
    nodes = [
        helper.make_node("ReduceMean", ["melspectrogram"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "w0"], ["embeddings"]),
        helper.make_node("MatMul", ["embeddings", "w1"], ["scores"]),
        helper.make_node(squash, ["scores"], ["activations"]),
    ]
    return write(
        path,
        nodes,
        [("melspectrogram", [batch, 128, 96])],
        [("activations", [batch, labels]), ("embeddings", [batch, DIM])],
        {"w0": matrix(96, DIM), "w1": matrix(DIM, labels)},
    )


def head(
    path: Path, *, labels: int = 2, squash: str = "Softmax", dim: int = DIM, twice: bool = False
) -> Path:
    """Write a head; `twice` gives the scores before and after the last step."""
    nodes = [
        helper.make_node("MatMul", ["model/Placeholder", "w"], ["before"]),
        helper.make_node(squash, ["before"], ["after"]),
    ]
    outputs = [("after", [None, labels]), *([("before", [None, labels])] if twice else [])]
    inputs = [("model/Placeholder", ["n", dim])]
    return write(path, nodes, inputs, outputs, {"w": matrix(dim, labels, seed=1)})


def effnet_metadata(**change: Any) -> dict[str, Any]:
    """Return metadata for `effnet`, of the form that Essentia's models come with."""
    outputs = [
        {"name": "PartitionedCall:0", "type": "float", "shape": [64, 4], "op": "Sigmoid"},
        {"name": "PartitionedCall:1", "type": "float", "shape": [64, DIM], "op": "Flatten"},
    ]
    outputs[0]["output_purpose"] = "predictions"
    outputs[1]["output_purpose"] = "embeddings"
    inputs = [{"name": "serving_default_melspectrogram", "type": "float", "shape": [64, 128, 96]}]
    return {
        "name": "Tiny EffNet",
        "type": "Music style classification and embeddings",
        "link": "https://essentia.upf.edu/models/feature-extractors/tiny-effnet-bs64-1.pb",
        "version": "1",
        "description": "four styles",
        "author": "Nobody",
        "classes": list(STYLES),
        "dataset": {"name": "Made up", "metrics": {"ROC-AUC": 0.95, "PR-AUC": 0.2}},
        "schema": {"inputs": inputs, "outputs": outputs},
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictEffnetDiscogs"},
        **change,
    }


def head_metadata(*classes: str, op: str = "Softmax", **change: Any) -> dict[str, Any]:
    """Return a head's metadata, of the same form."""
    predictions = {"name": f"model/{op}", "shape": [len(classes)], "op": op}
    below = {"algorithm": "TensorflowPredictEffnetDiscogs", "model_name": "tiny-effnet-bs64-1"}
    return {
        "name": "mood happy",
        "description": "classification of music by mood",
        "link": "https://essentia.upf.edu/models/classification-heads/tiny.pb",
        "classes": list(classes),
        "schema": {
            "inputs": [{"name": "model/Placeholder", "type": "float", "shape": [DIM]}],
            "outputs": [{**predictions, "output_purpose": "predictions"}],
        },
        "inference": {
            "sample_rate": 16000,
            "algorithm": "TensorflowPredict2D",
            "embedding_model": below,
        },
        **change,
    }


def beside(path: Path, metadata: Any) -> Path:
    """Write metadata next to a network."""
    path.with_suffix(".json").write_text(json.dumps(metadata))
    return path
