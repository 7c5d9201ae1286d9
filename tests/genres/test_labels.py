"""Which classes a track has: by tags, folders, playlists and tables."""

import json
import tracemalloc
from pathlib import Path

import pytest

from lean_tagger.errors import ConfigError
from lean_tagger.genres import labels
from lean_tagger.genres.groups import groups
from lean_tagger.jobs import TrackInfo
from lean_tagger.rules.junk import ID3V1, WORDS, is_junk, meaning


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hip-Hop", "hip hop"),
        ("HIPHOP", "Hip_Hop"),
        ("R&B", "RnB"),
        ("Drum & Bass", "drum and bass"),
        ("Rock & Roll", "Rock 'n' Roll"),
        ("Rock & Roll", "Rock \u2019n\u2019 Roll"),
        ("Électro", "ÉLECTRO"),
    ],
)
def test_spellings_of_one_genre_are_one_class(one: str, other: str) -> None:
    assert labels.fold(one) == labels.fold(other)


@pytest.mark.parametrize(("one", "other"), [("Pop", "Hip-Hop"), ("Folk", "Funk"), ("C", "C#min")])
def test_other_genres_stay_apart(one: str, other: str) -> None:
    assert labels.fold(one) != labels.fold(other)


def signed(written: list[str], over: list[str]) -> str:
    whole = {"lean-tag": "1", "wrote": {"genre": written}, "over": {"genre": over} if over else {}}
    return json.dumps(whole)


def test_what_lean_tag_wrote_is_no_value_of_the_persons() -> None:
    fields = {"genre": ("Rock",), "leantag": (signed(["Rock"], []),)}
    assert labels.own_values(fields, "genre") == ()
    assert labels.has_ours(fields, "genre")


def test_what_stood_there_before_is_the_persons() -> None:
    fields = {"genre": ("Polka", "Rock"), "leantag": (signed(["Polka", "Rock"], ["Polka"]),)}
    assert labels.own_values(fields, "genre") == ("Polka",)


def test_a_correction_of_ours_is_the_persons() -> None:
    fields = {"genre": ("Ska",), "leantag": (signed(["Rock"], []),)}
    assert labels.own_values(fields, "genre") == ("Ska",)


def test_what_we_added_is_not_the_persons_after_they_added_more() -> None:
    fields = {"genre": ("Polka", "Rock", "Ska"), "leantag": (signed(["Polka", "Rock"], ["Polka"]),)}
    assert labels.own_values(fields, "genre") == ("Polka", "Ska")


def test_joined_values_are_several_and_junk_is_none() -> None:
    found = labels.classes(["Rock; Pop", "Other", "rock", "(127)", "Ska / Punk"], WORDS)
    assert found == ["Rock", "Pop", "Drum & Bass", "Ska", "Punk"]


@pytest.mark.parametrize(
    "value",
    [
        *("Other", "unknown", " Misc ", "None", "Undefined", "(12)", "12", "192", "(255)", "99999"),
        *("9" * 5000, "http://example.org/x", "www.example.com", "example.com", "", " ", "?", "-"),
    ],
)
def test_junk_says_nothing(value: str) -> None:
    assert is_junk(value)


@pytest.mark.parametrize("value", ["Rock", "17", "(17)", "127", "Drum & Bass", "N.W.A.", "8-bit"])
def test_what_says_something_is_no_junk(value: str) -> None:
    assert not is_junk(value)


def test_numbers_have_the_names_of_mutagens_list() -> None:
    from mutagen.id3 import TCON

    assert list(ID3V1) == list(TCON.GENRES)
    assert meaning("(17)") == "Rock"


def test_the_class_of_a_file_is_the_folder_below_the_one_given() -> None:
    assert labels.folder_class("/m/Jazz/Miles/1.mp3", ["/m"]) == ("Jazz",)
    assert labels.folder_class("/m/1.mp3", ["/m"]) == ()
    assert labels.folder_class("/other/1.mp3", ["/m"]) == ()


def test_a_table_names_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    table = tmp_path / "t.csv"
    table.write_text("label,path\nRock,a.mp3\nPop,a.mp3\nJazz,gone.mp3\n\n")
    found = labels.FromFiles([str(table)], [])
    assert found.by_path == {str(tmp_path / "a.mp3"): ["Rock", "Pop"]}
    assert found.missing == 1


def test_a_playlist_is_a_class_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    playlist = tmp_path / "Late night.m3u8"
    playlist.write_bytes(b"\xef\xbb\xbf#EXTM3U\r\n#EXTINF:1,x\r\na.mp3\r\n")
    found = labels.FromFiles([str(playlist)], [])
    assert found.by_path == {str(tmp_path / "a.mp3"): ["Late night"]}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"name,style\na,b\n", "no columns 'path' and 'label'"),
        (b"", "no columns 'path' and 'label'"),
        (b"path,label\n\xff\xfe\xfd,x\n", "not UTF-8"),
    ],
)
def test_what_is_no_such_table_is_refused_in_one_sentence(
    tmp_path: Path, data: bytes, says: str
) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(ConfigError, match=says) as caught:
        labels.FromFiles([str(tmp_path / "t.csv")], [])
    assert len(caught.value.sentences) == 1


def test_a_table_in_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "ä.mp3").touch()
    (tmp_path / "t.csv").write_text("path;label\nä.mp3;Röck\n", encoding="utf-16")
    found = labels.FromFiles([str(tmp_path / "t.csv")], [])
    assert found.by_path == {str(tmp_path / "ä.mp3"): ["Röck"]}


def test_tracks_of_one_artist_are_one_group_whatever_tag_says_so() -> None:
    infos = [
        TrackInfo(artist="A feat. B", albumartist="A", album="X"),
        TrackInfo(artist="A", album="Y"),
        TrackInfo(artist="A", album="Y"),
        TrackInfo(artist="a "),
        TrackInfo(artist="C", albumartist="Various Artists", album="Z"),
        TrackInfo(artist="D", albumartist="Various Artists", album="Z"),
        TrackInfo(),
    ]
    paths = [f"/{number}/x.mp3" for number in (0, 1, 1, 3, 4, 4, 6)]
    found = groups(paths, infos)
    assert len(set(found[:4])) == 1
    assert found[4] == found[5] == ("album", "z")
    assert found[6] == ("folder", "/6")


def test_a_large_table_is_read_line_by_line(tmp_path: Path) -> None:
    """Annotations of a data set are larger than what the budget leaves for them."""
    table = tmp_path / "t.csv"
    row = "\t".join(["0"] * 188)
    table.write_text("\n".join(["\t".join(f"label {n}" for n in range(188)), *[row] * 50_000]))
    tracemalloc.start()
    try:
        assert sum(1 for _ in labels.table_rows(str(table))) == 50_001
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_of_other_systems_are_read(tmp_path: Path, coding: str, end: str) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(end.join(["path,label", "a.mp3,Zouk\u00e9", "b.mp3,\u2028x"]).encode(coding))
    rows = [["path", "label"], ["a.mp3", "Zouk\u00e9"], ["b.mp3", "\u2028x"]]
    assert list(labels.table_rows(str(table))) == rows


@pytest.mark.parametrize("line", [1, 2, 5_000])
def test_the_line_that_is_not_utf_8_is_named(tmp_path: Path, line: int) -> None:
    table = tmp_path / "t.csv"
    rows = [b"path,label"] * 6_000
    rows[line - 1] = b"\xff,x"
    table.write_bytes(b"\n".join(rows))
    with pytest.raises(ConfigError, match=rf"t\.csv:{line}: this is not UTF-8"):
        list(labels.table_rows(str(table)))
