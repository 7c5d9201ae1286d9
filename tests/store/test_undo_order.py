"""Undo of writes into one file that are not taken back in the order in which they happened."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import DATA
from thinned import thinned

from lean_tagger import write
from lean_tagger.cli.main import main
from lean_tagger.jobs import Identity
from lean_tagger.listen.decode import fingerprint
from lean_tagger.store.journal import Journal


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = Path(shutil.copy(DATA / "west.flac", tmp_path))
    write.write(str(path), {"genre": ("Tango",)}, fingerprint=fingerprint)
    return path


def genre(song: Path) -> str:
    return "; ".join(write.read(str(song)).get("genre", ()))


def tag(song: Path, to: str, state: Path, name: Path | None = None) -> None:
    """Write a genre as a run does that knows the file by this name."""
    written = {"genre": (to,)}
    with Journal(state) as journal:
        run = journal.begin_run("tag", version="1", model="tiny", options={})
        number = journal.intend(
            str(name or song),
            run=run,
            identity=Identity.at(str(song)),
            previous={"genre": (genre(song),)},
            written=written,
            digest=fingerprint(str(song)),
        )
        write.write(str(song), written, fingerprint=fingerprint)
        journal.settle(number, "done")
        journal.end_run(run, counts={"tagged": 1}, ending="done")


def do(state: Path, *arguments: str | Path) -> None:
    assert main([*map(str, arguments), "--state", str(state)]) == 0


@thinned("genres", [("Rock", "Pop"), ("Rock", "Tango"), ("Rock", "Pop", "Rock")], fast=1)
def test_a_run_under_later_ones_is_undone_in_what_they_restore(
    song: Path, tmp_path: Path, genres: Sequence[str]
) -> None:
    state = tmp_path / "journal"
    for it in genres:
        tag(song, it, state)
    do(state, "undo", "--run", "1")
    assert genre(song) in (genres[-1], "Tango")
    for _ in genres[1:]:
        do(state, "undo")
    assert genre(song) == "Tango"
    with Journal(state, locked=False) as journal:
        assert list(journal.writes(run=1)) == []


@pytest.mark.slow
def test_what_somebody_wrote_between_two_runs_is_restored_by_the_second(
    song: Path, tmp_path: Path
) -> None:
    state = tmp_path / "journal"
    tag(song, "Rock", state)
    write.write(str(song), {"genre": ("Polka",)}, fingerprint=fingerprint)
    tag(song, "Pop", state)
    do(state, "undo", "--run", "1")
    assert genre(song) == "Pop"
    do(state, "undo")
    assert genre(song) == "Polka"


@pytest.mark.slow
def test_redo_under_a_later_run_does_not_change_what_that_restores(
    song: Path, tmp_path: Path
) -> None:
    state = tmp_path / "journal"
    tag(song, "Rock", state)
    do(state, "undo")
    tag(song, "Pop", state)
    do(state, "redo")
    do(state, "undo", "--all")
    assert genre(song) == "Tango"


@thinned("undo", [("undo --all",), ("undo", "undo"), ("undo --run 1", "undo")], fast=1)
@thinned("name", ["", "mnt/west.flac"], fast=1)
def test_writes_of_another_machine_into_the_same_file_come_before_if_they_were(
    song: Path, tmp_path: Path, name: str, undo: Sequence[str]
) -> None:
    """Both see one disk, perhaps under two names."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    tag(song, "Rock", theirs, tmp_path / name if name else None)
    tag(song, "Pop", ours)
    do(ours, "merge", theirs)
    for it in undo:
        do(ours, *it.split(), song)
    assert genre(song) == "Tango"
