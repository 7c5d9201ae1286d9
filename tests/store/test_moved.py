"""Writes belong to the audio: they are found under whatever name the file has now.

Each way in which a file gets another name, by each command that looks for its writes, with real
files and through the command line.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import pytest
import tinymodel
from command import ROOT, Run
from conftest import DATA
from encode import encode, music
from thinned import thinned

from lean_tagger import write
from lean_tagger.cli.main import main
from lean_tagger.listen.decode import fingerprint
from lean_tagger.store.journal import Journal

Fields = dict[str, tuple[str, ...]]
CLIPS = ("west.flac", "skyvibe.mp3", "celtic.m4a")
BEFORE: dict[str, Fields] = {
    "west.flac": {"genre": ("Tango",)},
    "skyvibe.mp3": {},
    "celtic.m4a": {},
}


class Library:
    """A folder of music that was tagged, its journal, and where the files are now."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.old, self.new = folder, folder / "old", folder / "new"
        self.state = folder / "journal.sqlite3"
        self.old.mkdir()
        self.model = tinymodel.make(folder)
        self.now: dict[str, Path] = {}
        for clip in CLIPS:
            self.now[clip] = self.old / clip
            shutil.copy(DATA / clip, self.old)
            if BEFORE[clip]:
                write.write(str(self.now[clip]), BEFORE[clip], fingerprint=fingerprint)

    def run(self, *arguments: str | Path) -> Run:
        return Run(*arguments, "--jobs", "1", "--state", self.state)  # three files: one worker

    def tag(self, *arguments: str | Path) -> Run:
        usual = ("--overwrite", "--min-score", "0", "--max-tags", "2")
        return self.run(*(arguments or (self.old,)), *usual, "--model", self.model)

    def tell(self, *arguments: str | Path) -> dict[str, Any]:
        """Return the one object that a command prints about what is on record."""
        done = subprocess.run(
            [sys.executable, "-m", "lean_tagger", *arguments, "--json", "--state", self.state],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def explain(self, clip: str) -> dict[str, Any]:
        return self.tell("explain", self.now[clip], "--model", self.model)

    def fields(self) -> dict[str, Fields]:
        return {clip: write.read(str(path)) for clip, path in self.now.items()}

    def audio(self) -> dict[str, str]:
        return {clip: fingerprint(str(path)) for clip, path in self.now.items()}


def nothing(_: Library) -> None:
    """The files are where they were."""


def move(library: Library) -> None:
    library.old.rename(library.new)
    library.now = {clip: library.new / clip for clip in CLIPS}


def rename(library: Library) -> None:
    for number, clip in enumerate(CLIPS):
        path = library.now[clip]
        library.now[clip] = path.rename(path.with_name(f"{number:02} A song{path.suffix}"))


def rename_oddly(library: Library) -> None:
    """To names that are no text: not UTF-8, with an end of line."""
    library.new.mkdir()
    for number, clip in enumerate(CLIPS):
        path = library.now[clip]
        name = os.fsdecode(b"caf\xe9 \xff\n%d" % number) + path.suffix
        library.now[clip] = path.rename(library.new / name)


def retag(library: Library) -> None:
    """As beets and Picard do: other names, other tags, another inode, size and time."""
    library.new.mkdir()
    for number, clip in enumerate(CLIPS):
        path = library.now[clip]
        copy = library.new / f"{number:02}{path.suffix}"
        shutil.copy(path, copy)
        file = mutagen.File(copy, easy=True)
        file["title"] = ["A title that is much longer than the one that was there before" * 60]
        file["album"] = ["Another album"]
        file.save()
        os.utime(copy, ns=(number * 10**9, number * 10**9))
        library.now[clip] = copy
    shutil.rmtree(library.old)  # only now, so that no copy gets an inode of theirs


def merge(library: Library) -> None:
    """Another machine has the same files in another place, and takes the journal in."""
    library.new.mkdir()
    for clip in CLIPS:
        library.now[clip] = Path(shutil.copy(library.old / clip, library.new))
    shutil.rmtree(library.old)
    theirs = library.state
    library.state = library.folder / "here.sqlite3"
    assert main(["merge", str(theirs), "--state", str(library.state)]) == 0


ON_THEIR_DISK = (move, rename, rename_oddly)
ELSEWHERE = (retag, merge)
WAYS = (nothing, *ON_THEIR_DISK, *ELSEWHERE)
# The others are slow: each takes seconds, and the one that changes most is like all of them.
ONE_FAST = [pytest.param(it, marks=[] if it is retag else [pytest.mark.slow]) for it in WAYS]
Way = Callable[[Library], None]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def statuses(done: Run) -> set[str]:
    return set(done.statuses().values())


@pytest.mark.parametrize("way", ONE_FAST)
def test_undo_and_redo_of_a_folder_follow_the_files(library: Library, way: Way) -> None:
    before, sound = library.fields(), library.audio()
    library.tag()
    tagged = library.fields()
    assert all(tagged[clip] != before[clip] for clip in CLIPS)
    way(library)
    folder = library.now["west.flac"].parent
    shown = library.run("undo", "-n", folder)
    assert (shown.code, statuses(shown)) == (0, {"would_undo"}), shown.said
    assert library.fields() == tagged
    done = library.run("undo", folder)
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 3)
    assert library.fields() == before
    assert library.run("undo", folder).results == {}
    done = library.run("redo", folder)
    assert (done.code, statuses(done)) == (0, {"redone"})
    assert library.fields() == tagged
    assert library.audio() == sound


