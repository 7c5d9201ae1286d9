"""A damaged journal heals: whatever page of it is lost, all else is kept."""

import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from test_journal import IDENTITY, KEY, begin, heard
from thinned import thinned

from lean_tagger.errors import StateError
from lean_tagger.jobs import Identity, quantised
from lean_tagger.store import exchange, salvage, schema
from lean_tagger.store.journal import Journal
from lean_tagger.store.pages import Pages

PAGE_BYTES = 4096
FEW_ROWS = 300
SCORES = quantised(number / 50 for number in range(50))
TEXT = (
    '{"lean-tag":"0.1.0","model":"msd-musicnn","audio":"%d","wrote":{"genre":["Rock"]},"over":{}}'
)


def fill(path: Path, rows: int) -> None:
    """Put so many tagged files on record."""
    dice = random.Random(1)
    with Journal(path) as journal:
        run = begin(journal)
        for number in range(rows):
            name = f"/music/artist {number // 60:04d}/album {number // 12:05d}/{number:06d}.mp3"
            fields = {"genre": ("Rock",), "leantag": (TEXT % number,)}
            it = heard(
                identity=Identity(1000 + number, 10**18 + number, number + 1),
                digest=f"{dice.randbytes(16).hex()}-44100",
                values=SCORES,
                embedding=dice.randbytes(800),
                fields=fields,
            )
            # As `intend` does, without waiting for the disk each time.
            with journal._database.change(may_wait=True):
                write = journal._database.connection
                write.execute(
                    "INSERT INTO writes (run, path, state, at, size, mtime_ns, inode, previous,"
                    " written, digest) VALUES (?,?,'done',?,1,2,3,'{}',?,?)",
                    (
                        run,
                        name.encode(),
                        float(number),
                        f'{{"leantag": ["{dice.randbytes(99).hex()}"]}}',
                        it.digest,
                    ),
                )
            journal.record(name, run=run, key=KEY, identity=it.identity, status="tagged", heard=it)
        journal.end_run(run, counts={"tagged": rows}, ending="done")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return what gives a journal of so many rows, made once."""
    folder = tmp_path_factory.mktemp("large")

    def made(rows: int) -> Path:
        path = folder / str(rows)
        if not path.exists():
            fill(path, rows)
        return path

    return made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "journal"
    fill(path, FEW_ROWS)
    return path


def pages_of(path: Path) -> dict[str, list[int]]:
    """Return the pages of each table and index, the root first, by following the trees."""
    data = path.read_bytes()
    with closing(sqlite3.connect(path)) as journal:
        roots = journal.execute(
            "SELECT name, rootpage FROM sqlite_schema WHERE rootpage"
        ).fetchall()

    def below(page: int) -> list[int]:
        start = (page - 1) * PAGE_BYTES
        if data[start] not in (2, 5):  # interior pages of an index and of a table
            return [page]
        count = int.from_bytes(data[start + 3 : start + 5], "big")
        cells = [
            int.from_bytes(data[start + 12 + 2 * n : start + 14 + 2 * n], "big")
            for n in range(count)
        ]
        places = [*(start + cell for cell in cells), start + 8]
        children = [int.from_bytes(data[at : at + 4], "big") for at in places]
        return [page, *(it for child in children for it in below(child))]

    return {"schema": [1], **{name: below(root) for name, root in roots}}


def overwrite(path: Path, page: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(content)


def counts(journal: Journal) -> dict[str, int]:
    def count(table: str) -> int:
        ((number,),) = journal._database.rows(f"SELECT count(*) FROM {table}")
        return int(number)

    return {table: count(table) for table in ("files", "scores", "writes")}


def use(path: Path, said: list[str]) -> dict[str, int]:
    """Do with a journal what commands do, until none of them meets damage; return its counts."""
    for _ in range(3):
        try:
            with Journal(path, notice=said.append) as journal:
                run = begin(journal)
                journal.tally()
                journal.resemble("/new", IDENTITY, KEY)
                number = journal.intend("/n", run=run, identity=IDENTITY, previous={}, written={})
                journal.settle(number, "failed")
                list(journal.writes(run=run, states=("failed",)))
                heards = [it.heard for it in journal.files(["/music"], KEY)]
                assert all(it is None or it.values == SCORES for it in heards)
                return {
                    "files": len(heards),
                    "scores": counts(journal)["scores"],
                    "writes": sum(1 for _ in journal.writes()),
                }
        except StateError as error:
            assert "damaged" in str(error)  # noqa: PT017 - the next run mends it
    pytest.fail("it is damaged for ever")


def damaged(journal: Path, folder: Path, pages: list[int], seed: int = 0) -> Path:
    """Return a copy in which these pages are noise, as after its run came to its end."""
    path = folder / "journal"
    shutil.copyfile(journal, path)
    for page in pages:
        overwrite(path, page, random.Random(f"{seed} {page}").randbytes(PAGE_BYTES))
    (folder / "journal.lock").touch()
    return path


TREES = ("schema", "files", "scores", "writes", "keys", "runs", "models")


@pytest.mark.parametrize("rows", [3000, pytest.param(20_000, marks=pytest.mark.slow)])
@thinned(
    "tree",
    [
        *TREES,
        *("files_by_inode", "files_by_time", "files_by_digest", "files_by_status", "failed_files"),
        *("writes_by_path", "writes_by_run", "writes_by_digest"),
        *("sqlite_autoindex_files_1", "sqlite_autoindex_scores_1", "sqlite_autoindex_keys_1"),
    ],
    fast=1,
)
def test_one_page_of_any_table_or_index_costs_less_than_one_row_in_a_hundred(
    large: Callable[[int], Path], tmp_path: Path, tree: str, rows: int
) -> None:
    whole = large(rows)
    pages = pages_of(whole)[tree]
    for page in {pages[0], pages[len(pages) // 2]}:  # the root, and a leaf where there are more
        folder = tmp_path / str(page)
        folder.mkdir()
        said: list[str] = []
        found = use(damaged(whole, folder, [page]), said)
        assert min(found.values()) >= 0.99 * rows, found
        assert len(said) <= 1
        if said:
            (aside,) = folder.glob("journal.damaged-*")
            assert str(aside) in said[0]
            assert aside.stat().st_size == whole.stat().st_size


@thinned("seed", range(25), fast=8)
def test_noise_in_any_pages_is_no_traceback_and_costs_only_what_stood_there(
    small: Path, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    count = small.stat().st_size // PAGE_BYTES
    pages = dice.sample(range(1, count + 1), dice.choice([1, 1, 2, 5]))
    found = use(damaged(small, tmp_path, pages, seed), [])
    # A page has 4 rows of scores, 25 files or some 12 writes.
    assert found["scores"] >= FEW_ROWS - 4 * len(pages)
    assert found["files"] >= FEW_ROWS - 25 * len(pages)
    assert found["writes"] >= FEW_ROWS - 16 * len(pages)


@thinned("seed", range(25), fast=8)
def test_bytes_that_changed_anywhere_are_no_traceback(
    small: Path, tmp_path: Path, seed: int
) -> None:
    """Not whole pages: rows that still look like some."""
    path = damaged(small, tmp_path, [])
    dice = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(200):
        data[dice.randrange(100, len(data))] = dice.randrange(256)
    path.write_bytes(data)
    said: list[str] = []
    try:
        with Journal(path, notice=said.append) as journal:
            list(journal.files([], KEY))
            list(journal.writes())
    except StateError as error:
        assert "damaged" in str(error)  # noqa: PT017 - healed below
        with Journal(path, notice=said.append) as journal:
            list(journal.files([], KEY))
            list(journal.writes())
            assert counts(journal)["writes"] > FEW_ROWS / 3
        assert len(said) == 1


def test_what_only_reads_says_so_in_a_sentence_and_the_next_run_mends_it(
    small: Path, tmp_path: Path
) -> None:
    path = damaged(small, tmp_path, pages_of(small)["files"][1:2])
    said: list[str] = []
    with (
        pytest.raises(StateError, match=r"is damaged .*; the next run saves what can"),
        Journal(path, locked=False) as journal,
    ):
        list(journal.files([], KEY))
    with Journal(path, notice=said.append) as journal:
        assert counts(journal)["writes"] == FEW_ROWS
        assert re.search(rf"{counts(journal)['files']} files and {FEW_ROWS} writes", said[0])


def test_a_damaged_journal_that_is_merged_is_not_taken_for_this_one(
    small: Path, tmp_path: Path
) -> None:
    other = damaged(small, tmp_path, pages_of(small)["scores"][:1])
    said: list[str] = []
    with Journal(tmp_path / "ours") as journal:
        begin(journal)
        with pytest.raises(StateError, match=rf"{other} is damaged .* and was not merged"):
            exchange.merge(journal, other)
        assert len(journal.runs()) == 1
    with Journal(other, notice=said.append):
        assert len(said) == 1
    with Journal(tmp_path / "ours", notice=said.append) as journal:
        assert exchange.merge(journal, other) >= 0.9 * FEW_ROWS
    assert len(said) == 1


def test_a_journal_that_was_emptied_says_so_once(small: Path, tmp_path: Path) -> None:
    """As a file system leaves it when the power fails."""
    path = damaged(small, tmp_path, [])
    path.write_bytes(b"")
    with pytest.raises(StateError, match="no journal yet"):
        Journal(path, locked=False)
    said: list[str] = []
    for _ in range(2):
        with Journal(path, notice=said.append) as journal:
            begin(journal)
    assert len(said) == 1
    assert "was empty; it starts again from what lean-tag left in the files" in said[0]


@pytest.mark.parametrize("main", ["empty", "gone"])
@pytest.mark.parametrize("log", ["all of it", "the newest rows", "noise"])
def test_what_only_the_log_has_is_kept(tmp_path: Path, main: str, log: str) -> None:
    """SQLite deletes the log of a journal that is empty or gone."""
    path = tmp_path / "b" / "journal"
    path.parent.mkdir()
    with Journal(tmp_path / "a") as journal:
        run = begin(journal)
        for number in range(40):
            if number == 20 and log == "the newest rows":
                journal._database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            journal.intend(
                f"/m/{number}", run=run, identity=IDENTITY, previous={}, written={"genre": ("R",)}
            )
        shutil.copy(tmp_path / "a-wal", tmp_path / "b" / "journal-wal")
    if log == "noise":
        (tmp_path / "b" / "journal-wal").write_bytes(random.Random(1).randbytes(9999))
    if main == "empty":
        path.touch()
    said: list[str] = []
    for _ in range(2):
        with Journal(path, notice=said.append) as journal:
            writes = {it.path for it in journal.writes()}
        assert len(said) == 1
    wanted = {"all of it": 0, "the newest rows": 20, "noise": 40}[log]
    assert writes >= {f"/m/{number}" for number in range(wanted, 40)}
    assert "the journal was damaged" in said[0]


def test_an_empty_file_is_no_damage_to_a_first_run(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "journal").touch()
    with Journal(tmp_path / "journal", notice=said.append) as journal:
        begin(journal)
    assert said == []


def test_a_write_of_which_the_run_is_lost_can_be_taken_back(small: Path, tmp_path: Path) -> None:
    path = damaged(small, tmp_path, pages_of(small)["runs"])
    (tmp_path / "journal.lock").write_text("{}")  # as a killed run leaves it
    with Journal(path) as journal:
        assert journal.last_run_that_wrote({"tag"}, under=[]) == 1
        assert len(list(journal.writes(run=1))) == FEW_ROWS


@pytest.mark.parametrize("page", ["schema", "files", "writes", "scores"])
def test_a_journal_of_0_1_0_heals_too(tmp_path: Path, page: str) -> None:
    golden = Path(__file__).parents[1] / "golden" / "v0.1.0" / "journal.sqlite3"
    before = Journal(shutil.copyfile(golden, tmp_path / "whole"))
    whole = counts(before)
    before.close()
    pages = pages_of(golden)[page]
    path = damaged(golden, tmp_path, [pages[len(pages) // 2]])
    (tmp_path / "journal.lock").write_text("{}")
    said: list[str] = []
    with Journal(path, notice=said.append) as journal:
        found = counts(journal)
    assert len(said) == 1
    # Those in other pages are all there.
    assert all(found[table] >= whole[table] - 8 for table in whole), found
    assert {table for table in whole if found[table] < whole[table]} <= {page}


def test_what_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    fill(path, FEW_ROWS)
    with closing(sqlite3.connect(path)) as journal:
        journal.execute("DELETE FROM files WHERE path < '/music/artist 0003'")
        journal.execute("DELETE FROM files WHERE rowid < 200")
        journal.commit()
        (left,) = journal.execute("SELECT count(*) FROM files").fetchone()
    assert 0 < left < 150
    (tmp_path / "journal.lock").write_text('{"damaged": true}')
    with Journal(path) as journal:
        assert counts(journal)["files"] == left


def test_a_disk_without_room_leaves_the_damaged_journal_where_it_is(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = damaged(small, tmp_path, [1])
    before = path.read_bytes()
    full = ("PRAGMA max_page_count = 20",)
    monkeypatch.setattr(
        salvage, "MIGRATIONS", (*schema.MIGRATIONS[:-1], (*schema.MIGRATIONS[-1], *full))
    )
    with pytest.raises(StateError, match=r"cannot be repaired: .*full"):
        Journal(path)
    assert path.read_bytes() == before
    assert sorted(it.name for it in tmp_path.iterdir()) == ["journal", "journal.lock"]
    monkeypatch.undo()
    with Journal(path) as journal:
        assert counts(journal)["writes"] == FEW_ROWS


@pytest.mark.parametrize("page_bytes", [512, 1024, 4096, 65536])
def test_rows_are_read_as_sqlite_reads_them(tmp_path: Path, page_bytes: int) -> None:
    dice = random.Random(page_bytes)
    values = [
        None, 0, 1, -1, 127, 128, -32768, 2**23, -(2**31), 2**40, 2**62, -(2**63), 0.5, -1e300,
        "", "a", "ä" * 40, dice.randbytes(3), dice.randbytes(page_bytes * 3), "x" * page_bytes,
    ]  # fmt: skip
    rows = [tuple(dice.choice(values) for _ in range(7)) for _ in range(300)]
    with closing(sqlite3.connect(tmp_path / "db")) as made:
        made.execute(f"PRAGMA page_size = {page_bytes}")
        made.execute("CREATE TABLE t (a, b, c, d, e, f, g)")
        made.executemany("INSERT INTO t VALUES (?,?,?,?,?,?,?)", rows)
        made.execute("CREATE TABLE u (k BLOB PRIMARY KEY, a) WITHOUT ROWID")
        made.executemany(
            "INSERT INTO u VALUES (?,?)",
            [(dice.randbytes(9), dice.randbytes(page_bytes)) for _ in range(50)],
        )
        made.commit()
        expected = dict(
            made.execute("SELECT rowid, * FROM t").fetchall()
            and [(row[0], row[1:]) for row in made.execute("SELECT rowid, * FROM t")]
        )
        others = set(made.execute("SELECT * FROM u"))
    with (tmp_path / "db").open("rb") as file:
        found = list(Pages(file).rows())
    assert {it.rowid: it.values for it in found if len(it.values) == 7} == expected
    assert {it.values for it in found if it.rowid is None and len(it.values) == 2} == others
