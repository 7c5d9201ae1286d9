"""A real scheduler and real workers, over TCP: what they hear, and what happens when they die."""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tinymodel
from conftest import DATA, SONGS
from daskcluster import ROOT, TestCluster, cluster
from pace import comes_true
from s3server import LOG, serving

from lean_tagger import write
from lean_tagger.settings import Settings

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

MOST_SECONDS = 300


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCluster]:
    with cluster(tmp_path_factory.mktemp("two")) as made:
        yield made


class Home:
    """The machine with the music: a model, a journal, a folder."""

    def __init__(self, folder: Path) -> None:
        self.music = folder / "music"
        self.music.mkdir()
        self.state = folder / "journal.sqlite3"
        self.options = ["--model", str(tinymodel.make(folder)), "--state", str(self.state)]
        self.options += ["--min-score", "0", "--no-album-genre", "--json"]

    def songs(self, count: int) -> list[Path]:
        kinds = (DATA / "west.flac", DATA / "skyvibe.mp3", DATA / "lava.opus")
        return [
            Path(shutil.copy2(kinds[n % 3], self.music / f"{n:03}{kinds[n % 3].suffix}"))
            for n in range(count)
        ]

    def long_song(self, name: str, seconds: int = 600) -> Path:
        """Write silence: ten minutes of it take long enough to be met."""
        path = self.music / name
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 44100, 0, "NONE", ""))
            sound.writeframes(bytes(2 * 44100 * seconds))
        return path

    def start(self, *arguments: str, music: Sequence[str] = ()) -> subprocess.Popen:
        command = [sys.executable, "-m", "lean_tagger", *self.options, *arguments]
        return subprocess.Popen(
            [*command, *(music or [str(self.music)])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def run(
        self, *arguments: str, music: Sequence[str] = ()
    ) -> tuple[int, dict[str, dict[str, Any]], str]:
        """Return the exit code, the result of each file by its name, and what was said."""
        with self.start(*arguments, music=music) as process:
            out, err = process.communicate(timeout=MOST_SECONDS)
        lines = [json.loads(line) for line in out.splitlines()]
        found = {os.path.basename(it["path"]): it for it in lines if it["type"] == "result"}
        return process.returncode, found, err

    def heard(self) -> int:
        """Return how many files were heard, as the journal says."""
        if not self.state.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as journal:
            return int(
                journal.execute("SELECT count(*) FROM files WHERE status != 'failed'").fetchone()[0]
            )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def wait_until_it_hears(made: TestCluster) -> None:
    """Return when the first tasks have come: the run is ours, and nothing of it has ended."""
    from distributed import Client

    with Client(made.address, set_as_default=False) as client:
        assert comes_true(lambda: any(client.processing().values()), within=MOST_SECONDS)


def test_the_cluster_hears_what_this_machine_would_and_this_machine_writes(
    two: TestCluster, home: Home
) -> None:
    songs = home.songs(12)
    (home.music / "broken.mp3").write_bytes(b"no music" * 100)
    code, alone, _ = home.run("-n", "--state", str(home.state) + "-2")
    assert code == 1
    code, found, _ = home.run("--dask", two.address)
    assert code == 1
    assert found["broken.mp3"]["status"] == "failed"
    for song in songs:
        assert found[song.name]["status"] == "tagged"
        assert found[song.name]["known"]  # decided from the journal
        assert found[song.name]["scores"] == alone[song.name]["scores"]
        assert write.read(str(song))["genre"]
    code, again, _ = home.run("--dask", two.address)
    assert code == 0
    assert {it["status"] for name, it in again.items() if name != "broken.mp3"} == {"unchanged"}
    assert (
        subprocess.run(
            [sys.executable, "-m", "lean_tagger", "undo", "--state", home.state, home.music],
            cwd=ROOT,
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    assert not any(write.read(str(song)) for song in songs)


def test_files_that_have_other_names_and_times_there_are_known_by_their_audio(
    two: TestCluster, home: Home, tmp_path: Path
) -> None:
    songs = home.songs(6)
    there = tmp_path / "there"
    shutil.copytree(home.music, there, copy_function=shutil.copyfile)
    gone = there / songs[0].name
    gone.unlink()
    path_map = f"{home.music}={there}"
    code, found, _ = home.run("--dask", two.address, "--path-map", path_map)
    assert code == 1
    assert found[songs[0].name]["error"]["kind"] == "unreadable"
    for song in songs[1:]:
        assert found[song.name]["status"] == "tagged"
        assert write.read(str(song))["genre"]
        assert not write.read(str(there / song.name))


def test_another_file_at_the_same_place_there_tags_nothing_here(
    two: TestCluster, home: Home, tmp_path: Path
) -> None:
    song = home.songs(1)[0]
    there = tmp_path / "there"
    there.mkdir()
    shutil.copyfile(DATA / "farm.wav", there / song.name)
    before = song.read_bytes()
    home.run("--dask", two.address, "--path-map", f"{home.music}={there}")
    assert song.read_bytes() == before


def test_rows_come_over_a_client_of_ones_own(two: TestCluster, tmp_path: Path) -> None:
    from distributed import Client

    from lean_tagger.cluster.dask_executor import hear_on

    settings = Settings(models=(str(tinymodel.make(tmp_path)),))
    with Client(two.address, set_as_default=False) as client:
        rows = {row["path"]: row for row in hear_on(client, [*SONGS, "/no/file.mp3"], settings)}
    assert set(rows) == {*map(str, SONGS), "/no/file.mp3"}
    assert rows["/no/file.mp3"]["failure"]
    assert all(rows[str(song)]["scores"] for song in SONGS)


def test_a_worker_that_is_killed_costs_no_file(home: Home, tmp_path: Path) -> None:
    songs = home.songs(120)
    with cluster(tmp_path, "--no-nanny") as made:
        run = home.start("--dask", made.address)
        wait_until_it_hears(made)
        made.workers[0].kill()
        out, err = run.communicate(timeout=MOST_SECONDS)
    done = [it for it in map(json.loads, out.splitlines()) if it["type"] == "result"]
    assert run.returncode == 0, (err, out)
    assert [it["status"] for it in done] == ["tagged"] * len(songs)


def test_a_file_that_crashes_what_hears_it_costs_one_row(home: Home, tmp_path: Path) -> None:
    songs = home.songs(5)
    home.long_song("kills-ear.wav")
    with cluster(tmp_path, "--no-nanny", "--preload", "killer") as made:
        code, found, _ = home.run("--dask", made.address, "-n")
        assert [worker.poll() for worker in made.workers] == [None, None]
    assert code == 1
    assert found["kills-ear.wav"]["error"]["kind"] == "crashed"
    assert all(found[song.name]["scores"] for song in songs)


def test_a_file_that_ends_every_worker_is_found_out_and_costs_no_other(
    home: Home, tmp_path: Path
) -> None:
    songs = home.songs(8)
    home.long_song("kills-worker.wav")
    with cluster(tmp_path, "--preload", "killer") as made:
        code, found, _ = home.run("--dask", made.address, "--out", str(tmp_path / "o.parquet"))
    assert code == 1
    assert set(found) == {"kills-worker.wav"}
    assert found["kills-worker.wav"]["error"]["kind"] == "crashed"
    assert home.heard() == len(songs)


def test_a_scheduler_that_is_gone_ends_the_run_and_what_was_heard_stays(
    home: Home, tmp_path: Path
) -> None:
    home.songs(400)
    with cluster(tmp_path, "--no-nanny", workers=1) as made:
        run = home.start("--dask", made.address)
        end = time.monotonic() + MOST_SECONDS
        while not home.heard() and time.monotonic() < end:
            time.sleep(0.2)
        made.scheduler.kill()
        _, err = run.communicate(timeout=MOST_SECONDS)
    assert run.returncode == 7
    assert err.count("scheduler is gone") == 1
    assert "Traceback" not in err
    known = home.heard()
    assert 0 < known < 400


def test_an_interrupt_ends_what_the_cluster_hears(two: TestCluster, home: Home) -> None:
    from distributed import Client

    home.songs(400)
    run = home.start("--dask", two.address)
    wait_until_it_hears(two)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=MOST_SECONDS)
    assert run.returncode == 130
    assert "Traceback" not in err
    with Client(two.address, set_as_default=False) as client:
        assert comes_true(lambda: not any(client.processing().values()), within=60)


def test_nobody_at_an_address_is_said_in_one_sentence(home: Home) -> None:
    home.songs(1)
    code, found, err = home.run("--dask", "tcp://127.0.0.1:9")
    assert (code, found) == (7, {})
    assert "no Dask scheduler answers" in err
    assert "Traceback" not in err
    code, _, err = home.run("--dask", "nonsense://x")
    assert code == 2
    assert "not an address" in err


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    with serving(tmp_path, monkeypatch) as address:
        yield address


def test_two_workers_hear_addresses_by_ranges_into_rows_and_journal(
    bucket: str, home: Home, tmp_path: Path
) -> None:
    table = pytest.importorskip("pyarrow.parquet")
    s3fs = pytest.importorskip("s3fs")
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    files.put(str(home.long_song("long.wav", 60)), f"{bucket}/long.wav")
    size_bytes = (home.music / "long.wav").stat().st_size
    code, here, err = home.run(
        "-n", "--state", f"{home.state}-2", music=[*map(str, SONGS), str(home.music)]
    )
    assert code == 0, err
    asked_before = len((tmp_path / LOG).read_text().splitlines())
    with cluster(tmp_path) as made:
        out = tmp_path / "rows.parquet"
        code, found, err = home.run(
            *("--dask", made.address, "--out", str(out)), music=[bucket, f"{bucket}/gone.mp3"]
        )
    assert code == 1, err
    assert [*found] == ["gone.mp3"]
    rows = {
        os.path.basename(os.fsdecode(it["path"])): it for it in table.read_table(out).to_pylist()
    }
    assert set(rows) - {"gone.mp3"} == {*(song.name for song in SONGS), "long.wav"}
    for name in set(rows) - {"gone.mp3"}:
        scores = dict(rows[name]["scores"])
        assert scores == pytest.approx(here[name]["scores"], abs=1e-4)
        assert rows[name]["digest"]
        assert rows[name]["failure"] is None
    # By ranges (206), each of a block, and nothing as a whole.
    asked = (tmp_path / LOG).read_text().splitlines()[asked_before:]
    codes = [
        int(code) for line in asked for code in re.findall(r'GET /music/\S+ [^"]*" (\d+)', line)
    ]
    assert set(codes) == {206}
    assert len(codes) >= size_bytes >> 20
    # All of it is on record: nobody is asked to hear it again, and nothing is written.
    code, again, _ = home.run("-n", music=[bucket])
    assert {it["status"] for it in again.values()} == {"skipped"}
    assert all(it["known"] for it in again.values())
    assert files.info(f"{bucket}/long.wav")["size"] == size_bytes
