"""A file that failed is set aside for as long as nothing changes on which that may depend."""

import shutil
import time
from pathlib import Path

import pytest
from command import Run
from conftest import DATA

from lean_tagger.decide.decider import Decider
from lean_tagger.jobs import Identity
from lean_tagger.settings import Settings
from lean_tagger.store import location
from lean_tagger.store.journal import Journal, Key
from lean_tagger.store.judge import TRIES


def fail(song: Path, *, kind: str) -> None:
    """Put on record that a file failed as often as it is tried."""
    (asked,) = Decider.of(Settings()).asked
    key = Key(model=asked.card.identity, pooling=asked.pooling)
    time.sleep(0.05)  # the kernel notes the times of files by a clock of its own
    with Journal(location.default_path()) as journal:
        run = journal.begin_run("tag", version="0", model="", options={"decoder": "auto"})
        for _ in range(TRIES):
            identity = Identity.of(song.stat())
            journal.record(
                str(song),
                run=run,
                key=key,
                identity=identity,
                status="failed",
                kind=kind,
                message="wrong",
            )


@pytest.mark.slow
def test_what_one_decoder_refused_is_tried_with_another(tmp_path: Path) -> None:
    song = Path(shutil.copy(DATA / "celtic.m4a", tmp_path))
    assert Run("-n", "--decoder", "soundfile", song).statuses() == {song.name: "failed"}
    assert Run("-n", "--decoder", "soundfile", song).statuses() == {song.name: "skipped"}
    assert Run("-n", "--decoder", "ffmpeg", song).results[song.name]["windows"] > 0


def test_a_permission_that_was_given_since_is_noticed(tmp_path: Path) -> None:
    song = Path(shutil.copy(DATA / "farm.wav", tmp_path))
    fail(song, kind="unreadable")
    assert Run("-n", song).error(song.name)[0] == "set-aside"
    song.chmod(0o640)
    assert Run("-n", song).statuses() == {song.name: "would_tag"}


def test_a_permission_changes_nothing_about_damaged_audio(tmp_path: Path) -> None:
    song = Path(shutil.copy(DATA / "farm.wav", tmp_path))
    fail(song, kind="decode")
    song.chmod(0o640)
    assert Run("-n", song).error(song.name)[0] == "set-aside"
