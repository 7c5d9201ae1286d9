"""Tasks, names and rows, without a cluster."""

import contextlib
import os
import shutil
import sys
from pathlib import Path

import pytest
import tinymodel
from conftest import DATA
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.cli.main import main
from lean_tagger.cluster import hear
from lean_tagger.cluster.batches import LEAST_FILES, MOST_FILES, batches, is_heard
from lean_tagger.cluster.path_map import PathMap
from lean_tagger.errors import BudgetError, ConfigError
from lean_tagger.jobs import Failed, Heard, Identity, Job, Later, Restore
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings

MIB = 1 << 20


def jobs(count: int, size_bytes: int = 10 * MIB) -> list[Job]:
    return [Job(f"/m/{number}.mp3", size_bytes) for number in range(count)]


@given(
    sizes=st.lists(st.integers(0, 2000 * MIB), max_size=900),
    places=st.integers(1, 12),
)
def test_every_file_is_in_one_task_and_no_task_is_too_long(sizes: list[int], places: int) -> None:
    given_ = [Job(f"/m/{number}", size) for number, size in enumerate(sizes)]
    made = list(batches(given_, places=places))
    assert [job for batch in made for job in batch] == given_
    assert all(0 < len(batch) <= MOST_FILES for batch in made)
    if len(given_) >= LEAST_FILES * places:
        assert all(len(batch) >= LEAST_FILES for batch in made[:-1])


@pytest.mark.parametrize(("size_mib", "files"), [(1, MOST_FILES), (10, 52), (400, LEAST_FILES)])
def test_large_files_make_tasks_of_fewer(size_mib: int, files: int) -> None:
    first = next(iter(batches(jobs(1000, size_mib * MIB), places=2)))
    assert len(first) == files


def test_few_files_are_shared_out_evenly() -> None:
    assert [len(batch) for batch in batches(jobs(30), places=4)] == [8, 8, 8, 6]
    assert list(batches([], places=4)) == []


def test_a_million_files_are_taken_as_they_are_needed() -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield Job(f"/m/{taken}", MIB)

    made = batches(endless(), places=2)
    for _ in range(3):
        next(made)
    assert taken <= 3 * MOST_FILES + 2 * LEAST_FILES


def test_only_what_is_to_be_heard_goes_to_a_cluster() -> None:
    heard = Heard(
        identity=Identity(1, 1, 1),
        digest="d",
        values=(0.5,),
        embedding=b"",
        windows=1,
        seconds=1.0,
        seconds_skipped=0.0,
        repeated=False,
        fields={},
    )
    to_hear = Job("/m/a", 1)
    found = [
        to_hear,
        Job("/m/b", 1, heard=heard),
        Job("/m/c", 1, restore=Restore(fields={})),
        Later(),
        Failed(path="/m/d", kind="empty", message="the file is empty"),
    ]
    assert [item for item in found if is_heard(item)] == [to_hear]


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/music/a/song.mp3", "/mnt/nas/a/song.mp3"),
        ("/music/live/x.flac", "/live/x.flac"),
        ("/music", "/mnt/nas"),
        ("/musical/song.mp3", "/musical/song.mp3"),
        ("/music/ev=il\n.mp3", "/mnt/nas/ev=il\n.mp3"),
        ("/music/\udcff.mp3", "/mnt/nas/\udcff.mp3"),
    ],
)
def test_a_path_map_changes_whole_folders_and_the_longest_counts(path: str, there: str) -> None:
    made = PathMap.parse(["/music=/mnt/nas/", "/music/live=/live"])
    assert made.there(path) == there


def test_the_root_can_be_mapped_and_relative_paths_are_of_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert PathMap.parse(["/=/mnt"]).there("a.mp3") == f"/mnt{tmp_path}/a.mp3"
    assert PathMap().there("a.mp3") == f"{tmp_path}/a.mp3"


@pytest.mark.parametrize("text", ["", "=", "/music", "/music=", "=/mnt", "/music=mnt"])
def test_what_is_no_pair_of_folders_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="HOME=CLUSTER"):
        PathMap.parse([text])


def test_rows_come_in_the_order_of_the_paths_and_a_failure_is_one(tmp_path: Path) -> None:
    model = str(tinymodel.make(tmp_path))
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no music" * 100)
    names = [broken, DATA / "west.flac", tmp_path / "gone.mp3", DATA / "lava.opus"]
    try:
        rows = hear.hear(names, Settings(models=(model,)))
    finally:
        hear.end("")
    assert [row["path"] for row in rows] == list(map(str, names))
    assert [bool(row["failure"]) for row in rows] == [True, False, True, False]
    for row in (rows[1], rows[3]):
        assert row["scores"]
        assert row["seconds"] > 5
        assert row["digest"]
    found = os.stat(names[1])
    assert rows[1]["identity"] == (found.st_size, found.st_mtime_ns, found.st_ino)
    assert set(rows[0]) == set(rows[1])


