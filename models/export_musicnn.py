#!/usr/bin/env python3
"""Make the shipped models from the weights that musicnn's authors published.

    python models/export_musicnn.py                 # write them next to this script
    python models/export_musicnn.py --wheel FILE    # from a wheel that is already here
    python models/export_musicnn.py --compare       # measure what each rewriting is worth

Takes the four TensorFlow 1 checkpoints in the wheel ``musicnn==0.1.0`` (ISC licence) and
writes, for each, ``<name>.onnx`` and its card ``<name>.json``, and the licence notice. Needs
``onnx`` and ``numpy``, no TensorFlow; ``--compare`` also ``onnxruntime``. The same wheel gives
the same bytes on every machine.

How it is done: `tf_checkpoint` reads the weights, `musicnn_graphs` rebuilds and rewrites the
networks, `musicnn_labels` says what each label is.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import musicnn_graphs
import musicnn_int8
import musicnn_labels
import numpy as np
import numpy.typing as npt
import onnx
from tf_checkpoint import CheckpointError, read_checkpoint

PACKAGE = "musicnn==0.1.0"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
LICENCE_MEMBER = "musicnn-0.1.0.dist-info/LICENSE.md"
LICENCE_FILE = "LICENSE-musicnn"
PAPER = (
    "J. Pons and X. Serra, musicnn: Pre-trained convolutional neural networks for music audio "
    "tagging, 2019 (arXiv:1909.06654), and the package's README"
)
MSD, MTT = "Million Song Dataset", "MagnaTagATune"


class ExportError(Exception):
    """The models cannot be made; the message says why in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Network:
    """One of the four or a variant of one, and what is known about it."""

    name: str
    member: str  # the checkpoint's prefix inside the wheel
    build: Callable[..., onnx.ModelProto]
    kind: str
    dataset: str
    labels: tuple[tuple[str, str, str], ...]
    roc_auc: float
    pr_auc: float
    agreement: Mapping[str, str | float] | None = None  # with the exact one, for a variant
    formerly: Mapping[str, str] | None = None  # as a card says it
    bars: Mapping[str, float] = field(default_factory=dict)
    abstain: tuple[Mapping[str, object], ...] = ()

    @property
    def description(self) -> str:
        return f"{self.kind}, trained on the {self.dataset}: 50 tags per 3 s of music"


_MUSICNN = "musicnn (musically motivated convolutions)"
_VGG = "VGG-like baseline of musicnn (five 3x3 convolutions)"
# As profiling/network.py measures it, on the music that profiling/README.md names.
_INT8_AGREEMENT = {
    "model": "msd-musicnn",
    "tracks": 69,
    "same_top_genre": 1.0,
    "top_five_shared": 0.988,
    "max_difference": 0.0067,
    "mean_difference": 0.00024,
}
# Before there was an output ``dense`` the card was another one, and its scores were the same.
_FORMERLY = {
    "identity": "12a1defc2fd6d257209b3d1661a223d35729dce9daea61ca567611966fc0e71e",
    "of": "0b75e16b86dc1429bf22b3c79d1015d0bfcd324a139b59c2434fec1ec4651161",
}
_NETWORKS = (
    _Network(
        name="msd-musicnn",
        member="musicnn/MSD_musicnn/",
        build=partial(musicnn_graphs.musicnn, with_dense=True),
        kind=_MUSICNN,
        dataset=MSD,
        labels=musicnn_labels.MSD,
        bars=musicnn_labels.MSD_BARS,
        abstain=musicnn_labels.MSD_ABSTAIN,
        roc_auc=0.8802,
        pr_auc=0.2891,
        formerly=_FORMERLY,
    ),
    _Network(
        name="mtt-musicnn",
        member="musicnn/MTT_musicnn/",
        build=musicnn_graphs.musicnn,
        kind=_MUSICNN,
        dataset=MTT,
        labels=musicnn_labels.MTT,
        abstain=musicnn_labels.MTT_ABSTAIN,
        roc_auc=0.9067,
        pr_auc=0.3831,
    ),
    _Network(
        name="msd-vgg",
        member="musicnn/MSD_vgg/",
        build=musicnn_graphs.vgg,
        kind=_VGG,
        dataset=MSD,
        labels=musicnn_labels.MSD,
        roc_auc=0.8768,
        pr_auc=0.2819,
    ),
    _Network(
        name="mtt-vgg",
        member="musicnn/MTT_vgg/",
        build=musicnn_graphs.vgg,
        kind=_VGG,
        dataset=MTT,
        labels=musicnn_labels.MTT,
        roc_auc=0.9030,
        pr_auc=0.3823,
    ),
    _Network(
        name="msd-musicnn-int8",
        member="musicnn/MSD_musicnn/",
        build=musicnn_int8.musicnn,
        kind=f"{_MUSICNN}, front-end in 8-bit integers",
        dataset=MSD,
        labels=musicnn_labels.MSD,
        bars=musicnn_labels.MSD_BARS,
        abstain=musicnn_labels.MSD_ABSTAIN,
        roc_auc=0.8802,
        pr_auc=0.2891,
        agreement=_INT8_AGREEMENT,
    ),
)

