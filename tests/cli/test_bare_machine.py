"""Machines that lack what others have: one sentence says what is missing, and no traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tinymodel
from audiofiles import make
from thinned import thinned

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "lean_tagger")


def lean_tag(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )


def sentences(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert "Traceback" not in done.stderr, done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("lean-tag: ")]


@pytest.fixture
def options(tmp_path: Path) -> tuple[str | Path, ...]:
    (tmp_path / "music").mkdir()
    make(tmp_path / "music" / "a.mp3", "mp3", 0.6)
    model = tinymodel.make(tmp_path)
    return ("--model", model, "--state", tmp_path / "journal", tmp_path / "music")


# A chroot without /proc


@pytest.fixture
def no_proc() -> tuple[str, ...]:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    hide = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
    if subprocess.run([*hide, "true"], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    return hide


def test_without_proc_a_run_says_that_memory_cannot_be_seen(no_proc, options) -> None:
    done = lean_tag(*no_proc, *PROGRAM, *options)
    assert done.returncode == 5
    (sentence,) = sentences(done)
    assert "/proc is not mounted" in sentence
    assert "mount -t proc" in sentence


def test_without_proc_doctor_shows_all_the_rest_and_says_what_is_missing(no_proc) -> None:
    done = lean_tag(*no_proc, *PROGRAM, "doctor")
    assert done.returncode == 1
    assert sentences(done) == []
    assert done.stdout.count("PROBLEM") == 1
    page = " ".join(done.stdout.split())
    assert "/proc is not mounted" in page
    assert "Mount it: mount -t proc proc /proc." in page
    assert "onnxruntime" in page.lower().replace(" ", "")


# Hardly any open files


@thinned("files", [5, 6, 7, 8, 9, 10, 12, 14], fast=3)
def test_with_too_few_open_files_a_run_ends_with_one_sentence(options, files: int) -> None:
    limit = ("sh", "-c", f'ulimit -n {files} && exec "$@"', "sh")
    done = lean_tag(*limit, *PROGRAM, *options)
    assert done.returncode == 5 or (done.returncode == 2 and files < 8), done.stderr
    (sentence,) = sentences(done)
    assert any(word in sentence for word in ("open files", "ulimit", "unable to open"))


@thinned("files", [9, 7], fast=1)
def test_with_too_few_open_files_a_question_ends_with_one_sentence(options, files: int) -> None:
    limit = ("sh", "-c", f'ulimit -n {files} && exec "$@"', "sh")
    done = lean_tag(*limit, *PROGRAM, "find", "genre:rock", *options[2:4])
    assert done.returncode == 5, done.stderr
    (sentence,) = sentences(done)
    assert any(word in sentence for word in ("open files", "ulimit", "unable to open"))


@thinned("files", [5, 7, 9, 10], fast=1)
def test_with_too_few_open_files_doctor_ends_with_one_sentence(files: int) -> None:
    limit = ("sh", "-c", f'ulimit -n {files} && exec "$@"', "sh")
    done = lean_tag(*limit, *PROGRAM, "doctor")
    assert done.returncode in {1, 5}, done.stderr
    assert len(sentences(done)) + done.stdout.count("PROBLEM") >= 1
    if done.returncode == 5:
        assert len(sentences(done)) == 1
