"""Damaged copies of richly tagged files: what independent readers saw, they see after a write.

Some hundred always; 4,000 with ``-m faults``.
"""

import base64
import io
import random
from collections import Counter
from pathlib import Path

import av
import mutagen
import pytest
import tagbytes as tags
from audiofiles import in_full, make
from matroskafiles import RICH_TAGS, Layout, build
from mutagen.flac import FLAC, Picture
from mutagen.id3 import (
    APIC,
    CHAP,
    COMM,
    CTOC,
    ID3,
    POPM,
    PRIV,
    TALB,
    TDRC,
    TIT2,
    TPE1,
    TRCK,
    TXXX,
    UFID,
    USLT,
    WOAR,
    CTOCFlags,
)
from mutagen.mp4 import MP4, MP4Cover
from readers import lost, seen
from thinned import thinned

from lean_tagger import write
from lean_tagger.errors import FileError

FAST = ("mutagen", "ffmpeg", "taglib")
VALUES = {"genre": ("Hip-Hop", "Techno"), "mood": ("mellow",), "leantag": ("{}" * 60,)}
KINDS = (
    *("mp3", "aac", "m4a", "flac", "ogg", "opus", "oga", "spx", "wav", "aiff", "wma", "wv", "tta"),
    *("dsf", "dff", "mpc", "ape", "mka", "webm"),
)
FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}
GAINS = {"REPLAYGAIN_TRACK_GAIN": "-3.20 dB", "REPLAYGAIN_TRACK_PEAK": "0.98"}


def rich_id3(version: int) -> bytes:
    """Return a tag with everything that people have in theirs."""
    found = ID3()
    for frame in (
        TIT2(encoding=1, text=["Title ž"]),
        TPE1(encoding=3 if version == 4 else 1, text=["One", "Two"]),
        TALB(encoding=0, text=["Album"]),
        TRCK(encoding=0, text=["3/12"]),
        TDRC(encoding=0, text=["2001-02-03"]),
        COMM(encoding=0, lang="eng", desc="", text=["A comment"]),
        USLT(encoding=0, lang="eng", desc="", text="la la " * 100),
        APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=tags.JPEG),
        POPM(email="a@b", rating=200, count=3),
        PRIV(owner="me", data=bytes(range(200))),
        UFID(owner="http://musicbrainz.org", data=b"abc"),
        WOAR(url="http://example.org"),
        *(TXXX(encoding=0, desc=key, text=[value]) for key, value in GAINS.items()),
    ):
        found.add(frame)
    if version > 2:
        title = TIT2(encoding=0, text=["Part"])
        found.add(CHAP("c1", 0, 200, 0xFFFFFFFF, 0xFFFFFFFF, sub_frames=[title]))
        found.add(CTOC("toc", CTOCFlags.TOP_LEVEL, ["c1"], sub_frames=[]))
    out = io.BytesIO()
    found.save(out, v2_version=max(version, 3), v1=0, padding=lambda _: 200)
    if version == 2:
        names = {"TIT2": "TT2", "TPE1": "TP1", "TALB": "TAL", "TRCK": "TRK"}
        frames = [tags.text(short, name, 2) for name, short in names.items()]
        picture = tags.frame("PIC", b"\0JPG\3\0" + tags.JPEG, 2)
        return tags.id3(*frames, picture, version=2)
    return out.getvalue()


def picture() -> Picture:
    found = Picture()
    found.data, found.mime, found.type = tags.JPEG, "image/jpeg", 3
    return found


def rich_matroska() -> list[bytes]:
    """Return files with chapters, a picture and tags at several levels."""
    return [
        build(Layout(tags=RICH_TAGS, voids=(40, 2000, 0))),
        build(Layout(tags=RICH_TAGS, tags_last=True, crc=True)),
        build(Layout(tags=RICH_TAGS, live=True, voids=(0, 6000, 0))),
        build(Layout(seek_head=False, voids=(0, 900, 0))),
    ]


def rich_dsd(kind: str, data: bytes) -> bytes:
    """Return a file of one of the formats of DSD with a tag."""
    tag = rich_id3(4)
    if kind == "dsf":
        size = (len(data) + len(tag)).to_bytes(8, "little")
        return data[:12] + size + len(data).to_bytes(8, "little") + data[28:] + tag
    whole = data + b"ID3 " + len(tag).to_bytes(8, "big") + tag + bytes(len(tag) % 2)
    return whole[:4] + (len(whole) - 12).to_bytes(8, "big") + whole[12:]


