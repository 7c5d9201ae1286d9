"""Networks as their makers hear with them: Essentia's numbers, window for window.

Held against what Essentia itself said of the clips, where that and its networks are next to this
checkout; and with stand-ins of the same shapes everywhere.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from command import Run
from conftest import DATA, shared
from foreignmodels import beside, head, head_metadata, matrix, write
from goldenfiles import tags_of
from onnx import helper
from thinned import thinned
from tinymodel import make_family

from lean_tagger import Tagger
from lean_tagger.card import backbone_names, family_card, installed_models, load_card
from lean_tagger.catalogue.essentia import backbone, read
from lean_tagger.cli.main import main
from lean_tagger.decide.decider import ask
from lean_tagger.errors import ConfigError
from lean_tagger.listen.listener import Listener

Floats = npt.NDArray[np.float64]

CLIPS = ("celtic.m4a", "farm.wav", "hacienda.ogg", "skyvibe.mp3", "west.flac")
QUALITIES = {1: family_card("essentia-musicnn")["resampler"], 4: {"kind": "libsamplerate_linear"}}
BACKBONES = {1: "msd-musicnn-1-sinc", 4: "msd-musicnn-1"}
CLASSES = {
    "danceability": ("danceable", "not_danceable"),
    "mood_happy": ("happy", "non_happy"),
}


def sigmoid(logits: npt.NDArray[Any]) -> Floats:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def network(folder: Path, task: str, quality: int) -> str:
    """Make a model of one of Essentia's own networks; return its card."""
    weights = folder / f"{task}-{quality}.onnx"
    shutil.copyfile(shared("foreign") / f"{task}-musicnn-msd-2.onnx", weights)
    names = CLASSES[task]
    card = family_card("essentia-musicnn") | {
        "name": weights.stem,
        "file": weights.name,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "resampler": QUALITIES[quality],
        "tensors": {
            "input": "model/Placeholder:0",
            "logits": "model/Sigmoid:0",
            "layout": "frames_bands",
        },
        "labels": [{"name": it, "kind": "mood", "display": it} for it in names],
    }
    del card["sources"]
    weights.with_suffix(".json").write_text(json.dumps(card))
    return str(weights.with_suffix(".json"))


@thinned("clip", CLIPS, fast=1)
@pytest.mark.parametrize("task", CLASSES)
@pytest.mark.parametrize("quality", QUALITIES)
def test_its_networks_say_what_it_says_they_say(
    tmp_path: Path, quality: int, task: str, clip: str
) -> None:
    with np.load(shared("foreign") / "essentia_outputs.npz") as outputs:
        want = outputs[f"{clip}/{task}/quality{quality}"]
    tagger = Tagger(network(tmp_path, task, quality))
    found = sigmoid(tagger.taggram(str(shared("clips") / clip)).logits)
    assert found.shape == want.shape
    # The linear one's places drift in Essentia, by 3e-8 of the length: measured 0.007.
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-4 if quality == 1 else 0.01)
    means = found.mean(axis=0), want.mean(axis=0)
    np.testing.assert_allclose(*means, rtol=0, atol=1e-5 if quality == 1 else 0.003)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("quality", QUALITIES)
def test_the_shipped_backbone_says_what_essentias_own_says(quality: int, clip: str) -> None:
    listener = Listener(ask([BACKBONES[quality]], pool=None, hop_seconds=None))
    with np.load(shared("foreign") / "essentia_msd_musicnn.npz") as outputs:
        activations = outputs[f"{clip}/activations/quality{quality}"]
        embeddings = outputs[f"{clip}/embedding/quality{quality}"]
    ((stem_network,),) = (stem.networks for stem in listener.stems)
    heard = []
    inner = stem_network.model.__call__

    def keep(patches: npt.NDArray[np.float32]) -> Any:
        said = inner(patches)
        assert said.embedding is not None
        heard.append((sigmoid(said.logits), said.embedding.copy()))
        return said

    stem_network.model = type("Kept", (), {"__call__": staticmethod(keep), "batch": None})()  # type: ignore[assignment]  # stands for the network
    listener.score(str(shared("clips") / clip))
    found = np.concatenate([it for it, _ in heard])
    vectors = np.concatenate([it for _, it in heard])
    assert (found.shape, vectors.shape) == (activations.shape, embeddings.shape)
    near, far = (1e-4, 5e-3) if quality == 1 else (0.01, 0.3)
    np.testing.assert_allclose(found, activations, rtol=0, atol=near)
    np.testing.assert_allclose(vectors, embeddings, rtol=0, atol=far)


