"""Decoding ahead: the same blocks, errors and results, and no thread left behind."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import CLIPS, DATA
from hypothesis import given
from hypothesis import strategies as st
from pace import comes_true

from lean_tagger import Tagger
from lean_tagger.errors import DecodeError
from lean_tagger.listen.read_ahead import DEPTH, ahead


def decoders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "decoder"]


def counting(most: int, seen: list[int] | None = None) -> Iterator[tuple[int, memoryview]]:
    for number in range(most):
        if seen is not None:
            seen.append(number)
        yield 8000 + number, np.full(4, number, np.float32).data


@given(lengths=st.lists(st.integers(0, 16), max_size=40))
def test_blocks_come_in_order_and_whole(lengths: list[int]) -> None:
    sent = [
        (rate, np.random.default_rng(rate).standard_normal(length, np.float32))
        for rate, length in enumerate(lengths)
    ]
    blocks = ahead(((rate, samples.data) for rate, samples in sent), block_samples=16)
    got = [(rate, bytes(block)) for rate, block in blocks]
    assert got == [(rate, samples.tobytes()) for rate, samples in sent]
    assert decoders() == []


def test_an_error_comes_behind_what_was_good_before_it() -> None:
    def broken() -> Iterator[tuple[int, memoryview]]:
        yield from counting(3)
        raise DecodeError("a.mp3", "no more")

    blocks = ahead(broken(), block_samples=4)
    assert [next(blocks)[0] for _ in range(3)] == [8000, 8001, 8002]
    with pytest.raises(DecodeError, match="no more"):
        next(blocks)
    assert decoders() == []


def test_it_stays_a_few_blocks_ahead_and_ends_when_nobody_listens() -> None:
    seen: list[int] = []
    blocks = ahead(counting(1000, seen), block_samples=4)
    _, first = next(blocks)
    assert comes_true(lambda: len(seen) == DEPTH + 1, within=10)
    time.sleep(0.05)
    assert len(seen) == DEPTH + 1  # one of them waits for a buffer
    assert list(first) == [0, 0, 0, 0]  # nobody writes into what we hold
    blocks.close()
    assert decoders() == []


@pytest.mark.parametrize("clip", CLIPS)
def test_scores_are_the_same_to_the_last_bit(clip: str) -> None:
    one, two = Tagger(), Tagger(threads=2)
    assert (one.listener.decodes_ahead, two.listener.decodes_ahead) == (False, True)
    before, after = one.score(DATA / clip), two.score(DATA / clip)
    assert after.values.tobytes() == before.values.tobytes()
    assert (after.digest, after.seconds) == (before.digest, before.seconds)
    assert decoders() == []


def test_a_file_that_is_given_up_leaves_no_thread_and_the_next_one_is_heard(
    tmp_path: Path,
) -> None:
    def give_up(path: str, _: object) -> None:
        if path.endswith("skyvibe.mp3"):
            raise MemoryError("enough")

    tagger = Tagger(threads=2, on_window=give_up)
    with pytest.raises(MemoryError, match="enough"):
        tagger.score(DATA / "skyvibe.mp3")
    assert decoders() == []
    damaged = tmp_path / "damaged.mp3"
    damaged.write_bytes(b"no music" * 100)
    with pytest.raises(DecodeError):
        tagger.score(damaged)
    assert decoders() == []
    assert tagger.score(DATA / "lava.opus").n_windows == 6
