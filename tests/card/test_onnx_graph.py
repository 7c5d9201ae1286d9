"""What an ONNX file says of itself, whatever it holds."""

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hostilemodels import int64, put, save
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tinymodel import make

from lean_tagger.card import models_folder, onnx_graph, protobuf
from lean_tagger.card.onnx_graph import Tensor
from lean_tagger.errors import ModelError

SHIPPED = sorted(models_folder().glob("*.onnx"))


def shape_of(value: onnx.ValueInfoProto) -> tuple[int | str | None, ...]:
    axes = value.type.tensor_type.shape.dim
    return tuple(it.dim_value if it.HasField("dim_value") else it.dim_param for it in axes)


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_the_shipped_models_are_read_as_the_onnx_package_reads_them(path: Path) -> None:
    graph, model = onnx_graph.read(path), onnx.load(str(path))
    for found, expected in ((graph.inputs, model.graph.input), (graph.outputs, model.graph.output)):
        assert found == [
            Tensor(it.name, shape_of(it), it.type.tensor_type.elem_type) for it in expected
        ]
    for node in model.graph.node:
        for output in node.output:
            assert graph.made_by[output] == (node.op_type, node.input[0] if node.input else "")


def test_a_constant_that_is_listed_as_an_input_is_none(tmp_path: Path) -> None:
    """As files of IR version 3 do."""
    card = make(tmp_path)
    model = onnx.load(str(card.with_suffix(".onnx")))
    model.graph.input.append(helper.make_tensor_value_info("weights", TensorProto.FLOAT, [96, 3]))
    put(card, model.SerializeToString())
    assert [it.name for it in onnx_graph.read(card.with_suffix(".onnx")).inputs] == ["mel"]


def test_the_operator_behind_an_output_is_found_through_what_only_reshapes(tmp_path: Path) -> None:
    card = make(tmp_path)
    save(
        card,
        [
            helper.make_node("ReduceMean", ["mel"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("Sigmoid", ["mean"], ["probabilities"]),
            helper.make_node("Reshape", ["probabilities", "shape"], ["logits"]),
        ],
        constants=(int64("shape", -1, 96),),
    )
    graph = onnx_graph.read(card.with_suffix(".onnx"))
    assert graph.operator("embedding") == graph.operator("logits") == "Sigmoid"
    assert graph.before("logits") == "mean"
    assert graph.operator("mel") == ""


def test_a_tensor_that_is_made_of_itself_has_no_operator(tmp_path: Path) -> None:
    card = make(tmp_path)
    save(card, [helper.make_node("Identity", ["logits"], ["logits"])])
    assert onnx_graph.read(card.with_suffix(".onnx")).operator("logits") == ""


def test_an_operator_that_the_file_defines_is_no_foreign_one(tmp_path: Path) -> None:
    card = make(tmp_path)
    body = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0)]
    mean = helper.make_function("local", "Mean", ["x"], ["y"], body, [helper.make_opsetid("", 17)])
    save(card, [helper.make_node("Mean", ["mel"], ["logits"], domain="local")], domains=("local",))
    model = onnx.load(str(card.with_suffix(".onnx")))
    with pytest.raises(ModelError, match=r"needs the operator 'Mean' of 'local'"):
        onnx_graph.read(card.with_suffix(".onnx"))
    model.functions.append(mean)
    put(card, model.SerializeToString())
    onnx_graph.read(card.with_suffix(".onnx"))


def _outside() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "far")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/shadow")
    return tensor


@pytest.mark.parametrize("place", ["attribute", "branch", "sparse", "function", "training"])
def test_weights_elsewhere_are_found_wherever_a_tensor_may_be(place: str, tmp_path: Path) -> None:
    card = make(tmp_path)
    path = card.with_suffix(".onnx")
    model = onnx.load(str(path))
    constant = helper.make_node("Constant", [], ["far"], value=_outside())
    inner = helper.make_graph([constant], "inner", [], [])
    if place == "attribute":
        model.graph.node.append(constant)
    elif place == "branch":
        branch = helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=inner)
        model.graph.node.append(branch)
    elif place == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(_outside())
    elif place == "function":
        opset = [helper.make_opsetid("", 17)]
        function = helper.make_function("local", "F", [], ["far"], [constant], opset)
        model.functions.append(function)
    else:
        model.training_info.add().initialization.CopyFrom(inner)
    put(card, model.SerializeToString())
    with pytest.raises(ModelError, match=r"keeps weights in another file, '/etc/shadow'"):
        onnx_graph.read(path)


def _field(number: int, content: bytes) -> bytes:
    """Return a part of a message, by the wire format."""
    length, head = len(content), bytearray([number << 3 | 2])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*head, length]) + content


def test_graphs_nested_beyond_any_use_are_refused(tmp_path: Path) -> None:
    graph = b""
    for _ in range(40):
        graph = _field(1, _field(5, _field(6, graph)))  # node, attribute, g
    path = tmp_path / "deep.onnx"
    path.write_bytes(_field(7, graph))
    with pytest.raises(ModelError, match=r"nested too deeply"):
        onnx_graph.read(path)


@pytest.mark.parametrize(
    "most", [10_000, pytest.param(protobuf.MOST_FIELDS, marks=pytest.mark.slow)]
)
def test_a_file_of_nothing_but_tiny_parts_is_given_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(protobuf, "MOST_FIELDS", most)
    path = tmp_path / "many.onnx"
    path.write_bytes(b"\x08\x01" * (most + 1))
    with pytest.raises(ModelError, match=r"too many parts"):
        onnx_graph.read(path)


def test_a_file_larger_than_a_protocol_buffer_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(ModelError, match=r"larger than 2 GiB"):
        onnx_graph.read(path)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tiny")).with_suffix(".onnx")


@given(data=st.data())
def test_whatever_is_cut_off_changed_or_put_in_it_ends_in_a_graph_or_a_model_error(
    data: st.DataObject, tiny: Path
) -> None:
    content = bytearray(tiny.read_bytes())
    start = data.draw(st.integers(0, len(content)))
    match data.draw(st.sampled_from(["cut", "change", "insert"])):
        case "cut":
            del content[start:]
        case "change":
            new = data.draw(st.binary(min_size=1, max_size=8))
            content[start : start + len(new)] = new
        case "insert":
            content[start:start] = data.draw(st.binary(min_size=1, max_size=40))
    path = tiny.with_name("damaged.onnx")
    path.write_bytes(content)
    with contextlib.suppress(ModelError):
        assert onnx_graph.read(path).outputs


@given(content=st.binary(max_size=300))
def test_random_bytes_are_no_model(content: bytes, tiny: Path) -> None:
    path = tiny.with_name("random.onnx")
    path.write_bytes(content)
    with pytest.raises(ModelError):
        onnx_graph.read(path)
