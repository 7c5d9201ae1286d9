"""A genre is there whichever tag holds it, and every tag that holds one says the same after."""

from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest
import tagbytes as tags
from audiofiles import in_full, make
from readers import LIBRARIES, READERS, asked, seen
from test_no_reader_loses_sight import audio  # noqa: F401 - a fixture

from lean_tagger import write
from lean_tagger.listen.decode import fingerprint

Audio = dict[str, bytes]
BASE = (tags.text("TIT2", "Title"), tags.text("TPE1", "Artist"))
ID3 = tags.id3(*BASE)
ID3_ZYDECO = tags.id3(*BASE, tags.text("TCON", "Zydeco"))
APE = tags.ape({"Title": b"Title", "Genre": b"Polka"})
GENRE_ONLY_APE = tags.ape({"Genre": b"Polka"})
V1 = tags.id3v1(16)  # Reggae
INFO = tags.info({"IGNR": "Reggae"})


def wav(it: Audio, *chunks: bytes) -> bytes:
    return tags.riff(it["wav"] + b"".join(chunks))


def flac(it: Audio, *comments: bytes) -> bytes:
    """Return a FLAC file with a comment block."""
    data = it["flac"]
    sized = b"".join(len(c).to_bytes(4, "little") + c for c in comments)
    block = bytes(4) + len(comments).to_bytes(4, "little") + sized
    return (
        data[:4] + b"\0" + data[5:42] + b"\x84" + len(block).to_bytes(3, "big") + block + data[42:]
    )


_SAID = b"LYRICSBEGININD0000210LYR00008la la la"
LYRICS3 = _SAID + b"%06dLYRICS200" % len(_SAID)
HIDDEN_ID3 = tags.chunk(b"id3 ", ID3_ZYDECO)
TITLE = b"TITLE=Title"
# What: (kind of file, what the genre is, how it is built)
TABLE: dict[str, tuple[str, str, Callable[[Audio], bytes]]] = {
    "mp3: ID3v2": ("mp3", "Zydeco", lambda it: ID3_ZYDECO + it["mp3"]),
    "mp3: ID3v1": ("mp3", "Reggae", lambda it: it["mp3"] + V1),
    "mp3: ID3v2 and ID3v1": ("mp3", "Reggae", lambda it: ID3 + it["mp3"] + V1),
    "mp3: ID3v2, Lyrics3 and ID3v1": (
        "mp3",
        "Reggae",
        lambda it: ID3 + it["mp3"] + LYRICS3 + V1,
    ),
    "mp3: ID3v2.2 and ID3v1": (
        "mp3",
        "Reggae",
        lambda it: tags.id3(tags.text("TT2", "Title", 2), version=2) + it["mp3"] + V1,
    ),
    "mp3: an empty ID3v2 and ID3v1": ("mp3", "Reggae", lambda it: tags.id3() + it["mp3"] + V1),
    "mp3: APE": ("mp3", "Polka", lambda it: it["mp3"] + APE),
    "mp3: APE without more": ("mp3", "Polka", lambda it: it["mp3"] + GENRE_ONLY_APE),
    "mp3: ID3v2 and APE": ("mp3", "Polka", lambda it: ID3 + it["mp3"] + APE),
    "mp3: APE and ID3v1": (
        "mp3",
        "Reggae",
        lambda it: it["mp3"] + tags.ape({"Title": b"Title"}) + V1,
    ),
    "mp3: ID3v2, APE and ID3v1": ("mp3", "Polka", lambda it: ID3 + it["mp3"] + APE + V1),
    "mp3: ID3v2 behind junk": ("mp3", "Zydeco", lambda it: bytes(30) + ID3_ZYDECO + it["mp3"]),
    "mp3: an APE tag of version 1": (
        "mp3",
        "Polka",
        lambda it: it["mp3"] + tags.ape({"Genre": b"Polka"}, version=1000, header=False),
    ),
    "tta: ID3v1": ("tta", "Reggae", lambda it: it["tta"] + V1),
    "tta: ID3v2 and ID3v1": ("tta", "Reggae", lambda it: ID3 + it["tta"] + V1),
    "tta: APE": ("tta", "Polka", lambda it: it["tta"] + APE),
    "tta: ID3v2 and APE": ("tta", "Polka", lambda it: ID3 + it["tta"] + APE),
    "tta: APE and ID3v1": (
        "tta",
        "Reggae",
        lambda it: it["tta"] + tags.ape({"Title": b"Title"}) + V1,
    ),
    "wv: ID3v1": ("wv", "Reggae", lambda it: it["wv"] + V1),
    "wv: APE": ("wv", "Polka", lambda it: it["wv"] + APE),
    "wv: APE and ID3v1": (
        "wv",
        "Reggae",
        lambda it: it["wv"] + tags.ape({"Title": b"Title"}) + V1,
    ),
    "wv: ID3v2": ("wv", "Zydeco", lambda it: ID3_ZYDECO + it["wv"]),
    "flac: comment": ("flac", "Dub", lambda it: flac(it, b"GENRE=Dub")),
    "flac: ID3v2": ("flac", "Zydeco", lambda it: ID3_ZYDECO + it["flac"]),
    "flac: comment and ID3v2": ("flac", "Zydeco", lambda it: ID3_ZYDECO + flac(it, TITLE)),
    "flac: ID3v1": ("flac", "Reggae", lambda it: it["flac"] + V1),
    "flac: comment and ID3v1": ("flac", "Reggae", lambda it: flac(it, TITLE) + V1),
    "flac: comment and APE": ("flac", "Polka", lambda it: flac(it, TITLE) + APE),
    "wav: INFO": ("wav", "Reggae", lambda it: wav(it, INFO)),
    "wav: INFO and ID3v2": ("wav", "Reggae", lambda it: wav(it, INFO, tags.chunk(b"id3 ", ID3))),
    "wav: ID3v2": ("wav", "Zydeco", lambda it: wav(it, HIDDEN_ID3)),
    "wav: both": ("wav", "Zydeco", lambda it: wav(it, INFO, HIDDEN_ID3)),
    "wav: ID3v2 behind the end": ("wav", "Zydeco", lambda it: it["wav"] + HIDDEN_ID3),
    "wav: INFO behind the end": ("wav", "Reggae", lambda it: it["wav"] + INFO),
    "aiff: ID3v2 behind the end": (
        "aiff",
        "Zydeco",
        lambda it: it["aiff"] + tags.chunk(b"ID3 ", ID3_ZYDECO, "big"),
    ),
}


