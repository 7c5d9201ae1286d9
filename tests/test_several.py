"""What becomes of the scores of several models: decided in their order, kept each for itself."""

import csv
import json
import shutil
import sqlite3
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import ROOT, Run
from conftest import DATA
from thinned import thinned
from tinymodel import LABELS, make

from lean_tagger import write
from lean_tagger.jobs import from_uint16, to_uint16
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings
from lean_tagger.store import location

PAIR = ("--model", "msd-musicnn", "--model", "mtt-musicnn")
MIB = 1 << 20


def lean_tag(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lean_tagger", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def model(folder: Path, name: str, sure: Sequence[str]) -> Path:
    """Make a model that is sure of these labels whatever the music, and of no others."""
    weights = [0.2 if label in sure else -0.2 for label, _, _ in LABELS]
    return make(folder, name=name, weights=lambda: np.tile(np.float32(weights), (96, 1)))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    (tmp_path / "Music").mkdir()
    return Path(shutil.copy(DATA / "west.flac", tmp_path / "Music"))


# Who decides


@pytest.mark.slow
@thinned(
    ("sure", "tags", "by"),
    [
        ((["rock"], ["jazz", "chill"]), (["Rock"], ["Chill"]), ("a", "b")),
        ((["jazz", "chill"], ["rock"]), (["Jazz"], ["Chill"]), ("a", "a")),
        (([], ["rock", "chill"]), (["Rock"], ["Chill"]), ("b", "b")),
        ((["chill"], ["rock"]), (["Rock"], ["Chill"]), ("b", "a")),
        (([], []), ([], []), (None, None)),
    ],
    fast=2,
)
def test_a_field_is_the_first_models_that_is_sure_enough(
    song: Path,
    sure: tuple[list[str], list[str]],
    tags: tuple[list[str], list[str]],
    by: tuple[str | None, str | None],
) -> None:
    models = [model(song.parent, name, labels) for name, labels in zip("ab", sure, strict=True)]
    (found,) = Run("--model", f"{models[0]},{models[1]}", song).results.values()
    assert (found["tags"]["genre"], found["tags"]["mood"]) == tags
    assert found["tags_by"] == {
        field: name for field, name in zip(("genre", "mood"), by, strict=True) if name
    }
    assert (found["model"], list(found["others"])) == ("a", ["b"])
    present = write.read(str(song))
    assert (list(present.get("genre", ())), list(present.get("mood", ()))) == tags


def test_one_model_is_told_of_as_ever(song: Path) -> None:
    (found,) = Run("-n", song).results.values()
    assert not {"others", "tags_by"} & set(found)
    lean_tag(song)
    assert "others" not in json.loads(write.read(str(song))["leantag"][0])
    assert "  heard by msd-musicnn: 3 windows, 10 s\n   23.4%" in lean_tag("explain", song).stdout


@pytest.mark.slow
def test_an_album_has_one_decision_of_all_models(song: Path) -> None:
    shutil.copy(song, song.with_name("second.flac"))
    a, b = model(song.parent, "a", ["rock"]), model(song.parent, "b", ["jazz", "chill"])
    found = Run("--album-genre", "--model", f"{a},{b}", song.parent).results
    assert {name: it["status"] for name, it in found.items() if name.endswith("flac")} == {
        "west.flac": "tagged",
        "second.flac": "tagged",
    }
    assert {tuple(write.read(str(path))["mood"]) for path in song.parent.glob("*.flac")} == {
        ("Chill",)
    }


# What is kept


def marked(name: str) -> tuple[float, ...]:
    """Put other scores on record for a model, by which they are known again."""
    values = (0.2,) * 50
    with sqlite3.connect(location.default_path()) as journal:
        journal.execute(
            "UPDATE scores SET uint16 = ? WHERE key IN (SELECT keys.id FROM keys "
            "JOIN models ON models.sha256 = keys.model WHERE name = ?)",
            (to_uint16(values), name),
        )
    journal.close()
    return values


def scores(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    others = {name: it["scores"] for name, it in found.get("others", {}).items()}
    return {found["model"]: found["scores"]} | others


@pytest.mark.slow
@pytest.mark.parametrize(
    "models",
    [PAIR, pytest.param(("--model", "mtt-musicnn,msd-musicnn"), marks=pytest.mark.slow)],
)
def test_a_model_that_is_added_later_is_the_only_one_that_listens(
    song: Path, models: tuple[str, ...]
) -> None:
    alone = {
        name: Run("-n", "--model", name, "--state", song.parent / name, song).results[song.name]
        for name in ("mtt-musicnn", "msd-musicnn")
    }
    Run("-n", song)
    values = marked("msd-musicnn")
    (found,) = Run("-n", *models, song).results.values()
    assert not found["known"]
    assert set(scores(found)["msd-musicnn"].values()) == set(values)
    assert scores(found)["mtt-musicnn"] == alone["mtt-musicnn"]["scores"]
    (again,) = Run("-n", *models, song).results.values()
    assert again == {**found, "known": True}


@pytest.mark.slow
def test_each_models_scores_are_known_again_in_any_order_and_alone(song: Path) -> None:
    (first,) = Run("-n", *PAIR, song).results.values()
    turned = ("--model", "mtt-musicnn", "--model", "msd-musicnn")
    for models in (turned, ("--model", "mtt-musicnn"), ("--model", "msd-musicnn")):
        (found,) = Run("-n", *models, song).results.values()
        assert found["known"]
        assert scores(found) == {name: scores(first)[name] for name in scores(found)}


@pytest.mark.slow
def test_a_moved_file_is_known_again_by_every_model(song: Path) -> None:
    Run("-n", *PAIR, song)
    moved = song.rename(song.with_name("moved.flac"))
    (found,) = Run("-n", *PAIR, moved).results.values()
    assert found["known"]


@pytest.mark.slow
def test_the_file_itself_says_what_each_model_heard(song: Path, tmp_path: Path) -> None:
    (first,) = Run(*PAIR, song).results.values()
    said = json.loads(write.read(str(song))["leantag"][0])
    assert (said["model"], list(said["others"])) == ("msd-musicnn", ["mtt-musicnn"])
    assert len(from_uint16(b64decode(said["others"]["mtt-musicnn"]["uint16"]))) == 50
    elsewhere = ("--state", tmp_path / "another.sqlite3")
    for models in (PAIR, ("--model", "mtt-musicnn"), ("--model", "mtt-musicnn,msd-musicnn")):
        (found,) = Run("-n", *elsewhere, *models, song).results.values()
        assert found["known"]
        assert scores(found) == {name: scores(first)[name] for name in scores(found)}
        elsewhere = ("--state", tmp_path / f"{len(models)}{models[1]}.sqlite3")


@pytest.mark.slow
def test_retag_decides_from_what_all_of_them_heard(song: Path) -> None:
    a, b = model(song.parent, "a", ["rock"]), model(song.parent, "b", ["jazz", "chill"])
    Run("--model", a, song)
    unheard = Run("retag", "--model", f"{a},{b}", song)
    assert unheard.error(song.name)[0] == "unheard"
    Run("-n", "--model", b, song)
    assert Run("retag", "--model", f"{a},{b}", song).statuses() == {song.name: "tagged"}
    assert write.read(str(song))["genre"] == ("Rock",)
    assert write.read(str(song))["mood"] == ("Chill",)
    assert Run("retag", "--model", f"{b},{a}", song).statuses() == {song.name: "tagged"}
    assert write.read(str(song))["genre"] == ("Jazz",)


@pytest.mark.slow
def test_explain_tells_whose_label_it_is(song: Path) -> None:
    a, b = model(song.parent, "a", ["rock"]), model(song.parent, "b", ["jazz", "chill"])
    Run("--model", f"{a},{b}", song)
    told = lean_tag("explain", "--model", f"{a},{b}", song).stdout
    assert "heard by a: 3 windows" in told
    assert "rock                 a: genre: Rock" in told
    assert "chill                b: mood: Chill" in told
    assert "jazz" not in told.partition("a: genre: Rock")[2].partition("genre in the file")[0]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", pytest.param("csv", marks=pytest.mark.slow)])
def test_an_export_has_each_models_scores_and_comes_back(
    song: Path, tmp_path: Path, form: str
) -> None:
    Run("-n", *PAIR, song)
    out = tmp_path / f"out.{form}"
    assert lean_tag("export", *PAIR, "--format", form, out).returncode == 0
    text = out.read_text()
    rows = [json.loads(it) for it in text.splitlines()] if form == "jsonl" else None
    rows = rows or list(csv.DictReader(text.splitlines()))
    assert [row["model"] for row in rows] == ["msd-musicnn", "mtt-musicnn"]
    assert {row["path"] for row in rows} == {str(song)}
    other = ("--state", tmp_path / "other.sqlite3")
    assert lean_tag("import", *other, out).returncode == 0
    (found,) = Run("-n", *other, *PAIR, song).results.values()
    assert found["known"]
    (before,) = Run("-n", *PAIR, song).results.values()
    assert scores(found) == scores(before)


# What it takes


def needed_bytes(*models: str) -> int:
    settings = Settings(models=models, max_mem_bytes=4096 * MIB)
    runner = Supervisor(settings, jobs=1, patience_seconds=60)
    try:
        return runner.start(1).needed_bytes
    finally:
        runner.close()


@pytest.mark.slow
def test_a_second_model_on_the_same_front_end_takes_its_network_only() -> None:
    first, second = needed_bytes("msd-musicnn"), needed_bytes("mtt-musicnn")
    both = needed_bytes("msd-musicnn", "mtt-musicnn")
    assert max(first, second) <= both <= max(first, second) + 24 * MIB


@pytest.mark.slow
def test_two_models_keep_to_the_budget_and_too_little_is_said_before_any_music(
    song: Path,
) -> None:
    needed = needed_bytes("msd-musicnn", "mtt-musicnn") // MIB
    done = lean_tag("-n", *PAIR, "--json", "--max-mem", f"{needed + 40}M", song)
    *_, summary = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert summary["peak_rss_bytes"] <= (needed + 40) * MIB
    done = lean_tag("-n", *PAIR, "--state", song.parent / "j", "--max-mem", "100M", song)
    assert done.returncode == 4
    assert "msd-musicnn, mtt-musicnn" in done.stderr


def test_effort_is_for_one_model(song: Path) -> None:
    done = lean_tag("-n", *PAIR, "--effort", "fast", song)
    assert (done.returncode, done.stdout) == (2, "")
    assert "several models always hear whole tracks; leave --effort out" in done.stderr
