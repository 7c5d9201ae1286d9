"""A model from anywhere: refused in one sentence, under the limit, before any music is opened."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DATA
from hostilemodels import HOSTILE, endless, hostile
from pace import took_no_longer_than
from thinned import thinned
from tinymodel import make

from lean_tagger.card import load_card
from lean_tagger.errors import ConfigError, ModelError
from lean_tagger.jobs import Job
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lean_tagger", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[2],
    )


@thinned("name", HOSTILE, fast=3)
def test_a_hostile_model_ends_the_run_with_one_sentence_before_any_music(
    name: str, tmp_path: Path
) -> None:
    """Had music been opened, there would be a result on standard output."""
    card = hostile(tmp_path, name)
    done = command("--json", "-n", "--max-mem", "400M", "--model", card, DATA / "west.flac")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("lean-tag: ")
    assert done.stderr.count("\n") == 1
    assert HOSTILE[name][1] in done.stderr


def test_a_good_model_beside_them_is_none(tmp_path: Path) -> None:
    done = command("-n", "--max-mem", "400M", "--model", make(tmp_path), DATA / "west.flac")
    assert (done.returncode, done.stderr.count("tiny")) == (0, 1)


@pytest.mark.slow
def test_a_loop_without_end_is_ended_when_its_time_is_up(tmp_path: Path) -> None:
    card = make(tmp_path)
    endless(card)
    options = Settings(models=(str(card),), max_mem_bytes=1 << 29)
    runner = Supervisor(options, jobs=1, patience_seconds=60, start_seconds=2.0)
    started = time.monotonic()

    def music() -> Iterator[Job]:
        yield Job(str(DATA / "west.flac"), 0)

    with pytest.raises(ModelError, match=r"could not start: it took much too long"):
        list(runner.outcomes(music()))
    runner.close()
    assert took_no_longer_than(20, since=started)


@pytest.mark.parametrize("what", ["pipe", "folder", "device", "long", "none"])
def test_a_card_that_is_no_file_is_refused_without_waiting(what: str, tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    if what == "pipe":
        os.mkfifo(card)
    elif what == "folder":
        card.mkdir()
    elif what == "device":
        card.symlink_to("/dev/zero")
    elif what == "long":
        with card.open("wb") as file:
            file.truncate(1 << 40)
    with pytest.raises(ConfigError, match=r"model card"):
        load_card(str(card))