def genres(path: Path, readers: tuple[str, ...]) -> dict[str, list[str]]:
    """Return each genre that a reader shows, by reader and key."""
    return {
        f"{reader} {key}": values
        for reader, found in seen(path, readers).items()
        for key, values in found.items()
        if any(name in key.lower() for name in ("genre", "tcon", "tco"))
    }


FAST_FOR_PROGRAMS = ("mp3: ID3v2, APE and ID3v1", "wav: both")


@pytest.mark.parametrize(("what", "readers"), asked(TABLE, FAST_FOR_PROGRAMS))
def test_a_genre_is_there_in_whichever_tag(
    audio: Audio,  # noqa: F811
    tmp_path: Path,
    what: str,
    readers: tuple[str, ...],
) -> None:
    kind, genre, build = TABLE[what]
    path = tmp_path / f"a.{kind}"
    path.write_bytes(build(audio))
    assert write.read(str(path))["genre"] == (genre,)
    before = genres(path, readers)
    mood = {"mood": ("Sad",)}
    _, previous = in_full(path, mood)
    write.write(str(path), mood, fingerprint=fingerprint)
    assert write.read(str(path)) == {"genre": (genre,), **mood}
    after = genres(path, readers)
    assert {key: after.get(key) for key in before} == before
    write.write(str(path), previous, fingerprint=fingerprint)
    if "behind" not in what:
        assert genres(path, readers) == before


