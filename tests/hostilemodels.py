"""Models that nobody should be harmed by."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tinymodel import make

FLOAT = TensorProto.FLOAT


def save(
    card: Path, nodes: list[Any], *, constants: tuple[Any, ...] = (), domains: tuple[str, ...] = ()
) -> None:
    """Put another graph behind a card: from ``mel`` to ``logits``, which `nodes` make."""
    nodes = [*nodes, helper.make_node("Identity", ["logits"], ["embedding"])]
    graph = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("mel", FLOAT, ["n", 187, 96])],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in ("logits", "embedding")],
        list(constants),
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(d, 1) for d in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    put(card, model.SerializeToString())


def put(card: Path, content: bytes) -> None:
    """Put these bytes behind a card, which agrees with them."""
    card.with_suffix(".onnx").write_bytes(content)
    data = json.loads(card.read_text())
    data["sha256"] = hashlib.sha256(content).hexdigest()
    card.write_text(json.dumps(data))


def int64(name: str, *values: int) -> Any:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def external_data(card: Path) -> None:
    model = onnx.load(str(card.with_suffix(".onnx")))
    (tensor,) = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../../../../etc/passwd"
    put(card, model.SerializeToString())


def custom_operator(card: Path) -> None:
    node = helper.make_node("Steal", ["mel"], ["logits"], domain="com.example")
    save(card, [node], domains=("com.example",))


def other_input(card: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["mel"], ["logits"], axes=[1], keepdims=0)],
        "other",
        [helper.make_tensor_value_info("mel", FLOAT, ["n", 64, 40])],
        [helper.make_tensor_value_info("logits", FLOAT, ["n", 40])],
    )
    opset = [helper.make_opsetid("", 17)]
    put(card, helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def other_labels(card: Path) -> None:
    save(card, [helper.make_node("ReduceMean", ["mel"], ["logits"], axes=[1], keepdims=0)])


def huge(card: Path) -> None:
    """A few hundred bytes that ask for 64 GB, and only when they run."""
    save(
        card,
        [
            helper.make_node("Shape", ["mel"], ["shape"]),
            helper.make_node("Mul", ["shape", "factor"], ["large"]),
            helper.make_node("ConstantOfShape", ["large"], ["full"]),
            helper.make_node("ReduceMax", ["full"], ["top"], keepdims=0),
            helper.make_node("ReduceMean", ["mel"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("Slice", ["mean", "zero", "three", "one"], ["few"]),
            helper.make_node("Add", ["few", "top"], ["logits"]),
        ],
        constants=(
            int64("factor", 1_000, 1_000, 1),
            int64("zero", 0),
            int64("three", 3),
            int64("one", 1),
        ),
    )


def huge_batch(card: Path) -> None:
    """It insists on a million patches at once, 72 GB."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["mel"], ["logits"], axes=[1], keepdims=0)],
        "crowd",
        [helper.make_tensor_value_info("mel", FLOAT, [1_000_000, 187, 96])],
        [helper.make_tensor_value_info("logits", FLOAT, [1_000_000, 96])],
    )
    opset = [helper.make_opsetid("", 17)]
    put(card, helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())
    data = json.loads(card.read_text())
    data["tensors"]["embedding"] = None
    card.write_text(json.dumps(data))


def no_numbers(card: Path) -> None:
    """0 / 0, whatever it hears."""
    save(
        card,
        [
            helper.make_node("ReduceMean", ["mel"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("Slice", ["mean", "zero", "three", "one"], ["few"]),
            helper.make_node("Sub", ["few", "few"], ["nothing"]),
            helper.make_node("Div", ["nothing", "nothing"], ["logits"]),
        ],
        constants=(int64("zero", 0), int64("three", 3), int64("one", 1)),
    )


def truncated(card: Path) -> None:
    content = card.with_suffix(".onnx").read_bytes()
    put(card, content[: len(content) // 2])


def endless(card: Path, *, once_it_hears: bool = False) -> None:
    """A loop of 2^62 rounds; of none in silence, if it is to be one `once_it_hears`."""
    body = helper.make_graph(
        [
            helper.make_node("Sin", ["carried"], ["next"]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", FLOAT, None),
        ],
    )
    save(
        card,
        [
            helper.make_node("ReduceMean", ["mel"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("Slice", ["mean", "zero", "three", "one"], ["few"]),
            helper.make_node("ReduceMax", ["mel"], ["loudest"], keepdims=0),
            helper.make_node("Sign", ["loudest"], ["sign"]),
            helper.make_node("Cast", ["sign"], ["heard"], to=TensorProto.INT64),
            helper.make_node("Mul", ["heard", "rounds"], ["unless_silent"]),
            helper.make_node(
                "Loop",
                ["unless_silent" if once_it_hears else "rounds", "", "few"],
                ["logits"],
                body=body,
            ),
        ],
        constants=(
            int64("zero", 0),
            int64("three", 3),
            int64("one", 1),
            numpy_helper.from_array(np.array(1 << 62, np.int64), "rounds"),
        ),
    )


def folder(card: Path) -> None:
    card.with_suffix(".onnx").unlink()
    card.with_suffix(".onnx").mkdir()


def pipe(card: Path) -> None:
    card.with_suffix(".onnx").unlink()
    os.mkfifo(card.with_suffix(".onnx"))


def link_to_itself(card: Path) -> None:
    card.with_suffix(".onnx").unlink()
    card.with_suffix(".onnx").symlink_to("tiny.onnx")


def link_to_a_device(card: Path) -> None:
    card.with_suffix(".onnx").unlink()
    card.with_suffix(".onnx").symlink_to("/dev/zero")


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "external data": (external_data, "it keeps weights in another file"),
    "custom operator": (custom_operator, "it needs the operator 'Steal' of 'com.example'"),
    "other input": (other_input, "takes nx64x40, but its card gives nx187x96"),
    "other labels": (other_labels, "gives 1x96 scores, but its card names 3 labels"),
    "huge": (huge, "asks for more memory than the"),
    "huge batch": (huge_batch, "asks for more memory than the"),
    "no numbers": (no_numbers, "gave scores that are not numbers"),
    "truncated": (truncated, "it is not an ONNX file, or is damaged"),
    "folder": (folder, "it is not a regular file"),
    "pipe": (pipe, "it is not a regular file"),
    "link to itself": (link_to_itself, "Too many levels of symbolic links"),
    "link to a device": (link_to_a_device, "it is not a regular file"),
}
"""What is done to a good model, and what is said of it then. `endless` takes its time."""


def hostile(place: Path, name: str) -> Path:
    """Make a hostile model in a folder; return its card."""
    card = make(place)
    HOSTILE[name][0](card)
    return card
