"""Temporary files of processes that are gone are removed, and nothing else ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pace import comes_true

from lean_tagger.system import temporary_files


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_dead_process_left_goes_and_what_a_living_one_needs_stays(tmp_path: Path) -> None:
    mine = temporary_files.name_for(".tmp.mp3")
    dead = mine.replace(f"-{os.getpid()}-", f"-{dead_pid()}-")
    for name in (mine, dead):
        (tmp_path / name).write_bytes(b"half a song")
    assert temporary_files.sweep(str(tmp_path)) == [dead]
    assert [path.name for path in tmp_path.iterdir()] == [mine]
    assert temporary_files.sweep(str(tmp_path), pid=os.getpid()) == [mine]


def test_a_process_that_nobody_has_buried_yet_is_gone(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read() == b""  # it has ended, or is about to
    name = temporary_files.name_for(".tmp.mp3").replace(f"-{os.getpid()}-", f"-{process.pid}-")
    (tmp_path / name).touch()
    assert comes_true(lambda: temporary_files.sweep(str(tmp_path)) == [name], within=1.0)
    assert list(tmp_path.iterdir()) == []
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_a_number_that_another_process_has_by_now_keeps_nothing(tmp_path: Path) -> None:
    """After a power cut, a worker's number soon belongs to something that never ends."""
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = temporary_files.name_for(".tmp.mp3").replace(f"-{os.getpid()}-", f"-{living.pid}-")
    (tmp_path / name).touch()
    assert temporary_files.sweep(str(tmp_path)) == [name]
    living.communicate(b"\n")


def test_nothing_is_removed_that_may_be_somebody_elses(tmp_path: Path) -> None:
    pid = dead_pid()
    ours = temporary_files.name_for(".tmp.mp3").replace(f"-{os.getpid()}-", f"-{pid}-")
    others = [
        ours.replace(".lean-tag-", ".lean-tag-00000000-", 1).replace("-", "", 1),
        f".lean-tag-00000000-{pid}-0123456789abcdef.tmp.mp3",  # of another machine
        ours.removeprefix("."),
        ours + "/x".replace("/", "-" * 20),
        ours.replace(".tmp", ".part"),
        ".lean-tag-notes.txt",
    ]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    folder = tmp_path / ours
    folder.mkdir()
    (tmp_path / "target").write_bytes(b"mine")
    link = tmp_path / ours.replace(".mp3", ".ogg")
    link.symlink_to(tmp_path / "target")
    assert temporary_files.sweep(str(tmp_path)) == []
    assert {path.name for path in tmp_path.iterdir()} == {*others, ours, "target", link.name}


def test_a_folder_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    assert temporary_files.sweep(str(tmp_path / "nowhere")) == []
