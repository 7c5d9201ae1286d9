"""Measure what a network of 350 MB takes, over time and under a budget.

A transformer with the shapes of MAEST (12 layers of 768, 12 heads, 30 s of music at a time) and
weights of chance: what it says means nothing, what it takes is what such a network takes. The
default tags three lengths of music with one worker, then asks for two under several budgets;
about ten minutes on two cores.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from common import MIB, lean_tag, progress, run, write_table
from onnx import TensorProto, helper, numpy_helper
from peak_rss import long_mp3

from lean_tagger.card import family_card
from lean_tagger.system.digest import sha256_of_file

WIDTH, HEADS, LAYERS, TOKENS = 768, 12, 12, 469
FRAMES, BANDS = 1876, 96
LABELS = ("Rock", "Jazz", "Folk")


class Graph:
    """Nodes and weights of a network in the making."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._dice = np.random.default_rng(0)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node and return its output's name."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        """Keep values and return their name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def dense(self, value: str, rows: int, columns: int) -> str:
        """Multiply by a matrix of weights."""
        weights = self._dice.standard_normal((rows, columns), dtype=np.float32)
        weights /= np.float32(rows**0.5)
        return self.node("MatMul", value, self.constant(weights))

    def normed(self, value: str) -> str:
        """Normalise each token."""
        ones, zeros = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
        scale, bias = self.constant(ones), self.constant(zeros)
        return self.node("LayerNormalization", value, scale, bias)

    def heads(self, value: str, order: list[int]) -> str:
        """Split a token's values among the heads."""
        shape = self.constant(np.array([1, TOKENS, HEADS, WIDTH // HEADS]))
        return self.node("Transpose", self.node("Reshape", value, shape), perm=order)

    def layer(self, value: str) -> str:
        """Append one layer of a transformer."""
        normed = self.normed(value)
        query, key, values = (
            self.heads(self.dense(normed, WIDTH, WIDTH), order)
            for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        )
        scores = self.node("MatMul", query, key)
        scaled = self.node("Mul", scores, self.constant(np.float32((WIDTH / HEADS) ** -0.5)))
        mixed = self.node("MatMul", self.node("Softmax", scaled, axis=-1), values)
        shape = self.constant(np.array([1, TOKENS, WIDTH]))
        joined = self.node("Reshape", self.node("Transpose", mixed, perm=[0, 2, 1, 3]), shape)
        value = self.node("Add", value, self.dense(joined, WIDTH, WIDTH))
        wide = self.node("Relu", self.dense(self.normed(value), WIDTH, 4 * WIDTH))
        return self.node("Add", value, self.dense(wide, 4 * WIDTH, WIDTH))


def write_model(folder: Path) -> Path:
    """Write the network and its card; return the card."""
    graph = Graph()
    pieces = graph.constant(np.array([1, TOKENS, FRAMES * BANDS // TOKENS]))
    value = graph.node("Reshape", "melspectrogram", pieces)
    value = graph.dense(value, FRAMES * BANDS // TOKENS, WIDTH)
    for _ in range(LAYERS):
        value = graph.layer(value)
    axis = graph.constant(np.array([1]))
    mean = graph.node("ReduceMean", graph.normed(value), axis, keepdims=0)
    graph.nodes.append(helper.make_node("Identity", [mean], ["embeddings"]))
    scores = graph.dense("embeddings", WIDTH, len(LABELS))
    graph.nodes.append(helper.make_node("Sigmoid", [scores], ["activations"]))
    tensor = helper.make_tensor_value_info
    made = helper.make_graph(
        graph.nodes,
        "large",
        [tensor("melspectrogram", TensorProto.FLOAT, [1, FRAMES, BANDS])],
        [
            tensor("activations", TensorProto.FLOAT, [1, len(LABELS)]),
            tensor("embeddings", TensorProto.FLOAT, [1, WIDTH]),
        ],
        graph.weights,
    )
    path = folder / "large.onnx"
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=8), str(path))
    card = family_card("maest-30s")
    del card["sources"]
    labels = [{"name": name.lower(), "kind": "genre", "display": name} for name in LABELS]
    sha256 = sha256_of_file(path)
    card |= {"name": "large", "file": path.name, "sha256": sha256, "labels": labels}
    path.with_suffix(".json").write_text(json.dumps(card))
    return path.with_suffix(".json")


def measure(card: Path, music: list[Path], minutes: float, *options: str) -> dict[str, object]:
    """Run the command and return a row."""
    command = lean_tag("-n", "--json", "--model", str(card), *options, *map(str, music))
    done = run(command, check=False)
    said = done.errors.strip().splitlines()
    if done.status:
        progress(said[-1] if said else "no reason given")
    return {
        "options": " ".join(options) or "(none)",
        "files": len(music),
        "minutes each": f"{minutes:g}",
        "exit": done.status,
        "wall s": f"{done.wall_seconds:.1f}",
        "workers started": done.processes - 1,
        "peak MiB": f"{done.peak_bytes / MIB:.0f}",
    }


def main() -> None:
    """Print, and write where asked, what each run took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--budgets", nargs="+", default=["500M", "1G", "1500M", "2G"])
    parser.add_argument("--out", type=Path, help="folder for large_model.md and .json")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        card = write_model(folder)
        size = card.with_suffix(".onnx").stat().st_size
        progress(f"a network of {size / 1e6:.0f} MB")
        files = []
        for minutes in given.minutes:
            files.append(folder / f"{minutes:g}.mp3")
            long_mp3(60 * minutes, files[-1])
            progress(f"{minutes:g} minutes")
            rows.append(measure(card, files[-1:], minutes, "--jobs", "1"))
        pair = [files[0], folder / "again.mp3"]
        long_mp3(60 * given.minutes[0], pair[1])
        for budget in given.budgets:
            progress(f"--max-mem {budget}")
            rows.append(measure(card, pair, given.minutes[0], "--max-mem", budget))
    write_table(rows, "large_model", given.out)


if __name__ == "__main__":
    main()
