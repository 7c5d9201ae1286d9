"""The journal: what is put on record is there, whatever happens to the process or the file."""

import base64
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lean_tagger.cli.main import main
from lean_tagger.errors import ConfigError, LockedError, StateError
from lean_tagger.jobs import Heard, Identity, Pooling, TrackInfo, quantised
from lean_tagger.store import database, location, schema
from lean_tagger.store.journal import Journal, Key
from lean_tagger.store.rows import columns, to_identity
from lean_tagger.system.mounts import Mount

ROOT = Path(__file__).parents[2]
KEY = Key(model="f" * 64, pooling=Pooling("logit-mean", 187))
IDENTITY = Identity(1000, 1_700_000_000_123_456_789, 42)


def heard(**changes: object) -> Heard:
    values = {
        "identity": IDENTITY,
        "digest": "abc-44100",
        "values": (0.2, 1 / 3, 0.8),
        "embedding": b"\0\1\2\3",
        "windows": 3,
        "seconds": 9.5,
        "seconds_skipped": 0.25,
        "repeated": False,
        "fields": {"genre": ("Rock",), "leantag": ("{}",)},
        **changes,
    }
    return Heard(**values)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite3"


def begin(journal: Journal) -> int:
    return journal.begin_run("tag", version="1", model="tiny", options={"dry_run": False})


def put(journal: Journal, name: str, run: int, **changes: object) -> None:
    it = heard(**changes)
    journal.record(name, run=run, key=KEY, identity=it.identity, status="tagged", heard=it)


NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name)
PROBABILITIES = st.lists(st.floats(0, 1), max_size=60).map(quantised)
NUMBERS = st.integers(0, 2**63 - 1)


