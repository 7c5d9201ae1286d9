"""A model gives what its card says, or is refused before any music is opened."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tinymodel import make

from lean_tagger import spec
from lean_tagger.errors import ModelError
from lean_tagger.model import Model


def test_logits_and_embedding_come_as_the_card_names_them(tmp_path: Path) -> None:
    model = Model(spec.load(str(make(tmp_path))))
    patch = np.random.default_rng(0).random((2, 187, 96)).astype(np.float32)
    prediction = model(patch)
    assert prediction.logits.shape == (2, 3)
    assert prediction.embedding is not None
    assert np.allclose(prediction.embedding, patch.mean(axis=1), atol=1e-5)
    want = patch.mean(axis=1) @ np.linspace(-1, 1, 96 * 3).reshape(96, 3)
    assert np.allclose(prediction.logits, want, atol=1e-3)


def test_a_model_without_embedding_gives_none(tmp_path: Path) -> None:
    tensors = {"input": "mel", "logits": "logits"}
    model = Model(spec.load(str(make(tmp_path, change={"tensors": tensors}))))
    assert model(np.zeros((1, 187, 96), np.float32)).embedding is None


@pytest.mark.parametrize("name", ["msd-musicnn", "mtt-vgg"])
def test_batches_give_what_single_patches_give(name: str) -> None:
    model = Model(spec.load(name))
    patches = np.random.default_rng(0).random((3, 187, 96)).astype(np.float32) * 3
    singly = np.concatenate([model(patch[None]).logits for patch in patches])
    assert np.allclose(model(patches).logits, singly, atol=1e-4)


def refused(card: Path, **options: str) -> str:
    with pytest.raises(ModelError) as caught:
        Model(spec.load(str(card)), **options)  # type: ignore[arg-type] - wrong on purpose
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_missing_weights_are_named(tmp_path: Path) -> None:
    card = make(tmp_path)
    (tmp_path / "tiny.onnx").unlink()
    assert "tiny.onnx" in refused(card)


def test_damaged_weights_are_found_by_their_hash(tmp_path: Path) -> None:
    card = make(tmp_path)
    weights = tmp_path / "tiny.onnx"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    assert "install it again" in refused(card)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08\x12" + bytes(range(200))])
def test_what_is_no_model_is_refused_even_with_the_right_hash(
    tmp_path: Path, content: bytes
) -> None:
    import hashlib

    digest = hashlib.sha256(content).hexdigest()
    card = make(tmp_path, change={"sha256": digest})
    (tmp_path / "tiny.onnx").write_bytes(content)
    assert "cannot load the model tiny.onnx" in refused(card)


def test_another_number_of_labels_is_refused(tmp_path: Path) -> None:
    card = make(tmp_path, weights=lambda: np.zeros((96, 4)))
    assert "1x4 scores, but its card names 3 labels" in refused(card)


def test_scores_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    card = make(tmp_path, weights=lambda: np.full((96, 3), np.nan))
    assert "no numbers" in refused(card)


def test_wrong_tensor_names_are_refused(tmp_path: Path) -> None:
    card = make(tmp_path, change={"tensors": {"input": "mel", "logits": "scores"}})
    assert "scores" in refused(card)


def test_an_unknown_operator_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    model = onnx.load(str(tmp_path / "tiny.onnx"))
    model.graph.node.append(helper.make_node("Evil", ["mel"], ["evil"], domain="ai.evil"))
    onnx.save(model, str(tmp_path / "tiny.onnx"))
    import hashlib
    import json

    card = json.loads((tmp_path / "tiny.json").read_text())
    card["sha256"] = hashlib.sha256((tmp_path / "tiny.onnx").read_bytes()).hexdigest()
    (tmp_path / "tiny.json").write_text(json.dumps(card))
    refused(tmp_path / "tiny.json")


def test_a_device_that_this_build_lacks_is_refused_by_name(tmp_path: Path) -> None:
    import onnxruntime

    if "MIGraphXExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has MIGraphX")
    card = make(tmp_path)
    message = refused(card, device="rocm")
    assert "MIGraphXExecutionProvider" in message
    assert "cpu" in message


def test_auto_runs_on_what_is_there_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    model = Model(spec.load(str(make(tmp_path))), device="auto", notice=said.append)
    assert model.device in {"cpu", "cuda", "rocm"}
    assert capfd.readouterr().out == ""
    if model.device != "cpu":
        assert said == []
