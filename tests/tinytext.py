"""Make a real, tiny text network with its tokenizer, and files of words."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tinymodel import make

VOCABULARY = ("<pad>", "<unk>", "this", "is", "music", "low", "high", "even", "dark", "loud")
DIM = 96
"""As many numbers as the tiny audio network's embedding has."""


def table() -> np.ndarray:
    """Return the vector of each token, (len(VOCABULARY), DIM) float32."""
    rows = np.random.default_rng(6).normal(size=(len(VOCABULARY), DIM)) * 0.01
    rows[VOCABULARY.index("low"), : DIM // 2] += 1.0
    rows[VOCABULARY.index("high"), DIM // 2 :] += 1.0
    rows[VOCABULARY.index("even")] += 1.0
    rows[VOCABULARY.index("dark"), : DIM // 4] += 1.0
    rows[VOCABULARY.index("loud"), ::2] += 1.0
    rows[0] = 100.0  # padding that is heard would show
    return rows.astype(np.float32)


def make_text_model(
    folder: Path,
    *,
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
    outputs: Sequence[str] = ("text_embeds",),
    length: int | str = "tokens",
    dtype: int = TensorProto.INT64,
) -> Path:
    """Write ``text.onnx``: the tokens' vectors, and their mean where the mask is 1.

    `outputs` are any of ``last_hidden_state`` (n, tokens, dim), ``text_embeds`` and ``pooled``
    (n, dim).
    """
    ids, mask = inputs
    shapes = {"last_hidden_state": ["n", length, DIM]}
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", ids], ["last_hidden_state"]),
            helper.make_node("Cast", [mask], ["m"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["m", "last"], ["mm"]),
            helper.make_node("Mul", ["last_hidden_state", "mm"], ["heard"]),
            helper.make_node("ReduceSum", ["heard", "one"], ["sum"], keepdims=0),
            helper.make_node("ReduceSum", ["m", "one"], ["count"], keepdims=1),
            helper.make_node("Div", ["sum", "count"], ["text_embeds"]),
            helper.make_node("Neg", ["text_embeds"], ["pooled"]),
        ],
        "text",
        [helper.make_tensor_value_info(name, dtype, ["n", length]) for name in inputs],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes.get(name, ["n", DIM]))
            for name in outputs
        ],
        [
            numpy_helper.from_array(table(), "table"),
            numpy_helper.from_array(np.array([2]), "last"),
            numpy_helper.from_array(np.array([1]), "one"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "text.onnx"))
    return folder / "text.onnx"


def make_tokenizer(folder: Path) -> Path:
    """Write ``tokenizer.json``: words by their place in the vocabulary."""
    said: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: number for number, word in enumerate(VOCABULARY)},
            "unk_token": "<unk>",
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(said))
    return folder / "tokenizer.json"


def arrays(words: Mapping[str, Sequence[float]], **more: Any) -> dict[str, Any]:
    """Return what a file of these words holds; what is None is left out."""
    vectors = np.array(list(words.values()), np.float32)
    whole = {"names": np.array(list(words)), "vectors": vectors, "scale": np.float32(10.0)}
    return {name: it for name, it in (whole | more).items() if it is not None}


def make_words(path: Path, words: Mapping[str, Sequence[float]], **more: Any) -> Path:
    """Write a file of words, as numpy does."""
    np.savez(path, **arrays(words, **more))
    return path


def make_joint(folder: Path, words: Path, *, name: str = "joint", **given: Any) -> Path:
    """Write an audio network that gives an embedding only, with a card for these words."""
    sha256 = hashlib.sha256(words.read_bytes()).hexdigest()
    change = {
        "labels": [],
        "tensors": {"input": "mel", "logits": None, "embedding": "embedding"},
        "label_vectors": {"file": words.name, "sha256": sha256},
    }
    return make(folder, name=name, change=change | given)
