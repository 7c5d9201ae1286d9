"""Undo of writes not in their order, or into audio of which another digest is on record."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import DATA
from encode import encode, music
from thinned import thinned

from lean_tagger import write
from lean_tagger.cli.main import main
from lean_tagger.jobs import Identity
from lean_tagger.listen.decode import fingerprint
from lean_tagger.listen.decode.parts import sampled_digest
from lean_tagger.store.journal import Journal
from lean_tagger.store.whereabouts import Place


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = Path(shutil.copy(DATA / "west.flac", tmp_path))
    write.write(str(path), {"genre": ("Tango",)}, fingerprint=fingerprint)
    return path


def genre(song: Path) -> str:
    return "; ".join(write.read(str(song)).get("genre", ()))


def part(song: Path) -> str:
    return sampled_digest(str(song), decoder="auto")


def whole(song: Path) -> str:
    return fingerprint(str(song))


def tag(
    song: Path,
    to: str,
    state: Path,
    name: Path | None = None,
    *,
    digest: Callable[[Path], str] = whole,
) -> None:
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
            digest=digest(song),
        )
        write.write(str(song), written, fingerprint=fingerprint)
        journal.settle(number, "done")
        journal.end_run(run, counts={"tagged": 1}, ending="done")


def do(state: Path, *arguments: str | Path, code: int = 0) -> None:
    assert main([*map(str, arguments), "--state", str(state)]) == code


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


@thinned("undo", [("undo --all",), ("undo", "undo")], fast=1)
@thinned("link", ["a link", "the link"], fast=1)
def test_a_file_that_was_written_under_two_names_is_restored_as_one(
    song: Path, tmp_path: Path, link: str, undo: Sequence[str]
) -> None:
    state = tmp_path / "journal"
    folder = tmp_path / "music"
    folder.mkdir()
    song = song.rename(folder / song.name)
    (tmp_path / link).symlink_to(folder)
    name = tmp_path / link / song.name
    tag(song, "Rock", state, name)
    see(name, state, whole)
    tag(song, "Pop", state)
    see(song, state, whole)
    for it in undo:
        do(state, *it.split())
    assert genre(song) == "Tango"


# Parts: what was written by a run with less than full effort, and examined by another


def see(song: Path, state: Path, digest: Callable[[Path], str]) -> None:
    """Put a file on record as a run does that only hears it."""
    with Journal(state) as journal:
        place = Place(
            path=str(song),
            identity=Identity.at(str(song)),
            digest=digest(song),
            fields=write.read(str(song)),
        )
        journal.whereabouts.note(place, run=1)


@thinned("written", [part, whole], fast=1)
def test_what_was_written_is_found_if_another_effort_has_seen_it_since(
    song: Path, tmp_path: Path, written: Callable[[Path], str]
) -> None:
    state = tmp_path / "journal"
    tag(song, "Rock", state, digest=written)
    song = song.rename(tmp_path / "it.flac")
    see(song, state, whole if written is part else part)
    do(state, "undo", tmp_path)
    assert genre(song) == "Tango"


@thinned("written", [part, whole], fast=1)
def test_another_file_that_another_effort_has_seen_is_not_restored(
    song: Path, tmp_path: Path, written: Callable[[Path], str]
) -> None:
    state = tmp_path / "journal"
    tag(song, "Rock", state, digest=written)
    encode(song, music(5, 44100, seed=3), 44100, "flac")
    write.write(str(song), {"genre": ("Rock",)}, fingerprint=fingerprint)
    see(song, state, whole if written is part else part)
    do(state, "undo", code=1)
    assert genre(song) == "Rock"
