"""Podcasts and audiobooks are left alone and said, unless they are asked for."""

import shutil
from collections.abc import Callable
from pathlib import Path

import mutagen
import mutagen.id3
import mutagen.mp4
import pytest
from command import Run
from thinned import thinned

DATA = Path(__file__).parents[1] / "data"

Mark = Callable[[Path], Path]


def _copy(clip: str, to: Path) -> Path:
    shutil.copy(DATA / clip, to)
    return to


def by_extension(folder: Path) -> Path:
    return _copy("celtic.m4a", folder / "book.M4B")


def by_frame(folder: Path) -> Path:
    path = _copy("skyvibe.mp3", folder / "cast.mp3")
    tags = mutagen.id3.ID3(path)
    tags.add(mutagen.id3.PCST(value=1))
    tags.save()
    return path


def by_item(folder: Path, **items: object) -> Path:
    path = _copy("celtic.m4a", folder / "cast.m4a")
    tags = mutagen.mp4.MP4(path)
    tags.update(items)
    tags.save()
    return path


def by_atom(folder: Path) -> Path:
    return by_item(folder, pcst=True)


def by_media_kind(folder: Path) -> Path:
    return by_item(folder, stik=[2])


def by_genre(folder: Path) -> Path:
    path = _copy("west.flac", folder / "talk.flac")
    tags = mutagen.File(path)
    tags["genre"] = "Audiobook"
    tags.save()
    return path


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@thinned("mark", [by_extension, by_frame, by_atom, by_media_kind, by_genre], fast=1)
def test_it_is_left_alone_by_default(tmp_path: Path, mark: Mark) -> None:
    path = mark(tmp_path)
    before = path.read_bytes()
    done = Run("--overwrite", "--min-score", "0.01", path)
    assert done.code == 0
    kind, message = done.error(path.name)
    assert kind == "spoken-word"
    assert "--spoken-word" in message
    assert done.results[path.name]["windows"] == 0  # nothing was listened to
    assert path.read_bytes() == before
    again = Run("--overwrite", "--min-score", "0.01", path)
    assert again.statuses() == {path.name: "skipped"}
    asked = Run("--overwrite", "--min-score", "0.01", "--spoken-word", path)
    assert asked.statuses() == {path.name: "tagged"}
    assert Run("undo", path).statuses() == {path.name: "undone"}


@pytest.mark.slow
def test_music_with_another_media_kind_is_tagged(tmp_path: Path) -> None:
    path = by_item(tmp_path, stik=[1])
    assert Run("--min-score", "0.01", path).statuses() == {path.name: "tagged"}


@pytest.mark.slow
def test_a_genre_of_speech_that_we_wrote_says_nothing(tmp_path: Path) -> None:
    path = _copy("west.flac", tmp_path / "a.flac")
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rename]]\nmatch = '.*'\nto = 'Speech'\n")
    assert Run("--min-score", "0.01", "--rules", rules, path).statuses() == {"a.flac": "tagged"}
    assert mutagen.File(path)["genre"] == ["Speech"]
    assert Run("--min-score", "0.01", "--overwrite", path).statuses() == {"a.flac": "tagged"}
