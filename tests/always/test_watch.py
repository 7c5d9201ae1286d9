"""``lean-tag watch``, as a process over real folders."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import DATA
from pace import comes_true
from processes import children, gone
from thinned import thinned

ROOT = Path(__file__).parents[2]
IDLE_BYTES = 30 * 1024**2
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's events are Linux's")


class Watch:
    """A watch that runs, and what it has said."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lean_tagger", "watch", "--json", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.records: list[dict[str, Any]] = []
        self.said: list[str] = []
        for stream, take in ((self.process.stdout, self._out), (self.process.stderr, self._err)):
            threading.Thread(target=take, args=(stream,), daemon=True).start()

    def _out(self, stream: Any) -> None:
        with stream:
            self.records.extend(json.loads(line) for line in stream)

    def _err(self, stream: Any) -> None:
        with stream:
            self.said.extend(stream)

    def summaries(self) -> list[dict[str, Any]]:
        return [it for it in self.records if it["type"] == "summary"]

    def tagged(self) -> set[str]:
        return {it["path"] for it in self.records if it.get("status") == "tagged"}

    def has_batches(self, count: int, *, within: float = 60) -> bool:
        return comes_true(lambda: len(self.summaries()) >= count, within=within)

    def has_said(self, text: str) -> bool:
        return comes_true(lambda: any(text in line for line in self.said), within=60)

    def is_idle(self, *, within: float = 60) -> bool:
        return comes_true(lambda: not children(self.process.pid), within=within)

    def rss_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(300)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "Old").mkdir(parents=True)
    shutil.copy(DATA / "west.flac", folder / "Old")
    return folder


@pytest.fixture
def started() -> Iterator[Any]:
    """Start watches that are ended with the test."""
    running: list[Watch] = []

    def start(*arguments: str | Path) -> Watch:
        running.append(Watch(*arguments))
        return running[-1]

    yield start
    for watch in running:
        if watch.process.poll() is None:
            watch.process.kill()
        watch.process.wait()


@LINUX
def test_what_is_there_and_what_arrives_is_tagged_once_and_sigterm_is_no_failure(started, music):
    watch = started("--settle", "1", music)
    assert watch.has_batches(1)
    odd = os.fsencode(music / "New") + b"/\xff\n.opus"
    os.mkdir(music / "New")
    shutil.copy(DATA / "lava.opus", odd)
    assert watch.has_batches(2)
    assert watch.tagged() == {str(music / "Old/west.flac"), os.fsdecode(odd)}
    assert watch.is_idle()
    assert watch.rss_bytes() < IDLE_BYTES
    assert watch.stop() == 0
    assert [it["tagged"] for it in watch.summaries()] == [1, 1]


@pytest.mark.slow
@LINUX
def test_its_own_writes_start_no_batch(started, music):
    watch = started("--settle", "0.2", music)
    assert watch.has_batches(1)
    assert watch.is_idle()
    assert not comes_true(lambda: bool(children(watch.process.pid)), within=3)


@pytest.mark.slow
@LINUX
def test_a_file_that_somebody_writes_is_left_alone_until_it_is_whole(started, music):
    whole = (DATA / "lava.opus").read_bytes()
    with open(music / "half.opus", "wb") as file:
        file.write(whole[: len(whole) // 2])
        file.flush()
        watch = started("--settle", "0.5", music)
        assert watch.has_batches(1)
        assert watch.tagged() == {str(music / "Old/west.flac")}
        file.write(whole[len(whole) // 2 :])
    assert watch.has_batches(2)
    assert str(music / "half.opus") in watch.tagged()
    assert [it for it in watch.records if it.get("error")] == []


@pytest.mark.slow
@LINUX
def test_a_folder_that_is_gone_is_waited_for_and_done_when_it_is_back(started, music, tmp_path):
    watch = started("--settle", "0.2", music)
    assert watch.has_batches(1)
    music.rename(tmp_path / "away")
    assert watch.has_said("has disappeared")
    shutil.copy(DATA / "lava.opus", tmp_path / "away")
    (tmp_path / "away").rename(music)
    assert watch.has_said("is there again")
    assert watch.has_batches(2)
    assert str(music / "lava.opus") in watch.tagged()
    assert watch.stop() == 0


@pytest.mark.slow
@LINUX
def test_a_moved_tree_is_done_with_all_that_is_below(started, music, tmp_path):
    (tmp_path / "tree/Artist/CD 1").mkdir(parents=True)
    shutil.copy(DATA / "lava.opus", tmp_path / "tree/Artist/CD 1")
    watch = started("--settle", "0.2", "--exclude", "/Secret/", music)
    assert watch.has_batches(1)
    (tmp_path / "tree").rename(music / "tree")
    (music / "Secret").mkdir()
    shutil.copy(DATA / "hacienda.ogg", music / "Secret")
    assert watch.has_batches(2)
    assert watch.is_idle()
    assert watch.tagged() == {
        str(music / "Old/west.flac"),
        str(music / "tree/Artist/CD 1/lava.opus"),
    }


@LINUX
def test_ctrl_c_in_the_middle_of_a_batch_leaves_no_process(started, music):
    for number in range(20):
        shutil.copy(DATA / "skyvibe.mp3", music / f"{number}.mp3")
    watch = started("--settle", "0.2", music)
    assert comes_true(lambda: len(children(watch.process.pid)) > 1, within=60)
    below = children(watch.process.pid)
    assert watch.stop(signal.SIGINT) == 130
    assert gone(below, within=10)


@pytest.mark.slow
@LINUX
def test_a_broken_file_is_said_once(started, music):
    (music / "broken.mp3").write_bytes(b"no music" * 100)
    watch = started("--settle", "0.2", music)
    assert watch.has_batches(1)
    shutil.copy(DATA / "lava.opus", music)
    assert watch.has_batches(2)
    assert watch.is_idle()
    failed = [it["path"] for it in watch.records if it.get("status") == "failed"]
    assert failed == [str(music / "broken.mp3")]


@thinned(
    ("arguments", "word"),
    [
        ([], "give a folder"),
        (["no such folder"], "no such file"),
        ([str(DATA / "west.flac")], "only a folder"),
        ([str(DATA), "--until", "06:00"], "--until"),
        ([str(DATA), "--shard", "1/2"], "--shard"),
        ([str(DATA), "--settle", "soon"], "soon"),
        ([str(DATA), "--no-such-option"], "--no-such-option"),
        ([str(DATA), "--model", "none"], "none"),
        ([str(DATA), "--max-mem", "60M"], "60"),
    ],
    fast=2,
)
def test_what_can_never_work_is_said_and_ends(arguments, word, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "lean_tagger", "watch", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode in {2, 3, 4}
    assert word in done.stderr


@LINUX
@pytest.mark.slow
def test_a_library_of_too_many_folders_is_looked_at_now_and_then(started, music):
    for number in range(20_001):
        (music / "Many" / str(number)).mkdir(parents=True)
    watch = started("--settle", "0.5", "--poll", "1", music)
    assert watch.has_said("more folders than can be watched")
    assert watch.has_batches(1)
    shutil.copy(DATA / "lava.opus", music / "Many/7")
    assert watch.has_batches(2)
    assert str(music / "Many/7/lava.opus") in watch.tagged()
    assert watch.is_idle()
    assert watch.rss_bytes() < IDLE_BYTES
    assert watch.stop() == 0
