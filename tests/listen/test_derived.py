"""A derived model hears through its parts, and scores the same from what is on record."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tinymodel
from command import Run
from conftest import DATA

from lean_tagger import Tagger
from lean_tagger.card import DerivedHead, load_card
from lean_tagger.card.derived_head import to_text
from lean_tagger.errors import ConfigError, ModelError

CLIPS = ("west.flac", "lava.opus")
LABELS = [
    {"name": "Polka", "kind": "genre", "display": "Polka"},
    {"name": "Ska", "kind": "genre", "display": "Ska"},
    {"name": "rock", "kind": "genre", "display": "Rock"},
]


def make(folder: Path, change: dict[str, Any] | None = None, **card: Any) -> Path:
    """Write a derived model over two tiny ones; return its card."""
    rng = np.random.default_rng(4)
    tinymodel.make(folder, name="first")
    tinymodel.make(folder, name="second", weights=lambda: rng.normal(size=(96, 3)))
    arrays = {"mean": (192,), "scale": (192,), "weights": (2, 192), "bias": (2,)}
    numbers = {key: rng.normal(size=shape).astype("<f4") for key, shape in arrays.items()}
    numbers["scale"] = np.abs(numbers["scale"]) + 1
    head = {
        "labels": [{"row": 0}, {"row": 1}, {"of": [{"model": "first", "label": "rock"}]}],
        "parts": [96, 96],
        **{key: to_text(value.tobytes()) for key, value in numbers.items()},
        **(change or {}),
    }
    data = json.dumps(head).encode()
    (folder / "both.head").write_bytes(data)
    said = {
        "name": "both",
        "description": "",
        "file": "both.head",
        "sha256": hashlib.sha256(data).hexdigest(),
        "weights": "derived",
        "head_of": "first",
        "also_of": ["second"],
        "tensors": {"input": "embedding", "logits": "scores", "layout": "embedding"},
        "activation": "sigmoid",
        "pooling": "logit-mean",
        "labels": LABELS,
    }
    (folder / "both.json").write_text(json.dumps(said | card))
    return folder / "both.json"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("LEAN_TAG_MODELS", str(folder))
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for clip in CLIPS:
        shutil.copy(DATA / clip, folder)
    return folder


@pytest.mark.slow
def test_what_is_heard_now_scores_as_what_was_on_record(
    models: Path, library: Path, tmp_path: Path
) -> None:
    make(models)
    one, other = (("--state", tmp_path / name) for name in ("one", "other"))
    now = Run("-n", library, "--model", "both", *one)
    Run("-n", library, "--model", "first,second", *other)
    later = Run("retag", "-n", "--model", "both", *other)
    assert {name: it["scores"] for name, it in now.results.items()} == {
        name: it["scores"] for name, it in later.results.items()
    }
    assert all(len(it["scores"]) == len(LABELS) for it in now.results.values())
    # And what its parts heard is on record for other uses.
    parts = Run("retag", "-n", "--model", "first,second", *one)
    assert all(it["known"] for it in parts.results.values())
    assert len(parts.results) == len(CLIPS)


def test_a_part_that_was_heard_is_not_heard_again(models: Path, library: Path) -> None:
    make(models)
    Run("-n", library, "--model", "first,second")
    again = Run("-n", library, "--model", "both")
    assert all(it["known"] for it in again.results.values())


@pytest.mark.slow
def test_it_tags_and_is_recognised_without_the_journal(
    models: Path, library: Path, tmp_path: Path
) -> None:
    make(models)
    Run(library, "--model", "both", "--min-score", "0.01")
    again = Run(library, "--model", "both", "--min-score", "0.01", "--state", tmp_path / "new")
    assert {it["status"] for it in again.results.values()} == {"unchanged"}
    assert all(it["known"] for it in again.results.values())


def test_python_hears_with_it_too(models: Path) -> None:
    make(models)
    scores = Tagger("both").score(DATA / "west.flac")
    assert scores.labels == ("Polka", "Ska", "rock")
    assert scores.values[:2].sum() == pytest.approx(1)
    with pytest.raises(ConfigError, match="judges whole tracks"):
        Tagger("both").taggram(DATA / "west.flac")
    with pytest.raises(ConfigError, match="always hears whole tracks"):
        Tagger("both", effort="fast")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": []}, "0 labels"),
        ({"labels": [{"row": 0}, {"row": 7}, {"row": 1}]}, "a row that does not exist"),
        ({"labels": [{"row": 0}, {"row": 1}, {}]}, "needs 'row' or 'of'"),
        ({"parts": [96]}, "does not fit the card"),
        ({"parts": [96, 95]}, "do not fit each other"),
        ({"bias": "!"}, "cannot be used"),
        ({"bias": to_text(np.full(2, np.nan, "<f4").tobytes())}, "not a number"),
        ({"scale": to_text(np.zeros(192, "<f4").tobytes())}, "above 0"),
        ({"more": 1}, "unknown key"),
        (
            {"labels": [{"row": 0}, {"row": 1}, {"of": [{"model": "first", "label": "x"}]}]},
            "no part has the label",
        ),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(
    models: Path, change: dict[str, Any], says: str
) -> None:
    card = load_card(str(make(models, change)))
    with pytest.raises(ModelError, match=says):
        DerivedHead(card)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"also_of": ["first"]}, "names a model twice"),
        ({"also_of": ["../first"]}, "must be the name of a model"),
        ({"labels": []}, "'labels' is empty"),
        ({"weights": "onnx"}, "for derived models"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(
    models: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        load_card(str(make(models, **change)))
