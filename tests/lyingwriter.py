"""A writer that lies: ways to change the audio of a file, or what is said of it."""

import contextlib
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from mutagen.ogg import OggPage

# Fields that decide what is heard: what stands before them, how far on, how many bytes.
HEADERS = {
    "mp3": [(b"Info", 8, 4), (b"Info", 12, 4), (b"Lavc", 21, 3), (b"\xff\xfb", 1, 3)],
    "m4a": [
        *((b"elst", 8, 4), (b"elst", 12, 4), (b"elst", 16, 4)),
        *((b"stco", 12, 4), (b"stsz", 16, 40), (b"stts", 12, 4), (b"stsc", 12, 4)),
        *((b"mdhd", 16, 4), (b"mvhd", 16, 4), (b"mp4a", 20, 2), (b"mp4a", 28, 2)),
        *((b"esds", 8, 30), (b"iTunSMPB", 40, 8)),
    ],
    "alac.m4a": [
        *((b"elst", 8, 4), (b"stco", 12, 4), (b"stsz", 16, 40), (b"stts", 12, 4)),
        *((b"mdhd", 16, 4), (b"alac", 16, 4), (b"alac", 40, 24)),
    ],
    "flac": [(b"fLaC", 8, 4), (b"fLaC", 12, 6), (b"fLaC", 18, 8), (b"fLaC", 26, 16)],
    "oga": [(b"fLaC", 8, 4), (b"fLaC", 18, 8)],
    "ogg": [(b"\x01vorbis", 11, 5), (b"\x01vorbis", 28, 1), (b"\x05vorbis", 7, 900)],
    "opus": [(b"OpusHead", 9, 1), (b"OpusHead", 10, 2), (b"OpusHead", 16, 2)],
    "spx": [(b"Speex   ", 36, 4), (b"Speex   ", 40, 4), (b"Speex   ", 48, 8)],
    "wav": [(b"fmt ", 8, 4), (b"fmt ", 12, 4), (b"fmt ", 20, 4), (b"data", 4, 4)],
    "aiff": [(b"COMM", 8, 2), (b"COMM", 10, 4), (b"COMM", 14, 4), (b"SSND", 4, 12)],
    "wma": [(b"\x61\x01\x02\0", 4, 4), (b"\x61\x01\x02\0", 8, 4), (b"\x61\x01\x02\0", 12, 16)],
    "wv": [(b"wvpk", 8, 8), (b"wvpk", 20, 8), (b"wvpk", 32, 40)],
    "tta": [(b"TTA1", 6, 4), (b"TTA1", 10, 8), (b"TTA1", 22, 8)],
    "webm": [(b"OpusHead", 10, 2), (b"OpusHead", 16, 2), (b"V\xaa", 3, 3), (b"V\xbb", 3, 4)],
    "mka": [(b"fLaC", 18, 8), (b"\xa3", 1, 5)],
    "dsf": [(b"fmt ", 20, 8), (b"fmt ", 28, 8), (b"fmt ", 36, 12), (b"data", 4, 8)],
}  # fmt: skip
# How the packets of a kind begin, where they can be told.
MARKS = {"mp3": b"\xff\xfb", "flac": b"\xff\xf8", "wv": b"wvpk"} | dict.fromkeys(
    ("ogg", "opus", "oga", "spx"), b"OggS"
)

WORDS = (
    *(b"elst", b"edts", b"stco", b"stsz", b"stts", b"stsc", b"stsd", b"mdhd", b"mvhd", b"tkhd"),
    *(b"hdlr", b"sgpd", b"sbgp", b"iTunSMPB", b"fmt ", b"fact", b"data", b"COMM", b"SSND"),
    *(b"Xing", b"Info", b"LAME", b"Lavc", b"OpusHead", b"fLaC", b"\x01vorbis", b"Speex   "),
    *(b"wvpk", b"TTA1", b"DSD ", b"\x91\x07\xdc\xb7", b"\xa1\xdc\xab\x8c"),
)
"""Names and magic numbers of what describes the audio."""

Lie = Callable[[bytearray, random.Random], None]


def header(mark: bytes, offset: int, length: int) -> Lie:
    """Change one byte of a field."""

    def lie(data: bytearray, rng: random.Random) -> None:
        at = data.rfind(mark) if mark in (b"elst", b"stco", b"stsz") else data.find(mark)
        data[at + offset + rng.randrange(length)] ^= rng.choice((1, 2, 4, 0x10, 0x80))

    return lie


def flip(data: bytearray, rng: random.Random) -> None:
    """Change one bit of the audio."""
    data[_inside(data, rng)] ^= 1 << rng.randrange(8)


def shift(data: bytearray, rng: random.Random) -> None:
    """Put one byte more before some of the audio, as if an offset were wrong by one."""
    data.insert(_inside(data, rng), rng.randrange(256))


def lose(data: bytearray, rng: random.Random) -> None:
    """Leave a few bytes out."""
    at = _inside(data, rng)
    del data[at : at + rng.choice((1, 4, 64, 4096))]


