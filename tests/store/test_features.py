"""What was heard is read in blocks, once for each audio, where every model asked heard it."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lean_tagger.errors import StateError
from lean_tagger.jobs import Heard, Identity, Pooling
from lean_tagger.store.features import Features
from lean_tagger.store.journal import Journal, Key

FIRST = Key(model="a" * 64, pooling=Pooling(pool="mean", hop=1))
SECOND = Key(model="b" * 64, pooling=Pooling(pool="mean", hop=1))


def heard(number: int, *, embedding: bytes | None = None) -> Heard:
    return Heard(
        identity=Identity(1, number, number),
        digest=f"digest {number}",
        values=(0.25, number / 1000),
        embedding=number.to_bytes(4, "little") if embedding is None else embedding,
        windows=1,
        seconds=3.0,
        seconds_skipped=0.0,
        repeated=False,
        fields={},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite3"
    with Journal(path) as journal:
        run = journal.begin_run("tag", version="", model="", options={})
        for number in range(7):
            both = replace(heard(number), others=(heard(number, embedding=b"\1\2\3\4"),))
            only_first = number == 3
            for name in ("one", "copy") if number == 5 else ("one",):
                journal.record(
                    f"/music/{name} {number}",
                    identity=Identity(1, number, number),
                    status="tagged",
                    run=run,
                    key=FIRST,
                    other_keys=() if only_first else (SECOND,),
                    heard=heard(number) if only_first else both,
                )
        journal.end_run(run, counts={}, ending="done")
    return path


def test_every_track_that_all_models_heard_comes_once(path: Path) -> None:
    with Features(path) as features:
        assert features.keys() == [FIRST, SECOND]
        rows = [row for block in features.blocks([FIRST, SECOND]) for row in block]
        alone = [row for block in features.blocks([FIRST]) for row in block]
    assert rows == [
        (f"digest {n}", n.to_bytes(4, "little"), b"\1\2\3\4") for n in (0, 1, 2, 4, 5, 6)
    ]
    assert [digest for digest, _ in alone] == [f"digest {n}" for n in range(7)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # only read
@given(size=st.integers(1, 10))
def test_blocks_hold_no_more_than_asked(size: int, path: Path) -> None:
    with Features(path) as features:
        blocks = list(features.blocks([FIRST], size=size))
    assert [len(block) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert sum(map(len, blocks)) == 7


def test_a_model_that_heard_nothing_has_no_blocks(path: Path) -> None:
    unknown = Key(model="c" * 64, pooling=Pooling(pool="mean", hop=1))
    with Features(path) as features:
        assert list(features.blocks([FIRST, unknown])) == []


def test_a_missing_journal_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no journal yet"):
        Features(tmp_path / "nothing.sqlite3")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.lists(st.integers(0, 30), unique=True),
    second=st.lists(st.integers(0, 30), unique=True),
    together=st.lists(st.integers(31, 60), unique=True),
    empty=st.sets(st.integers(0, 60)),
    size=st.integers(1, 9),
)
def test_side_by_side_finds_every_pair_however_they_were_heard(
    first: list[int],
    second: list[int],
    together: list[int],
    empty: set[int],
    size: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """In two runs, in one run, by one model only, or without an embedding."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    kept: dict[int, list[bytes | None]] = {}
    with Journal(path) as journal:
        journal._database.connection.execute("PRAGMA synchronous = OFF")
        run = journal.begin_run("tag", version="", model="", options={})
        for numbers, keys in ((first, [FIRST]), (second, [SECOND]), (together, [FIRST, SECOND])):
            for number in numbers:
                each = [
                    heard(number, embedding=b"" if number in empty and key == FIRST else None)
                    for key in keys
                ]
                journal.record(
                    f"/music/{number}",
                    identity=Identity(1, number, number),
                    status="tagged",
                    run=run,
                    key=keys[0],
                    other_keys=keys[1:],
                    heard=replace(each[0], others=tuple(each[1:])),
                )
                row = kept.setdefault(number, [None, None])
                for key, it in zip(keys, each, strict=True):
                    row[(FIRST, SECOND).index(key)] = it.embedding or None
    expected = {f"digest {n}": tuple(row) for n, row in kept.items() if any(row)}
    with Features(path) as features:
        blocks = list(features.side_by_side([FIRST, SECOND], size=size))
    assert max(map(len, blocks), default=0) <= size
    rows = [row for block in blocks for row in block]
    found = {digest: tuple(it or None for it in each) for digest, _, *each in rows}
    assert found == expected
    assert len(rows) == len(expected)


def test_a_sample_is_all_of_a_small_journal_and_evenly_some_of_a_large_one(path: Path) -> None:
    with Features(path) as features:
        rows = [row for block in features.sample(FIRST) for row in block]
        assert [embedding for embedding, _ in rows] == [n.to_bytes(4, "little") for n in range(7)]
        assert next(row for block in features.sample(SECOND) for row in block)[0] == b"\1\2\3\4"


def test_a_sample_of_a_large_journal_is_taken_from_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with Journal(path) as journal:
        journal._database.connection.execute("PRAGMA synchronous = OFF")
        run = journal.begin_run("tag", version="", model="", options={})
        for number in range(1000):
            journal.record(
                f"/music/{number}", identity=Identity(1, number, number), status="tagged",
                run=run, key=FIRST, heard=heard(number),
            )  # fmt: skip
    with Features(path) as features:
        rows = [row for block in features.sample(FIRST, most=256) for row in block]
        again = [row for block in features.sample(FIRST, most=256) for row in block]
    numbers = [int.from_bytes(embedding, "little") for embedding, _ in rows]
    assert rows == again
    assert len(set(numbers)) == len(numbers) == 256
    assert [sum(first <= n < first + 250 for n in numbers) for first in range(0, 1000, 250)] == [
        64
    ] * 4
