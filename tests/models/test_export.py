"""The shipped models: what they are made of, and that they give the original's numbers."""

import hashlib
import importlib
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

from lean_tagger.card import Label, installed_models, load_card

MODELS = Path(__file__).parents[2] / "models"
SCRIPT = MODELS / "export_musicnn.py"
REFERENCE = Path(__file__).parents[1] / "data" / "reference.npz"
EMBEDDING_SIZE = {
    "msd-musicnn": 200,
    "mtt-musicnn": 200,
    "msd-vgg": 256,
    "mtt-vgg": 256,
    "msd-musicnn-int8": 200,
}
NAMES = list(EMBEDDING_SIZE)
VARIANTS = ["msd-musicnn-int8"]
EXACT = [name for name in NAMES if name not in VARIANTS]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The checkpoint reader; it is no part of the package."""
    monkeypatch.syspath_prepend(str(MODELS))
    yield importlib.import_module("tf_checkpoint")
    sys.modules.pop("tf_checkpoint", None)


def session(name: str):
    """The model in ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(MODELS / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
    )


# ---------------------------------------------------------------- what is committed


def test_the_four_published_models_one_variant_and_what_follows_from_them_are_shipped():
    assert installed_models() == sorted([*NAMES, "standard"])


def test_standard_is_what_its_script_makes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(MODELS))
    script = importlib.import_module("export_standard")
    (tmp_path / "msd-musicnn.json").write_bytes((MODELS / "msd-musicnn.json").read_bytes())
    monkeypatch.setattr(script, "HERE", tmp_path)
    script.main()
    for name in ("standard.json", "standard.head"):
        assert (tmp_path / name).read_bytes() == (MODELS / name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_card_loads_and_names_the_weights_beside_it(name):
    card = load_card(name)
    assert card.name == name
    assert card.path.parent == MODELS
    assert hashlib.sha256(card.path.read_bytes()).hexdigest() == card.sha256
    assert (MODELS / card.licence.notice).read_text().startswith("Copyright (c) Music Technology")


@pytest.mark.parametrize("name", NAMES)
def test_every_label_has_a_kind_and_a_form_that_players_do_not_split(name):
    labels = load_card(name).labels
    assert len(labels) == 50
    assert len({label.name for label in labels}) == 50
    for label in labels:
        assert label.display == label.display.strip() != ""
        assert not set(label.display) & set(";/,\0\n"), label
    # Shared display forms are of one kind: otherwise one form would reach two fields.
    assert len({label.display for label in labels}) == len(
        {(label.display, label.kind) for label in labels}
    )


def test_models_of_one_dataset_share_its_labels():
    """How sure a network has to be of a label is its own affair."""

    def labels(name: str) -> list[Label]:
        return [replace(label, bar=0.0) for label in load_card(name).labels]

    assert labels("msd-musicnn") == labels("msd-vgg")
    assert labels("mtt-musicnn") == labels("mtt-vgg")


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_has_the_documented_ends(name):
    graph = onnx.load(MODELS / f"{name}.onnx").graph

    def shapes(values):
        return {
            v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
            for v in values
        }

    assert shapes(graph.input) == {"mel": ["n", 187, 96]}
    more = {"dense": ["n", 200]} if name == "msd-musicnn" else {}
    usual = {"logits": ["n", 50], "embedding": ["n", EMBEDDING_SIZE[name]]}
    assert shapes(graph.output) == usual | more


def test_what_heads_take_is_the_embedding_before_relu_and_batch_norm():
    constants = {
        it.name: onnx.numpy_helper.to_array(it)
        for it in onnx.load(MODELS / "msd-musicnn.onnx").graph.initializer
    }
    mel = np.random.default_rng(2).uniform(0, 6, (2, 187, 96)).astype(np.float32)
    dense, embedding = session("msd-musicnn").run(["dense", "embedding"], {"mel": mel})
    assert (dense < 0).any()
    after = np.maximum(dense, 0) * constants["embedding_scale"] + constants["embedding_shift"]
    np.testing.assert_allclose(embedding, after, rtol=0, atol=1e-6)


def test_the_output_for_heads_changes_no_bit_of_the_others():
    import onnxruntime

    model = onnx.load(MODELS / "msd-musicnn.onnx")
    del model.graph.output[[it.name for it in model.graph.output].index("dense")]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    without = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    mel = np.random.default_rng(3).uniform(0, 6, (3, 187, 96)).astype(np.float32)
    names = ["logits", "embedding"]
    before, now = (it.run(names, {"mel": mel}) for it in (without, session("msd-musicnn")))
    for one, other in zip(before, now, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_output_for_heads_changes_no_identity():
    """Golden identities are in `tests/test_golden.py`; a copy that says more keeps none."""
    card = load_card("msd-musicnn")
    assert card.formerly is not None
    assert card.identity == card.formerly.identity
    alone = replace(card, formerly=None)
    assert alone.identity == card.formerly.of
    other = replace(card, sha256="0" * 64)
    assert other.identity == replace(other, formerly=None).identity != card.identity
    slower = replace(card, hop_frames=93)
    assert slower.identity == replace(slower, formerly=None).identity != card.identity


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_is_plain_onnx_in_one_file(name):
    model = onnx.load(MODELS / f"{name}.onnx", load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.functions
    for tensor in model.graph.initializer:
        assert tensor.data_location == onnx.TensorProto.DEFAULT
        assert not tensor.external_data


# ---------------------------------------------------------------- the original's numbers


@pytest.mark.parametrize("name", EXACT)
def test_probabilities_are_those_of_the_original(name):
    """The first window of each clip, from the original's own spectrogram.

    0.0003 is the promise for whole tracks; the graph alone is far closer (measured: 2e-6).
    """
    net = session(name)
    with np.load(REFERENCE) as reference:
        clips = [key.removesuffix("/logmel") for key in reference.files if "/logmel" in key]
        assert clips
        for clip in clips:
            (logits,) = net.run(["logits"], {"mel": reference[f"{clip}/logmel"]})
            probabilities = 1 / (1 + np.exp(-logits[0]))
            expected = reference[f"{clip}/{name}"][0]
            np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5, err_msg=clip)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_what_its_patches_give_one_by_one(name):
    net = session(name)
    mel = np.random.default_rng(1).uniform(0, 6, (3, 187, 96)).astype(np.float32)
    together = net.run(["logits", "embedding"], {"mel": mel})
    alone = [net.run(["logits", "embedding"], {"mel": mel[i : i + 1]}) for i in range(3)]
    for output, size in enumerate((50, EMBEDDING_SIZE[name])):
        assert together[output].shape == (3, size)
        stacked = np.concatenate([one[output] for one in alone])
        np.testing.assert_allclose(together[output], stacked, rtol=0, atol=2e-5)


# ---------------------------------------------------------------- the variants


@pytest.mark.parametrize("name", EXACT)
def test_an_exact_model_claims_no_agreement(name):
    assert load_card(name).agreement is None


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_says_whose_and_how_close(name):
    agreement = load_card(name).agreement
    assert agreement.model in EXACT
    assert load_card(agreement.model).labels == load_card(name).labels
    assert agreement.tracks >= 40
    assert 0.9 < agreement.top_five_shared <= 1
    assert 0.9 < agreement.same_top_genre <= 1
    assert 0 < agreement.mean_difference < agreement.max_difference < 0.1


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_close_to_its_model_in_every_window(name):
    """Single windows differ more than whole tracks, of which the card speaks (measured: 0.013)."""
    exact, variant = session(load_card(name).agreement.model), session(name)
    with np.load(REFERENCE) as reference:
        for key in (key for key in reference.files if "/logmel" in key):
            mel = {"mel": reference[key]}
            there, here = (1 / (1 + np.exp(-n.run(["logits"], mel)[0])) for n in (exact, variant))
            np.testing.assert_allclose(here, there, rtol=0, atol=0.03, err_msg=key)
            assert here.argmax() == there.argmax()


def test_no_two_products_of_bytes_overflow_16_bits():
    """Processors that add pairs in 16 bits (AVX2 without VNNI) would give other scores."""
    graph = onnx.load(MODELS / "msd-musicnn-int8.onnx").graph
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    loudest = 8.0  # log10(1 + 10000 x) of a full-scale square wave is 6.9
    sums = [node for node in graph.node if node.op_type == "MatMulInteger"]
    assert len(sums) == 5
    for node in sums:
        left, right = (constants.get(name) for name in node.input[:2])
        weights, ends = (right, "mel_bytes") if left is None else (left, "mel_signed")
        step, zero = constants[f"{ends}_step"], int(constants[f"{ends}_zero"])
        inputs = max(abs(zero), abs(zero + round(loudest / float(step))))
        assert 2 * int(np.abs(weights.astype(int)).max()) * inputs <= 32767


# ---------------------------------------------------------------- the exporter


def run_script(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.network
def test_exporting_again_gives_the_committed_bytes(tmp_path):
    done = run_script("--out", tmp_path)
    if "cannot download" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(made) == {"LICENSE-musicnn"} | {
        f"{name}.{suffix}" for name in NAMES for suffix in ("onnx", "json")
    }
    for name, content in made.items():
        assert content == (MODELS / name).read_bytes(), f"{name} differs from what is committed"


def test_another_wheel_is_refused_in_one_sentence(tmp_path):
    wheel = tmp_path / "musicnn-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"not the published one")
    done = run_script("--wheel", wheel, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "is not the published musicnn==0.1.0" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_wheel_is_refused_in_one_sentence(tmp_path):
    done = run_script("--wheel", tmp_path / "none.whl", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "cannot read the wheel" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# ---------------------------------------------------------------- the checkpoint reader


def crc32c(data: bytes) -> int:
    """Masked Castagnoli checksum, bit by bit: written apart from the reader's."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def table_block(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """A block whose keys share what they can, with its trailer."""
    block, last = b"", b""
    for key, value in pairs:
        shared = 0
        while shared < min(len(key), len(last)) and key[shared] == last[shared]:
            shared += 1
        block += varint(shared) + varint(len(key) - shared) + varint(len(value))
        block += key[shared:] + value
        last = key
    block += struct.pack("<II", 0, 1) + b"\0"
    return block + struct.pack("<I", crc32c(block))


def bundle(arrays: dict[str, np.ndarray], *, compression: int = 0) -> tuple[bytes, bytes]:
    """Index and data of a checkpoint, as TensorFlow lays them out."""
    data, pairs = b"", [(b"", b"\x08\x01")]
    for name, array in sorted(arrays.items()):
        dims = b"".join(
            b"\x12" + varint(len(d)) + d for d in (b"\x08" + varint(n) for n in array.shape)
        )
        stored = array.tobytes()
        entry = b"\x08" + varint(1 if array.dtype == np.float32 else 9)
        entry += b"\x12" + varint(len(dims)) + dims
        entry += (b"\x20" + varint(len(data)) if data else b"") + b"\x28" + varint(len(stored))
        pairs.append((name.encode(), entry + b"\x35" + struct.pack("<I", crc32c(stored))))
        data += stored
    first = table_block(pairs)
    first = first[:-5] + bytes([compression]) + first[-4:]
    meta = table_block([])
    handle = varint(0) + varint(len(first) - 5)
    index = table_block([(b"z", handle)])
    at = len(first)
    footer = varint(at) + varint(len(meta) - 5)
    footer += varint(at + len(meta)) + varint(len(index) - 5)
    footer = footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")
    return first + meta + index + footer, data


ARRAYS = {
    "conv/bias": np.arange(3, dtype=np.float32),
    "conv/kernel": np.linspace(-1, 1, 600, dtype=np.float32).reshape(2, 300),
    "conv/kernel/Adam": np.ones(4, np.float32),
    "power": np.float32(0.9).reshape(()),
    "step": np.array([7], np.int64),
}


def test_the_reader_finds_every_float_variable_and_leaves_out_the_optimiser(reader):
    found = reader.read_checkpoint(*bundle(ARRAYS))
    assert set(found) == {"conv/bias", "conv/kernel", "power"}
    for name, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_a_changed_byte_anywhere_is_noticed(reader):
    index, data = bundle(ARRAYS)
    for at in (1, len(index) // 2, len(index) - 1):
        changed = index[:at] + bytes([index[at] ^ 1]) + index[at + 1 :]
        with pytest.raises(reader.CheckpointError):
            reader.read_checkpoint(changed, data)
    with pytest.raises(reader.CheckpointError, match="checksum"):
        reader.read_checkpoint(index, bytes([data[0] ^ 1]) + data[1:])


def test_a_cut_file_is_noticed(reader):
    index, data = bundle(ARRAYS)
    with pytest.raises(reader.CheckpointError, match="data file ends"):
        reader.read_checkpoint(index, data[:100])
    for length in (0, 40, len(index) - 1):
        with pytest.raises(reader.CheckpointError):
            reader.read_checkpoint(index[:length], data)


def test_compression_is_refused_by_name(reader):
    with pytest.raises(reader.CheckpointError, match="compressed"):
        reader.read_checkpoint(*bundle(ARRAYS, compression=1))
