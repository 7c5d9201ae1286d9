"""``lean-tag report`` and ``lean-tag taggram`` write whole files of their own and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from largelibrary import peak_mib
from madelibrary import MSD, Made, make

from lean_tagger.jobs import TrackInfo

ROOT = Path(__file__).parents[2]
SONG = ROOT / "tests" / "data" / "lava.opus"


@pytest.fixture(autouse=True)
def _own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAN_TAG_MODELS", str(tmp_path / "models"))


def lean_tag(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lean_tagger", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
    )


def library(folder: Path) -> Path:
    """Return a journal of two genres, each of four artists with six tracks; one is wrong."""
    dice = np.random.default_rng(3)
    centres = dice.normal(0, 1, (2, 200))
    tracks = []
    for number in range(48):
        kind = number % 2
        tracks.append(
            Made(
                path=f"/music/Artist {number % 8}/{number:02d}.mp3",
                embeddings={MSD: centres[kind] + dice.normal(0, 0.5, 200)},
                scores={"rock" if kind else "jazz": 0.7},
                track=TrackInfo(artist=f"Artist {number % 8}", title=f"Song {number}"),
                genre=("Rock" if kind or number == 10 else "Jazz",),
            )
        )
    return make(folder / "state", tracks, models=[MSD])


def test_a_page_is_written_and_replaced(tmp_path: Path) -> None:
    state, page = library(tmp_path), tmp_path / "page.html"
    for _ in range(2):
        done = lean_tag("report", page, "--state", state, "-q")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert "Song 47" in page.read_text(encoding="utf-8")
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".lean-tag")]


def test_what_is_no_page_of_ours_is_left(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(SONG.read_bytes())
    done = lean_tag("report", song, "--state", library(tmp_path))
    assert done.returncode == 2
    assert "was not written by this command" in done.stderr
    assert song.read_bytes() == SONG.read_bytes()


def test_without_a_journal_nothing_is_written(tmp_path: Path) -> None:
    done = lean_tag("report", tmp_path / "page.html", "--state", tmp_path / "nothing")
    assert done.returncode == 5
    assert "there is no journal yet" in done.stderr
    assert not (tmp_path / "page.html").exists()


def test_a_budget_that_is_too_small_is_one_sentence(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = lean_tag("report", page, "--state", library(tmp_path), "--max-mem", "50M")
    assert done.returncode == 4
    assert "--max-mem 65M" in done.stderr
    assert not page.exists()


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = lean_tag("report", page, "--state", library(tmp_path), "--root", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "is not a folder" in done.stderr


def test_the_page_has_what_learn_and_check_say(tmp_path: Path) -> None:
    state, page = library(tmp_path), tmp_path / "page.html"
    learnt = lean_tag("learn", "--state", state, "--model", "msd-musicnn", "--name", "mine")
    assert learnt.returncode == 0, learnt.stderr
    done = lean_tag("report", page, "--state", state, "--check")
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "<h2>Learnt: mine</h2>" in text
    assert "Sure from" in text
    wrong = text.partition("<h2>Tags that look wrong</h2>")[2].partition("</section>")[0]
    assert "<td><bdi>Artist 2/10.mp3</bdi></td><td><bdi>Rock</bdi></td>" in wrong
    assert "/music" not in wrong


def test_too_little_to_check_leaves_the_rest_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    state = make(tmp_path / "state", [Made(path="/m/a.mp3", embeddings={MSD: np.ones(200)})])
    done = lean_tag("report", page, "--state", state, "--check")
    assert done.returncode == 0, done.stderr
    assert "no list of tags that look wrong" in done.stderr
    assert page.exists()


@pytest.mark.slow
def test_a_taggram_is_a_picture_or_a_table(tmp_path: Path) -> None:
    for name in ("a.png", "a.svg", "a.json"):
        done = lean_tag("taggram", SONG, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    texts = [it.text for it in ET.parse(tmp_path / "a.svg").iter() if it.tag.endswith("text")]
    assert "electronic" in texts
    table = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert len(table["windows"]) == 6
    assert all(len(it["scores"]) == len(table["labels"]) == 50 for it in table["windows"])
    assert table["windows"][1]["start_seconds"] > 2.9


@pytest.mark.slow
def test_a_taggram_stands_in_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = lean_tag("report", page, "--state", library(tmp_path), "--taggram", SONG)
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "<h3><bdi>lava.opus</bdi></h3>" in text
    assert str(SONG.parent) not in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((SONG, "-o", "a.gif"), 2, "ends with .png, .svg or .json"),
        (("nothing.mp3", "-o", "a.png"), 1, "nothing.mp3"),
        ((Path(__file__), "-o", "a.png"), 1, "test_report_command"),
        ((SONG, "-o", "nowhere/a.png"), 2, "there is no folder"),
    ],
)
def test_what_cannot_be_heard_or_written_is_one_sentence(
    arguments: tuple[str | Path, ...], code: int, said: str, tmp_path: Path
) -> None:
    *song, target = arguments
    done = lean_tag("taggram", *song, tmp_path / str(target))
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.memory
def test_the_supervising_process_stays_small(tmp_path: Path) -> None:
    assert peak_mib("report", tmp_path / "page.html", "--state", library(tmp_path)) < 25
