"""What mutagen, FFmpeg, exiftool and TagLib saw before a write they see after it, and after undo.

A file is written so, or refused with a reason. exiftool and TagLib are asked where they are.
"""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import tagbytes as tags
from audiofiles import in_full, make
from readers import asked, lost, seen
from thinned import thinned

from lean_tagger import write
from lean_tagger.errors import WriteError
from lean_tagger.listen.decode import fingerprint
from lean_tagger.write import visible
from lean_tagger.write.source import opened

av.logging.set_level(None)

VALUES = {"genre": ("Hip-Hop", "Techno"), "mood": ("mellow",), "leantag": ("{}" * 40,)}
SAID = ("Title", "Artist", "Album")
NAMES = ("TIT2", "TPE1", "TALB")
FRAMES = tuple(tags.text(name, said) for name, said in zip(NAMES, SAID, strict=True))


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Audio of several kinds without any tag."""
    folder = tmp_path_factory.mktemp("audio")
    kinds = ("mp3", "flac", "wav", "aiff", "wv", "tta", "ogg")
    options = {"id3v2_version": "0", "write_xing": "0"}
    found = {}
    for kind in kinds:
        how = options if kind == "mp3" else {}
        found[kind] = make(folder / f"a.{kind}", kind, options=how).read_bytes()
    found["wav"] = tags.without_tags(found["wav"])
    for kind in ("wv", "tta"):
        position = found[kind].rfind(b"APETAGEX")
        found[kind] = found[kind][: found[kind].find(b"APETAGEX")] if position > 0 else found[kind]
    data = found["flac"]  # STREAMINFO only
    position, last = 4, 0
    while not last:
        last = data[position] & 0x80
        position += 4 + int.from_bytes(data[position + 1 : position + 4], "big")
    found["flac"] = b"fLaC\x80\0\0\x22" + data[8:42] + data[position:]
    return found


def torn_picture(audio: dict[str, bytes]) -> bytes:
    lyrics = tags.frame("USLT", b"\3eng\0" + b"la la la. " * 100)
    picture = b"\xff\xd8\xff\xe1" + bytes(3000) + tags.JPEG[4:] * 3
    cover = tags.frame("APIC", b"\0image/jpeg\0\3\0" + picture)
    return tags.id3(*FRAMES, lyrics, cover, b"\x82", padding=600) + audio["mp3"]


def mixed(audio: dict[str, bytes]) -> bytes:
    cover = tags.frame("APIC", b"\0image/jpeg\0\3\0" + tags.JPEG)
    own = tags.frame("PRIV", b"me\0" + bytes(40))
    gain = tags.frame("TXXX", b"\0replaygain_track_gain\0-3.20 dB")
    return tags.id3(*FRAMES, cover, own, gain) + audio["mp3"] + tags.id3v1()


def with_info(audio: dict[str, bytes]) -> bytes:
    texts = {"INAM": "Title", "IART": "Artist", "ICOP": "(c) Me", "IMUS": "Composer"}
    texts |= {"IWRI": "Writer", "ISRC": "src", "ILNG": "eng", "IPRD": "Album", "ISFT": "x"}
    texts |= {"IPRT": "3", "PRT1": "First half"}
    return tags.riff(audio["wav"] + tags.info(texts))


def behind(audio: dict[str, bytes], kind: str, order: str) -> bytes:
    tag = tags.id3(*FRAMES, padding=21)
    name = b"id3 " if order == "little" else b"ID3 "
    return audio[kind] + tags.chunk(name, tag + bytes(len(tag) % 2), order)


GAINS = {"REPLAYGAIN_TRACK_GAIN": b"-3.20 dB", "MP3GAIN_MINMAX": b"100,200"}
COVER = {"Cover Art (Front)": b"c.jpg\0" + tags.JPEG}
DESCRIBED = {"Title": b"Ape title", "Artist": b"Ape artist", "Year": b"1988"}
FILES: dict[str, tuple[str, Callable[[dict[str, bytes]], bytes]]] = {
    "a tag and a trailer": ("mp3", mixed),
    "ID3 behind AIFF's end": ("aiff", lambda it: behind(it, "aiff", "big")),
    "ID3 behind RIFF's end": ("wav", lambda it: behind(it, "wav", "little")),
    "INFO behind RIFF's end": ("wav", lambda it: it["wav"] + tags.info({"INAM": "Title"})),
    "ID3 in front of FLAC": ("flac", lambda it: tags.id3(*FRAMES) + it["flac"]),
    "ID3 and ID3v1 around FLAC": (
        "flac",
        lambda it: tags.id3(*FRAMES, version=4) + it["flac"] + tags.id3v1(),
    ),
    "ID3v1 behind FLAC": ("flac", lambda it: it["flac"] + tags.id3v1()),
    "ID3 in front of WavPack": ("wv", lambda it: it["wv"] + tags.id3v1()),
    "junk before ID3": ("mp3", lambda it: bytes(20) + tags.id3(*FRAMES) + it["mp3"]),
    "junk before ID3v2.3 with a cover": (
        "mp3",
        lambda it: (
            b"junk" * 5
            + tags.id3(
                *(tags.text(n, s, 3) for n, s in zip(NAMES, SAID, strict=True)),
                tags.frame("APIC", b"\0image/jpeg\0\3\0" + tags.JPEG, 3),
                version=3,
            )
            + it["mp3"]
        ),
    ),
    "gains and a trailer": ("mp3", lambda it: it["mp3"] + tags.ape(GAINS) + tags.id3v1()),
    "gains without header": (
        "mp3",
        lambda it: it["mp3"] + tags.ape(GAINS, header=False) + tags.id3v1(),
    ),
    "gains in an old APE tag": (
        "mp3",
        lambda it: it["mp3"] + tags.ape(GAINS, version=1000, header=False),
    ),
    "an old APE tag that describes": (
        "mp3",
        lambda it: it["mp3"] + tags.ape(DESCRIBED, version=1000, header=False),
    ),
    "an APE tag that describes": ("mp3", lambda it: it["mp3"] + tags.ape(DESCRIBED)),
    "an APE tag with gains and a cover": ("mp3", lambda it: it["mp3"] + tags.ape(GAINS | COVER)),
    "an APE tag with a cover": ("mp3", lambda it: it["mp3"] + tags.ape(DESCRIBED | COVER)),
    "an empty ID3 tag before an APE tag": (
        "mp3",
        lambda it: tags.id3(padding=300) + it["mp3"] + tags.ape(DESCRIBED),
    ),
    "ID3v1 alone": ("mp3", lambda it: it["mp3"] + tags.id3v1(5)),
    "TrueAudio with ID3v1": ("tta", lambda it: it["tta"] + tags.id3v1(5)),
    "INFO": ("wav", with_info),
    "INFO with a date in words": (
        "wav",
        lambda it: tags.riff(it["wav"] + tags.info({"ICRD": "2016-07-31 10:25:09 UTC"})),
    ),
    "INFO with a date and a time": (
        "wav",
        lambda it: tags.riff(it["wav"] + tags.info({"ICRD": "2016-07-31T10:25:09"})),
    ),
    "RIFF's size that counts its header": (
        "wav",
        lambda it: it["wav"][:4] + len(it["wav"]).to_bytes(4, "little") + it["wav"][8:],
    ),
    "sizes that a recorder never set": (
        "wav",
        lambda it: (
            it["wav"][:4]
            + bytes(4)
            + it["wav"][8 : it["wav"].find(b"data") + 4]
            + bytes(4)
            + it["wav"][it["wav"].find(b"data") + 8 :]
        ),
    ),
    "sizes of a pipe": (
        "wav",
        lambda it: (
            it["wav"][:4].ljust(8, b"\xff")
            + it["wav"][8 : it["wav"].find(b"data") + 4].ljust(0)
            + b"\xff" * 4
            + it["wav"][it["wav"].find(b"data") + 8 :]
        ),
    ),
}


def written(path: Path) -> tuple[dict, dict]:
    full, previous = in_full(path, VALUES)
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert write.read(str(path)) == VALUES
    return full, previous


ONE_OF_EACH_KIND = {kind: what for what, (kind, _) in FILES.items()}.values()


@thinned(("what", "readers"), asked(FILES, ONE_OF_EACH_KIND), fast=16)
def test_what_readers_saw_they_see_after_a_write_and_after_undo(
    audio: dict[str, bytes], tmp_path: Path, what: str, readers: tuple[str, ...]
) -> None:
    kind, build = FILES[what]
    path = tmp_path / f"a.{kind}"
    path.write_bytes(build(audio))
    before, heard = seen(path, readers), fingerprint(str(path))
    _, previous = written(path)
    assert lost(before, seen(path, readers)) == []
    assert fingerprint(str(path)) == heard
    write.write(str(path), previous, fingerprint=fingerprint)
    undone = seen(path, readers)
    assert lost(before, undone) == []
    if not what.endswith("end"):  # there, more readers find the tag than before
        assert {r: set(found) for r, found in undone.items()} == {
            r: set(found) for r, found in before.items()
        }


def refused_amr() -> bytes:
    return b"#!AMR\n" + (b"\x3c" + b"\xff\xfb\x90\x00" * 7 + b"abc") * 100


@pytest.mark.parametrize(
    ("what", "reason"),
    {
        "a stray byte before the padding": "do not add up",
        "a private frame in front of FLAC": "would hide the PRIV frame",
        "an item that is no text": "would hide the item Blob",
        "a voice memo": "not one that lean-tag can write",
        "a damaged APE tag": "would hide what is in its APE tag",
        "an APE tag and another ID3v1 behind FLAC": "would hide the Title",
        "two ID3 chunks": "more than one ID3 chunk",
    }.items(),
)
def test_what_would_be_hidden_is_a_reason_to_refuse(
    audio: dict[str, bytes], tmp_path: Path, what: str, reason: str
) -> None:
    blob = struct.pack("<II", 3, 2) + b"Blob\0abc"
    whole = b"APETAGEX" + struct.pack("<IIII", 2000, len(blob) + 32, 1, 0) + bytes(8)
    second = tags.chunk(b"id3 ", tags.id3(*FRAMES))
    content = {
        "a stray byte before the padding": torn_picture,
        "a private frame in front of FLAC": lambda it: (
            tags.id3(*FRAMES, tags.frame("PRIV", b"me\0xyz")) + it["flac"]
        ),
        "an item that is no text": lambda it: it["mp3"] + blob + whole,
        "a voice memo": lambda _: refused_amr(),
        "a damaged APE tag": lambda it: it["mp3"] + whole,
        "an APE tag and another ID3v1 behind FLAC": lambda it: (
            it["flac"] + tags.ape(DESCRIBED) + tags.id3v1()
        ),
        "two ID3 chunks": lambda it: tags.riff(it["wav"] + second) + second,
    }[what](audio)
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(WriteError, match=reason):
        write.write(str(path), VALUES, fingerprint=lambda _: "same")
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_large_cover_is_not_read_for_the_proof(audio: dict[str, bytes], tmp_path: Path) -> None:
    """What readers load would cost sixteen times its size; the proof by bytes stands alone."""
    cover = tags.frame("APIC", b"\0image/jpeg\0\3\0" + tags.JPEG * 3000)
    path = tmp_path / "a.mp3"
    path.write_bytes(tags.id3(*FRAMES, cover) + audio["mp3"])
    with opened(str(path)) as source:
        view = visible.look(source, foreign_id3=False)
    assert set(view) == {"mutagen, in its APE tag,"}
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert cover in path.read_bytes()


@pytest.mark.parametrize("version", [2, 3])
def test_ffmpeg_shows_what_is_written_into_an_unsynchronised_tag(
    audio: dict[str, bytes], tmp_path: Path, version: int
) -> None:
    """It stops behind a frame that unsynchronisation made longer, such as a picture."""
    title, name, head = ("TT2", "PIC", b"\0JPG") if version == 2 else ("TIT2", "APIC", b"\0a/b\0")
    picture = tags.frame(name, head + b"\3\0" + tags.JPEG, version)
    plain = tags.text(title, "Title", version) + picture + bytes(9)
    stuffed = re.sub(rb"\xff(?=[\xe0-\xff\0])", b"\xff\0", plain)
    path = tmp_path / "a.mp3"
    head = b"ID3" + bytes([version, 0, 0x80]) + tags.syncsafe(len(stuffed))
    path.write_bytes(head + stuffed + audio["mp3"])
    before = seen(path)
    written(path)
    after = seen(path)
    assert lost(before, after) == []
    assert after["ffmpeg"]["genre"][0].startswith("Hip-Hop")
