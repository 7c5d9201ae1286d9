"""The library answers on the command line: similar, path, find, playlists."""

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DATA
from madelibrary import MSD, MTT, Made, make

from lean_tagger.cli import main
from lean_tagger.jobs import TrackInfo
from lean_tagger.store.journal import Journal

DIM = 8


def there(path: Path) -> str:
    path.write_bytes(b"music")
    return str(path)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def state(tmp_path: Path, music: Path) -> Path:
    """Twelve tracks of four artists on record, on two lines that lead away from each other."""
    dice = np.random.default_rng(0)
    one, other = dice.normal(0, 1, (2, DIM))
    tracks = [
        Made(
            path=there(music / f"{n:02d}.mp3"),
            embeddings={
                MSD: one * n + other * (12 - n) + dice.normal(0, 0.3, DIM),
                MTT: one - n * other + dice.normal(0, 0.3, DIM),
            },
            scores={"rock": n / 12, "piano": 1 - n / 12},
            genre=("Rock",) if n > 5 else ("Classical",),
            track=TrackInfo(artist=f"Artist {n % 4}", title=f"Song {n}", year=str(1990 + n)),
        )
        for n in range(12)
    ]
    return make(tmp_path / "journal.sqlite3", tracks)


class Said:
    """What a command printed, and its exit code."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        self.code = main.main([str(it) for it in arguments])
        said = capsys.readouterr()
        self.out, self.err = said.out, said.err

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def names(self) -> list[str]:
        return [Path(it["path"]).stem for it in self.records]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], state: Path):
    return lambda *arguments: Said(capsys, *arguments, "--state", state)


def test_similar_lists_the_nearest_first(say, music: Path) -> None:
    said = say("similar", music / "00.mp3", "--json", "-n", 3)
    assert said.code == 0
    assert said.names == ["01", "02", "03"]
    likeness = [it["likeness"] for it in said.records]
    assert likeness == sorted(likeness, reverse=True)


def test_similar_to_some_and_unlike_others(say, music: Path) -> None:
    away = say("similar", music / "05.mp3", "--not", music / "11.mp3", "--json", "-n", 2)
    assert set(away.names) <= {"00", "01", "02", "03", "04"}
    both = say("similar", music / "00.mp3", music / "02.mp3", "--json", "-n", 1)
    assert both.names == ["01"]


def test_similar_keeps_to_conditions_and_to_few_of_an_artist(say, music: Path) -> None:
    said = say("similar", music / "00.mp3", "--where", "genre:rock year:..1999", "--json")
    assert sorted(said.names) == ["06", "07", "08", "09"]
    said = say("similar", music / "00.mp3", "--per-artist", 1, "--json")
    artists = [it["artist"] for it in said.records]
    assert len(artists) == len(set(artists)) == 4


def test_what_both_have_is_explained(say, music: Path) -> None:
    said = say("similar", music / "00.mp3", "--explain", "-n", 1)
    assert "distance 0." in said.out
    assert "in both: piano 92% (100%)" in said.out


def test_tracks_that_are_gone_are_left_out_and_told(say, music: Path) -> None:
    (music / "01.mp3").unlink()
    said = say("similar", music / "00.mp3", "--json", "-n", 2)
    assert said.names == ["02", "03"]
    assert "1 file is missing now" in said.err
    said = say("find", "--json")
    assert len(said.names) == 11
    assert "1 file is missing now" in said.err


def test_a_seed_that_is_gone_is_still_on_record(say, music: Path) -> None:
    (music / "00.mp3").unlink()
    assert say("similar", music / "00.mp3", "--json", "-n", 1).names == ["01"]


def test_a_way_has_both_ends_and_no_track_twice(say, music: Path) -> None:
    said = say("path", music / "00.mp3", music / "11.mp3", "-n", 6, "--json")
    assert said.names[0] == "00"
    assert said.names[-1] == "11"
    assert said.names == sorted(set(said.names))
    assert len(said.names) == 6


def test_find_lists_for_people_programs_and_players(say, music: Path) -> None:
    said = say("find", "genre:rock", "year:..1997")
    assert "Artist 2 - Song 6" in said.out
    assert said.out.count("\n") == 2
    assert say("find", "genre:rock", "year:..1997", "--json").names == ["06", "07"]
    playlist = music / "rock.m3u8"
    said = say("find", "genre:rock", "year-", "-n", 2, "--m3u8", playlist)
    assert [it for it in playlist.read_text().splitlines() if not it.startswith("#")] == [
        "11.mp3",
        "10.mp3",
    ]


def test_paths_are_the_bytes_that_they_are(tmp_path: Path, capfdbinary) -> None:
    names = [b"caf\xe9.mp3", b"line\nbreak.mp3", "cafe\u0301.mp3".encode()]
    tracks = [
        Made(path=there(tmp_path / os.fsdecode(name)), embeddings={MSD: np.ones(2)})
        for name in names
    ]
    state = make(tmp_path / "state", tracks)
    command = f"{sys.executable} -m lean_tagger find --paths -0 --state '{state}'"
    assert os.system(command) == 0
    found = capfdbinary.readouterr().out.split(b"\0")
    assert sorted(found) == sorted([b"", *(os.fsencode(tmp_path) + b"/" + it for it in names)])


def test_find_like_a_song_is_similar_with_conditions(say, music: Path) -> None:
    said = say("find", f"like:{music}/00.mp3", "genre:rock", "--json", "-n", 2)
    near = say("similar", music / "00.mp3", "--where", "genre:rock", "--json", "-n", 2)
    assert said.out == near.out
    assert {it["genre"][0] for it in said.records} == {"Rock"}


@pytest.mark.parametrize(
    ("arguments", "at", "said"),
    [
        (("find", "genr:rock"), "genr", "did you mean 'genre'"),
        (("find", "score.elektronic:0.4.."), "elek", "did you mean 'electronic'"),
        (("similar", "x.mp3", "--where", "year:199x"), "199x", "is not a year"),
    ],
)
def test_a_mistake_has_a_caret_under_it(
    arguments: tuple[str, ...], at: str, said: str, say
) -> None:
    ended = say(*arguments)
    assert ended.code == 2
    first, query, caret = ended.err.splitlines()
    assert said in first
    assert query[caret.index("^") :].startswith(at)
    assert ended.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("similar", "nothing.mp3"), "cannot read"),
        (("similar", "."), "is a folder"),
        (("find", "--json", "--paths"), "do not go together"),
        (("find", "-0"), "-0 is for --paths"),
        (("find", "--m3u8", "x.m3u8", "--path-map", "x"), "FROM=TO"),
        (("find", "^like:x.mp3"), "add a like:"),
        (("similar", "x.mp3", "--where", "year+"), "leave sorts out"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(arguments: tuple[str, ...], said: str, say) -> None:
    ended = say(*arguments)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_an_empty_journal_finds_nothing_and_compares_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = make(tmp_path / "state", [], models=())
    said = Said(capsys, "find", "rock", "--state", state)
    assert (said.code, said.out) == (0, "")
    assert "nothing on record matches" in said.err
    song = there(tmp_path / "song.mp3")
    said = Said(capsys, "similar", song, "--state", state)
    assert said.code == 5
    assert "run lean-tag on your music first" in said.err
    said = Said(capsys, "find", "--state", tmp_path / "none")
    assert said.code == 5
    assert "there is no journal yet" in said.err


def test_one_track_on_record_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = there(tmp_path / "song.mp3")
    state = make(tmp_path / "state", [Made(path=path, embeddings={MSD: np.ones(4)})])
    said = Said(capsys, "similar", path, "--state", state)
    assert said.code == 2
    assert "at least two" in said.err


@pytest.mark.slow
def test_a_song_that_was_never_heard_is_heard_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for clip in ("farm.wav", "west.flac"):
        shutil.copyfile(DATA / clip, music / clip)
    state = tmp_path / "state"
    assert Said(capsys, "-n", music, "--state", state, "--leantag", "none").code == 0
    new = tmp_path / "new.wav"
    shutil.copyfile(DATA / "farm.wav", new)
    with open(new, "r+b") as file:  # other audio: a sample is louder
        file.seek(1000)
        file.write(b"\x10\x20")
    before = new.read_bytes()
    said = Said(capsys, "similar", new, "--json", "--state", state)
    assert said.code == 0
    assert said.names == ["farm", "west"]
    assert said.records[0]["version_of"] in (None, str(new))
    assert new.read_bytes() == before
    with sqlite3.connect(state) as journal:
        seen = journal.execute(
            "SELECT seen FROM files WHERE path = ?", [os.fsencode(new)]
        ).fetchall()
    assert len(seen) == 1
    again = Said(capsys, "similar", new, "--json", "--state", state)
    assert again.out == said.out
    with sqlite3.connect(state) as journal:
        now = journal.execute(
            "SELECT seen FROM files WHERE path = ?", [os.fsencode(new)]
        ).fetchall()
    assert now == seen


@pytest.mark.slow
def test_a_song_of_which_only_leantag_knew_is_heard_for_its_embedding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music, one = tmp_path / "music", tmp_path / "one"
    for folder, clips in ((music, ("farm.wav", "celtic.m4a")), (one, ("west.flac",))):
        folder.mkdir()
        for clip in clips:
            shutil.copyfile(DATA / clip, folder / clip)
    song = one / "west.flac"
    state = tmp_path / "state"
    assert Said(capsys, song, "--state", tmp_path / "lost", "--min-score", "0.01").code == 0
    assert Said(capsys, "-n", music, "--state", state).code == 0
    assert Said(capsys, "-n", one, "--state", state).code == 0  # known by its LEANTAG
    other = Said(capsys, "similar", music / "farm.wav", "--state", state)
    assert "1 track has no embedding on record by msd-musicnn" in other.err
    before = song.read_bytes()
    said = Said(capsys, "similar", song, "--json", "--state", state)
    assert (said.code, sorted(said.names)) == (0, ["celtic", "farm"])
    assert song.read_bytes() == before
    other = Said(capsys, "similar", music / "farm.wav", "--json", "--state", state)
    assert "west" in other.names


def test_tags_that_an_older_version_did_not_read_are_read_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = tmp_path / "song.flac"
    shutil.copyfile(DATA / "west.flac", song)
    gone = str(tmp_path / "gone.flac")
    tracks = [Made(path=it, embeddings={MSD: np.ones(4)}, track=None) for it in (str(song), gone)]
    state = make(tmp_path / "state", tracks)
    said = Said(capsys, "find", "artist:leutwyler", "--json", "--state", state)
    assert "reading tags" in said.err
    assert said.names == ["song"]
    again = Said(capsys, "find", "artist:leutwyler", "--json", "--state", state)
    assert again.out == said.out
    assert "reading tags" not in again.err
    untouched = Said(capsys, "find", "score.rock:..0.1", "--json", "--state", state)
    assert untouched.names == ["song"]


def test_tags_wait_for_a_run_that_is_at_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = there(tmp_path / "song.flac")
    state = make(tmp_path / "state", [Made(path=song, embeddings={MSD: np.ones(4)}, track=None)])
    with Journal(state):
        said = Said(capsys, "find", "song", "--json", "--state", state)
    assert (said.code, said.names) == (0, ["song"])
    assert "another run is using the journal" in said.err


def test_a_share_that_is_away_is_told_and_its_playlist_stays(
    tmp_path: Path, say, music: Path
) -> None:
    playlist = tmp_path / "all.m3u8"
    assert say("find", "--m3u8", playlist).code == 0
    before = playlist.read_bytes()
    music.rename(tmp_path / "away")
    said = say("find", "--m3u8", playlist)
    assert "12 files are missing now" in said.err
    assert playlist.read_bytes() == before
    said = say("similar", music / "00.mp3")
    assert (said.code, said.out) == (0, "")
    assert "11 files are missing now" in said.err


def test_playlists_follow_each_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    config = tmp_path / "config/lean-tag"
    config.mkdir(parents=True)
    (config / "playlists.toml").write_text(
        f'folder = "{tmp_path}/lists"\n[[playlist]]\nname = "All"\nquery = "length:1.."\n'
    )
    music = tmp_path / "music"
    music.mkdir()
    shutil.copyfile(DATA / "west.flac", music / "west.flac")
    state = tmp_path / "state"
    assert Said(capsys, "-n", music, "--state", state).code == 0
    assert not (tmp_path / "lists").exists()  # nothing is written
    said = Said(capsys, music, "--state", state, "--min-score", "0.01")
    assert said.code == 0
    assert "All.m3u8: 1 track" in said.err
    assert "../music/west.flac" in (tmp_path / "lists/All.m3u8").read_text()
    (tmp_path / "lists/All.m3u8").write_text("mine")
    said = Said(capsys, "retag", "--state", state, "--min-score", "0.9")
    assert said.code == 1
    assert (tmp_path / "lists/All.m3u8").read_text() == "mine"
    other = tmp_path / "other.toml"
    other.write_text('[[playlist]]\nname = "Other"\n')
    assert Said(capsys, "playlists", other, "--state", state).code == 0
    assert "west.flac" in (tmp_path / "Other.m3u8").read_text()
