"""Work goes to a device and back, in batches that are worth it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from command import Run
from onnx import helper, numpy_helper
from tinymodel import make

from lean_tagger import Tagger
from lean_tagger.card import load_card
from lean_tagger.errors import ModelError
from lean_tagger.listen.network import Network
from lean_tagger.listen.onnx_session import (
    BATCHES,
    PROVIDERS,
    Bound,
    GpuMemoryError,
    best_batch,
    open_session,
    reported,
)

WEST = Path(__file__).parents[1] / "data" / "west.flac"


def make_for_one(folder: Path) -> Path:
    """Write a network that makes one window of all that it is given, and its card."""
    card = make(folder)
    path = card.with_suffix(".onnx")
    network = onnx.load(str(path))
    shape = numpy_helper.from_array(np.array([1, -1, 96]), "one window")
    network.graph.initializer.append(shape)
    for node in network.graph.node:
        node.input[:] = ["joined" if name == "mel" else name for name in node.input]
    first = helper.make_node("Reshape", ["mel", "one window"], ["joined"])
    network.graph.node.insert(0, first)
    onnx.save(network, str(path))
    said = json.loads(card.read_text())
    said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    card.write_text(json.dumps(said))
    return card


def test_a_bound_session_takes_any_batch_and_leaves_what_it_gave_before(tmp_path: Path) -> None:
    card = load_card(str(make(tmp_path)))
    device, session = open_session(card.path, "cpu")
    outputs = ["logits", "embedding"]
    bound = Bound(session, card.tensors.input, outputs)
    random, given = np.random.default_rng(0), []
    staged = np.empty((5, 187, 96), np.float32)  # one buffer for all, as the model has it
    for count in (1, 1, 3, 5, 2):
        random.random(out=staged, dtype=np.float32)
        patches = staged[:count]
        given.append((bound.run(patches), session.run(outputs, {"mel": patches})))
    assert device == "cpu"
    for got, want in given:
        for a, b in zip(got, want, strict=True):
            assert np.array_equal(a, b)


def test_a_batch_is_as_large_as_it_pays_and_no_larger() -> None:
    """A GPU takes as long for a few as for one; a processor does not."""

    def until(worth: int) -> int:
        now = 0.0

        def run(size: int) -> None:
            nonlocal now
            now += max(1.0, size / worth)

        return best_batch(run, clock=lambda: now)

    assert until(1) == 1
    assert until(8) == 8
    assert until(10**6) == BATCHES[-1]


def test_a_batch_for_which_there_is_no_memory_is_not_taken() -> None:
    def run(size: int) -> None:
        if size > 4:
            raise MemoryError

    ticks = iter(range(100))
    assert best_batch(run, clock=lambda: next(ticks)) == 4
    with pytest.raises(MemoryError):
        best_batch(run, batches=(8, 16))


def test_a_graph_that_takes_one_patch_whatever_it_says_gets_one(tmp_path: Path) -> None:
    """Its batch axis is open, but it was written down for one window."""
    model = Network(load_card(str(make_for_one(tmp_path))))
    patches = np.zeros((2, 187, 96), np.float32)
    assert model.batch is None
    assert model(patches[:1]).logits.shape == (1, 3)
    with pytest.raises(ModelError, match="1 rows for 2 patches"):
        model(patches)
    assert best_batch(lambda size: model(np.repeat(patches[:1], size, axis=0))) == 1


@pytest.mark.parametrize(
    "said",
    [
        # Of ONNX Runtime's arena, core/framework/bfc_arena.cc, and of its CUDA calls.
        "Available memory of 1048576 is smaller than requested bytes of 7340032",
        "Failed to allocate memory for requested buffer of size 7340032",
        "CUDA failure 2: out of memory ; GPU=0",
    ],
)
def test_a_gpu_without_memory_is_no_matter_of_the_budget(said: str) -> None:
    with pytest.raises(GpuMemoryError, match="--max-gpu-mem"), reported("it", device="cuda"):
        raise RuntimeError(said)
    with pytest.raises(MemoryError), reported("it", device="cpu"):
        raise RuntimeError(said)
    with pytest.raises(MemoryError), reported("it", device="cuda"):
        raise RuntimeError("std::bad_alloc")  # that of the processor, whatever runs where


def test_a_limit_for_a_gpu_is_said_to_limit_nothing_where_there_is_none() -> None:
    run = Run("-n", "--device", "cpu", "--max-gpu-mem", "1G", WEST)
    assert run.code == 0
    assert run.said.count("--max-gpu-mem limits nothing here: the network runs on the CPU") == 1


# With a GPU


@pytest.fixture(params=["cuda", "rocm"])
def gpu(request: pytest.FixtureRequest) -> str:
    """Return a device that starts; what is wrong with it behind that fails a test."""
    name: str = request.param
    if PROVIDERS[name] not in ort.get_available_providers():
        pytest.skip(f"this ONNX Runtime ({ort.__version__}) has no {PROVIDERS[name]}")
    try:
        Network(load_card("msd-musicnn"), device=name)  # type: ignore[arg-type] - a DeviceName
    except ModelError as error:
        if "did not start" not in str(error):
            raise
        pytest.skip(str(error))
    return name


@pytest.mark.gpu
def test_a_gpu_gives_the_scores_of_the_cpu(gpu: str) -> None:
    here = Tagger(device="cpu").score(WEST)
    there = Tagger(device=gpu).score(WEST)  # type: ignore[arg-type] - a DeviceName
    assert there.n_windows == here.n_windows
    assert np.abs(there.values - here.values).max() < 1e-3


@pytest.mark.gpu
def test_a_gpu_takes_the_batch_that_was_measured(gpu: str) -> None:
    model = Network(load_card("msd-musicnn"), device=gpu)  # type: ignore[arg-type] - a DeviceName
    assert model.batch in BATCHES


@pytest.mark.gpu
def test_a_network_that_the_limit_does_not_hold_is_refused(gpu: str) -> None:
    with pytest.raises(ModelError, match="--max-gpu-mem"):
        Network(load_card("msd-musicnn"), device=gpu, gpu_bytes=1 << 20)  # type: ignore[arg-type] - a DeviceName