@pytest.mark.slow
@pytest.mark.parametrize("way", ONE_FAST)
def test_undo_of_one_file_follows_it(library: Library, way: Way) -> None:
    library.tag()
    way(library)
    done = library.run("undo", library.now["west.flac"])
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 1)
    assert library.fields()["west.flac"] == BEFORE["west.flac"]
    assert library.fields()["skyvibe.mp3"]["genre"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ONE_FAST)
def test_redo_follows_a_file_that_got_its_new_name_after_the_undo(
    library: Library, way: Way
) -> None:
    library.tag()
    tagged = library.fields()
    library.run("undo")
    way(library)
    done = library.run("redo", library.now["west.flac"].parent)
    assert (done.code, statuses(done), len(done.results)) == (0, {"redone"}, 3)
    assert library.fields() == tagged


@thinned("way", ON_THEIR_DISK, fast=1)
def test_undo_without_a_folder_finds_what_was_renamed_on_its_disk(
    library: Library, way: Way
) -> None:
    before = library.fields()
    library.tag()
    tagged = library.fields()
    way(library)
    shown = library.run("undo", "-n")
    assert (shown.code, statuses(shown)) == (0, {"would_undo"}), shown.said
    assert "looking for them" in shown.said
    done = library.run("undo")
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 3), done.said
    assert library.fields() == before
    assert "looking for them" not in done.said  # they were found before
    song = library.now["west.flac"]
    library.now["west.flac"] = song.rename(song.with_name("it.flac"))
    done = library.run("redo")
    assert (done.code, statuses(done), len(done.results)) == (0, {"redone"}, 3), done.said
    assert library.fields() == tagged


@pytest.mark.slow
def test_undo_without_a_folder_finds_what_is_in_another_album_now(library: Library) -> None:
    before = library.fields()
    for album, clip in (("one", "west.flac"), ("two", "skyvibe.mp3")):
        (library.old / album).mkdir()
        library.now[clip] = library.now[clip].rename(library.old / album / clip)
    library.tag()
    song = library.now["skyvibe.mp3"]
    library.now["skyvibe.mp3"] = song.rename(library.old / "one" / "2.mp3")
    shutil.copy(DATA / "farm.wav", song)  # and another file has its name
    file = mutagen.File(library.now["skyvibe.mp3"], easy=True)
    file["title"] = ["Another title" * 400]
    file.save()
    done = library.run("undo")
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 3), done.said
    assert library.fields() == before


@thinned("way", ELSEWHERE, fast=1)
def test_undo_without_a_folder_says_what_it_does_not_find_and_fails(
    library: Library, way: Way
) -> None:
    library.tag()
    tagged = library.fields()
    way(library)
    done = library.run("undo")
    assert done.code == 1
    assert {name: done.error(name)[0] for name in done.results} == dict.fromkeys(CLIPS, "missing")
    assert all("lean-tag undo FOLDER" in done.error(name)[1] for name in done.results)
    assert library.fields() == tagged