@pytest.mark.parametrize(
    "ours",
    [
        pytest.param("Techno", id="numbered"),
        pytest.param("Progressive Polka", id="unnumbered", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(("what", "readers"), asked(TABLE, FAST_FOR_PROGRAMS))
def test_every_tag_that_readers_prefer_says_the_same_after_overwriting(
    audio: Audio,  # noqa: F811
    tmp_path: Path,
    what: str,
    readers: tuple[str, ...],
    ours: str,
) -> None:
    kind, _, build = TABLE[what]
    path = tmp_path / f"a.{kind}"
    path.write_bytes(build(audio))
    before = genres(path, readers)
    changes = {"genre": (ours, "Pop"), "mood": ("Sad",)}
    _, previous = in_full(path, changes)
    write.write(str(path), changes, fingerprint=fingerprint)
    after = genres(path, readers)
    for key, values in after.items():
        said = " ".join(values)
        nothing = "ID3v1" in key and ("255" in said or "None" in said or said == "''")
        number = "ID3v1" in key and "'18'" in said and ours == "Techno"
        # No reader prefers what stands behind FLAC to its comments.
        trailer = kind == "flac" and any(name in key for name in ("ID3v1", "APE"))
        assert ours in said or nothing or number or trailer, (key, values)
    write.write(str(path), previous, fingerprint=fingerprint)
    if "behind" not in what:
        assert genres(path, readers) == before


@pytest.mark.parametrize("number", [0, 12])
def test_the_first_numbers_of_an_empty_trailer_are_no_genre(
    audio: Audio,  # noqa: F811
    tmp_path: Path,
    number: int,
) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(audio["mp3"] + tags.id3v1(number, title="", artist=""))
    assert write.read(str(path)) == {}
    path.write_bytes(audio["mp3"] + tags.id3v1(number))
    assert write.read(str(path)) == {"genre": (("Blues", "Other")[number // 12],)}


def _user_text(version: int) -> Callable[[Path], None]:
    """Return what puts a genre into a text for users, in front of a file."""
    name, title = ("TXX", "TT2") if version == 2 else ("TXXX", "TIT2")
    said = tags.frame(name, b"\0Genre\0Zouk", version)

    def put(path: Path) -> None:
        tag = tags.id3(tags.text(title, "Title", version), said, version=version)
        path.write_bytes(tag + path.read_bytes())

    return put


def _attribute(key: str, value: object) -> Callable[[Path], None]:
    """Return what puts a genre into an attribute of a name that is not ours."""

    def put(path: Path) -> None:
        file = mutagen.File(path)
        file[key] = [value]
        file.save()

    return put


@pytest.mark.parametrize(
    "readers",
    [
        pytest.param(LIBRARIES, id="libraries"),
        pytest.param(tuple(READERS), id="all", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    ("kind", "put"),
    [
        ("mp3", _user_text(2)),
        ("mp3", _user_text(3)),
        ("mp3", _user_text(4)),
        ("m4a", _attribute("----:com.apple.iTunes:GENRE", b"Zouk")),
        ("wma", _attribute("Genre", "Zouk")),
    ],
)
def test_a_genre_under_a_name_that_readers_know_too_is_there_and_is_replaced(
    tmp_path: Path, kind: str, put: Callable[[Path], None], readers: tuple[str, ...]
) -> None:
    options = {"id3v2_version": "0"} if kind == "mp3" else {}
    path = make(tmp_path / f"a.{kind}", kind, options=options)
    put(path)
    content, before = path.read_bytes(), genres(path, readers)
    assert any(key.startswith("ffmpeg") for key in before)
    assert write.read(str(path))["genre"] == ("Zouk",)
    for changes in ({"mood": ("Sad",)}, {"genre": ("Dub", "Pop")}):
        path.write_bytes(content)
        full, previous = in_full(path, changes)
        write.write(str(path), full, fingerprint=fingerprint)
        said = {value for values in genres(path, readers).values() for value in values}
        assert any("Zouk" in value for value in said) == ("genre" not in changes)
        write.write(str(path), previous, fingerprint=fingerprint)
        assert write.read(str(path)) == {"genre": ("Zouk",)}
        assert any(
            "Zouk" in values[0] for key, values in genres(path, readers).items() if "ffmpeg" in key
        )
