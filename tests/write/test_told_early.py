"""That tags cannot be written safely is told before a file is heard, and by a dry run too."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tagbytes as tags
import tinymodel
from audiofiles import make
from command import Run
from matroskafiles import Layout, build, simple, tag
from thinned import thinned


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinymodel.make(tmp_path_factory.mktemp("model"))


def recorded_live(path: Path) -> None:
    path.write_bytes(build(Layout(live=True)))


def hidden_by_a_new_tag(path: Path) -> None:
    hidden = tags.id3(tags.text("TIT2", "Title"), tags.frame("PRIV", b"me\0xyz"))
    block = b"\x84\0\0\x08" + bytes(8)  # no comments
    data = make(path, "flac", 0.6).read_bytes()
    position = 4
    while not data[position] & 0x80:
        position += 4 + int.from_bytes(data[position + 1 : position + 4], "big")
    position += 4 + int.from_bytes(data[position + 1 : position + 4], "big")
    path.write_bytes(hidden + b"fLaC\0" + data[5:42] + block + data[position:])


def compressed(path: Path) -> None:
    frame = tags.frame("TCON", b"\0\0\0\5" + b"no zlib")
    damaged = tags.id3(frame[:9] + b"\x09" + frame[10:])
    path.write_bytes(damaged + make(path, "mp3", 0.6, options={"id3v2_version": "0"}).read_bytes())


REASONS = {
    recorded_live: ("a.webm", "recorded live and has no room"),
    hidden_by_a_new_tag: ("a.flac", "would hide the PRIV frame"),
    compressed: ("a.mp3", "its TCON frame"),
}


@thinned("put", REASONS, fast=1)
def test_it_is_told_before_listening_and_by_a_dry_run(
    tmp_path: Path, model: Path, put: Callable[[Path], None]
) -> None:
    name, reason = REASONS[put]
    path = tmp_path / name
    put(path)
    content = path.read_bytes()
    options = ("--min-score", "0", "--model", model, path)
    run = Run(*options)
    assert run.statuses() == {name: "failed"}
    assert reason in run.error(name)[1]
    assert run.results[name]["windows"] == 0
    dry = Run(*options, "-n", "--retry-failed")
    assert dry.statuses() == {name: "failed"}
    assert dry.error(name)[1] == run.error(name)[1]
    assert path.read_bytes() == content


def test_where_nothing_is_to_be_written_nothing_is_refused(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "a.webm"
    path.write_bytes(build(Layout(live=True, tags=(tag(simple("GENRE", "Zouk")),))))
    run = Run("--min-score", "0", "--model", model, "--fields", "genre", path)
    assert run.statuses() == {"a.webm": "unchanged"}
