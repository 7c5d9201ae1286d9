"""What a backbone of 18 MB and seven heads take: networks with the shapes of EfficientNet-B0."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from command import Run
from conftest import SONGS
from foreignmodels import beside, effnet_metadata, head_metadata, write
from onnx import helper

from lean_tagger.card import user_models_folder
from lean_tagger.cli.main import main

MIB = 1 << 20
STAGES = (
    *((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3)),
    *((6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)),
)
"""Widening, channels, layers, stride and width of the kernels (Tan & Le 2019, table 1)."""
DIM, STYLES = 1280, 400
HEADS = ("happy", "sad", "relaxed", "aggressive", "party", "acoustic", "electronic")


class Backbone:
    """A graph of inverted bottlenecks in the making."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self._random = np.random.default_rng(0)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def weights(self, *shape: int) -> str:
        name = f"w{len(self.constants)}"
        spread = (2 / np.prod(shape[1:])) ** 0.5
        self.constants[name] = self._random.normal(0, spread, shape).astype(np.float32)
        return name

    def conv(self, x: str, n_in: int, n_out: int, *, k: int = 1, s: int = 1, group: int = 1) -> str:
        kernel = self.weights(n_out, n_in // group, k, k)
        pads = [(k - 1) // 2] * 4
        return self.add("Conv", x, kernel, pads=pads, strides=[s, s], group=group)

    def swish(self, x: str) -> str:
        return self.add("Mul", x, self.add("Sigmoid", x))

    def bottleneck(self, x: str, n_in: int, n_out: int, *, t: int, s: int, k: int) -> str:
        wide = n_in * t
        y = self.swish(self.conv(x, n_in, wide)) if t > 1 else x
        y = self.swish(self.conv(y, wide, wide, k=k, s=s, group=wide))
        y = self.conv(y, wide, n_out)
        return self.add("Add", x, y) if s == 1 and n_in == n_out else y


def backbone(path: Path) -> Path:
    made = Backbone()
    made.constants["axis"] = np.array([1])
    x = made.add("Unsqueeze", "melspectrogram", "axis")
    x, channels = made.swish(made.conv(x, 1, 32, k=3, s=2)), 32
    for t, n_out, layers, stride, k in STAGES:
        for layer in range(layers):
            x = made.bottleneck(x, channels, n_out, t=t, s=1 if layer else stride, k=k)
            channels = n_out
    x = made.swish(made.conv(x, channels, DIM))
    made.nodes += [
        helper.make_node("GlobalAveragePool", [x], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["embeddings"]),
        helper.make_node("MatMul", ["embeddings", made.weights(DIM, STYLES)], ["scores"]),
        helper.make_node("Sigmoid", ["scores"], ["activations"]),
    ]
    inputs = [("melspectrogram", ["n", 128, 96])]
    outputs = [("activations", ["n", STYLES]), ("embeddings", ["n", DIM])]
    write(path, made.nodes, inputs, outputs, made.constants)
    said = effnet_metadata(classes=[f"Rock---Style {number}" for number in range(STYLES)])
    said["schema"]["outputs"][1]["shape"] = [64, DIM]
    return beside(path, said)


def head(path: Path, what: str) -> Path:
    made = Backbone()
    nodes = [
        helper.make_node("MatMul", ["model/Placeholder", made.weights(DIM, 100)], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", made.weights(100, 2)], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["model/Softmax"]),
    ]
    inputs, outputs = [("model/Placeholder", ["n", DIM])], [("model/Softmax", ["n", 2])]
    write(path, nodes, inputs, outputs, made.constants)
    said = head_metadata(what, f"non_{what}", name=f"mood {what}")
    said["inference"]["embedding_model"]["model_name"] = "discogs-effnet-bs64-1"
    return beside(path, said)


def add_likewise(path: Path, other: Path) -> None:
    """Add a head with the card of another one."""
    folder = user_models_folder()
    card = json.loads((folder / f"{other.stem}.json").read_text())
    shutil.copy(path, folder)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    card |= {"name": path.stem, "file": path.name, "sha256": sha256}
    (folder / f"{path.stem}.json").write_text(json.dumps(card))


@pytest.mark.slow
@pytest.mark.memory
def test_a_backbone_of_18_mb_and_seven_heads_live_in_300_mib(tmp_path: Path) -> None:
    networks = [backbone(tmp_path / "discogs-effnet-bsdynamic-1.onnx")]
    networks += [head(tmp_path / f"mood_{it}-discogs-effnet-1.onnx", it) for it in HEADS]
    assert 15e6 < networks[0].stat().st_size < 20e6
    assert all(5e5 < it.stat().st_size < 5.3e5 for it in networks[1:])
    onnx.checker.check_model(str(networks[0]))
    for path in networks[:2]:
        assert main(["models", "add", str(path), "--accept-licence", "--yes"]) == 0
    for path in networks[2:]:  # without measuring each of them
        add_likewise(path, networks[1])
    music = tmp_path / "Music"
    music.mkdir()
    for song in SONGS[:3]:
        shutil.copy(song, music)
    models = [part for path in networks for part in ("--model", path.stem)]
    run = Run(*models, "--max-mem", "300M", music)
    assert run.code == 0, run.said
    assert len(run.results) == 3
    for result in run.results.values():
        assert result["status"] in {"tagged", "unchanged"}
        assert len(result["others"]) == len(HEADS)
    assert run.summary["peak_rss_bytes"] < 300 * MIB