# What they share: the input that they were trained and published with in 2019.
_INPUT: dict[str, Any] = {
    "sample_rate_hz": 16000,
    "resampler": {
        "kind": "windowed_sinc",
        "zero_crossings": 64,
        "table_steps": 512,
        "rolloff": 0.9475937167399596,
        "kaiser_beta": 14.769656459379492,
    },
    "frontend": {
        "kind": "log_mel",
        "n_fft": 512,
        "hop_samples": 256,
        "window": "hann_periodic",
        "padding": "reflect",
        "spectrum": "power",
        "n_mels": musicnn_graphs.N_MELS,
        "f_min_hz": 0.0,
        "f_max_hz": 8000.0,
        "mel_scale": "slaney",
        "mel_norm": "slaney",
        # The original casts to float16 here; that rounding is all that kept scores 1e-4 apart.
        "mel_rounding": "float16",
        "log_gain": 10000.0,
    },
    "patch_frames": musicnn_graphs.PATCH_FRAMES,
    "hop_frames": musicnn_graphs.PATCH_FRAMES,
    "last_patch": "drop",
    "short_track": "repeat",
    "tensors": {"input": "mel", "logits": "logits", "embedding": "embedding"},
    "activation": "logits",
    "pooling": "logit-mean",
}


def open_wheel(path: Path | None) -> zipfile.ZipFile:
    """Open the published wheel, downloaded where no path is given.

    Raises
    ------
    ExportError
        It cannot be read or downloaded, or is not the one that was published.
    """
    if path is None:
        with tempfile.TemporaryDirectory() as folder:
            content = _download(Path(folder)).read_bytes()
    else:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ExportError(f"cannot read the wheel {path}: {error.strerror}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != WHEEL_SHA256:
        raise ExportError(
            f"{path or 'the download'} is not the published {PACKAGE}: "
            f"its sha256 is {digest}, not {WHEEL_SHA256}"
        )
    return zipfile.ZipFile(BytesIO(content))


def _download(folder: Path) -> Path:
    """Have pip fetch the wheel into a folder."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(folder)]
    done = subprocess.run([*command, PACKAGE], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = done.stderr.strip().splitlines() or ["no wheel came"]
        raise ExportError(f"pip cannot download {PACKAGE}: {lines[-1]}")
    return wheels[0]


def export(wheel: zipfile.ZipFile, folder: Path) -> list[Path]:
    """Write the models, their cards and the licence notice.

    Parameters
    ----------
    wheel : ZipFile
        As from `open_wheel`.
    folder : Path
        Where to; made if missing.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ExportError
        A checkpoint is not what it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {LICENCE_FILE: wheel.read(LICENCE_MEMBER)}
    for network in _NETWORKS:
        model = _model(network, _variables(wheel, network), musicnn_graphs.Rewrites())
        contents[f"{network.name}.onnx"] = model
        contents[f"{network.name}.json"] = _card(network, model).encode()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def variables(wheel: zipfile.ZipFile, name: str) -> Mapping[str, npt.NDArray[np.float32]]:
    """Return the weights of the network of this name, as its checkpoint calls them.

    Raises
    ------
    ExportError
        The checkpoint is not what it should be.
    """
    return _variables(wheel, next(network for network in _NETWORKS if network.name == name))


def _variables(wheel: zipfile.ZipFile, network: _Network) -> Mapping[str, npt.NDArray[np.float32]]:
    try:
        return read_checkpoint(
            wheel.read(f"{network.member}.index"),
            wheel.read(f"{network.member}.data-00000-of-00001"),
        )
    except (CheckpointError, KeyError) as error:
        raise ExportError(f"{network.member} in the wheel cannot be read: {error}") from error


def _model(
    network: _Network,
    variables: Mapping[str, npt.NDArray[np.float32]],
    rewrites: musicnn_graphs.Rewrites,
) -> bytes:
    model = network.build(
        variables, name=network.name, description=network.description, rewrites=rewrites
    )
    return bytes(model.SerializeToString(deterministic=True))


def _card(network: _Network, model: bytes) -> str:
    """Return the card as JSON: indented, with one label a line."""
    card: dict[str, Any] = {
        "name": network.name,
        "description": network.description,
        "file": f"{network.name}.onnx",
        "sha256": hashlib.sha256(model).hexdigest(),
        **_INPUT,
        "labels": [],
        **({"abstain": network.abstain} if network.abstain else {}),
        "licence": {
            "id": "ISC",
            "holder": "Music Technology Group, Universitat Pompeu Fabra",
            "notice": LICENCE_FILE,
        },
        "source": {"package": PACKAGE, "sha256": WHEEL_SHA256, "member": network.member},
        "accuracy": {
            "dataset": network.dataset,
            "roc_auc": network.roc_auc,
            "pr_auc": network.pr_auc,
            "source": PAPER,
        },
    }
    if network.formerly:
        card["formerly"] = network.formerly
    if network.agreement:
        card["agreement"] = network.agreement
        card["accuracy"]["source"] += f"; of {network.agreement['model']}"
    lines = [
        "    "
        + json.dumps(
            {"name": name, "kind": kind, "display": display}
            | ({"bar": network.bars[name]} if name in network.bars else {})
        )
        for name, kind, display in network.labels
    ]
    text = json.dumps(card, indent=2)
    return text.replace('"labels": []', '"labels": [\n' + ",\n".join(lines) + "\n  ]") + "\n"


_VARIANTS = {
    "plain": musicnn_graphs.Rewrites(
        constants=False, past_pool=False, blocks=False, phases=False, halves=False, crop=False
    ),
    "all but constants": musicnn_graphs.Rewrites(constants=False),
    "all but past_pool": musicnn_graphs.Rewrites(past_pool=False),
    "all but blocks": musicnn_graphs.Rewrites(blocks=False),
    "all but phases": musicnn_graphs.Rewrites(phases=False),
    "all but halves": musicnn_graphs.Rewrites(halves=False),
    "all but crop": musicnn_graphs.Rewrites(crop=False),
    "all": musicnn_graphs.Rewrites(),
}


def compare(wheel: zipfile.ZipFile, runs: int) -> None:
    """Print time, size and difference of every network with and without each rewriting.

    Single patches, one thread, median CPU time over `runs` rounds in which the variants take turns.
    The difference is the greatest of a logit from the plain graph's, over 16 random patches.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read at the import: phone nobody
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    random = np.random.default_rng(0)
    shape = (16, musicnn_graphs.PATCH_FRAMES, musicnn_graphs.N_MELS)
    patches = random.uniform(0, 6, shape).astype(np.float32)
    print("| model | rewritings | ms/patch | MB | difference |")
    print("|---|---|---|---|---|")
    for network in _NETWORKS:
        if network.agreement:
            continue
        weights = _variables(wheel, network)
        models = {name: _model(network, weights, r) for name, r in _VARIANTS.items()}
        sessions = {
            name: onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            for name, model in models.items()
        }
        logits = {name: s.run(["logits"], {"mel": patches})[0] for name, s in sessions.items()}
        times: dict[str, list[float]] = {name: [] for name in sessions}
        for _ in range(runs):
            for name, session in sessions.items():
                for again in range(4):  # at first, the others' weights fill the caches
                    start = time.process_time()
                    session.run(["logits"], {"mel": patches[:1]})
                    if again:
                        times[name].append(time.process_time() - start)
        for name, model in models.items():
            milliseconds = 1000 * statistics.median(times[name])
            difference = np.abs(logits[name] - logits["plain"]).max()
            print(
                f"| {network.name} | {name} | {milliseconds:.1f} | {len(model) / 1e6:.2f} "
                f"| {difference:.0e} |"
            )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Make the ONNX models and their cards from the published musicnn weights."
    )
    parser.add_argument(
        "--wheel",
        type=Path,
        metavar="FILE",
        help=f"the wheel of {PACKAGE}; without it, pip downloads it",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=Path(__file__).parent,
        help="where to write (default: next to this script)",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="write nothing; measure each rewriting on and off (needs onnxruntime)",
    )
    parser.add_argument(
        "--runs", type=int, default=30, metavar="N", help="rounds of --compare (default: 30)"
    )
    options = parser.parse_args(arguments)
    try:
        with open_wheel(options.wheel) as wheel:
            if options.compare:
                compare(wheel, options.runs)
            else:
                for path in export(wheel, options.out):
                    print(f"{path.name}: {path.stat().st_size} bytes")
    except ExportError as error:
        print(f"export_musicnn: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
