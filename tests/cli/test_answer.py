"""``lean-tag answer``: questions through a pipe, and answers as lines of JSON."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import tinymodel
from conftest import DATA

from lean_tagger.cli.main import main

ROOT = Path(__file__).parents[2]


class Asker:
    """A program that asks."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "journal.sqlite3"
        options = ["--model", str(tinymodel.make(folder)), "--state", str(self.state)]
        options += ["--min-score", "0", "--jobs", "1"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lean_tagger", "answer", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )

    def send(self, *paths: bytes | Path) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(os.fsencode(path) + b"\0" for path in paths))
        self.process.stdin.flush()

    def ask(self, *paths: bytes | Path) -> dict[bytes, dict[str, Any]]:
        """Return the answers by path, and the summary by an empty one."""
        self.send(*paths, b"")
        return self.answers()

    def answers(self) -> dict[bytes, dict[str, Any]]:
        assert self.process.stdout is not None
        found: dict[bytes, dict[str, Any]] = {}
        for line in self.process.stdout:
            said = json.loads(line)
            found[os.fsencode(said.get("path", ""))] = said
            if said["type"] == "summary":
                break
        return found

    def workers(self) -> set[int]:
        return {it.pid for it in psutil.Process(self.process.pid).children()}

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(300)

    def close(self) -> None:
        with self.process:  # which closes its pipes
            self.process.kill()


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[Asker]:
    made = Asker(tmp_path)
    yield made
    made.close()


def test_each_batch_is_answered_by_the_same_worker_and_nothing_is_written(
    asker: Asker, tmp_path: Path
) -> None:
    first, second = (Path(shutil.copy(DATA / "west.flac", tmp_path / f"{n}.flac")) for n in "ab")
    before = first.read_bytes()
    answer = asker.ask(first)
    workers = asker.workers()
    assert len(workers) == 1
    assert answer[os.fsencode(first)]["status"] == "would_tag"
    assert answer[b""]["files"] == 1
    assert asker.ask(second, DATA / "lava.opus")[b""]["files"] == 2
    assert asker.workers() == workers
    assert asker.end() == 0
    assert first.read_bytes() == before


def test_what_is_no_music_costs_no_other_file_whatever_it_is_called(
    asker: Asker, tmp_path: Path
) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\nodd 'name'.flac"
    shutil.copy(DATA / "west.flac", odd)
    gone, empty = tmp_path / "gone.mp3", tmp_path / "empty.mp3"
    empty.touch()
    answer = asker.ask(odd, gone, empty)
    assert answer[odd]["tags"]["genre"]
    assert answer[os.fsencode(gone)]["error"]["kind"] == "missing"
    assert answer[os.fsencode(empty)]["error"]["kind"] == "empty"
    assert asker.end() == 0


def test_a_worker_that_has_ended_between_two_batches_costs_nothing(asker: Asker) -> None:
    asker.ask(DATA / "west.flac")
    [worker] = asker.workers()
    psutil.Process(worker).kill()
    answer = asker.ask(DATA / "lava.opus")
    assert answer[os.fsencode(DATA / "lava.opus")]["status"] == "would_tag"
    assert asker.end() == 0


def test_what_is_on_record_is_answered_without_a_worker(asker: Asker, tmp_path: Path) -> None:
    asker.ask(DATA / "west.flac")
    assert asker.end() == 0
    other = Asker(tmp_path)
    answer = other.ask(DATA / "west.flac")
    assert answer[os.fsencode(DATA / "west.flac")]["known"]
    assert not other.workers()
    assert other.end() == 0
    other.close()


def test_the_end_of_the_input_ends_a_batch_and_empty_ones_are_none(asker: Asker) -> None:
    asker.send(b"", b"", DATA / "west.flac")
    assert asker.process.stdin is not None
    asker.process.stdin.close()
    assert asker.answers()[b""]["files"] == 1
    assert asker.process.wait(300) == 0
    assert not asker.answers()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["song.mp3"], "standard input"),
        (["--until", "06:00"], "--until"),
        (["--dask", "tcp://x:1"], "--dask"),
        (["--out", "x.parquet"], "--out"),
        (["--shard", "1/2"], "--shard"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["answer", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
