"""Measure what the network costs, and what other forms of it would: time, and agreement.

    python profiling/network.py --wheel musicnn-0.1.0-py3-none-any.whl --music FOLDER

Builds the forms from the published weights, as `models/export_musicnn.py` does, and runs them in
turns on one core in one process; each figure is a median, and only ratios mean much. Needs
``onnx``; the calibrated 8-bit form also ``sympy`` (for onnxruntime.quantization) and ``--music``.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import amx  # before onnxruntime, which looks at the processor as it is loaded
from common import MIB, ROOT, progress, write_table

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is: phone nobody
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "models"))

import export_musicnn as export
import musicnn_int8
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from musicnn_graphs import Rewrites, musicnn
from rolled import roll

from lean_tagger import stream
from lean_tagger.card import load_card
from lean_tagger.errors import FileError
from lean_tagger.listen.frontend.log_mel import LogMel

Patches = npt.NDArray[np.float32]
MODEL = "msd-musicnn"
_MUSIC = {".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"}


@dataclass(frozen=True, slots=True)
class Track:
    """A track's patches, (n, 187, 96)."""

    name: str
    patches: Patches


def options(**settings: Any) -> Any:
    """Return session options: one thread and silence, and what else is asked for."""
    result = ort.SessionOptions()
    result.intra_op_num_threads = result.inter_op_num_threads = 1
    result.log_severity_level = 4
    result.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in settings.items():
        setattr(result, name, value)
    return result


def session(model: bytes | str, chosen: Any = None) -> Any:
    """Return a session on the CPU."""
    return ort.InferenceSession(model, chosen or options(), providers=["CPUExecutionProvider"])


