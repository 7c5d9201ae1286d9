"""The scores are those of the original implementation, window by window.

The references were made by the PyPI package musicnn 0.1.0 on TensorFlow, the audio prepared
as published in 2019. The limits leave room for its float16 cast of the spectrogram and for
FFmpeg against libsndfile, which decode 22.05 kHz MP3 differently.
"""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import CLIPS, DATA, MODELS, SHARED, shared

from lean_tagger import Tagger
from lean_tagger.listen.pooling import sigmoid

WINDOW_LIMIT, MEAN_LIMIT = 3e-4, 3e-5
LOW_RATE_MP3 = {"TRWJAZW128F42760DD_test.mp3": (7e-3, 3e-4)}
TIE = 1e-4


@cache
def tagger(model: str) -> Tagger:
    return Tagger(model, pool="prob-mean")


def assert_parity(model: str, path: Path, want: npt.NDArray[np.float32], labels: list[str]) -> None:
    window_limit, mean_limit = LOW_RATE_MP3.get(path.name, (WINDOW_LIMIT, MEAN_LIMIT))
    taggram = tagger(model).taggram(str(path))
    got = sigmoid(taggram.logits)
    assert list(taggram.labels) == labels
    assert got.shape == want.shape
    assert np.abs(got - want).max() < window_limit
    means = tagger(model).score(str(path)).values
    assert np.abs(means - want.mean(axis=0)).max() < mean_limit
    assert_same_order(means, want.astype(np.float64).mean(axis=0))


def assert_same_order(got: npt.NDArray[np.float64], want: npt.NDArray[np.float64]) -> None:
    """The same top ten in the same order, save where the original's are all but equal."""
    order = np.argsort(-got)
    for above, below in pairwise(order[:11]):
        assert want[above] > want[below] - TIE
    assert want[order[10:]].max() < want[order[:10]].min() + TIE


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("clip", CLIPS)
def test_excerpts_score_as_the_original_does(model: str, clip: str) -> None:
    references = np.load(DATA / "reference.npz")
    labels = json.loads((DATA / "reference.json").read_text())["labels"][model[:3]]
    assert_parity(model, DATA / clip, references[f"{clip.replace('.', '_')}/{model}"], labels)


TRACKS = sorted(p.name for p in (SHARED / "music").glob("*") if p.suffix in {".mp3", ".ogg"})


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("track", TRACKS or ["no full track is next to this checkout"])
def test_full_tracks_score_as_the_original_does(model: str, track: str) -> None:
    path = shared("music") / track
    reference = np.load(shared("reference") / f"{path.stem}.{model}.npz")["probabilities"]
    labels = json.loads((DATA / "reference.json").read_text())["labels"][model[:3]]
    assert_parity(model, path, reference, labels)


@pytest.mark.parametrize("clip", ["hacienda.ogg", "west.flac", "farm.wav", "skyvibe.mp3"])
def test_both_decoders_give_the_same_scores(clip: str) -> None:
    path = str(DATA / clip)
    by_ffmpeg = Tagger(decoder="ffmpeg").score(path).values
    by_sndfile = Tagger(decoder="soundfile").score(path).values
    assert np.abs(by_ffmpeg - by_sndfile).max() < MEAN_LIMIT