def rich(folder: Path, kind: str) -> list[bytes]:
    """Return files of one kind, with many tags."""
    if kind in ("mka", "webm"):
        return rich_matroska()
    options = {"id3v2_version": "0"} if kind == "mp3" else {}
    path = make(folder / f"a.{kind}", kind, 0.3, options=options)
    data = path.read_bytes()
    ape = tags.ape({"Title": b"Ape title", "Year": b"1999", "MP3GAIN_MINMAX": b"1,2"})
    if kind == "aac":
        return [rich_id3(3) + data, rich_id3(4) + data + tags.id3v1(9), data + ape]
    if kind in ("mpc", "ape"):
        return [data + ape, data + ape + tags.id3v1(4), rich_id3(4) + data + ape]
    if kind == "mp3":
        each = [rich_id3(version) + data for version in (2, 3, 4)]
        gains = tags.ape({key: value.encode() for key, value in GAINS.items()})
        return [*each, each[2] + ape + tags.id3v1(17), data + gains + tags.id3v1(9)]
    if kind in ("tta", "wv"):
        position = data.find(b"APETAGEX")
        bare = data[:position] if position > 0 else data
        return [bare + ape, bare + ape + tags.id3v1(4), bare + tags.id3v1(4)]
    if kind in ("wav", "aiff"):
        order = "little" if kind == "wav" else "big"
        name = b"id3 " if kind == "wav" else b"ID3 "
        tag = tags.chunk(name, rich_id3(4), order)
        texts = tags.info({"INAM": "Title", "IART": "Artist"}) if kind == "wav" else b""
        return [_sized(data + part, order) for part in (tag, texts, texts + tag)]
    if kind in ("dsf", "dff"):
        return [rich_dsd(kind, data)]
    if kind == "m4a":
        fragmented = make(folder / "b.m4a", kind, 0.3, options=FRAGMENTED)
        for each in (path, fragmented):
            _tag(each)
        return [path.read_bytes(), fragmented.read_bytes()]
    _tag(path)
    tagged = path.read_bytes()
    return [tagged, tags.id3(tags.text("TIT2", "x")) + data] if kind == "flac" else [tagged]


def _sized(data: bytes, order: str) -> bytes:
    size = (len(data) - 8).to_bytes(4, "little" if order == "little" else "big")
    return data[:4] + size + data[8:]


def _tag(path: Path) -> None:
    file = mutagen.File(path)
    if isinstance(file, MP4):
        file["\xa9nam"], file["\xa9ART"], file["trkn"] = "Title", ["One", "Two"], [(3, 12)]
        file["covr"] = [MP4Cover(tags.JPEG)]
        file["\xa9lyr"] = "la la " * 50
        file["----:com.apple.iTunes:REPLAYGAIN_TRACK_GAIN"] = [b"-3.20 dB"]
    else:
        texts = {"title": "Title", "artist": ["One", "Two"], "lyrics": "la " * 99, **GAINS}
        for key, values in texts.items():
            file[key] = values
    if isinstance(file, FLAC):
        file.add_picture(picture())
    elif path.suffix in (".ogg", ".opus", ".oga", ".spx"):
        file["metadata_block_picture"] = [base64.b64encode(picture().write()).decode()]
    file.save()


def mutant(data: bytes, chance: random.Random) -> bytes:
    """Return a copy with one to four small damages, most of them where the tags are."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        near = chance.random()
        span = min(len(out), 6000)
        low = 0 if near < 0.6 else max(0, len(out) - span) if near < 0.9 else 0
        high = len(out) if near >= 0.6 else span
        position = chance.randrange(low, max(low + 1, high))
        match chance.randrange(5):
            case 0:
                out[position : position + 1] = bytes([chance.randrange(256)])
            case 1:
                out[position : position + 1] = bytes([out[position] ^ 1 << chance.randrange(8)])
            case 2:
                del out[position : position + chance.choice((1, 2, 7, 64))]
            case 3:
                out[position:position] = chance.randbytes(chance.choice((1, 2, 4, 30)))
            case _:
                length = chance.choice((1, 4, 20))
                out[position : position + length] = bytes(length)
    return bytes(out)


def check(path: Path, data: bytes, outcomes: Counter[str]) -> None:
    path.write_bytes(data)
    before = seen(path, FAST)
    try:
        _, previous = in_full(path, VALUES)
        write.write(str(path), VALUES, fingerprint=lambda _: "same")
    except FileError:
        outcomes["refused"] += 1
        assert path.read_bytes() == data
        return
    outcomes["written"] += 1
    assert lost(before, seen(path, FAST)) == []
    try:
        write.write(str(path), previous, fingerprint=lambda _: "same")
    except FileError:
        outcomes["not undone"] += 1
        return
    assert lost(before, seen(path, FAST)) == []


def run(tmp_path: Path, kind: str, count: int) -> None:
    av.logging.set_level(None)
    chance = random.Random(f"readers {kind}")
    seeds = rich(tmp_path, kind)
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        check(tmp_path / f"b.{kind}", seed, outcomes)
    for number in range(count):
        data = mutant(chance.choice(seeds), chance)
        try:
            check(tmp_path / f"b.{kind}", data, outcomes)
        except BaseException:
            (tmp_path / f"failed.{kind}").write_bytes(data)
            print(f"mutant {number} of {kind}: {tmp_path}")
            raise
    print(kind, dict(outcomes))
    assert outcomes["written"] >= len(seeds) / 2
    assert outcomes["not undone"] == 0


@thinned("kind", KINDS, fast=6)
def test_damaged_files_lose_nothing_that_a_reader_sees(tmp_path: Path, kind: str) -> None:
    run(tmp_path, kind, 10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_damaged_files_lose_nothing_that_a_reader_sees(
    tmp_path: Path, kind: str
) -> None:
    run(tmp_path, kind, 4000 // len(KINDS) + 1)