def medians(parts: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return each part's median CPU time in microseconds: others may hold the core meanwhile.

    They take turns; each runs a few times in a row, as it would alone: else the others would
    have pushed its weights out of the caches.
    """
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            for warm in (False, False, True, True, True, True, True):
                started = time.process_time()
                part()
                if warm:
                    times[name].append(time.process_time() - started)
    return {name: 1e6 * statistics.median(values) for name, values in times.items()}


def rows_of(cost: Mapping[str, float], what: str) -> list[dict[str, object]]:
    """Return rows with microseconds, and the ratio to the first."""
    first = next(iter(cost.values()))
    return [
        {what: name, "µs a window": f"{value:.0f}", "ratio": f"{value / first:.2f}"}
        for name, value in cost.items()
    ]


# ---------------------------------------------------------------- the forms


def forms(wheel: Path | None, tracks: list[Track]) -> dict[str, bytes]:
    """Return the models to compare; what is shipped comes first."""
    with export.open_wheel(wheel) as opened:
        variables = export.variables(opened, MODEL)
    full = Rewrites()
    none = Rewrites(
        **dict.fromkeys(("constants", "past_pool", "blocks", "phases", "halves"), False)
    )

    def build(rewrites: Rewrites, kind: Callable[..., onnx.ModelProto] = musicnn) -> bytes:
        made = kind(variables, name=MODEL, description="", rewrites=rewrites)
        return bytes(made.SerializeToString())

    whole_blocks = replace(full, halves=False)
    result = {
        "as shipped": build(full),
        "plain": build(none),
        "without phases and halves": build(replace(full, phases=False, halves=False)),
        "without halves": build(whole_blocks),
        "8 bits, integer matrices": build(full, musicnn_int8.musicnn),
        "16-bit floats": _halved(build(full)),
    }
    if tracks:
        result["8 bits, QDQ, calibrated"] = _calibrated(build(whole_blocks), tracks)
        result["8 bits, QDQ, of the plain one"] = _calibrated(build(none), tracks)
    return result


def _halved(model: bytes) -> bytes:
    """Return the convolutions in float16, where the provider computes in that."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    changed = convert_float_to_float16(onnx.load_from_string(model), keep_io_types=True)
    return bytes(changed.SerializeToString())


def _calibrated(model: bytes, tracks: list[Track]) -> bytes:
    """Return the front-end's convolutions quantised per channel, as ONNX Runtime's tool does."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Three windows of every second track."""

        def __init__(self) -> None:
            self._patches = (
                {"mel": track.patches[i : i + 1]}
                for track in tracks[::2]
                for i in np.linspace(0, len(track.patches) - 1, 3).astype(int)
            )

        def get_next(self) -> dict[str, Patches] | None:
            return next(self._patches, None)

    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model)
        names = [
            node.name
            for node in onnx.load_from_string(model).graph.node
            if node.op_type in {"Conv", "MaxPool", "Relu"} and node.name.startswith("front")
        ]
        quantize_static(
            source,
            result,
            Reader(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=names,
        )
        return result.read_bytes()


# ---------------------------------------------------------------- agreement


def listen(folder: Path, most_windows: int) -> Iterator[Track]:
    """Yield the patches of every track below a folder that is long enough to judge."""
    card = load_card(MODEL)
    frontend = LogMel(
        card.frontend, sample_rate_hz=card.sample_rate_hz, patch_frames=card.patch_frames
    )
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _MUSIC:
            continue
        patches = []
        try:
            chunks = stream(str(path), card.sample_rate_hz, resampler=card.resampler)
            windows = roll(
                chunks,
                window_samples=card.window_samples,
                hop_samples=card.hop_frames * card.frontend.hop_samples,
                pad_samples=card.pad_samples,
            )
            for window in windows:
                patches.append(frontend(window)[0].copy())
                if len(patches) == most_windows:
                    break
        except FileError as error:
            progress(str(error))
        if len(patches) >= 10:
            progress(path.name)
            yield Track(path.name, np.array(patches))


def agreement(models: Mapping[str, bytes], tracks: list[Track]) -> dict[str, dict[str, str]]:
    """Return how far each form's scores of whole tracks are from the first one's."""
    kinds = [label.kind for label in load_card(MODEL).labels]
    genres = [i for i, kind in enumerate(kinds) if kind == "genre"]
    expected: npt.NDArray[np.float64] | None = None
    result = {}
    for name, model in models.items():
        progress(f"scoring {len(tracks)} tracks: {name}")
        net = session(model)
        scores = np.array(
            [
                np.mean(
                    [net.run(["logits"], {"mel": p[None]})[0][0] for p in track.patches], axis=0
                )
                for track in tracks
            ],
            dtype=np.float64,
        )
        scores = 1 / (1 + np.exp(-scores))
        expected = scores if expected is None else expected
        top, wanted = (np.argsort(-x, axis=1)[:, :5] for x in (scores, expected))
        shared = [len(set(a) & set(b)) for a, b in zip(top, wanted, strict=True)]
        same = scores[:, genres].argmax(axis=1) == expected[:, genres].argmax(axis=1)
        off = np.abs(scores - expected)
        result[name] = {
            "same top genre": f"{same.mean():.1%}",
            "top five shared": f"{np.mean(shared) / 5:.1%}",
            "max difference": f"{off.max():.4f}",
            "mean difference": f"{off.mean():.5f}",
        }
    return result


# ---------------------------------------------------------------- the tables


def compare_forms(given: argparse.Namespace, patch: Patches) -> None:
    """Time the forms, and see how far they agree on whole tracks."""
    tracks = list(listen(given.music, given.windows)) if given.music else []
    models = forms(given.wheel, tracks)
    nets = {name: session(model) for name, model in models.items()}
    parts = {name: partial(net.run, None, {"mel": patch}) for name, net in nets.items()}
    rows = rows_of(medians(parts, given.rounds), "form")
    if tracks:
        same = agreement(models, tracks)
        rows = [{**row, **same[str(row["form"])]} for row in rows]
    write_table(rows, "network_forms", given.out)


# By itself: whatever this script has taken before would hide it.
_PEAK = """
import sys
import numpy as np
import onnxruntime as ort

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 4
patches = np.zeros((int(sys.argv[2]), 187, 96), np.float32)
before = peak()
net = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
for _ in range(3):
    net.run(None, {"mel": patches})
print(peak() - before)
"""


def compare_batches(given: argparse.Namespace, patch: Patches) -> None:
    """Time 8 windows in batches; the peak is a fresh process's above what it had before."""
    path = str(ROOT / "models" / f"{MODEL}.onnx")
    net = session(path)

    def eight(batch: int) -> None:
        patches = np.repeat(patch, batch, axis=0)
        for _ in range(8 // batch):
            net.run(None, {"mel": patches})

    batches = (1, 2, 4, 8)
    cost = medians({str(n): partial(eight, n) for n in batches}, given.rounds)
    rows = rows_of({name: value / 8 for name, value in cost.items()}, "windows in a batch")
    for row, n in zip(rows, batches, strict=True):
        command = [sys.executable, "-c", _PEAK, path, str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row["peak, MiB"] = f"+{int(done.stdout) / MIB:.1f}"
    write_table(rows, "network_batches", given.out)


def compare_options(given: argparse.Namespace, patch: Patches) -> None:
    """Time the shipped model with this and that option of ONNX Runtime."""
    path = str(ROOT / "models" / f"{MODEL}.onnx")
    levels = ort.GraphOptimizationLevel
    denormals = options()
    denormals.add_session_config_entry("session.set_denormal_as_zero", "1")
    with tempfile.TemporaryDirectory() as folder:
        saved = str(Path(folder) / "optimised.onnx")
        session(path, options(optimized_model_filepath=saved))
        nets = {
            "as it comes": session(path),
            "denormals are zero": session(path, denormals),
            "saved after optimisation": session(
                saved, options(graph_optimization_level=levels.ORT_DISABLE_ALL)
            ),
            "no blocked convolutions": session(
                path, options(graph_optimization_level=levels.ORT_ENABLE_EXTENDED)
            ),
            "two threads (on this one core)": session(path, options(intra_op_num_threads=2)),
        }
    parts: dict[str, Callable[[], object]] = {
        name: partial(net.run, None, {"mel": patch}) for name, net in nets.items()
    }
    net = nets["as it comes"]
    bound = net.io_binding()
    bound.bind_cpu_input("mel", patch)
    for name, size in (("logits", 50), ("embedding", 200)):
        value = ort.OrtValue.ortvalue_from_shape_and_type([1, size], np.float32)
        bound.bind_ortvalue_output(name, value)
    parts["inputs and outputs bound"] = partial(net.run_with_iobinding, bound)
    parts["logits only"] = partial(net.run, ["logits"], {"mel": patch})
    write_table(rows_of(medians(parts, given.rounds), "option"), "network_options", given.out)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheel", type=Path, help="of musicnn 0.1.0; without it, pip fetches it")
    parser.add_argument("--music", type=Path, help="folder of tracks, to calibrate and to agree on")
    parser.add_argument("--windows", type=int, default=40, help="of a track, at most (default: 40)")
    parser.add_argument("--rounds", type=int, default=40, help="of each part (default: 40)")
    parser.add_argument(amx.SWITCH, action="store_true", help="as on a processor without AMX")
    parser.add_argument("--out", type=Path, help="folder for the tables as .md and .json")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    patch = np.random.default_rng(0).uniform(0, 6, (1, 187, 96)).astype(np.float32)
    for compare in (compare_forms, compare_batches, compare_options):
        compare(given, patch)
        print()


if __name__ == "__main__":
    main()