@given(
    name=NAMES,
    values=PROBABILITIES,
    size=NUMBERS,
    mtime_ns=st.integers(-(2**62), 2**62),
    inode=st.integers(0, 2**64 - 1),
    genre=st.lists(st.text(max_size=20), max_size=3).map(tuple),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_is_remembered_exactly(tmp_path_factory, name, values, size, mtime_ns, inode, genre):
    identity = Identity(size, mtime_ns, inode)
    it = heard(identity=identity, values=values, fields={"genre": genre}, digest="d-1")
    where = tmp_path_factory.mktemp("j") / "journal"
    file = "/m/" + os.fsdecode(name)
    with Journal(where) as journal:
        journal.record(
            file, run=begin(journal), key=KEY, identity=identity, status="unchanged", heard=it
        )
    with Journal(where, locked=False) as journal:
        known = journal.recall(file, KEY)
        assert known is not None
        assert known.heard == it
        assert (known.path, known.identity, known.status) == (file, identity, "unchanged")
        assert journal.recall(file + "x", KEY) is None


ANY_NUMBER = st.integers(-(2**70), 2**130)


@given(size=ANY_NUMBER, mtime_ns=ANY_NUMBER, inode=ANY_NUMBER)
@settings(deadline=None, max_examples=50)
def test_whatever_numbers_a_file_system_gives_the_file_is_known_by_them(
    tmp_path_factory, size: int, mtime_ns: int, inode: int
):
    """Inodes have up to 128 bits, and the nanoseconds of a time after 2262 more than 63."""
    identity = Identity(size, mtime_ns, inode)
    with Journal(tmp_path_factory.mktemp("j") / "journal") as journal:
        put(journal, "/a", begin(journal), identity=identity)
        journal.changed("/a", run=1, status="restored", identity=identity, fields={})
        journal.intend("/a", run=1, identity=identity, previous={}, written={})
        known = journal.recall("/a", KEY)
        assert known.identity == identity
        assert known.identity.matches(Identity(size, mtime_ns, inode))
        assert not known.identity.matches(Identity(size, mtime_ns + 1, inode))
        assert [it.digest for it in journal.resemble("/b", identity, KEY)] == [known.heard.digest]
        (write,) = journal.writes()
        assert write.identity == identity


def test_numbers_that_fit_stay_as_they_are_and_as_they_are_on_record():
    """Otherwise no file were the one that an earlier version has on record."""
    for numbers in ((0, 0, 0), (2**63 - 1, -(2**63), 2**64 - 1), (1, 2**63 - 1, 2**63)):
        it = Identity(*numbers)
        assert (it.size_bytes, it.mtime_ns, it.inode) == numbers
    assert columns(Identity(7, -8, 2**64 - 3)) == (7, -8, -3)
    assert to_identity((7, -8, -3)) == Identity(7, -8, 2**64 - 3)


def test_scores_belong_to_a_model_and_its_pooling(path):
    with Journal(path) as journal:
        put(journal, "/a", begin(journal))
        other_model = Key(model="0" * 64, pooling=KEY.pooling)
        other_hop = Key(model=KEY.model, pooling=Pooling("logit-mean", 93))
        for key in (other_model, other_hop):
            known = journal.recall("/a", key)
            assert known is not None
            assert known.heard is None
        journal.record(
            "/a",
            run=1,
            key=other_hop,
            identity=IDENTITY,
            status="tagged",
            heard=heard(values=(0.6,)),
        )
        assert [journal.recall("/a", key).heard.values for key in (KEY, other_hop)] == [
            (0.2, 1 / 3, 0.8),
            (0.6,),
        ]


def test_a_failure_counts_its_attempts_and_keeps_what_was_heard_before(path):
    with Journal(path) as journal:
        run = begin(journal)
        put(journal, "/a", run)
        for _ in range(2):
            journal.record(
                "/a",
                run=run,
                key=KEY,
                identity=IDENTITY,
                status="failed",
                kind="write",
                message="no",
            )
        known = journal.recall("/a", KEY)
        assert (known.status, known.kind, known.message, known.attempts) == (
            "failed",
            "write",
            "no",
            2,
        )
        assert known.heard.values == (0.2, 1 / 3, 0.8)
        put(journal, "/a", run)
        assert journal.recall("/a", KEY).attempts == 0


def test_a_moved_or_copied_file_resembles_what_it_was(path):
    with Journal(path) as journal:
        run = begin(journal)
        put(journal, "/a", run, digest="one-1")
        put(journal, "/b", run, digest="two-1", identity=Identity(5, 6, 7))
        put(journal, "/c", run, digest="three-1", identity=Identity(50, 60, 70))

        def digests(name: str, identity: Identity) -> set[str]:
            return {it.digest for it in journal.resemble(name, identity, KEY)}

        assert digests("/a", Identity(0, 0, 0)) == {"one-1"}  # its tags were changed
        assert digests("/new", Identity(5, 0, 7)) == {"two-1"}  # renamed
        assert digests("/new", Identity(50, 60, 1)) == {"three-1"}  # moved to another disk
        assert digests("/new", Identity(1, 1, 1)) == set()


def test_files_are_found_by_folder_and_not_by_the_beginning_of_a_name(path):
    names = ["/m/a/1", "/m/a/2", "/m/a b", "/m/ab/3", "/m/a", "/n", "/m/a/\udcff"]
    with Journal(path) as journal:
        run = begin(journal)
        for number, name in enumerate(names):
            put(journal, name, run, digest=f"{number}-0")
        assert {it.path for it in journal.files(["/m/a"], KEY)} == {
            "/m/a",
            "/m/a/1",
            "/m/a/2",
            "/m/a/\udcff",
        }
        assert {it.path for it in journal.files(["/"], KEY)} == set(names)
        assert [it.path for it in journal.files([], KEY)] == sorted(names, key=os.fsencode)


def test_writes_are_remembered_newest_first_with_what_stood_there_before(path):
    with Journal(path) as journal:
        first, second = begin(journal), begin(journal)
        one = journal.intend(
            "/a", run=first, identity=IDENTITY, previous={}, written={"genre": ("Rock",)}
        )
        two = journal.intend(
            "/a",
            run=second,
            identity=IDENTITY,
            previous={"genre": ("Rock",)},
            written={"genre": ("Pop", "Ska")},
        )
        journal.settle(one, "done")
        found = list(journal.writes(under=["/a"]))
        assert [(it.id, it.state) for it in found] == [(two, "intent"), (one, "done")]
        assert found[0].previous == {"genre": ("Rock",)}
        assert found[0].written == {"genre": ("Pop", "Ska")}
        assert found[0].identity == IDENTITY
        journal.settle(two, "failed")
        assert [it.id for it in journal.writes()] == [one]
        assert [it.id for it in journal.writes(run=second)] == []


def test_runs_tell_how_they_ended(path):
    with Journal(path) as journal:
        first, second = begin(journal), begin(journal)
        journal.end_run(first, counts={"tagged": 3}, ending="done", peak_bytes=1 << 20)
        runs = journal.runs()
        assert [(it.id, it.ending) for it in runs] == [(second, None), (first, "done")]
        assert runs[1].counts == {"tagged": 3}
        assert (runs[1].peak_bytes, runs[0].peak_bytes) == (1 << 20, 0)
        assert runs[1].started <= runs[1].ended <= time.time()


HOLD = """
import sys, time
from pathlib import Path
from lean_tagger.store.journal import Journal
with Journal(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_told_who_holds_the_journal_and_a_dead_one_holds_nothing(path):
    with holder(path) as process:
        with pytest.raises(LockedError, match=f"process {process.pid} on .*since") as refused:
            Journal(path)
        assert refused.value.exit_code == 11
        with Journal(path, locked=False) as reader:
            assert reader.runs() == []
        process.kill()
    Journal(path).close()


RECORD = """
import sys
from pathlib import Path
sys.path.insert(0, "tests/store")
from test_journal import IDENTITY, begin, put
from lean_tagger.store.journal import Journal
with Journal(Path(sys.argv[1])) as journal:
    run = begin(journal)
    for number in range(100_000):
        journal.intend(f"/{number}", run=run, identity=IDENTITY, previous={}, written={})
        print(number, flush=True)
        put(journal, f"/{number}", run, digest=f"{number}-1")
"""


def test_kill_9_loses_no_write_that_was_on_record(path):
    for seed in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", RECORD, path], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]  # however long it takes to begin
        time.sleep(random.Random(seed).random() / 3)
        process.kill()
        said, _ = process.communicate()
        last = len(first + said.splitlines()) - 1
        with Journal(path) as journal:
            run = journal.runs()[0].id
            intended = {it.path for it in journal.writes(run=run)}
            assert {f"/{number}" for number in range(last + 1)} <= intended
            assert journal.recall(f"/{last - 1}", KEY) is not None


def test_a_journal_of_which_nothing_can_be_read_is_set_aside_and_a_new_one_begun(path):
    with Journal(path) as journal:
        begin(journal)
    path.write_bytes(b"this is a letter to my aunt" * 100)
    (path.parent / "journal.sqlite3.lock").write_text("{}")  # as a killed run leaves it
    said: list[str] = []
    with Journal(path, notice=said.append) as journal:
        assert journal.fresh
        assert journal.runs() == []
        begin(journal)
    (aside,) = path.parent.glob("journal.sqlite3.damaged-*")
    assert str(aside) in said[0]
    with Journal(path, notice=said.append) as journal:
        assert len(journal.runs()) == 1
    assert len(said) == 1


def test_what_is_no_journal_is_left_alone(tmp_path):
    song, other = tmp_path / "song.mp3", tmp_path / "photos.sqlite3"
    song.write_bytes(b"\xff\xfb" * 5000)
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE photos (name)")
    connection.commit()
    connection.close()
    for path in (song, other):
        before = path.read_bytes()
        with pytest.raises(ConfigError, match="not a journal of lean-tag"):
            Journal(path)
        assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [other, song]


def test_an_empty_file_is_an_empty_journal(path):
    path.parent.mkdir()
    path.touch()
    with Journal(path) as journal:
        assert begin(journal) == 1


def test_a_folder_in_its_place_is_said_in_one_sentence(tmp_path):
    with pytest.raises(StateError, match="cannot open the journal"):
        Journal(tmp_path)


def test_a_place_that_cannot_be_written_is_said_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="--state"):
        Journal(tmp_path / "file" / "journal")


@pytest.mark.parametrize("locked", [False, True])
def test_a_place_that_cannot_be_looked_at_is_said_in_one_sentence(tmp_path, locked):
    """As with a folder of somebody else."""
    with pytest.raises(StateError, match="--state"):
        Journal(tmp_path / ("a" * 300), locked=locked)
    assert main(["status", "--state", str(tmp_path / ("a" * 300))]) == 5


def test_reading_makes_nothing(path):
    with pytest.raises(StateError, match="no journal yet"):
        Journal(path, locked=False)
    assert not path.parent.exists()


def test_the_journal_of_a_newer_program_is_refused_and_not_touched(path):
    Journal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="newer lean-tag"):
        Journal(path)
    assert path.read_bytes() == before


def test_migrations_are_done_in_order_each_whole_or_not_at_all(tmp_path):
    steps = (("CREATE TABLE a (x)",), ("ALTER TABLE a ADD COLUMN y", "INSERT INTO a VALUES (1, 2)"))
    broken = (*steps, ("ALTER TABLE a ADD COLUMN z", "INSERT INTO nowhere VALUES (1)"))
    connection = sqlite3.connect(tmp_path / "j", isolation_level=None)

    def state() -> tuple[int, list[str]]:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return version, [row[1] for row in connection.execute("PRAGMA table_info(a)")]

    schema.migrate(connection, steps[:1])
    assert state() == (1, ["x"])
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, broken)
    assert state() == (2, ["x", "y"])
    schema.migrate(connection, steps)
    assert connection.execute("SELECT * FROM a").fetchall() == [(1, 2)]
    connection.close()


def test_an_older_journal_keeps_what_it_knows_and_how_to_undo_it(path):
    path.parent.mkdir()
    older = sqlite3.connect(path, isolation_level=None)
    schema.migrate(older, schema.MIGRATIONS[:1])
    older.execute(
        "INSERT INTO files VALUES (?, 1000, 7, 3, 'tagged', '', '', 1, 1, 5.0, NULL, "
        """'{"genre": ["Rock"]}', NULL, NULL, NULL)""",
        (b"/music/a.mp3",),
    )
    older.execute(
        "INSERT INTO writes VALUES (1, 1, ?, 'done', 5.0, 1000, 7, 3, "
        """'{"genre": ["Folk"]}', '{"genre": ["Rock"]}')""",
        (b"/music/a.mp3",),
    )
    older.close()
    with Journal(path) as journal:
        known = journal.recall("/music/a.mp3", KEY)
        (write,) = journal.writes(run=1)
    assert known is not None
    assert known.identity == Identity(1000, 7, 3)
    assert write.previous == {"genre": ("Folk",)}


def test_a_place_on_a_network_file_system_is_refused_with_what_to_do(tmp_path):
    table = [
        Mount(point="/", kind="ext4", read_only=False),
        Mount(point=str(tmp_path / "nas"), kind="nfs4", read_only=False),
    ]
    location.refuse_network(tmp_path / "journal", table)
    with pytest.raises(ConfigError, match="--state-on-network"):
        location.refuse_network(tmp_path / "nas" / "journal", table)


def test_the_folder_is_for_its_owner_only(path):
    Journal(path).close()
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_one_sentence(path):
    with Journal(path) as journal:
        run = begin(journal)
        journal._database.connection.execute("PRAGMA max_page_count = 24")

        def fill() -> None:
            for number in range(1000):
                put(journal, f"/{number}", run, digest=f"{number}-1")

        with pytest.raises(StateError, match="full"):
            fill()
    with Journal(path) as journal:
        assert journal.recall("/0", KEY) is not None


# What it costs


@pytest.fixture
def plans(path: Path) -> Callable[[Callable[[Journal], object]], dict[str, list[str]]]:
    """Return how SQLite goes about each statement of something that is done with a journal."""

    def found(do: Callable[[Journal], object]) -> dict[str, list[str]]:
        with Journal(path) as journal:
            put(journal, "/m/a", begin(journal))
            asked: dict[str, list[object]] = {}
            connection = journal._database.connection
            connection.set_trace_callback(lambda statement: asked.setdefault(statement, []))
            do(journal)
            connection.set_trace_callback(None)
            reads = [it for it in asked if it.lstrip().startswith(("SELECT", "DELETE", "UPDATE"))]
            return {
                it: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {it}")]
                for it in reads
            }

    return found


EVERYTHING = {
    "recall": lambda it: it.recall("/m/a", KEY),
    "resemble": lambda it: it.resemble("/new", IDENTITY, KEY),
    "files": lambda it: list(it.files([], KEY)),
    "files in folders": lambda it: list(it.files(["/m", "/n"], KEY)),
    "writes": lambda it: list(it.writes()),
    "writes of a run": lambda it: list(it.writes(run=1)),
    "writes in folders": lambda it: list(it.writes(under=["/m", "/n"])),
    "writes of some commands": lambda it: list(it.writes(under=["/m/a"], commands={"tag", "redo"})),
    "last run": lambda it: it.last_run_that_wrote({"tag"}, under=["/m", "/n"]),
    "failures": lambda it: list(it.failures()),
    "forget": lambda it: it.forget_failures([]),
    "tally": lambda it: it.tally(),
    "count": lambda it: it.count_writes({"tag"}),
}
COUNTED = {"tally", "count"}  # which look at every row, once


@pytest.mark.parametrize("what", EVERYTHING)
def test_nothing_is_sorted_in_memory_and_nothing_looked_for_in_every_row(plans, what):
    for statement, plan in plans(EVERYTHING[what]).items():
        assert not any("TEMP B-TREE" in step for step in plan), (statement, plan)
        if what not in COUNTED:
            large = ("SCAN files", "SCAN writes", "SCAN scores")
            assert not any(step.startswith(large) for step in plan), (statement, plan)


def test_what_a_new_file_resembles_is_found_as_fast_among_many(path):
    """An OR over columns took 15 ms among 100,000 files."""

    def seconds(count: int) -> float:
        with Journal(path) as journal:
            run = begin(journal)
            have = sum(journal.tally()[0].values())
            for number in range(have, count):
                identity = Identity(1000 + number, number, number + 1)
                put(journal, f"/{number}", run, digest=f"{number}-1", identity=identity)
            started = time.process_time()
            for number in range(500):
                journal.resemble("/new", Identity(1, 10**9 + number, 10**9 + number), KEY)
            return time.process_time() - started

    assert seconds(3000) < 3 * seconds(30) + 0.05


def test_files_of_one_size_and_time_are_not_all_looked_at(path):
    with Journal(path) as journal:
        run = begin(journal)
        for number in range(300):
            put(journal, f"/{number}", run, digest=f"{number}-1", identity=Identity(5, 6, 0))
        assert 1 <= len(journal.resemble("/new", Identity(5, 6, 0), KEY)) <= 17


def test_a_tagged_track_takes_less_than_3_kb(path):
    """With the default model's 50 scores, its embedding of 800 bytes and a LEANTAG."""
    dice = random.Random(0)
    count = 1000
    said = (
        '{"lean-tag":"0.1.0","model":"msd-musicnn","identity":"12a1defc2fd6d257",'
        '"pool":"logit-mean","hop":187,"audio":"%s-44100","windows":80,"seconds":240.%d,'
        '"uint16":"%s","wrote":{"genre":["Rock"]},"over":{}}'
    )
    with Journal(path) as journal:
        run = begin(journal)
        for number in range(count):
            name = f"/music/{'an artist':20}/{'an album':30}/{number:05d} {'a title':20}.flac"
            digest, scores = dice.randbytes(16).hex(), base64.b64encode(dice.randbytes(100))
            fields = {
                "genre": ("Rock",),
                "leantag": (said % (digest, dice.randrange(999), scores.decode()),),
            }
            identity = Identity(
                dice.randrange(10**8), dice.randrange(10**18), dice.randrange(10**8)
            )
            write = journal.intend(name, run=run, identity=identity, previous={}, written=fields)
            journal.settle(write, "done")
            put(
                journal,
                name,
                run,
                digest=digest,
                values=quantised(dice.random() for _ in range(50)),
                embedding=dice.randbytes(800),
                fields=fields,
                identity=identity,
                track=TrackInfo(
                    artist="An artist", album="An album", albumartist="An artist", year="1999",
                    title="A title of a song",
                ),
            )  # fmt: skip
        assert next(journal.writes()).written == next(journal.files([], KEY)).heard.fields
    assert path.stat().st_size < 3000 * count


