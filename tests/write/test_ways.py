"""How a file is written, where a user may choose: hard links, times, the version of a tag."""

import argparse
import os
import re
import resource
import signal
from functools import partial
from pathlib import Path

import pytest
import tinymodel
from audiofiles import fingerprint, make
from command import Run
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import ID3

from lean_tagger import write
from lean_tagger.cli import session
from lean_tagger.errors import HardlinkedError
from lean_tagger.settings import WriteSettings
from lean_tagger.system import patch_in_place, temporary_files

ROOMY = ("mp3", "flac")
"""Formats that keep room behind their tags. Ogg has none, nor has what FFmpeg makes of MP4."""

VALUES = {"genre": ("Rock", "Jazz"), "mood": ("sad",), "leantag": ("{}",)}


def set_tags(path: Path, ways: WriteSettings, values: dict[str, tuple[str, ...]] = VALUES) -> None:
    write.write(str(path), values, fingerprint=fingerprint, ways=ways)


# Several names


@pytest.fixture(params=["mp3", "flac", "m4a", "ogg"])
def linked(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A file with two names, one of them in another folder."""
    for name in ("music", "torrents"):
        (tmp_path / name).mkdir()
    path = make(tmp_path / "music" / f"a.{request.param}", request.param)
    other = tmp_path / "torrents" / path.name
    other.hardlink_to(path)
    return path, other


def make_room(path: Path, other: Path) -> None:
    """Leave room for tags: write some, behind which each format keeps some bytes free."""
    other.unlink()
    set_tags(path, WriteSettings(), {"leantag": ("x",)})
    other.hardlink_to(path)


def alone(path: Path) -> bool:
    return [it.name for it in path.parent.iterdir()] == [path.name]


def test_skip_leaves_a_file_with_two_names_as_it_is(linked: tuple[Path, Path]) -> None:
    path, other = linked
    before = path.read_bytes()
    with pytest.raises(HardlinkedError, match="--hardlinks") as caught:
        set_tags(path, WriteSettings())
    assert caught.value.kind == "hard-linked"
    assert path.read_bytes() == before
    assert path.samefile(other)
    assert alone(path)


def test_break_tags_one_name_and_leaves_the_other_its_content(linked: tuple[Path, Path]) -> None:
    path, other = linked
    before, sound, was = other.read_bytes(), fingerprint(str(path)), other.stat()
    set_tags(path, WriteSettings(hardlinks="break"))
    assert write.read(str(path)) == VALUES
    assert fingerprint(str(path)) == sound
    assert other.read_bytes() == before
    now = other.stat()
    assert (now.st_ino, now.st_mtime_ns) == (was.st_ino, was.st_mtime_ns)
    assert (path.stat().st_nlink, now.st_nlink) == (1, 1)
    assert alone(path)


@pytest.mark.parametrize("linked", ROOMY, indirect=True)
def test_in_place_tags_both_names_where_there_is_room(linked: tuple[Path, Path]) -> None:
    path, other = linked
    make_room(path, other)
    sound, inode, size = fingerprint(str(path)), path.stat().st_ino, path.stat().st_size
    set_tags(path, WriteSettings(hardlinks="in-place"))
    for name in (path, other):
        assert write.read(str(name)) == VALUES
        assert (name.stat().st_ino, name.stat().st_size) == (inode, size)
        assert fingerprint(str(name)) == sound
        assert alone(name)


def test_in_place_refuses_where_there_is_no_room(linked: tuple[Path, Path]) -> None:
    path, other = linked
    make_room(path, other)
    before = path.read_bytes()
    with pytest.raises(HardlinkedError, match="does not fit into the room"):
        set_tags(path, WriteSettings(hardlinks="in-place"), {"leantag": ("x" * 100_000,)})
    assert path.read_bytes() == before
    assert path.samefile(other)
    assert alone(path)


def test_in_place_is_for_several_names_and_others_are_replaced(tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac", "flac")
    inode = path.stat().st_ino
    set_tags(path, WriteSettings(hardlinks="in-place"))
    assert write.read(str(path)) == VALUES
    assert path.stat().st_ino != inode


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinymodel.make(tmp_path_factory.mktemp("model"))


@pytest.mark.slow
def test_a_run_says_what_it_skips_and_undo_goes_the_same_way(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    path = make(folder / "a.flac", "flac", 0.6)
    set_tags(path, WriteSettings(), {"leantag": ("x" * 2000,)})
    set_tags(path, WriteSettings(), {"leantag": ()})
    (folder / "b.flac").hardlink_to(path)
    make(folder / "c.flac", "flac", 0.9)
    before = path.read_bytes()
    run = partial(Run, "--min-score", "0", "--model", model, folder)
    skipped = run()
    assert skipped.code == 0
    assert skipped.statuses() == {"a.flac": "skipped", "b.flac": "skipped", "c.flac": "tagged"}
    assert {skipped.error(name)[0] for name in ("a.flac", "b.flac")} == {"hard-linked"}
    assert path.read_bytes() == before
    written = run("--hardlinks", "in-place")
    assert sorted(written.statuses().values()) == ["tagged", "unchanged", "unchanged"]
    assert path.samefile(folder / "b.flac")
    assert write.read(str(folder / "b.flac"))["genre"]
    assert set(run("--hardlinks", "in-place").statuses().values()) == {"unchanged"}
    undone = Run("undo", "--hardlinks", "in-place")
    assert undone.code == 0
    assert path.samefile(folder / "b.flac")
    assert write.read(str(path)) == {}
    assert {it.name for it in folder.iterdir()} == {"a.flac", "b.flac", "c.flac"}


# A change in place that was cut off


def cut_off(path: Path, new: Path, *, after_bytes: int) -> Path:
    """Have a process change a file, and end it in the middle of the bytes; return its undo.

    It may write no further into any file than `after_bytes`, and a signal ends it there.
    """
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (after_bytes, after_bytes))
            undo = str(path.parent / temporary_files.name_for(".undo"))
            fd, new_fd = os.open(path, os.O_RDWR), os.open(new, os.O_RDONLY)
            patch_in_place.change(fd, new_fd, name=path.name, undo=undo)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGXFSZ
    (found,) = path.parent.glob(".lean-tag-*.undo")
    return found


def test_a_change_in_place_that_was_cut_off_is_taken_back_by_the_next_sweep(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    path = make(folder / "a.wav", "wav")
    before = path.read_bytes()
    new = tmp_path / "new"
    new.write_bytes(before[:5000] + bytes(b ^ 255 for b in before[5000:8000]) + before[8000:])
    undo = cut_off(path, new, after_bytes=7000)
    half = path.read_bytes()
    assert half == new.read_bytes()[:7000] + before[7000:]  # neither the old nor the new
    assert temporary_files.sweep(str(folder)) == [undo.name]
    assert path.read_bytes() == before
    assert alone(path)


def test_a_change_in_place_that_had_not_begun_is_forgotten(tmp_path: Path) -> None:
    path, new = tmp_path / "a.bin", tmp_path / "new"
    path.write_bytes(bytes(9000))
    new.write_bytes(b"\xff" * 9000)
    undo = cut_off(path, new, after_bytes=500)  # while it noted the bytes that will be lost
    assert undo.stat().st_size == 500
    assert patch_in_place.recover(str(undo)) is False
    assert path.read_bytes() == bytes(9000)
    assert not undo.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_somebody_else_left_is_not_put_into_a_file_that_is_not_theirs(tmp_path: Path) -> None:
    """In a shared folder anybody may leave such a file, whatever it holds."""
    folder = tmp_path / "music"
    folder.mkdir()
    path = make(folder / "a.wav", "wav")
    before = path.read_bytes()
    new = tmp_path / "new"
    new.write_bytes(before[:5000] + bytes(b ^ 255 for b in before[5000:8000]) + before[8000:])
    undo = cut_off(path, new, after_bytes=7000)
    half = path.read_bytes()
    os.chown(undo, 4321, 4321)
    assert temporary_files.sweep(str(folder)) == []
    assert path.read_bytes() == half
    os.chown(path, 4321, 4321)
    assert temporary_files.sweep(str(folder)) == [undo.name]
    assert path.read_bytes() == before


@given(data=st.data())
def test_a_change_in_place_gives_the_new_bytes_or_an_undo_that_gives_the_old(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    old = data.draw(st.binary(min_size=1, max_size=60))
    new = data.draw(st.binary(min_size=len(old), max_size=len(old)))
    undo_bytes = data.draw(st.binary(max_size=80))
    folder = tmp_path_factory.mktemp("inplace")
    path, other, undo = (folder / name for name in ("a", "new", ".undo"))
    path.write_bytes(old)
    other.write_bytes(new)
    with path.open("r+b") as file, other.open("rb") as new_file:
        patch_in_place.change(file.fileno(), new_file.fileno(), name="a", undo=str(undo))
    assert path.read_bytes() == new
    assert not undo.exists()
    undo.write_bytes(undo_bytes)  # whatever stands in such a file: nothing is begun with it
    assert patch_in_place.recover(str(undo)) is False
    assert path.read_bytes() == new


# The time


@pytest.mark.parametrize("kind", ROOMY)
@pytest.mark.parametrize("hardlinks", ["skip", "in-place"])
def test_the_time_is_kept_to_the_nanosecond_only_where_that_was_asked_for(
    tmp_path: Path, kind: str, hardlinks: str
) -> None:
    path = make(tmp_path / f"a.{kind}", kind)
    set_tags(path, WriteSettings(), {"leantag": ("x",)})
    if hardlinks == "in-place":
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "a").hardlink_to(path)
    then = 1_234_567_890_123_456_789
    os.utime(path, ns=(then, then))
    exact = path.stat().st_mtime_ns  # as exact as this disk is
    set_tags(path, WriteSettings(hardlinks=hardlinks, preserve_mtime=True))
    assert write.read(str(path)) == VALUES
    assert path.stat().st_mtime_ns == exact
    set_tags(path, WriteSettings(hardlinks=hardlinks), {"mood": ()})
    assert path.stat().st_mtime_ns > exact


@pytest.mark.slow
def test_files_whose_time_was_kept_are_not_opened_again(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    paths = [make(folder / f"a.{kind}", kind, 0.6) for kind in ("mp3", "flac")]
    times = [path.stat().st_mtime_ns for path in paths]
    run = partial(Run, "--min-score", "0", "--model", model, folder, "--preserve-mtime")
    first = run()
    assert set(first.statuses().values()) == {"tagged"}
    assert "tiny on" in first.said  # a worker says so when it is ready
    assert [path.stat().st_mtime_ns for path in paths] == times
    second = run()
    assert set(second.statuses().values()) == {"unchanged"}
    assert second.said == ""
    assert set(Run("undo", "--preserve-mtime").statuses().values()) == {"undone"}
    assert [path.stat().st_mtime_ns for path in paths] == times


# How the audio of a copy is proved


def test_all_of_a_copy_is_decoded_for_who_asks_for_it(model: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac", "flac", 0.6)
    run = partial(Run, "--min-score", "0", "--model", model, path)
    assert set(run("--verify", "full").statuses().values()) == {"tagged"}
    assert set(Run("undo", "--verify", "full").statuses().values()) == {"undone"}
    options = argparse.Namespace(hardlinks="skip", preserve_mtime=False, verify="full")
    assert session.ways(options).verify == "full"


# The version of a new ID3v2 tag

OLD = (
    b"TAG" + b"Title".ljust(30, b"\0") + b"J\xf6rg".ljust(30, b" ") + b"Album".ljust(30, b"\0")
    + b"1999" + b"caf\xe9".ljust(28, b"\0") + b"\0\7" + bytes([17])
)  # fmt: skip


def frames(path: Path) -> dict[str, list[int | str]]:
    """Return the encoding and the texts of every frame, as they stand in the file."""
    tags = ID3(path, load_v1=False, translate=False)
    return {key: [int(it.encoding), *map(str, it.text)] for key, it in tags.items()}


@pytest.mark.parametrize("version", [3, 4])
def test_a_new_tag_has_the_version_that_is_asked_for(tmp_path: Path, version: int) -> None:
    for kind in ("mp3", "wav", "aiff", "dsf"):
        untagged = {"id3v2_version": "0"} if kind == "mp3" else {}
        path = make(tmp_path / f"a.{kind}", kind, options=untagged)
        sound = fingerprint(str(path))
        set_tags(path, WriteSettings(id3_version=version))
        data = path.read_bytes()
        (tag,) = re.findall(rb"ID3[\2-\4]\0", data)
        assert tag[3] == version, kind
        assert (b"TMOO" in data) == (version == 4), kind  # v2.3 has no such frame
        assert write.read(str(path)) == VALUES, kind
        assert fingerprint(str(path)) == sound, kind


@pytest.mark.parametrize("version", [3, 4])
def test_what_an_id3v1_trailer_says_comes_over_by_the_names_of_the_version(
    tmp_path: Path, version: int
) -> None:
    path = make(tmp_path / "a.mp3", "mp3", options={"id3v2_version": "0"})
    path.write_bytes(path.read_bytes() + OLD)
    set_tags(path, WriteSettings(id3_version=version), {"mood": ("sad",)})
    assert path.read_bytes().endswith(OLD)
    assert ID3(path, load_v1=False).version == (2, version, 0)
    found = frames(path)
    year = "TYER" if version == 3 else "TDRC"
    assert {key: it[1:] for key, it in found.items() if not key.startswith("TXXX")} | {
        "TMOO": ["sad"]
    } == {
        "TIT2": ["Title"],
        "TPE1": ["Jörg"],
        "TALB": ["Album"],
        "TRCK": ["7"],
        "COMM::XXX": ["café"],
        "TCON": ["Rock"],
        "TMOO": ["sad"],
        year: ["1999"],
    }
    if version == 3:  # ID3v2.3.0, section 3.3: ISO-8859-1 or UCS-2, and nothing else
        assert {it[0] for it in found.values()} <= {0, 1}
        assert found["TXXX:MOOD"][1:] == ["sad"]


@pytest.mark.parametrize(("there", "asked"), [(3, 4), (4, 3)])
def test_a_tag_that_is_there_keeps_its_version(tmp_path: Path, there: int, asked: int) -> None:
    path = make(tmp_path / "a.mp3", "mp3", options={"id3v2_version": "0"})
    set_tags(path, WriteSettings(id3_version=there), {"genre": ("Pop",)})
    set_tags(path, WriteSettings(id3_version=asked))
    assert ID3(path).version == (2, there, 0)
    assert write.read(str(path)) == VALUES


def test_rules_may_ask_for_an_old_tag(model: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp3", "mp3", 0.6, options={"id3v2_version": "0"})
    assert path.read_bytes()[:3] != b"ID3"
    rules = tmp_path / "rules.toml"
    rules.write_text("[output]\nid3 = '2.3'\n")
    run = Run("--min-score", "0", "--model", model, "--rules", rules, path)
    assert run.statuses() == {"a.mp3": "tagged"}
    assert ID3(path, translate=False).version == (2, 3, 0)