@pytest.mark.slow
@pytest.mark.parametrize("way", ONE_FAST[1:])
def test_undo_without_a_folder_finds_what_another_run_has_seen(library: Library, way: Way) -> None:
    before = library.fields()
    library.tag()
    way(library)
    assert {
        it["known"] for it in library.tag(library.now["west.flac"].parent).results.values()
    } == {True}
    assert library.tell("status")["writes_not_found"] == 0
    done = library.run("undo", "--all")
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 3)
    assert library.fields() == before


@pytest.mark.slow
@pytest.mark.parametrize("way", ONE_FAST)
def test_explain_knows_a_file_and_its_writes(library: Library, way: Way) -> None:
    library.tag()
    tagged = library.fields()
    before = library.explain("west.flac")
    way(library)
    told = library.explain("west.flac")
    assert told["path"] == str(library.now["west.flac"])
    assert told["writes"] == before["writes"]
    assert told["steps"] == before["steps"]
    assert told["fields"] == {name: list(it) for name, it in tagged["west.flac"].items()}
    assert not told["changed_since"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ONE_FAST)
def test_status_says_which_writes_it_does_not_find(library: Library, way: Way) -> None:
    library.tag()
    way(library)
    found = library.tell("status")
    assert found["writes"] == 3
    assert found["writes_not_found"] == (0 if way is nothing else 3)
    library.run("undo", "-n", library.now["west.flac"].parent)
    found = library.tell("status")
    assert found["writes_not_found"] == 0
    assert found["files"] == {"tagged": 3}


@pytest.mark.slow
def test_a_file_that_was_renamed_keeps_what_is_known_of_its_music(library: Library) -> None:
    library.tag()
    with contextlib.closing(sqlite3.connect(library.state)) as journal:
        with journal:
            journal.execute(
                "UPDATE files SET artist = 'A', album = 'B', title = CAST(path AS TEXT)"
            )
        before = journal.execute("SELECT artist, album, title FROM files ORDER BY path").fetchall()
        move(library)
        library.run("undo", "-n", library.new)
        after = journal.execute("SELECT artist, album, title FROM files ORDER BY path").fetchall()
    assert after == before


@pytest.mark.slow
def test_status_says_what_it_means_that_a_file_was_only_seen(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    library.tag()
    library.state.unlink()
    library.run("undo", "-n", library.old)
    assert main(["status", "--state", str(library.state)]) == 0
    assert "files      3: 3 seen by undo only" in capsys.readouterr().out


@pytest.mark.slow
@thinned("named", ["old", "", "old/west.flac old/other.flac"], fast=1)
@pytest.mark.parametrize("leantag", [pytest.param("short", marks=pytest.mark.slow), "none"])
def test_files_that_changed_their_names_with_each_other_get_what_was_theirs(
    library: Library, leantag: str, named: str
) -> None:
    for clip in ("skyvibe.mp3", "celtic.m4a"):
        library.now[clip].unlink()
    other = encode(library.old / "other.flac", music(5, 44100, seed=3), 44100, "flac")
    library.now = {"west.flac": library.old / "west.flac", "other.flac": other}
    write.write(str(other), {"genre": ("Polka",)}, fingerprint=fingerprint)
    before = library.fields()
    library.tag(library.old, "--leantag", leantag, "--fields", "genre")
    one, two = library.now.values()
    one.rename(library.old / "x.flac")
    two.rename(one)
    (library.old / "x.flac").rename(two)
    library.now = {"west.flac": two, "other.flac": one}
    if len(named.split()) == 2:  # one after the other
        for name in named.split():
            done = library.run("undo", library.folder / name)
            assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 1), done.said
    else:
        done = library.run("undo", *(library.folder / it for it in named.split()))
        assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 2), done.said
    assert library.fields() == before
    assert library.tell("status")["writes"] == 0


