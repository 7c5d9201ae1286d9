"""Compare scores with the original implementation's, window by window.

Two tables in one: the distance to the original with its audio prepared as published in 2019
(the target), and to what the unchanged package prints today (librosa 0.11, another
resampler). By default for the excerpts in ``tests/data``; ``--music`` and ``--reference``
name folders of full tracks and of their ``<track>.<model>.npz``.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from common import ROOT, write_table

sys.path.insert(0, str(ROOT))

from lean_tagger import Tagger
from lean_tagger.card import installed_models
from lean_tagger.listen.pooling import sigmoid

DATA = ROOT / "tests" / "data"
Pair = tuple[Path, npt.NDArray[np.float32], npt.NDArray[np.float32]]


def excerpts(model: str) -> Iterator[Pair]:
    """Yield each excerpt with its references, as published and today."""
    references = np.load(DATA / "reference.npz")
    for path in sorted(DATA.iterdir()):
        key = f"{path.name.replace('.', '_')}/{model}"
        if key in references:
            yield path, references[key], references[f"{key}@today"]


def tracks(model: str, music: Path, reference: Path) -> Iterator[Pair]:
    """Yield each full track with its references."""
    for path in sorted(music.iterdir()):
        file = reference / f"{path.stem}.{model}.npz"
        if file.is_file():
            found = np.load(file)
            yield path, found["probabilities"], found["probabilities_today"]


def main() -> None:
    """Print, and write where asked, one row per file and model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, help="folder of full tracks")
    parser.add_argument("--reference", type=Path, help="folder of their references")
    parser.add_argument("--out", type=Path, help="folder for parity.md and parity.json")
    given = parser.parse_args()
    rows = []
    for model in installed_models():
        tagger = Tagger(model)
        pairs = list(excerpts(model))
        if given.music and given.reference:
            pairs += tracks(model, given.music, given.reference)
        for path, published, today in pairs:
            got = sigmoid(tagger.taggram(str(path)).logits)
            rows.append(
                {
                    "model": model,
                    "file": path.name,
                    "windows": len(got),
                    "largest difference of a window": f"{np.abs(got - published).max():.1e}",
                    "of the track's mean": f"{np.abs(got.mean(0) - published.mean(0)).max():.1e}",
                    "window, today": f"{np.abs(got - today).max():.1e}",
                    "mean, today": f"{np.abs(got.mean(0) - today.mean(0)).max():.1e}",
                }
            )
    write_table(rows, "parity", given.out)


if __name__ == "__main__":
    main()
