"""Playlists are kept as a file describes them; each fault of the file is told with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.errors import ConfigError
from lean_tagger.library.playlist import Written
from lean_tagger.library.playlists import update
from lean_tagger.library.playlists_file import PlaylistsFile, file_name, load
from lean_tagger.library.query import Term
from lean_tagger.store.tracks import Track

LABELS = ("rock",)
WHOLE = """\
folder = "lists"
path_map = ["/srv=/data", "/home="]
absolute = true

[[playlist]]
name = "Calm"
query = "calm ^vocals score.rock:..0.2"
most = 200

[[playlist]]
each = "genre"
name = "Genre {}"
least = 10
"""


def file(folder: Path, text: str) -> str:
    path = folder / "playlists.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def complaints(folder: Path, text: str) -> list[str]:
    path = file(folder, text)
    with pytest.raises(ConfigError) as raised:
        load(path, LABELS)
    return [sentence.removeprefix(path) for sentence in raised.value.sentences]


def test_the_file_says_where_and_what(tmp_path: Path) -> None:
    said = load(file(tmp_path, WHOLE), LABELS)
    assert said.folder == f"{tmp_path}/lists"
    assert said.ending == "m3u8"
    assert said.names.maps == (("/srv", "/data"), ("/home", ""))
    assert said.names.absolute
    calm, each = said.wanted
    assert (calm.name, calm.most, calm.least, calm.each) == ("Calm", 200, 1, "")
    assert calm.query.any_of[0][0] == Term(text="calm")
    assert (each.name, each.each, each.least) == ("Genre {}", "genre", 10)
    assert each.query.any_of == ((),)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "there is no playlist"),
        ("playlist = 3\n", 1, "there is no playlist"),
        ('foldr = "x"\n[[playlist]]\nname = "a"\n', 1, "did you mean 'folder'"),
        ('[[playlist]]\nname = "a"\nquery = "genr:x"\n', 3, "did you mean 'genre'"),
        ('[[playlist]]\nname = "a"\nquery = "like:x"\n', 3, "'like:'"),
        ("[[playlist]]\nmost = 3\n", 1, "no 'name'"),
        ('[[playlist]]\nname = "a"\nmost = 0\n', 3, "number of tracks"),
        ('[[playlist]]\nname = "a"\nmost = true\n', 3, "number of tracks"),
        ("[[playlist]]\nname = 7\n", 2, "must be a text"),
        ('[[playlist]]\neach = "genres"\n', 2, "did you mean 'genre'"),
        ('[[playlist]]\neach = "genre"\nname = "Genre"\n', 3, "needs {}"),
        ('path_map = ["x"]\n[[playlist]]\nname = "a"\n', 1, "FROM=TO"),
        ('path_map = "x"\n[[playlist]]\nname = "a"\n', 1, "must be a list"),
        ('ending = "pls"\n[[playlist]]\nname = "a"\n', 1, "must be one of"),
    ],
)
def test_each_fault_is_told_with_its_line(text: str, line: int, said: str, tmp_path: Path) -> None:
    found = complaints(tmp_path, text)
    assert any(it.startswith(f":{line}: ") and said in it for it in found), found


def test_what_is_no_toml_is_told(tmp_path: Path) -> None:
    assert "array declaration" in complaints(tmp_path, "[[playlist")[0]
    with pytest.raises(ConfigError, match="cannot read"):
        load(str(tmp_path / "nothing.toml"), ())
    with pytest.raises(ConfigError, match="cannot read"):
        load(str(tmp_path), ())
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(str(tmp_path / "bytes.toml"), ())


@given(st.text())
def test_any_name_becomes_one_of_a_file(name: str) -> None:
    made = file_name(name, "m3u8")
    assert made.endswith(".m3u8")
    assert not made.startswith(".")
    assert not set('<>:"/\\|?*\n\0') & set(made)
    assert len(made.encode()) <= 205


def said(folder: Path, text: str) -> PlaylistsFile:
    return load(file(folder, text), LABELS)


def track(name: str, *genres: str) -> Track:
    return Track(path=f"/music/{name}.mp3", fields={"genre": genres})


def run(
    wanted: PlaylistsFile, tracks: list[Track], gone: int = 0
) -> tuple[dict[str, int], list[str]]:
    """Return how many tracks are in each playlist, and what was refused."""
    (one,) = wanted.wanted
    Path(wanted.folder).mkdir(exist_ok=True)
    results = list(update(wanted, one, tracks, gone=lambda: gone))
    done = {Path(it.path).name: it.tracks for it in results if isinstance(it, Written)}
    return done, [str(it) for it in results if isinstance(it, ConfigError)]


def test_one_playlist_has_no_more_than_it_may(tmp_path: Path) -> None:
    wanted = said(tmp_path, '[[playlist]]\nname = "Calm"\nmost = 2\n')
    done, _ = run(wanted, [track(str(n)) for n in range(5)])
    assert done == {"Calm.m3u8": 2}
    assert "#PLAYLIST:Calm\n" in (tmp_path / "Calm.m3u8").read_text()


def test_each_genre_has_its_playlist(tmp_path: Path) -> None:
    wanted = said(tmp_path, '[[playlist]]\neach = "genre"\nleast = 2\n')
    tracks = [
        track("1", "Rock", "R&B/Soul"),
        track("2", "rock", "Rock"),
        track("3", "R&B/Soul", "Jazz"),
        track("4"),
    ]
    done, refused = run(wanted, tracks)
    assert done == {"Rock.m3u8": 2, "R&B_Soul.m3u8": 2}
    assert refused == []
    assert sorted(p.name for p in tmp_path.glob("*.m3u8")) == ["R&B_Soul.m3u8", "Rock.m3u8"]


def test_a_foreign_file_is_left_and_the_others_are_written(tmp_path: Path) -> None:
    wanted = said(tmp_path, '[[playlist]]\neach = "genre"\n')
    (tmp_path / "Rock.m3u8").write_text("mine\n")
    done, refused = run(wanted, [track("1", "Rock"), track("2", "Jazz"), track("3", "Rock")])
    assert done == {"Jazz.m3u8": 1}
    (sentence,) = refused
    assert "not as lean-tag wrote it" in sentence
    assert (tmp_path / "Rock.m3u8").read_text() == "mine\n"


def test_a_playlist_stays_where_all_of_its_tracks_are_away(tmp_path: Path) -> None:
    wanted = said(tmp_path, '[[playlist]]\nname = "Calm"\n')
    run(wanted, [track("1")])
    before = (tmp_path / "Calm.m3u8").read_bytes()
    done, refused = run(wanted, [], gone=7)
    assert done == {}
    assert "left as it is" in refused[0]
    assert (tmp_path / "Calm.m3u8").read_bytes() == before
    assert run(wanted, [])[0] == {"Calm.m3u8": 0}


def test_there_is_an_end_to_playlists(tmp_path: Path) -> None:
    wanted = said(tmp_path, '[[playlist]]\neach = "genre"\n')
    with pytest.raises(ConfigError, match="more than 500"):
        run(wanted, [track(str(n), f"genre {n}") for n in range(501)])
    assert not list(tmp_path.glob("*.m3u8"))