@pytest.mark.slow
@thinned("new", ["new/a.flac", "new", "."], fast=1)
@thinned("effort", ["full", "1"], fast=1)
def test_a_file_is_found_if_another_one_has_its_name_now(
    library: Library, new: str, effort: str
) -> None:
    song = library.now["west.flac"]
    library.tag(song, "--leantag", "none", "--effort", effort)
    before = library.explain("west.flac")
    library.new.mkdir()
    library.now = {"west.flac": song.rename(library.new / "a.flac")}
    shutil.copy(DATA / "farm.wav", song)
    assert library.explain("west.flac")["writes"] == before["writes"]
    done = library.run("undo", library.folder / new)
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 1), done.said
    assert library.fields()["west.flac"] == BEFORE["west.flac"]
    assert library.run("undo", library.folder).results == {}
    told = Run("explain", song, "--model", library.model, "--state", library.state)
    assert (told.code, "has not heard" in told.said) == (2, True)


@pytest.mark.slow
def test_what_one_file_held_is_not_given_to_another_with_its_name(library: Library) -> None:
    song = library.now["west.flac"]
    library.tag(song)
    kept = song.rename(library.folder / "west.flac.bak")
    encode(song, music(5, 44100, seed=3), 44100, "flac")
    library.tag(song)
    library.now = {"west.flac": song}
    done = library.run("undo", "--all", library.old)
    assert done.code == 1
    assert library.fields()["west.flac"] == {}
    assert library.tell("status")["writes"] == 1  # into the first one, which is still tagged
    song.unlink()
    library.now["west.flac"] = kept.rename(library.folder / "again.flac")
    assert library.run("undo", library.now["west.flac"]).code == 0
    assert library.fields()["west.flac"] == BEFORE["west.flac"]


@pytest.mark.slow
def test_a_copy_that_is_gone_is_not_found_in_the_one_that_is_there(library: Library) -> None:
    """Each had its own writes over another genre."""
    twin = Path(shutil.copy(library.now["west.flac"], library.old / "twin.flac"))
    write.write(str(twin), {"genre": ("Polka",)}, fingerprint=fingerprint)
    library.tag()
    twin.unlink()
    assert library.tell("status")["writes_not_found"] == 1
    done = library.run("undo")
    assert (done.code, done.error("twin.flac")[0]) == (1, "missing")
    assert library.fields() == BEFORE
    found = library.tell("status")
    assert (found["writes"], found["writes_not_found"]) == (1, 1)


@pytest.mark.slow
def test_a_copy_does_not_take_the_writes_of_the_file_that_is_still_there(library: Library) -> None:
    library.tag(library.old, "--leantag", "none")
    library.new.mkdir()
    copy = Path(shutil.copy(library.now["west.flac"], library.new / "copy.flac"))
    done = library.run("undo", copy)
    assert (done.code, done.results) == (0, {})
    assert statuses(library.run("undo", library.old)) == {"undone"}
    assert library.fields() == BEFORE


@pytest.mark.slow
def test_a_file_is_found_through_a_linked_folder(library: Library) -> None:
    library.tag(library.old, "--leantag", "none")
    library.new.symlink_to(library.old)
    before = library.explain("west.flac")
    library.now = {clip: library.new / clip for clip in CLIPS}
    assert library.explain("west.flac")["writes"] == before["writes"]
    done = library.run("undo", library.new)
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 3)
    assert library.fields() == BEFORE
    assert library.run("undo", library.old).results == {}


@pytest.mark.slow
def test_two_files_with_the_same_music_each_get_back_what_they_had(library: Library) -> None:
    twin = library.old / "twin.flac"
    shutil.copy(library.now["west.flac"], twin)
    write.write(str(twin), {"genre": ("Polka",)}, fingerprint=fingerprint)
    library.now["twin"] = twin
    before = library.fields()
    library.tag()
    library.old.rename(library.new)
    library.now = {name: library.new / path.name for name, path in library.now.items()}
    for name in ("west.flac", "twin"):
        path = library.now[name]
        library.now[name] = path.rename(path.with_name(f"the {path.name}"))
    assert statuses(library.run("undo", library.new)) == {"undone"}
    assert library.fields() == before


