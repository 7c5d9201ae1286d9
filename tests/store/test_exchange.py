"""A journal goes to another machine and loses nothing on the way."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import disks
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_journal import IDENTITY, NAMES, begin, heard
from test_resume import lean_tag, library, run  # noqa: F401 - `library` is a fixture
from thinned import thinned

from lean_tagger.card import load_card
from lean_tagger.cli.main import main
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import ConfigError, StateError
from lean_tagger.jobs import Identity, Job, quantised
from lean_tagger.run import find_files
from lean_tagger.settings import Settings
from lean_tagger.store import database, exchange, location
from lean_tagger.store.journal import Journal, Key

CARD = load_card("msd-musicnn")
KEY = Key(model=CARD.identity, pooling=Decider.of(Settings()).asked[0].pooling)
VALUES = st.lists(st.floats(0, 1), min_size=50, max_size=50).map(quantised)


def put(journal: Journal, path: str, number: int, **changes: object) -> None:
    identity = Identity(number, number, number)
    it = heard(**{"values": (0.6,) * 50, "identity": identity, "digest": f"{number}-1", **changes})
    journal.record(path, run=1, key=KEY, identity=identity, status="tagged", heard=it)


@thinned("form", exchange.FORMATS, fast=1)
@given(name=NAMES, values=VALUES, genre=st.lists(st.text(max_size=9), max_size=3).map(tuple))
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_exported_comes_back_exactly(tmp_path_factory, form, name, values, genre):
    binary = form == "parquet"
    if binary:
        pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("x")
    path = "/m/" + os.fsdecode(name)
    with Journal(folder / "a") as journal:
        put(journal, path, 1, values=values, fields={"genre": genre})
        journal.record(
            "/bad", run=1, key=KEY, identity=IDENTITY, status="failed", kind="decode", message="no"
        )
        text = (
            {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""} if not binary else {}
        )
        with (folder / "out").open("wb" if binary else "w", **text) as target:
            exchange.export(journal, {KEY: CARD}, target, form=form)
        before = journal.recall(path, KEY)
    with (
        Journal(folder / "b") as journal,
        (folder / "out").open("rb" if binary else "r", **text) as source,
    ):
        done = exchange.import_(
            journal, {CARD.identity: CARD}, source, form=form, run=begin(journal)
        )
        assert done == (2, 0)
        after = journal.recall(path, KEY)
        assert after.heard.values == values
        assert after.heard.fields == {"genre": genre}
        assert after.heard.embedding == before.heard.embedding
        assert (after.status, after.heard.digest) == (before.status, before.heard.digest)
        assert journal.recall("/bad", KEY).kind == "decode"


def test_a_table_has_a_column_for_every_label(tmp_path):
    with Journal(tmp_path / "a") as journal:
        put(journal, "/m/1.mp3", 1)
        out = io.StringIO(newline="")
        exchange.export(journal, {KEY: CARD}, out, form="csv")
    (row,) = csv.DictReader(io.StringIO(out.getvalue(), newline=""))
    assert {f"score: {label.name}" for label in CARD.labels} <= set(row)
    assert (row["path"], row["genre"], row["score: rock"]) == ("/m/1.mp3", "Rock", "0.6")


@pytest.mark.parametrize("path", ["/m/\udcff 100%.mp3", "/m/file:/a%20b.mp3", "/m/ä\\.mp3"])
def test_a_table_is_text_whatever_a_file_is_called(tmp_path, path):
    out = io.StringIO(newline="")
    with Journal(tmp_path / "a") as journal:
        put(journal, path, 1)
        exchange.export(journal, {KEY: CARD}, out, form="csv")
    table = out.getvalue().encode()  # strictly: no surrogate is in it
    with Journal(tmp_path / "b") as journal:
        source = io.StringIO(table.decode(), newline="")
        exchange.import_(journal, {CARD.identity: CARD}, source, form="csv", run=begin(journal))
        assert [it.path for it in journal.files([], KEY)] == [path]


def test_an_export_goes_by_the_name_of_its_file(library, tmp_path):  # noqa: F811 - the fixture
    run("-n", library / "farm.wav")
    assert lean_tag("export", tmp_path / "scores.CSV").returncode == 0
    (row,) = csv.DictReader((tmp_path / "scores.CSV").read_text().splitlines())
    assert row["path"] == str(library / "farm.wav")
    assert lean_tag("export", "--format", "jsonl", tmp_path / "other.csv").returncode == 0
    assert json.loads((tmp_path / "other.csv").read_text())["path"] == row["path"]


@pytest.mark.parametrize("name", ["journal", "a song.flac", "notes.csv"])
@thinned("form", ["jsonl", "csv", "parquet"], fast=1)
def test_an_export_replaces_nothing_but_an_export(tmp_path, capsys, name, form):
    """The journal itself was once emptied before it was read."""
    state, target = tmp_path / "journal", tmp_path / name
    with Journal(state) as journal:
        put(journal, "/m/1.mp3", 1)
    if target != state:
        target.write_bytes(b"fLaC, or what somebody wrote")
    before = target.read_bytes()
    command = ["export", str(target), "--format", form, "--state", str(state)]
    assert main(command) == 2
    assert "was not written by this command" in capsys.readouterr().err
    assert target.read_bytes() == before
    target = command[1] = str(tmp_path / "table")
    for _ in range(2):
        assert main(command) == 0
    assert Path(target).stat().st_size


def test_an_export_that_fails_leaves_the_last_one(tmp_path):
    state, target = tmp_path / "journal", tmp_path / "out.jsonl"
    command = ["export", str(target), "--state", str(state)]
    with Journal(state) as journal:
        put(journal, "/m/1.mp3", 1)
    assert main(command) == 0
    before = target.read_bytes()
    with contextlib.closing(sqlite3.connect(state)) as journal, journal:
        journal.execute("UPDATE scores SET uint16 = 'no numbers'")
    assert main(command) == 5
    assert target.read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("name", ["scores.tsv", "scores.XLSX", "scores.csv.gz"])
def test_a_name_of_another_format_is_refused(tmp_path, capsys, name):
    state = ("--state", str(tmp_path / "a"))
    with Journal(tmp_path / "a") as journal:
        put(journal, "/m/1.mp3", 1)
    for command in ("export", "import"):
        assert main([command, str(tmp_path / name), *state]) == 2
        assert "name the file .csv, .jsonl or .parquet" in capsys.readouterr().err
    assert not (tmp_path / name).exists()
    assert main(["export", str(tmp_path / name), "--format", "csv", *state]) == 0


def test_files_of_a_model_that_is_not_installed_are_counted(tmp_path, capsys):
    with Journal(tmp_path / "a") as journal:
        put(journal, "/m/1.mp3", 1)
        with (tmp_path / "scores").open("w") as target:
            exchange.export(journal, {KEY: CARD}, target, form="jsonl")
    text = (tmp_path / "scores").read_text().replace(CARD.identity, "0" * 64)
    (tmp_path / "scores").write_text(text)
    assert main(["import", str(tmp_path / "scores"), "--state", str(tmp_path / "b")]) == 0
    assert "0 files; 1 left out, because their model is not" in capsys.readouterr().out


def test_a_name_that_is_no_text_is_bytes_in_parquet(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    with Journal(tmp_path / "a") as journal:
        put(journal, "/m/\udcff.mp3", 1)
        out = io.BytesIO()
        exchange.export(journal, {KEY: CARD}, out, form="parquet")
    (row,) = pq.read_table(io.BytesIO(out.getvalue())).to_pylist()
    assert (row["path"], row["score: rock"]) == (b"/m/\xff.mp3", 0.6)


def test_without_pyarrow_parquet_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with Journal(tmp_path / "a") as journal:
        put(journal, "/m/1.mp3", 1)
        with pytest.raises(ConfigError, match="pip install"):
            exchange.export(journal, {KEY: CARD}, io.BytesIO(), form="parquet")


def test_what_is_no_parquet_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    nothing = io.BytesIO(b"PAR1 and no more")
    with Journal(tmp_path / "a") as journal, pytest.raises(ConfigError, match="is not what"):
        exchange.import_(
            journal, {CARD.identity: CARD}, nothing, form="parquet", run=begin(journal)
        )


@pytest.mark.parametrize("line", ["[]", "{", '{"path": "/a"}', "7"])
def test_what_is_no_export_is_refused_with_its_place(tmp_path, line):
    with Journal(tmp_path / "a") as journal, pytest.raises(ConfigError, match="record 1 is not"):
        exchange.import_(journal, {CARD.identity: CARD}, [line], form="jsonl", run=begin(journal))


def test_merging_keeps_the_later_look_and_every_way_back(tmp_path):
    for name, genre, files in (("a", "Rock", (1, 2)), ("b", "Pop", (2, 3))):
        with Journal(tmp_path / name) as journal:
            number = begin(journal)
            for file in files:
                put(journal, f"/{file}", file, fields={"genre": (genre,)})
                journal.intend(
                    f"/{file}",
                    run=number,
                    identity=IDENTITY,
                    previous={},
                    written={"genre": (genre,)},
                )
    with Journal(tmp_path / "a") as journal:
        assert exchange.merge(journal, tmp_path / "b") == 2
        fields = {it.path: it.heard.fields["genre"] for it in journal.files([], KEY)}
        assert fields == {"/1": ("Rock",), "/2": ("Pop",), "/3": ("Pop",)}
        assert [it.id for it in journal.runs()] == [2, 1]
        writes = [(it.path, it.run, it.written["genre"][0]) for it in journal.writes()]
        assert writes == [("/1", 1, "Rock"), ("/2", 2, "Pop"), ("/2", 1, "Rock"), ("/3", 2, "Pop")]
        assert exchange.merge(journal, tmp_path / "b") == 0  # nothing in it is later


def everything(journal: Journal) -> list[object]:
    """Return all that is on record, but for the numbers of rows."""
    runs = {it.id: (it.command, it.started, it.ended, it.ending) for it in journal.runs()}
    states = ("intent", "done", "failed", "undone")
    return [
        sorted(runs.values()),
        [(it.path, runs[it.run], it.state, it.written) for it in journal.writes(states=states)],
        list(journal.files([], KEY)),
    ]


def write(journal: Journal, path: str, number: int) -> int:
    put(journal, path, number)
    return journal.intend(
        path, run=1, identity=IDENTITY, previous={}, written={"genre": (str(number),)}
    )


def test_merging_twice_is_merging_once_however_far_the_other_has_come(tmp_path):
    """Also where the other is a copy, or took this one in."""
    with Journal(tmp_path / "b") as other:
        begin(other)
        first = write(other, "/1", 1)
        second = write(other, "/2", 2)
        other.settle(first, "done")
    with Journal(tmp_path / "a") as journal:
        begin(journal)
        write(journal, "/0", 3)
        exchange.merge(journal, tmp_path / "b")
        once = everything(journal)
        assert len(list(journal.writes())) == 3
        for _ in range(2):
            exchange.merge(journal, tmp_path / "b")
            assert everything(journal) == once
    with Journal(tmp_path / "b") as other:
        other.settle(first, "undone")
        other.settle(second, "done")
        third = write(other, "/3", 4)
        other.settle(third, "failed")
        other.end_run(1, counts={"tagged": 1}, ending="done")
        exchange.merge(other, tmp_path / "a")
        assert len(other.runs()) == 2
        expected = everything(other)
    with Journal(tmp_path / "a") as journal:
        exchange.merge(journal, tmp_path / "b")
        assert everything(journal)[:2] == expected[:2]
        assert {it.path: it.state for it in journal.writes()} == {"/0": "intent", "/2": "done"}
        assert {it.ending for it in journal.runs()} == {"done", None}


def test_a_journal_is_merged_while_its_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with Journal(tmp_path / "b") as other:
        begin(other)
        other.settle(write(other, "/1", 1), "done")  # waits for a commit
        with Journal(tmp_path / "a") as journal:
            assert exchange.merge(journal, tmp_path / "b") == 1


def test_merging_again_knows_what_a_later_write_restores_since_one_was_undone(tmp_path):
    with Journal(tmp_path / "b") as other:
        for number in (1, 2):
            begin(other)
            other.settle(write(other, "/1", number), "done")
        with Journal(tmp_path / "a") as journal:
            exchange.merge(journal, tmp_path / "b")
        other.found_instead(2, {"genre": ("Tango",)})
        other.settle(1, "undone")
    with Journal(tmp_path / "a") as journal:
        exchange.merge(journal, tmp_path / "b")
        assert [(it.id, it.previous) for it in journal.writes()] == [(2, {"genre": ("Tango",)})]
        journal.found_instead(2, {"genre": ("Polka",)})
        exchange.merge(journal, tmp_path / "b")  # in which nothing is newer
        assert [it.previous for it in journal.writes()] == [{"genre": ("Polka",)}]


def test_merging_keeps_the_scores_of_every_model_apart(tmp_path):
    """Their keys have other numbers in the other journal."""
    others = [dataclasses.replace(KEY, model=letter * 64) for letter in "abc"]
    for name, keys in (("a", others[:2]), ("b", others[::-1])):
        with Journal(tmp_path / name) as journal:
            for key in keys:
                values = tuple([0.2, 0.4, 0.6, 0.8][ord(key.model[0]) - ord("a")] for _ in "xy")
                it = heard(values=values, digest=f"{name}-1")
                journal.record(
                    f"/{name}", run=1, key=key, identity=IDENTITY, status="tagged", heard=it
                )
    with Journal(tmp_path / "a") as journal:
        exchange.merge(journal, tmp_path / "b")
        found = [journal.recall("/b", key).heard.values[0] for key in others]
        assert found == [0.2, 0.4, 0.6]
        assert [journal.recall("/a", key).heard for key in others][2] is None


def test_a_journal_is_merged_whatever_its_name(tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff ?mode=ro#%41\n")
    with Journal(folder / "b") as journal:
        begin(journal)
        write(journal, "/1", 1)
    with Journal(tmp_path / "a") as journal:
        assert exchange.merge(journal, folder / "b") == 1
        assert [it.path for it in journal.writes()] == ["/1"]


def test_a_journal_on_a_read_only_disk_is_read_and_merged(tmp_path):
    disks.have("mount")
    with disks.mounted("-t", "tmpfs", "x", at=tmp_path / "disk", may_skip=True) as disk:
        with Journal(disk / "b") as journal:
            begin(journal)
            write(journal, "/1", 1)
        shutil.copy(
            Path(__file__).parents[1] / "golden" / "v0.1.0" / "journal.sqlite3", disk / "old"
        )
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with Journal(disk / "b", locked=False) as journal:
            assert [it.path for it in journal.files([], KEY)] == ["/1"]
        with Journal(tmp_path / "a") as journal:
            assert exchange.merge(journal, disk / "b") == 1
            with pytest.raises(StateError, match="older lean-tag and cannot be converted"):
                exchange.merge(journal, disk / "old")
        with pytest.raises(StateError, match="Read-only file system"):
            Journal(disk / "b")


def test_a_journal_is_not_merged_into_itself(tmp_path):
    (tmp_path / "link").symlink_to("a")
    with Journal(tmp_path / "a") as journal:
        begin(journal)
        write(journal, "/1", 1)
        for name in ("a", "link"):
            with pytest.raises(ConfigError, match="the journal into which others are merged"):
                exchange.merge(journal, tmp_path / name)
        assert len(list(journal.writes())) == 1


def test_merging_what_is_no_journal_is_one_sentence(tmp_path):
    (tmp_path / "text").write_text("a letter" * 200)
    (tmp_path / "empty").touch()
    with Journal(tmp_path / "a") as journal:
        for other in (tmp_path / "text", tmp_path / "nowhere", tmp_path / "empty"):
            with pytest.raises((ConfigError, StateError)):
                exchange.merge(journal, other)
        assert (tmp_path / "empty").stat().st_size == 0
        assert list(journal.files([], KEY)) == []


@pytest.mark.slow
def test_another_machine_goes_on_from_an_export(library, tmp_path):  # noqa: F811 - the fixture
    first = run("-n", library)
    table = tmp_path / "out.csv"
    assert lean_tag("export", "--format", "csv", table).returncode == 0
    location.default_path().unlink()
    done = lean_tag("import", table)
    assert (done.returncode, done.stdout) == (0, f"{table}: 6 files\n")
    done = lean_tag("-n", library)  # says what it starts a model for
    assert (done.returncode, "msd-musicnn" in done.stderr) == (0, False)
    second = run("-n", library)
    assert {it["known"] for it in second.values()} == {True}
    assert {name: it["scores"] for name, it in second.items()} == {
        name: it["scores"] for name, it in first.items()
    }


def test_an_export_to_a_pipe_is_json_lines(library):  # noqa: F811 - the fixture
    run("-n", library)
    lines = lean_tag("export").stdout.splitlines()
    assert len({json.loads(line)["path"] for line in lines}) == 6


@given(
    paths=st.lists(
        st.text("abc/ ", min_size=1, max_size=12).filter(lambda text: text.strip("/ ")), max_size=30
    ),
    parts=st.integers(1, 9),
)
def test_the_parts_of_a_library_are_all_of_it_once_wherever_it_is_mounted(paths, parts):
    names = [os.path.normpath(f"x/{path}.mp3") for path in paths]

    def shards(top: str) -> list[list[str]]:
        jobs = [Job(f"{top}/{name}", 1) for name in names]
        return [
            [it.path[len(top) :] for it in find_files.part(jobs, [top], (k, parts))]
            for k in range(1, parts + 1)
        ]

    here = shards("/mnt/music")
    assert sorted(sum(here, [])) == sorted(f"/{name}" for name in names)  # noqa: RUF017 - short
    assert shards("/Volumes/NAS/share") == here
    folders = [{os.path.dirname(it) for it in part} for part in here]
    assert sum(map(len, folders)) == len(set().union(*folders))


@pytest.mark.parametrize(
    "names",
    [
        ("CD1", "CD2", "CD 10"),
        ("Disc 1", "disc 2 - Live", "Disc 3 (Bonus)"),
        ("Disk1", "Disk_2"),
        ("Vol. 1", "Vol. II", "Volume 3"),
        ("Vinyl A", "Vinyl B"),
        ("CD 1", "CD 2/Side A"),
        ("Disc One", "Disc Two", "Bonus Disc"),
        ("[CD1]", "(Disc 2)", "SACD 3", "Digital Media 04"),
    ],
)
def test_the_discs_of_an_album_stay_together(names):
    whole_albums([f"Album {{}}/{name}" for name in names])


@pytest.mark.parametrize(
    "names",
    [
        ("Album {} CD1", "Album {} CD 2"),
        ("Album {} (Disc 1)", "Album {} [disc 02]", "Album {} (Disc Three)"),
        ("Album {} - CD1", "Album {}, CD2", "Album {}_DVD_1"),
        ("Album {}", "Album {} (SACD 2)"),
    ],
)
def test_discs_that_are_next_to_each_other_stay_together(names):
    whole_albums(names)


def whole_albums(names):
    """Check that parts of a library have all folders of an album or none."""
    jobs = [
        Job(f"/m/Artist/{name.format(number)}/1.mp3", 1) for number in range(40) for name in names
    ]
    for k in (1, 2, 3):
        found = [it.path for it in find_files.part(jobs, ["/m"], (k, 3))]
        mine = [re.search(r"Album (\d+)", path)[1] for path in found]
        assert 0 < len(mine) < len(jobs)
        assert {mine.count(album) for album in mine} == {len(names)}


@pytest.mark.parametrize(
    "name",
    [
        *("CD", "Discovery", "Part of me", "Sidewinder", "1", "Lp fan"),
        *("Bonus", "Disc", "Discone", "ACD 1", "CD1000"),
    ],
)
def test_a_folder_that_is_no_disc_is_an_album(name):
    jobs = [Job(f"/m/{artist}/{name}/1.mp3", 1) for artist in range(40)]
    album = [Job(f"/m/{artist}/1.mp3", 1) for artist in range(40)]

    def parts(found: list[Job]) -> list[int]:
        return [sum(1 for _ in find_files.part([job], ["/m"], (1, 3))) for job in found]

    assert parts(jobs) != parts(album)


def test_a_bad_part_is_refused():
    for text in ("0/3", "4/3", "1", "a/b", "-1/3"):
        done = subprocess.run(
            [sys.executable, "-m", "lean_tagger", "--shard", text, "x"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), text
