"""A model gives what its card says, or is refused before any music is opened."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from familycards import completed
from onnx import helper
from tinymodel import SHAPES, make, make_family

from lean_tagger.card import load_card
from lean_tagger.errors import ModelError
from lean_tagger.listen.network import CLIP, LAYOUTS, Network
from lean_tagger.listen.pooling import sigmoid


def test_logits_and_embedding_come_as_the_card_names_them(tmp_path: Path) -> None:
    model = Network(load_card(str(make(tmp_path))))
    patch = np.random.default_rng(0).random((2, 187, 96)).astype(np.float32)
    prediction = model(patch)
    assert prediction.logits.shape == (2, 3)
    assert prediction.embedding is not None
    assert np.allclose(prediction.embedding, patch.mean(axis=1), atol=1e-5)
    want = patch.mean(axis=1) @ np.linspace(-1, 1, 96 * 3).reshape(96, 3)
    assert np.allclose(prediction.logits, want, atol=1e-3)


def test_a_model_without_embedding_gives_none(tmp_path: Path) -> None:
    tensors = {"input": "mel", "logits": "logits"}
    model = Network(load_card(str(make(tmp_path, change={"tensors": tensors}))))
    assert model(np.zeros((1, 187, 96), np.float32)).embedding is None


@pytest.mark.parametrize("name", ["msd-musicnn", "mtt-vgg"])
def test_batches_give_what_single_patches_give(name: str) -> None:
    model = Network(load_card(name))
    patches = np.random.default_rng(0).random((3, 187, 96)).astype(np.float32) * 3
    singly = np.concatenate([model(patch[None]).logits for patch in patches])
    assert np.allclose(model(patches).logits, singly, atol=1e-4)


def refused(card: Path, **options: str) -> str:
    with pytest.raises(ModelError) as caught:
        Network(load_card(str(card)), **options)  # type: ignore[arg-type] - wrong on purpose
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
    assert "not numbers" in refused(card)


def test_wrong_tensor_names_are_refused(tmp_path: Path) -> None:
    card = make(tmp_path, change={"tensors": {"input": "mel", "logits": "scores"}})
    assert "scores" in refused(card)


def test_an_unknown_operator_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    model = onnx.load(str(tmp_path / "tiny.onnx"))
    model.graph.node.append(helper.make_node("Evil", ["mel"], ["evil"], domain="ai.evil"))
    onnx.save(model, str(tmp_path / "tiny.onnx"))
    import hashlib

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
    model = Network(load_card(str(make(tmp_path))), device="auto", notice=said.append)
    assert model.device in {"cpu", "cuda", "rocm"}
    assert capfd.readouterr().out == ""
    if model.device != "cpu":
        assert said == []


@pytest.mark.parametrize("layout", SHAPES)
def test_a_patch_reaches_the_graph_in_the_cards_layout(tmp_path: Path, layout: str) -> None:
    family = "birdnet-2.4" if "samples" in layout else "vggish"
    logits = {"logits": "said", "embedding": None, "input": "x"}
    labels = completed("yamnet")["labels"]
    path = make_family(tmp_path, family, layout=layout, tensors=logits, labels=labels)
    card = load_card(str(path))
    patches = np.random.default_rng(0).random((2, *card.patch_shape)).astype(np.float32)
    said = Network(card)(patches)
    assert said.embedding is None
    assert np.allclose(said.logits[1], Network(card)(patches[1:]).logits[0], atol=1e-4)
    # The network weighs by the place in its tensor: another order is another score.
    flat = LAYOUTS[card.tensors.layout](patches).reshape(2, -1)
    steps = 0.37 * np.arange(1, 4) / np.sqrt(flat.shape[1])
    weights = np.cos(np.arange(flat.shape[1])[:, None] * steps)
    scale = (1000.0 if "samples" in layout else 10.0) / flat.shape[1]
    assert np.allclose(said.logits, flat @ weights * scale, atol=1e-3)


@pytest.mark.parametrize("patches", [1, 4, 11])
def test_a_fixed_batch_is_filled_and_cut(tmp_path: Path, patches: int) -> None:
    one, four = tmp_path / "1", tmp_path / "4"
    one.mkdir()
    four.mkdir()
    given = np.random.default_rng(0).random((patches, 128, 96)).astype(np.float32)
    singly = Network(load_card(str(make_family(one, "discogs-effnet"))))
    fixed = Network(load_card(str(make_family(four, "discogs-effnet", batch=4))))
    for _ in range(2):  # what a batch held before is not heard again
        assert np.allclose(fixed(given).logits, singly(given).logits, atol=1e-5)
        embedding = fixed(given).embedding
        assert embedding is not None
        assert embedding.shape == (patches, 8)


def test_a_batch_that_only_the_graph_names_is_kept(tmp_path: Path) -> None:
    path = make_family(tmp_path, "discogs-effnet", batch=4)
    card = json.loads(path.read_text())
    del card["tensors"]["batch"]
    path.write_text(json.dumps(card))
    assert Network(load_card(str(path)))(np.zeros((3, 128, 96), np.float32)).logits.shape == (3, 3)


def test_another_batch_than_the_graphs_is_refused(tmp_path: Path) -> None:
    path = make_family(tmp_path, "discogs-effnet", batch=4)
    card = json.loads(path.read_text())
    card["tensors"]["batch"] = 64
    path.write_text(json.dumps(card))
    assert "takes 4x128x96, but its card gives 64x128x96" in refused(path)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_probabilities_become_logits_that_give_them_back(tmp_path: Path, activation: str) -> None:
    path = make_family(tmp_path, "yamnet", activation=activation)
    card = load_card(str(path))
    patches = np.random.default_rng(0).normal(0, 20, (5, 96, 64)).astype(np.float32)
    got = sigmoid(Network(card)(patches).logits)
    plain = make_family(tmp_path, "yamnet", activation="logits")
    raw = Network(load_card(str(plain)))(patches).logits.astype(np.float64)
    exponents = np.exp(raw - raw.max(axis=1, keepdims=True))
    want = 1 / (1 + np.exp(-raw))
    if activation == "softmax":
        want = exponents / exponents.sum(axis=1, keepdims=True)
    assert np.allclose(got, np.clip(want, CLIP, 1 - CLIP), atol=1e-5)


def test_a_certain_network_gives_finite_logits(tmp_path: Path) -> None:
    model = Network(load_card(str(make_family(tmp_path, "yamnet", activation="sigmoid"))))
    logits = model(np.full((1, 96, 64), 1e6, np.float32)).logits
    assert np.isfinite(logits).all()
    assert np.abs(logits).max() < 14


def test_scores_that_are_no_probabilities_are_refused(tmp_path: Path) -> None:
    path = make_family(tmp_path, "yamnet", activation="logits")
    card = json.loads(path.read_text())
    card["activation"] = "sigmoid"
    path.write_text(json.dumps(card))
    model = Network(load_card(str(path)))  # silence gives 0 either way
    with pytest.raises(ModelError, match="beyond 0 and 1, but its card says sigmoid"):
        model(np.full((1, 96, 64), 100, np.float32))


def test_a_network_without_logits_gives_its_embedding(tmp_path: Path) -> None:
    card = load_card(str(make_family(tmp_path, "vggish")))
    said = Network(card)(np.ones((2, 96, 64), np.float32))
    assert said.logits.shape == (2, 0)
    assert said.embedding is not None
    assert said.embedding.shape == (2, 8)


def test_another_input_shape_is_refused_before_any_music_is_opened(tmp_path: Path) -> None:
    path = make_family(tmp_path, "yamnet")
    card = json.loads(path.read_text())
    card["frontend"]["n_mels"] = 96
    path.write_text(json.dumps(card))
    assert "takes nx96x64, but its card gives nx96x96" in refused(path)
    card["tensors"]["layout"] = "1_frames_bands"
    path.write_text(json.dumps(card))
    assert "takes nx96x64, but its card gives nx1x96x96" in refused(path)


def test_an_input_of_another_name_is_refused_with_its_name(tmp_path: Path) -> None:
    path = make_family(tmp_path, "yamnet")
    card = json.loads(path.read_text())
    card["tensors"]["input"] = "melspectrogram"
    path.write_text(json.dumps(card))
    assert "no input 'melspectrogram', which its card names, but 'input_1'" in refused(path)
