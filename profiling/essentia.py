"""Compare with Essentia, window by window: its own networks, and the shipped one in its clothes.

``--foreign`` is a folder with two of Essentia's networks and with what Essentia said of clips:
``essentia_outputs.npz`` holds ``CLIP/TASK/qualityQ``, of ``TASK-musicnn-msd-2.onnx``;
``essentia_msd_musicnn.npz`` holds ``CLIP/activations/qualityQ``, of its msd-musicnn-1. Q is
``resampleQuality``: 1 is libsamplerate's sinc-medium, 4 its linear converter.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import ROOT, write_table

sys.path.insert(0, str(ROOT))

from lean_tagger import Tagger
from lean_tagger.card import family_card
from lean_tagger.listen.pooling import sigmoid

RESAMPLERS = {
    1: family_card("essentia-musicnn")["resampler"],
    4: family_card("discogs-effnet")["resampler"],
}
BACKBONES = {1: "msd-musicnn-1-sinc", 4: "msd-musicnn-1"}
Compared = tuple[str, int, Tagger, Mapping[str, npt.NDArray[np.float32]]]


def networks(foreign: Path, folder: Path) -> Iterator[Compared]:
    """Yield each network with a resampler, loaded, and what Essentia said by clip."""
    outputs = np.load(foreign / "essentia_outputs.npz")
    for weights in sorted(foreign.glob("*-musicnn-msd-2.onnx")):
        task = weights.stem.removesuffix("-musicnn-msd-2")
        for quality, resampler in RESAMPLERS.items():
            tagger = Tagger(_card(weights, folder / f"{task}-{quality}", resampler))
            yield task, quality, tagger, _by_clip(outputs, task, quality)
    outputs = np.load(foreign / "essentia_msd_musicnn.npz")
    for quality, name in BACKBONES.items():
        yield name, quality, Tagger(name), _by_clip(outputs, "activations", quality)


def _by_clip(
    outputs: Mapping[str, npt.NDArray[np.float32]], what: str, quality: int
) -> Mapping[str, npt.NDArray[np.float32]]:
    end = f"/{what}/quality{quality}"
    return {key.removesuffix(end): outputs[key] for key in outputs if key.endswith(end)}


def _card(weights: Path, stem: Path, resampler: Mapping[str, Any]) -> str:
    """Copy a network, write its card next to the copy, and return that."""
    copy = Path(shutil.copyfile(weights, stem.with_suffix(".onnx")))
    card = family_card("essentia-musicnn") | {
        "name": stem.name,
        "file": copy.name,
        "sha256": hashlib.sha256(copy.read_bytes()).hexdigest(),
        "resampler": resampler,
        "tensors": {
            "input": "model/Placeholder:0",
            "logits": "model/Sigmoid:0",
            "layout": "frames_bands",
        },
        "labels": [{"name": it, "kind": "other", "display": it} for it in ("first", "second")],
    }
    del card["sources"]
    copy.with_suffix(".json").write_text(json.dumps(card))
    return str(copy.with_suffix(".json"))


def main() -> None:
    """Print, and write where asked, one row per network, resampler and clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--foreign", type=Path, required=True, help="folder of networks, outputs")
    parser.add_argument("--clips", type=Path, required=True, help="folder of the clips")
    parser.add_argument("--windows", action="store_true", help="one row for each window")
    parser.add_argument("--out", type=Path, help="folder for essentia.md and essentia.json")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, quality, tagger, said in networks(given.foreign, Path(folder)):
            for clip, want in said.items():
                got = sigmoid(tagger.taggram(str(given.clips / clip)).logits)
                about = {"network": name, "quality": quality, "clip": clip}
                if given.windows:
                    rows += [
                        about | {"window": number, "difference": f"{np.abs(one - other).max():.1e}"}
                        for number, (one, other) in enumerate(zip(got, want, strict=True))
                    ]
                    continue
                rows.append(
                    about
                    | {
                        "windows": len(got),
                        "largest difference of a window": f"{np.abs(got - want).max():.1e}",
                        "of the mean": f"{np.abs(got.mean(0) - want.mean(0)).max():.1e}",
                        "Essentia's mean of the first": f"{want.mean(0)[0]:.3f}",
                        "ours": f"{got.mean(0)[0]:.3f}",
                    }
                )
    write_table(rows, "essentia", given.out)


if __name__ == "__main__":
    main()
