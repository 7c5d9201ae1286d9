"""Files at addresses: read by ranges, in a bounded window, heard as files are, never written."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tinymodel
from conftest import DATA, SONGS

from lean_tagger import NoAudioError, UnreadableError
from lean_tagger.jobs import Failed, Job, Skipped
from lean_tagger.listen.decode import open_audio
from lean_tagger.run.find_files import walk
from lean_tagger.run.worker import Worker
from lean_tagger.settings import Settings
from lean_tagger.system import urls
from lean_tagger.system.urls import BLOCK_BYTES, KEPT_BLOCKS, RemoteFile, full_name, is_url

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def folder() -> Iterator[str]:
    """A folder of fsspec's memory."""
    name = f"memory://{uuid.uuid4().hex}"
    files = fsspec.filesystem("memory")
    yield name
    if files.exists(name):
        files.rm(name, recursive=True)


def put(url: str, data: bytes) -> str:
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return url


def digest(path: str) -> str:
    with open_audio(path, decoder="ffmpeg") as audio:
        for _ in audio:
            pass
        return audio.digest()


@pytest.mark.parametrize("song", SONGS, ids=lambda song: song.suffix)
def test_what_is_at_an_address_is_heard_as_the_file_is(song: Path, folder: str) -> None:
    url = put(f"{folder}/{song.name}", song.read_bytes())
    assert digest(url) == digest(str(song))


def test_a_large_file_is_read_in_blocks_of_which_few_are_kept(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(range(256)) * (6 * BLOCK_BYTES // 256) + b"end"
    file = RemoteFile(put(f"{folder}/large.wav", data))
    asked: list[tuple[int, int]] = []
    files = fsspec.filesystem("memory")
    plain = type(files).cat_file

    def counted(self: Any, path: str, start: int, end: int) -> bytes:
        asked.append((start, end))
        return plain(self, path, start=start, end=end)

    monkeypatch.setattr(type(files), "cat_file", counted)
    for offset in range(0, len(data), 1 << 16):
        assert file.read_at(1 << 16, offset) == data[offset : offset + (1 << 16)]
        assert len(file._blocks) <= KEPT_BLOCKS
    assert len(asked) == 7
    assert max(end - start for start, end in asked) == BLOCK_BYTES
    across = BLOCK_BYTES - 5
    assert file.read_at(10, across) == data[across : across + 10]
    assert file.read_at(10, len(data)) == b""
    assert file.read_at(10, len(data) - 3) == b"end"
    assert file.read_at(0, 0) == b""


def test_nothing_is_at_an_address(folder: str) -> None:
    with pytest.raises(UnreadableError), open_audio(f"{folder}/gone.mp3"):
        pass
    with pytest.raises(NoAudioError), open_audio(put(f"{folder}/empty.mp3", b"")):
        pass


def test_a_worker_hears_an_address_and_says_that_it_writes_nothing(
    folder: str, tmp_path: Path
) -> None:
    url = put(f"{folder}/west.flac", (DATA / "west.flac").read_bytes())
    worker = Worker(Settings(models=(str(tinymodel.make(tmp_path)),), min_score=0.0))
    outcome = worker.do(Job(url, 1))
    assert isinstance(outcome, Skipped)
    assert "no tags are written" in outcome.message
    alone = worker.do(Job(shutil.copy(DATA / "west.flac", tmp_path), 1))
    assert outcome.scored is not None
    assert outcome.scored.scores == alone.scores
    assert outcome.scored.tags == alone.tags
    with fsspec.open(url, "rb") as file:
        assert file.read() == (DATA / "west.flac").read_bytes()
    assert isinstance(worker.do(Job(f"{folder}/gone.mp3", 1)), Failed)


def test_a_folder_at_an_address_is_walked(folder: str) -> None:
    for name in ("b/two.flac", "b/notes.txt", "a one.mp3", ".hidden.mp3"):
        put(f"{folder}/{name}", b"12345")
    found = list(walk([folder, f"{folder}/b/notes.txt"]))
    assert [it.path for it in found] == [
        f"{folder}/a one.mp3",
        f"{folder}/b/two.flac",
        f"{folder}/b/notes.txt",  # was named
    ]
    assert all(isinstance(it, Job) and it.identity and it.identity.mtime_ns for it in found)
    (gone,) = walk([f"{folder}-gone"])
    assert isinstance(gone, Failed)
    put(f"{folder}/c/notes.txt", b"1")
    (none,) = walk([f"{folder}/c"])
    assert isinstance(none, Skipped)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/a.mp3", True),
        ("memory://a", True),
        ("/music/s3://a", False),
        ("a.mp3", False),
        ("C://x", False),
        ("", False),
        ("://", False),
        ("mus ic://x", False),
        ("s3:/bucket/a.mp3", False),
    ],
)
def test_what_is_an_address(path: str, expected: bool) -> None:
    assert is_url(path) is expected
    assert full_name(path) == (path if expected else os.path.abspath(path))


def test_an_unknown_kind_of_address_and_a_missing_library_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(urls.ConfigError, match="nonsense"):
        RemoteFile("nonsense://x/y.mp3")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(urls.ConfigError, match=r"lean-tagger\[remote\]"):
        RemoteFile("memory://x.mp3")


def tagged(folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "lean_tagger", "--json", "--min-score", "0", *arguments]
    command += ["--model", str(tinymodel.make(folder)), "--state", str(folder / "journal")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, [it for it in lines if it["type"] == "result"]


def test_the_command_hears_an_address_once_and_puts_it_on_record(tmp_path: Path) -> None:
    song = Path(shutil.copy(DATA / "west.flac", tmp_path))
    before = song.read_bytes()
    url = f"file://{song}"
    code, (first,) = tagged(tmp_path, url)
    assert code == 0
    assert (first["status"], first["error"]["kind"]) == ("skipped", "no-tag-support")
    assert "no tags are written" in first["error"]["message"]
    assert first["tags"]["genre"]
    code, (again,) = tagged(tmp_path, url)
    assert code == 0
    assert again["known"]
    assert again["scores"] == first["scores"]
    assert song.read_bytes() == before