def test_the_backbones_are_for_heads_and_in_no_list() -> None:
    assert backbone_names() == ["msd-musicnn-1", "msd-musicnn-1-sinc"]
    assert not set(backbone_names()) & set(installed_models())
    shipped = load_card("msd-musicnn")
    for name in backbone_names():
        card = load_card(name)
        assert (card.path, card.sha256, card.labels) == (
            shipped.path,
            shipped.sha256,
            shipped.labels,
        )
        assert card.identity != shipped.identity
        assert card.tensors.embedding == "dense"
        assert card.documented is not None
        assert card.documented.startswith("resampleQuality")


def metadata(name: str, *classes: str, **change: Any) -> dict[str, Any]:
    """Return what stands next to one of the small heads of msd-musicnn-1."""
    found = head_metadata(*classes, name=name, **change)
    found["schema"]["inputs"][0]["shape"] = [200]
    found["inference"]["embedding_model"] = {
        "algorithm": "TensorflowPredictMusiCNN",
        "model_name": "msd-musicnn-1",
        "link": "https://essentia.upf.edu/models/feature-extractors/musicnn/msd-musicnn-1.pb",
    }
    return found


def small_head(folder: Path, task: str) -> Path:
    """Write a stand-in for a head of two classes, with its metadata."""
    path = head(folder / f"{task}-msd-musicnn-1.onnx", dim=200)
    what = task.removeprefix("mood_")
    beside(path, metadata(task.replace("_", " "), what, f"non_{what}"))
    return path


def add(path: Path) -> str:
    assert main(["models", "add", str(path), "--accept-licence"]) == 0
    return path.stem


def test_a_head_finds_its_backbone_in_the_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = add(small_head(tmp_path, "mood_happy"))
    card = load_card(name)
    assert card.head_of == "msd-musicnn-1"
    assert card.backbone is not None
    assert card.backbone.path == load_card("msd-musicnn").path
    capsys.readouterr()
    assert main(["models", "show", name]) == 0
    shown = capsys.readouterr().out
    assert "libsamplerate_linear" in shown
    assert "resampleQuality 4" in shown