# What waits for a commit


def seen_by_others(path: Path) -> tuple[set[str], dict[str, str]]:
    with Journal(path, locked=False) as other:
        return {it.path for it in other.files([], KEY)}, {
            it.path: it.state for it in other.writes(states=("intent", "done", "failed", "undone"))
        }


def test_what_was_heard_waits_for_the_next_write_and_no_write_waits(path):
    with Journal(path) as journal:
        run = begin(journal)
        put(journal, "/a", run)
        assert journal.recall("/a", KEY) is not None
        assert seen_by_others(path) == (set(), {})
        number = journal.intend("/b", run=run, identity=IDENTITY, previous={}, written={})
        assert seen_by_others(path) == ({"/a"}, {"/b": "intent"})
        journal.settle(number, "done")
        put(journal, "/b", run)
        assert seen_by_others(path) == ({"/a"}, {"/b": "intent"})
        journal.end_run(run, counts={}, ending="done")
        assert seen_by_others(path) == ({"/a", "/b"}, {"/b": "done"})
        put(journal, "/c", run)
    assert seen_by_others(path)[0] == {"/a", "/b", "/c"}


def test_what_was_heard_waits_for_few_files_and_some_seconds(path, monkeypatch):
    with Journal(path) as journal:
        run = begin(journal)
        for number in range(100):
            put(journal, f"/{number:03}", run)
        assert len(seen_by_others(path)[0]) >= 100 - database.MOST_WAITING
        journal.end_run(run, counts={}, ending="done")
        put(journal, "/x", run)
        monkeypatch.setattr(database, "WAIT_SECONDS", -1.0)
        journal.commit_old()
        assert len(seen_by_others(path)[0]) == 101