@pytest.mark.slow
def test_what_was_written_in_several_places_goes_back_to_the_first(library: Library) -> None:
    before = library.fields()
    library.tag()
    move(library)
    library.run("retag", library.new)  # of nothing: it was not seen there yet
    library.tag(library.new, "--fields", "genre", "--max-tags", "1")
    rename(library)
    done = library.run("undo", "--all", library.new)
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 3)
    assert library.fields() == before


def test_a_name_that_is_not_there_is_a_failure(library: Library) -> None:
    library.tag()
    done = library.run("undo", library.folder / "nowhere")
    assert (done.code, done.results) == (2, {})
    assert "there is no such file or folder" in done.said
    move(library)
    done = library.run("undo", library.old)
    assert done.code == 1
    assert {done.error(name)[0] for name in done.results} == {"missing"}


@pytest.mark.slow
def test_a_second_merge_knows_the_writes_under_their_new_names(library: Library) -> None:
    library.tag()
    theirs = library.state
    merge(library)
    library.run("undo", "-n", library.new)
    for left in (3, 0):
        assert main(["merge", str(theirs), "--state", str(library.state)]) == 0
        assert library.tell("status")["writes"] == left
        assert len(library.run("undo", library.new).results) == left
        with Journal(library.state, locked=False) as journal:
            assert {it.path for it in journal.whereabouts.under([str(library.folder)])} == set(
                map(str, library.now.values())
            )


# Without the journal


@pytest.mark.slow
def test_without_a_journal_undo_goes_by_what_is_in_the_files(library: Library) -> None:
    before, sound = library.fields(), library.audio()
    library.tag()
    tagged = library.fields()
    library.state.unlink()
    assert "nothing to undo" in library.run("undo").said
    assert statuses(library.run("undo", "-n", library.old)) == {"would_undo"}
    assert library.fields() == tagged
    done = library.run("undo", library.old)
    assert (done.code, statuses(done), len(done.results)) == (0, {"undone"}, 3)
    assert library.fields() == before
    assert library.run("undo", library.old).results == {}
    assert statuses(library.run("redo", library.old)) == {"redone"}
    assert library.fields() == tagged
    assert library.audio() == sound


@pytest.mark.slow
def test_without_a_journal_what_somebody_changed_is_kept_and_said(library: Library) -> None:
    library.tag()
    library.state.unlink()
    file = mutagen.File(library.now["west.flac"])
    file["genre"] = ["Chanson"]
    file.save()
    done = library.run("undo", library.old)
    assert done.results["west.flac"]["kept"] == {"genre": ["Chanson"]}
    left = library.fields()
    assert left["west.flac"] == {"genre": ("Chanson",)}
    assert left["skyvibe.mp3"] == {}


@pytest.mark.slow
def test_a_write_of_before_the_journal_was_lost_goes_with_those_of_after(library: Library) -> None:
    before = library.fields()
    library.tag()
    library.state.unlink()
    library.tag(library.old, "--max-tags", "1", "--fields", "genre")
    done = library.run("undo", "--all", library.old)
    assert (done.code, statuses(done)) == (0, {"undone"})
    assert library.fields() == before


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_without_a_journal_an_older_tag_says_again_what_it_said(
    library: Library, again: bool
) -> None:
    song = library.now["skyvibe.mp3"]
    mutagen.File(song).delete()
    with song.open("ab") as file:
        file.write(b"TAG" + bytes(124) + bytes([113]))
    before = library.fields()
    assert before["skyvibe.mp3"] == {"genre": ("Tango",)}
    library.tag()
    library.state.unlink()
    if again:
        library.tag(library.old, "--max-tags", "1", "--fields", "genre")
    done = library.run("undo", "--all", library.old)
    assert (done.code, statuses(done)) == (0, {"undone"})
    assert library.fields() == before


@pytest.mark.slow
def test_a_journal_without_digests_is_brought_along(library: Library) -> None:
    """Once no audio was noted with a write; it stands with the file."""
    before = library.fields()
    library.tag()
    with sqlite3.connect(library.state) as journal:
        journal.execute("DROP INDEX writes_by_digest")
        journal.execute("ALTER TABLE writes DROP COLUMN digest")
        journal.execute("PRAGMA user_version = 3")
    journal.close()
    retag(library)
    assert statuses(library.run("undo", library.new)) == {"undone"}
    assert library.fields() == before