def test_another_version_or_another_model_is_not_heard_with(tmp_path: Path) -> None:
    settings = Settings(models=(str(tinymodel.make(tmp_path)),))
    jobs_ = [Job(str(DATA / "west.flac"), 1)]
    with pytest.raises(ConfigError, match="install the same"):
        hear.hear_jobs(jobs_, hear.Request(settings=settings, version="0.0.1"))
    with pytest.raises(ConfigError, match="a different one"):
        hear.hear_jobs(jobs_, hear.Request(settings=settings, cards=("0" * 64,)))


def test_what_the_engine_takes_itself_is_part_of_the_budget(tmp_path: Path) -> None:
    settings = Settings(
        models=(str(tinymodel.make(tmp_path)),), max_mem_bytes=400 * MIB, dry_run=True
    )
    song = Job(str(DATA / "west.flac"), 1)
    for host_bytes, fits in ((0, True), (300 * MIB, False)):
        runner = Supervisor(settings, jobs=1, patience_seconds=60.0, host_bytes=host_bytes)
        with contextlib.closing(runner):
            if fits:
                assert len(list(runner.outcomes([song]))) == 1
            else:
                with pytest.raises(BudgetError, match=r"of 400 MiB .*--max-mem [4-9]\d\dM"):
                    list(runner.outcomes([song]))


def test_out_writes_rows_and_no_tags_and_hears_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    model = str(tinymodel.make(tmp_path))
    music = tmp_path / "music"
    music.mkdir()
    song = Path(shutil.copy(DATA / "west.flac", music))
    (music / "broken.mp3").write_bytes(b"no music" * 100)
    before = song.read_bytes()
    arguments = ["--model", model, "--min-score", "0", "--out", str(tmp_path / "rows.parquet")]
    assert main([*arguments, str(music)]) == 1
    assert song.read_bytes() == before
    rows = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [os.path.basename(row["path"]) for row in rows] == [b"broken.mp3", b"west.flac"]
    assert rows[0]["failure"]
    assert dict(rows[1]["tags"])["genre"]
    assert rows[1]["identity"]["size"] == len(before)
    capsys.readouterr()
    assert main([*arguments, str(music)]) == 0  # nothing is left to hear
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 2


def test_out_reports_what_cannot_be_heard_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow.parquet")
    music = tmp_path / "music"
    music.mkdir()
    (music / "empty.mp3").touch()
    shutil.copy(DATA / "west.flac", music)
    arguments = ["--model", str(tinymodel.make(tmp_path)), "--out", str(tmp_path / "rows.parquet")]
    assert main([*arguments, str(music)]) == 1
    assert "empty.mp3: the file is empty" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["", "music", "nowhere/rows.parquet"])
def test_a_table_that_cannot_be_written_is_refused_before_anything_is_heard(
    target: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "music").mkdir()
    song = Path(shutil.copy(DATA / "west.flac", tmp_path / "music"))
    before = song.read_bytes()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())  # where there is none
    try:
        code: object = main(["--out", target, "music"])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--out" in said.err
    assert said.err.count("\n") == 1
    assert song.read_bytes() == before


def test_an_address_that_is_empty_is_no_run_without_a_cluster(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--dask", "", str(DATA)])
    assert ended.value.code == 2
    assert "--dask" in capsys.readouterr().err


def test_an_end_that_is_set_counts_for_what_is_heard_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow.parquet")
    # The end is a moment ago when the first file would be begun.
    monkeypatch.setattr("lean_tagger.run.until.next_time", lambda _, now: now)
    model = str(tinymodel.make(tmp_path))
    for mode in (["--out", str(tmp_path / "rows.parquet")], ["--no-album-genre"]):
        assert main(["--until", "06:00", "--model", model, "--json", *mode, str(DATA)]) == 0
        said = capsys.readouterr()
        assert '"type": "result"' not in said.out
        assert said.err.count("next run goes on") == 1


def test_a_path_map_without_a_cluster_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--path-map", "/a=/b", str(DATA)])
    assert ended.value.code == 2
    assert "needs --dask" in capsys.readouterr().err


def test_without_dask_the_option_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["--dask", "tcp://127.0.0.1:1", str(DATA)]) == 2
    assert "lean-tagger[dask]" in capsys.readouterr().err
