"""Music in a bucket: moto's S3 server on this machine, asked over HTTP."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tinymodel
from conftest import DATA, SONGS
from s3server import serving

from lean_tagger.listen.decode import open_audio
from lean_tagger.run.worker import Worker
from lean_tagger.settings import Settings

pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path, monkeypatch) as address:
        yield address


def digest(path: str) -> str:
    with open_audio(path, decoder="ffmpeg") as audio:
        for _ in audio:
            pass
        return audio.digest()


def test_what_is_in_a_bucket_is_heard_as_the_file_is(bucket: str) -> None:
    for song in SONGS:
        assert digest(f"{bucket}/{song.name}") == digest(str(song))


def test_the_command_hears_a_bucket_and_writes_nothing_into_it(bucket: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "lean_tagger",
        "--json",
        "--min-score=0",
        "--state",
        str(tmp_path / "journal"),
    ]
    command += ["--model", str(tinymodel.make(tmp_path)), bucket, f"{bucket}/gone.mp3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 1
    assert done.stdout.count('"no-tag-support"') == len(SONGS)
    assert done.stdout.count('"unreadable"') == 1
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    assert files.cat_file("music/albums/west.flac") == (DATA / "west.flac").read_bytes()


def test_a_bucket_without_credentials_or_server_fails_for_its_file_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from lean_tagger.jobs import Failed, Job

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    s3fs.S3FileSystem.clear_instance_cache()
    worker = Worker(Settings(models=(str(tinymodel.make(tmp_path)),)))
    outcome = worker.do(Job("s3://elsewhere/song.mp3", 1))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "unreadable"
