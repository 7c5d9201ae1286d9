"""Albums are decided on as they are walked through, by what their tags say they are."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import mutagen
import numpy as np
import pytest
import tinymodel
from command import ROOT, Run
from encode import encode, music
from processes import children, gone
from thinned import thinned

USUAL = ("--min-score", "0.001", "--ratio", "0", "--max-tags", "2", "--jobs", "1")
ALBUM = {"artist": "Somebody", "albumartist": "Somebody", "album": "Songs"}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network by which loud music is other music than quiet music."""
    weights = np.linspace(-0.2, 0.3, 96 * 3).reshape(96, 3).astype(np.float32)
    return tinymodel.make(tmp_path, weights=lambda: weights)


def track(path: Path, loud: float, **tags: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(path, music(3.2, 16000, seed=int(loud * 1000)) * np.float32(loud), 16000, "flac")
    file = mutagen.File(path)
    for name, value in tags.items():
        file[name] = value
    file.save()
    return path


def leantag(path: Path) -> dict[str, object]:
    return dict(json.loads(mutagen.File(path)["leantag"][0]))


def genres(*paths: Path) -> list[list[str]]:
    return [mutagen.File(path).get("genre", []) for path in paths]


def album(folder: Path, names: tuple[str, ...] = ("1.flac", "2.flac", "3.flac")) -> list[Path]:
    louds = (0.01, 0.3, 1.0, 0.05)
    return [track(folder / name, loud, **ALBUM) for name, loud in zip(names, louds, strict=False)]


def test_all_tracks_of_an_album_are_decided_by_its_scores(model: Path, tmp_path: Path) -> None:
    paths = album(tmp_path / "music")
    done = Run(tmp_path / "music", "--model", model, *USUAL)
    assert set(done.statuses().values()) == {"tagged"}
    assert len(done.results) == done.summary["files"] == 3
    assert len({str(leantag(path)["album"]) for path in paths}) == 1
    assert len(set(map(str, genres(*paths)))) == 1


def test_discs_are_one_album(model: Path, tmp_path: Path) -> None:
    names = ("CD 1/1.flac", "CD 1/2.flac", "CD 2/3.flac")
    paths = album(tmp_path / "music", names)
    Run(tmp_path / "music", "--model", model, *USUAL)
    assert len({str(leantag(path)["album"]) for path in paths}) == 1


@thinned(
    "tags",
    [
        {"albumartist": "Various Artists"},
        {"compilation": "1"},
        {"album": ""},
        {"albumartist": "", "artist": ""},
    ],
    fast=1,
)
def test_what_is_no_album_of_one_artist_is_decided_track_by_track(
    model: Path, tmp_path: Path, tags: dict[str, str]
) -> None:
    paths = [
        track(tmp_path / "music" / f"{number}.flac", loud, **(ALBUM | tags))
        for number, loud in enumerate((0.01, 0.3, 1.0))
    ]
    Run(tmp_path / "music", "--model", model, *USUAL)
    assert all("album" not in leantag(path) for path in paths)
    assert all(genres(*paths))


@pytest.mark.slow
def test_each_track_is_decided_by_itself_where_that_is_asked_for(
    model: Path, tmp_path: Path
) -> None:
    paths = album(tmp_path / "music")
    alone = Run(tmp_path / "music", "--no-album-genre", "--model", model, *USUAL)
    assert all("album" not in leantag(path) for path in paths)
    Run("retag", "--model", model, *USUAL)
    again = Run("retag", "-n", "--no-album-genre", "--model", model, *USUAL)
    assert {name: it["tags"] for name, it in again.results.items()} == {
        name: it["tags"] for name, it in alone.results.items()
    }


def test_two_tracks_are_no_album(model: Path, tmp_path: Path) -> None:
    paths = album(tmp_path / "music", ("1.flac", "2.flac"))
    Run(tmp_path / "music", "--model", model, *USUAL)
    assert all("album" not in leantag(path) for path in paths)


@pytest.mark.slow
def test_a_later_track_hears_its_siblings_and_changes_none_unless_asked(
    model: Path, tmp_path: Path
) -> None:
    paths = album(tmp_path / "music")
    Run(tmp_path / "music", "--model", model, *USUAL)
    before = [path.read_bytes() for path in paths]
    late = track(tmp_path / "music" / "4.flac", 0.05, **ALBUM)
    done = Run(tmp_path / "music", "--model", model, *USUAL)
    assert done.statuses()["4.flac"] == "tagged"
    assert [path.read_bytes() for path in paths] == before
    assert "album" in leantag(late)
    assert leantag(late)["album"] != leantag(paths[0])["album"]
    assert set(Run(tmp_path / "music", "--model", model, *USUAL).statuses().values()) == {
        "unchanged"
    }


@pytest.mark.slow
def test_what_an_album_is_unsure_of_its_tracks_may_be_sure_of(model: Path, tmp_path: Path) -> None:
    paths = album(tmp_path / "music")
    alone = Run("-n", tmp_path / "music", "--no-album-genre", "--model", model, *USUAL)
    best = {
        name: max(it["scores"]["rock"], it["scores"]["jazz"]) for name, it in alone.results.items()
    }
    least = sorted(best.values())[-1] * 0.999
    done = Run(tmp_path / "music", "--model", model, "--min-score", str(least))
    tagged = [name for name, it in done.results.items() if it["tags"]["genre"]]
    assert tagged == [name for name, score in best.items() if score >= least]
    assert paths


@pytest.mark.slow
def test_a_dry_run_says_what_the_run_then_does(model: Path, tmp_path: Path) -> None:
    album(tmp_path / "music")
    dry = Run("-n", tmp_path / "music", "--model", model, *USUAL)
    assert set(dry.statuses().values()) == {"would_tag"}
    real = Run(tmp_path / "music", "--model", model, *USUAL)
    assert {name: it["tags"] for name, it in dry.results.items()} == {
        name: it["tags"] for name, it in real.results.items()
    }


def test_an_album_with_a_damaged_track_is_finished(model: Path, tmp_path: Path) -> None:
    paths = album(tmp_path / "music")
    (tmp_path / "music" / "2a.flac").write_bytes(b"fLaC" + bytes(3000))
    done = Run(tmp_path / "music", "--model", model, *USUAL)
    assert done.statuses()["2a.flac"] == "failed"
    assert len({str(leantag(path)["album"]) for path in paths}) == 1


@pytest.mark.slow
def test_one_line_for_each_album_and_only_if_asked_for(model: Path, tmp_path: Path) -> None:
    album(tmp_path / "music")
    assert "one album" not in Run("-n", tmp_path / "music", "--model", model, *USUAL).said
    said = Run("-n", "-v", tmp_path / "music", "--model", model, *USUAL).said
    assert said.count("one album") == 1


@pytest.mark.slow
def test_a_run_that_is_killed_has_written_every_finished_album(model: Path, tmp_path: Path) -> None:
    first = album(tmp_path / "music" / "a")
    for number in range(12):
        album(tmp_path / "music" / f"b{number:02}")
    command = [sys.executable, "-m", "lean_tagger", tmp_path / "music", "--model", model, *USUAL]
    with subprocess.Popen(
        [*map(str, command), "--json"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as run:
        assert run.stdout is not None
        seen = [json.loads(run.stdout.readline())["path"] for _ in range(3)]
        workers = children(run.pid)
        run.send_signal(signal.SIGKILL)
    assert {Path(path).parent.name for path in seen} == {"a"}
    assert all(map(len, genres(*first)))
    assert gone(workers, within=5)
    left = Run(tmp_path / "music", "--model", model, *USUAL)
    assert left.code == 0
    assert all(map(len, genres(*(tmp_path / "music").rglob("*.flac"))))