@pytest.mark.slow
@pytest.mark.parametrize("family", ["clap-htsat-unfused", "sample-level-cnn"])
def test_a_page_says_in_what_a_network_does_not_hear_as_its_makers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], family: str
) -> None:
    card = str(make_family(tmp_path, family))
    assert main(["models", "show", card]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "inexact" in shown
    assert family_card(family)["inexact"] in shown


def test_whoever_names_the_weights_means_what_the_heads_take() -> None:
    """The embedding of msd-musicnn has 200 numbers, too, and others."""
    said = read(metadata("mood happy", "happy", "non_happy"))
    assert backbone(said, 200, head_of="msd-musicnn") == "msd-musicnn-1"
    assert backbone(said, 200, head_of="msd-musicnn-1-sinc") == "msd-musicnn-1-sinc"
    with pytest.raises(ConfigError, match="takes 1280 numbers"):
        backbone(said, 1280, head_of="msd-musicnn-1")
    with pytest.raises(ConfigError, match="takes 1280 numbers of msd-musicnn-1"):
        backbone(said, 1280, head_of=None)


@pytest.mark.slow
@thinned("quality", QUALITIES, fast=1)
def test_a_stand_in_head_says_what_it_would_say_of_essentias_embedding(
    tmp_path: Path, quality: int
) -> None:
    path = small_head(tmp_path, "mood_happy")
    assert main(["models", "add", str(path), "--accept-licence", "--head-of",
                 BACKBONES[quality]]) == 0  # fmt: skip
    session = onnxruntime.InferenceSession(str(path))
    with np.load(shared("foreign") / "essentia_msd_musicnn.npz") as outputs:
        for clip in CLIPS:
            vectors = outputs[f"{clip}/embedding/quality{quality}"]
            (want,) = session.run(None, {"model/Placeholder": vectors})
            found = sigmoid(Tagger(path.stem).taggram(str(shared("clips") / clip)).logits)
            np.testing.assert_allclose(found, want, rtol=0, atol=0.01, err_msg=clip)
            np.testing.assert_allclose(found.mean(0), want.mean(0), rtol=0, atol=0.003)


@pytest.mark.slow
def test_several_heads_cost_one_run_of_their_backbone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count of what ONNX Runtime is asked to run, by the network's file."""
    names = [add(small_head(tmp_path, f"mood_{it}")) for it in ("happy", "sad", "relaxed", "party")]
    runs: dict[str, int] = {}
    inner = onnxruntime.InferenceSession.run_with_iobinding

    def counted(self: Any, *arguments: Any) -> Any:
        file = Path(self._model_path).name
        runs[file] = runs.get(file, 0) + 1
        return inner(self, *arguments)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run_with_iobinding", counted)
    listener = Listener(ask(names, pool=None, hop_seconds=None))
    assert len(listener.stems) == 1
    runs.clear()
    scores = listener.score(str(DATA / "west.flac"))
    assert scores.n_windows == 5
    assert runs == {"msd-musicnn.onnx": 5} | {f"{name}.onnx": 5 for name in names}


def test_the_default_model_and_heads_decode_once_and_hear_each_its_own_way(tmp_path: Path) -> None:
    name = add(small_head(tmp_path, "mood_happy"))
    alone = {it: Tagger(it).score(str(DATA / "celtic.m4a")) for it in ("msd-musicnn", name)}
    listener = Listener(ask(["msd-musicnn", name], pool=None, hop_seconds=None))
    assert len(listener.stems) == 2
    together = listener.score(str(DATA / "celtic.m4a"))
    for scores in (together, *together.others):
        np.testing.assert_array_equal(scores.values, alone[scores.model].values)
        assert scores.n_windows == alone[scores.model].n_windows


@pytest.mark.slow
def test_only_who_asks_for_a_head_hears_again_and_only_the_head_does(tmp_path: Path) -> None:
    music = tmp_path / "Music"
    music.mkdir()
    shutil.copy(DATA / "west.flac", music)
    first = Run(music)
    name = add(small_head(tmp_path, "mood_happy"))
    assert Run(music).results["west.flac"]["known"] is True
    both = Run("--model", "msd-musicnn", "--model", name, music).results["west.flac"]
    assert both["known"] is False
    assert both["scores"] == first.results["west.flac"]["scores"]
    again = Run("--model", "msd-musicnn", "--model", name, music).results["west.flac"]
    assert again["known"] is True


# Numbers that are no probabilities


def emomusic(folder: Path) -> Path:
    """Write a stand-in for the head that gives valence and arousal, from 1 to 9."""
    path = write(
        folder / "emomusic-msd-musicnn-2.onnx",
        [
            helper.make_node("MatMul", ["model/Placeholder", "w"], ["product"]),
            helper.make_node("Add", ["product", "b"], ["sum"]),
            helper.make_node("Identity", ["sum"], ["model/Identity"]),
        ],
        [("model/Placeholder", ["n", 200])],
        [("model/Identity", ["n", 2])],
        {"w": matrix(200, 2, seed=3) * 0.05, "b": np.array([5.0, 4.5], np.float32)},
    )
    return beside(path, metadata("emomusic", "valence", "arousal", op="Identity"))


def test_valence_and_arousal_are_numbers_from_1_to_9(tmp_path: Path) -> None:
    card = load_card(add(emomusic(tmp_path)))
    assert card.activation == "numbers"
    assert [(it.name, it.kind, it.low, it.high) for it in card.labels] == [
        ("valence", "number", 1.0, 9.0),
        ("arousal", "number", 1.0, 9.0),
    ]
    tagger = Tagger(card.name)
    windows = tagger.taggram(str(DATA / "west.flac")).logits
    scores = tagger.score(str(DATA / "west.flac"))
    np.testing.assert_allclose(scores.values, windows.mean(axis=0), rtol=1e-6)
    assert (scores.values > 1).all()


@pytest.mark.slow
@thinned("pool", ["logit-mean", "prob-mean", "max"], fast=1)
def test_numbers_are_pooled_by_their_mean_whatever_is_said_of_probabilities(
    tmp_path: Path, pool: Any
) -> None:
    name = add(emomusic(tmp_path))
    mean = Tagger(name).score(str(DATA / "west.flac")).values
    found = Tagger(name, pool=pool).score(str(DATA / "west.flac")).values
    np.testing.assert_array_equal(found, mean)


@pytest.mark.slow
@thinned("song", ["west.flac", "skyvibe.mp3", "celtic.m4a", "hacienda.ogg"], fast=1)
def test_numbers_are_written_known_again_and_taken_back(tmp_path: Path, song: str) -> None:
    music = tmp_path / "Music"
    music.mkdir()
    before = tags_of(Path(shutil.copy(DATA / song, music)))
    name = add(emomusic(tmp_path))
    models = ("--model", "msd-musicnn", "--model", name)
    found = Run(*models, music).results[song]
    said = found["others"][name]["scores"]
    assert found["tags"]["valence"] == [f"{said['valence']:.2f}"]
    assert found["tags"]["arousal"] == [f"{said['arousal']:.2f}"]
    assert found["tags_by"]["valence"] == name
    again = Run(*models, music).results[song]
    assert (again["status"], again["known"], again["others"]) == (
        "unchanged",
        True,
        found["others"],
    )
    # The file itself says it, too: without the journal it is known by its LEANTAG.
    lost = Run(*models, "--state", tmp_path / "new.sqlite3", music).results[song]
    assert (lost["status"], lost["known"]) == ("unchanged", True)
    assert lost["others"][name]["scores"] == said
    Run("undo", "--all")
    assert tags_of(music / song) == before


@pytest.mark.slow
def test_rules_say_whether_numbers_are_written_and_over_what(tmp_path: Path) -> None:
    music = tmp_path / "Music"
    music.mkdir()
    song = Path(shutil.copy(DATA / "west.flac", music))
    name = add(emomusic(tmp_path))
    rules = tmp_path / "rules.toml"
    rules.write_text("[valence]\nwrite = false\n")
    found = Run("--model", name, "--rules", rules, music).results[song.name]
    assert set(found["tags"]) == {"genre", "mood", "arousal"}
    only = Run("-n", "--model", name, "--fields", "genre,valence", music).results[song.name]
    assert set(only["tags"]) == {"genre", "valence"}
    from mutagen.flac import FLAC

    tags = FLAC(song)
    tags["VALENCE"] = ["7"]
    tags.save()
    kept = Run("--model", name, music).results[song.name]
    assert kept["status"] == "unchanged"
    assert FLAC(song)["VALENCE"] == ["7"]
    assert Run("--model", name, "--merge", music).results[song.name]["status"] == "unchanged"
    Run("--model", name, "--overwrite", music)
    assert FLAC(song)["VALENCE"] == found_valence(kept)
    rules.write_text("[valence]\nmin_score = 0.2\n")
    assert "unknown" in Run("--model", name, "--rules", rules, music).said


def found_valence(result: dict[str, Any]) -> list[str]:
    return [f"{result['scores']['valence']:.2f}"]


@pytest.mark.slow
@thinned("form", ["jsonl", "csv"], fast=1)
def test_exported_numbers_are_taken_in_as_they_were(tmp_path: Path, form: str) -> None:
    music = tmp_path / "Music"
    music.mkdir()
    shutil.copy(DATA / "west.flac", music)
    name = add(emomusic(tmp_path))
    first = Run("--model", name, "-n", music).results["west.flac"]
    table = tmp_path / f"all.{form}"
    assert main(["export", str(table), "--model", name]) == 0
    assert f"{first['scores']['valence']:.3f}" in table.read_text()
    new = tmp_path / "new.sqlite3"
    assert main(["import", str(table), "--state", str(new)]) == 0
    again = Run("--model", name, "-n", "--state", new, music).results["west.flac"]
    assert (again["known"], again["scores"]) == (True, first["scores"])


def test_a_number_of_unknown_scale_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = emomusic(tmp_path)
    said = metadata("engagement", "engagement", "approach", op="Identity", type="regression")
    beside(path, said)
    assert main(["models", "add", str(path), "--accept-licence"]) != 0
    assert "its scale is not known" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "activation", "why"),
    [
        (
            [{"name": "a", "kind": "number", "display": "A"}],
            "logits",
            "with the activation numbers",
        ),
        ([{"name": "a", "kind": "mood", "display": "A"}], "numbers", "with the activation numbers"),
        (
            [{"name": "a", "kind": "number", "display": "A", "low": 2.0, "high": 2.0}],
            "numbers",
            "'low' must be below",
        ),
    ],
)
def test_a_card_says_of_numbers_what_makes_sense(
    tmp_path: Path, labels: list[dict[str, Any]], activation: str, why: str
) -> None:
    card = json.loads((load_card("msd-musicnn").path.with_suffix(".json")).read_text())
    path = tmp_path / "a.json"
    path.write_text(json.dumps(card | {"labels": labels, "activation": activation}))
    with pytest.raises(ConfigError, match=why):
        load_card(str(path))