def test_a_change_that_fails_leaves_those_that_wait(path):
    with Journal(path) as journal:
        run = begin(journal)
        put(journal, "/a", run)

        def fail() -> None:
            with journal._database.change(may_wait=True) as connection:
                connection.execute("DELETE FROM files")
                raise ValueError("bad")

        with pytest.raises(ValueError, match="bad"):
            fail()
    assert seen_by_others(path)[0] == {"/a"}


# Which writes stand


def test_what_was_meant_does_not_count_where_the_same_run_did_it_later(path):
    def states(journal: Journal) -> list[tuple[str, str]]:
        return [(it.path, it.state) for it in journal.writes()]

    with Journal(path) as journal:
        run = begin(journal)
        for name in ("/a", "/a", "/b"):
            number = journal.intend(name, run=run, identity=IDENTITY, previous={}, written={})
        assert states(journal) == [("/a", "intent"), ("/a", "intent"), ("/b", "intent")]
        journal.settle(number - 1, "done")
        assert states(journal) == [("/a", "done"), ("/b", "intent")]
        assert journal.count_writes({"tag"}) == 2
        assert journal.count_writes({"undo"}) == 0
        journal.settle(number - 1, "undone")
        journal.settle(number - 2, "failed")
        assert journal.count_writes({"tag"}) == 1
        assert journal.last_run_that_wrote({"tag"}, under=["/b"]) == run
        assert journal.last_run_that_wrote({"tag"}, under=["/a"]) is None


def test_writes_come_file_by_file_however_many_there_are(path):
    dice = random.Random(3)
    with Journal(path) as journal:
        run = begin(journal)
        names = [f"/{dice.choice('aab')}/{dice.randrange(30):02}" for _ in range(200)]
        names += ["/a/one"] * 150
        dice.shuffle(names)
        numbers = {}
        for name in names:
            number = journal.intend(name, run=run, identity=IDENTITY, previous={}, written={})
            numbers.setdefault(name, []).insert(0, number)
        expected = [(name, number) for name in sorted(numbers) for number in numbers[name]]
        assert [(it.path, it.id) for it in journal.writes()] == expected
        assert [(it.path, it.id) for it in journal.writes(run=run)] == expected
        # Folders that are named twice, or in one another, are gone through once.
        under = ["/a", "/b/01", "/a/one", "/b", "/b"]
        assert [(it.path, it.id) for it in journal.writes(under=under)] == expected