def shorten(data: bytearray, rng: random.Random) -> None:
    """Cut the end off."""
    del data[-rng.randrange(600, len(data) // 3) :]


def blank(data: bytearray, rng: random.Random) -> None:
    """Put zeros in place of audio."""
    at = _inside(data, rng)
    data[at : at + 64] = bytes(64)


def lose_packet(data: bytearray, rng: random.Random) -> None:
    """Leave a packet, or a page of them, out."""
    at, end, _ = _packets(data, rng)
    del data[at:end]


def double_packet(data: bytearray, rng: random.Random) -> None:
    """Write a packet twice."""
    at, end, _ = _packets(data, rng)
    data[end:end] = data[at:end]


def swap_packets(data: bytearray, rng: random.Random) -> None:
    """Write a packet behind the next one."""
    at, middle, end = _packets(data, rng)
    data[at:end] = data[middle:end] + data[at:middle]


def later(data: bytearray, rng: random.Random) -> None:
    """Shift the time of an Ogg page, or of all."""
    pages = pages_of(data)
    some = pages[2:] if rng.randrange(2) else [rng.choice(pages[2:])]
    for page in some:
        page.position += rng.choice((-100, 7, 960))
    data[:] = b"".join(page.write() for page in pages)


def describe(data: bytearray, rng: random.Random) -> None:
    """Change a number of two or four bytes near a word of which FFmpeg knows the meaning."""
    found = [at for word in WORDS for at in (data.find(word), data.rfind(word)) if at >= 0]
    at = max(0, rng.choice(found) + rng.randrange(-12, 80)) if found else rng.randrange(600)
    length = rng.choice((2, 4))
    order: Literal["big", "little"] = rng.choice(("big", "little"))
    number = int.from_bytes(data[at : at + length], order)
    new = (number + rng.choice((-1, 1, 7, -1000, 1000))) % (1 << 8 * length)
    data[at : at + length] = new.to_bytes(length, order)


def say_more(data: bytearray, rng: random.Random) -> None:
    """Write some of the audio behind the end, or the whole file."""
    at = _inside(data, rng)
    data += rng.choice((bytes(data), bytes(data[at : at + 3000])))


def end_sooner(data: bytearray, rng: random.Random) -> None:
    """Cut off a few bytes, or the last packet."""
    del data[-rng.choice((1, 4, 100, 417)) :]


def rename(data: bytearray, rng: random.Random) -> None:
    """Give a part another name, so that it is passed over."""
    found = [at for word in WORDS if (at := data.find(word)) >= 0]
    at = rng.choice(found) if found else rng.randrange(16)
    data[at : at + 4] = b"free"


def number_a_page(data: bytearray, rng: random.Random) -> None:
    """Change what an Ogg page says of itself: its stream, its number, whether it is the last."""
    pages = pages_of(data)
    page, what = rng.choice(pages[1:]), rng.randrange(5)
    page.serial += what == 0
    page.sequence += what == 1
    page.last ^= what == 2
    page.first ^= what == 3
    pages[-1].position += rng.choice((-2000, -1, 300)) * (what == 4)
    data[:] = b"".join(it.write() for it in pages)


GENERIC: list[Lie] = [flip, shift, lose, shorten, blank]
GENERIC += [describe, describe, describe, say_more, end_sooner, rename]
PACKETS: list[Lie] = [lose_packet, double_packet, swap_packets]


def lies_about(kind: str) -> list[Lie]:
    """Return all ways to lie about a kind of file."""
    lies = [header(*field) for field in HEADERS[kind]] + GENERIC
    if kind in MARKS:
        lies += PACKETS
    return lies + [later, number_a_page] * (MARKS.get(kind) == b"OggS")


def _inside(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(data) // 2, len(data) * 9 // 10)


def _packets(data: bytearray, rng: random.Random) -> tuple[int, int, int]:
    """Return where a packet begins, and the two after it."""
    mark = next(m for m in MARKS.values() if data.count(m) > 2)
    start = _inside(data, rng)
    while True:
        at = data.find(mark, start)
        middle = data.find(mark, at + 4)
        end = data.find(mark, middle + 4)
        if min(at, middle, end) >= 0:
            return at, middle, end
        start = start * 3 // 4


def pages_of(data: bytearray) -> list[OggPage]:
    file, pages = io.BytesIO(data), []
    with contextlib.suppress(EOFError):
        while True:
            pages.append(OggPage(file))
    return pages


def lied(copy: Path, kind: str, lie: Lie, number: int, folder: Path) -> Path:
    """Return a file like `copy`, but for a lie."""
    data = bytearray(copy.read_bytes())
    lie(data, random.Random(number))
    if MARKS.get(kind) == b"OggS":  # the lie is not found out by its checksum
        with contextlib.suppress(Exception):  # no pages any more: then it is
            data[:] = b"".join(page.write() for page in pages_of(data))
    false = folder / f"c.{kind}"
    false.write_bytes(data)
    assert data != copy.read_bytes()
    return false
