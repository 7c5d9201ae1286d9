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
        values=(0.25, number / 100),
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
