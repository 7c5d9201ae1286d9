"""A bucket of S3 on this machine, for tests: moto's server, asked over HTTP."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SONGS

LOG = "moto.log"
"""A line for each request, with its path and the code of the answer."""


@contextlib.contextmanager
def serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the address of a bucket that holds the clips; the log is in the folder."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    for name, value in {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    log = folder / LOG
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as server,
    ):
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
                assert server.poll() is None, log.read_text()
            monkeypatch.setenv("AWS_ENDPOINT_URL", found[0])
            files = pytest.importorskip("s3fs").S3FileSystem(skip_instance_cache=True)
            files.mkdir("music")
            for song in SONGS:
                files.put(str(song), f"music/albums/{song.name}")
            yield "s3://music/albums"
        finally:
            server.kill()
