"""Matroska files made by hand, one byte at a time, and a look at them that is not the package's."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

EBML, SEGMENT, SEEK_HEAD, INFO, TRACKS = 0x1A45DFA3, 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B
TAGS, CLUSTER, CUES, CHAPTERS, ATTACHMENTS = (
    *(0x1254C367, 0x1F43B675, 0x1C53BB6B),
    *(0x1043A770, 0x1941A469),
)
MASTERS = {
    *(EBML, SEGMENT, SEEK_HEAD, INFO, TRACKS, TAGS, CLUSTER, CUES, CHAPTERS, ATTACHMENTS),
    *(0x7373, 0x67C8, 0x63C0, 0x4DBB, 0xAE, 0xE1, 0xBB, 0xB7, 0x45B9, 0xB6, 0x80, 0x61A7),
}
PICTURE = bytes(range(256)) * 12
TRACK_UID = 77


def of(name: int, *content: bytes | int | str, crc: bool = False) -> bytes:
    """Return an element; with eight bytes of size, as FFmpeg writes most."""
    data = b"".join(
        it.to_bytes(max(1, (it.bit_length() + 7) // 8), "big")
        if isinstance(it, int)
        else it.encode()
        if isinstance(it, str)
        else it
        for it in content
    )
    if crc:
        data = b"\xbf\x84" + zlib.crc32(data).to_bytes(4, "little") + data
    size = (
        bytes([0x80 | len(data)]) if len(data) < 127 else (1 << 56 | len(data)).to_bytes(8, "big")
    )
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + data


def void(length: int) -> bytes:
    """Return free space of so many bytes: of two to 128, or of nine and more."""
    if length == 0:
        return b""
    if length <= 128:
        return b"\xec" + bytes([0x80 | length - 2]) + bytes(length - 2)
    return b"\xec" + (1 << 56 | length - 9).to_bytes(8, "big") + bytes(length - 9)


def simple(name: str, text: str, *more: bytes) -> bytes:
    return of(0x67C8, of(0x45A3, name), of(0x4487, text), of(0x447A, "und"), *more)


def tag(*simple_tags: bytes, targets: bytes = b"", crc: bool = False) -> bytes:
    return of(0x7373, of(0x63C0, targets), *simple_tags, crc=crc)


RICH_TAGS = (
    tag(simple("TITLE", "Title"), simple("ARTIST", "Ärtist", simple("SORT_WITH", "Artist"))),
    tag(simple("BPM", "120"), targets=of(0x63C5, TRACK_UID)),
    tag(simple("GENRE", "of a chapter"), targets=of(0x63C4, 5)),
    tag(simple("TITLE", "Album"), targets=of(0x68CA, 50) + of(0x63CA, "ALBUM")),
    tag(of(0x67C8, of(0x45A3, "COVER"), of(0x4485, PICTURE))),
)


class Layout(NamedTuple):
    """What stands where in a file to be made.

    Attributes
    ----------
    seek_head : bool
        Whether there is a table of contents.
    voids : tuple of int
        Bytes of free space behind the table, behind the tracks, and at the end.
    tags : tuple of bytes or None
        The content of Tags.
    tags_last : bool
        Whether Tags come at the end.
    crc : bool
        Whether elements have a checksum.
    live : bool
        Whether the Segment and its Clusters are of unknown size.
    place_bytes : int
        How many bytes a place takes in SeekHead and Cues.
    picture : bytes
        What is attached.
    """

    seek_head: bool = True
    voids: tuple[int, int, int] = (0, 0, 0)
    tags: tuple[bytes, ...] | None = None
    tags_last: bool = False
    crc: bool = False
    live: bool = False
    place_bytes: int = 4
    picture: bytes = PICTURE


def build(layout: Layout) -> bytes:
    """Return a file with half a second of sound, two chapters and a picture."""
    time = np.arange(4000) / 8000
    sound = (np.sin(2 * np.pi * 440 * time) * 9000).astype("<i2").tobytes()
    crc = layout.crc
    audio = of(0xE1, of(0xB5, b"\x45\xfa\x00\x00"), of(0x9F, 1), of(0x6264, 16))  # 8000.0 Hz
    track = of(
        0xAE, of(0xD7, 1), of(0x73C5, TRACK_UID), of(0x83, 2), of(0x86, "A_PCM/INT/LIT"), audio
    )
    clusters = [
        of(
            CLUSTER,
            of(0xE7, n * 125),
            of(0xA3, b"\x81\0\0\x80" + sound[n * 2000 : n * 2000 + 2000]),
        )
        for n in range(4)
    ]
    if layout.live:
        clusters = [it[:4] + b"\xff" + it[12:] for it in clusters]
    atoms = [
        of(0xB6, of(0x73C4, n + 1), of(0x91, n * 200_000_000), of(0x80, of(0x85, f"Part {n}")))
        for n in range(2)
    ]
    file = of(
        0x61A7,
        of(0x466E, "cover.bin"),
        of(0x4660, "image/png"),
        of(0x465C, layout.picture),
        of(0x46AE, 9),
    )
    parts: list[tuple[int, bytes]] = [
        (SEEK_HEAD, b""),
        (0, void(layout.voids[0])),
        (INFO, of(INFO, of(0x2AD7B1, 1_000_000), of(0x4489, b"\x43\xfa\0\0"), crc=crc)),
        (TRACKS, of(TRACKS, track, crc=crc)),
        (CHAPTERS, of(CHAPTERS, of(0x45B9, *atoms), crc=crc)),
        (ATTACHMENTS, of(ATTACHMENTS, file, crc=crc)),
        (0, void(layout.voids[1])),
        *((CLUSTER, it) for it in clusters),
    ]
    tags = [] if layout.tags is None else [(TAGS, of(TAGS, *layout.tags, crc=crc))]
    if layout.tags_last:
        parts += tags
    else:
        parts[-len(clusters) : -len(clusters)] = tags
    parts.append((0, void(layout.voids[2])))
    if not layout.live:
        parts.insert(-1, (CUES, b""))
    # Places have so many bytes each, so that the lengths are known before they are.
    for _ in range(2):
        starts, at = {}, 0
        for name, data in parts:
            starts.setdefault(name, at)
            at += len(data)
        for number, (name, _) in enumerate(parts):
            if name == SEEK_HEAD and layout.seek_head:
                names = [
                    n for n in (INFO, TRACKS, CHAPTERS, ATTACHMENTS, CUES, TAGS) if n in starts
                ]
                parts[number] = (name, _seek_head(names, starts, layout))
            elif name == CUES:
                places = _places([len(d) for _, d in parts], [n for n, _ in parts])
                parts[number] = (
                    name,
                    of(CUES, *(_cue(n, p, layout) for n, p in enumerate(places)), crc=crc),
                )
    head = of(EBML, of(0x4282, "matroska"), of(0x4287, 4), of(0x4285, 2))
    content = b"".join(data for _, data in parts)
    size = b"\x01" + b"\xff" * 7 if layout.live else (1 << 56 | len(content)).to_bytes(8, "big")
    return head + SEGMENT.to_bytes(4, "big") + size + content


def _seek_head(names: Sequence[int], starts: dict[int, int], layout: Layout) -> bytes:
    return of(
        SEEK_HEAD,
        *(
            of(
                0x4DBB,
                of(0x53AB, n.to_bytes(4, "big")),
                of(0x53AC, starts[n].to_bytes(layout.place_bytes, "big")),
            )
            for n in names
        ),
        crc=layout.crc,
    )


def _places(sizes: Sequence[int], names: Sequence[int]) -> list[int]:
    return [sum(sizes[:n]) for n, name in enumerate(names) if name == CLUSTER]


def _cue(number: int, place: int, layout: Layout) -> bytes:
    position = of(0xB7, of(0xF7, 1), of(0xF1, place.to_bytes(layout.place_bytes, "big")))
    return of(0xBB, of(0xB3, number * 125), position)


class Part(NamedTuple):
    """One element: its id, where its content starts and ends."""

    id: int
    start: int
    body: int
    end: int


def walk(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Part]:
    """Yield all elements, the inner ones behind what they are in."""
    position, end = start, len(data) if end is None else end
    while position < end:
        id_bytes = 9 - data[position].bit_length()
        size_bytes = 9 - data[position + id_bytes].bit_length()
        body = position + id_bytes + size_bytes
        name = int.from_bytes(data[position : position + id_bytes], "big")
        size = int.from_bytes(data[position + id_bytes : body], "big") - (1 << 7 * size_bytes)
        unknown = size == (1 << 7 * size_bytes) - 1
        stop = end if unknown else body + size
        assert stop <= end, "an element is longer than what it is in"
        yield Part(name, position, body, stop)
        if name in MASTERS:
            yield from walk(data, body, stop)
        position = stop
    assert position == end


def check(data: bytes) -> None:
    """Assert that sizes add up, and that checksums and the table of contents tell the truth."""
    parts = list(walk(data))
    segment = next(it for it in parts if it.id == SEGMENT)
    for number, it in enumerate(parts):
        if it.id == 0xBF:
            outer = max(
                (o for o in parts[:number] if o.end >= it.end and o.id != 0xBF),
                key=lambda o: o.start,
            )
            told = int.from_bytes(data[it.body : it.end], "little")
            assert told == zlib.crc32(data[it.end : outer.end])
        if it.id == 0x53AC:
            name = data[parts[number - 1].body : parts[number - 1].end]
            place = segment.body + int.from_bytes(data[it.body : it.end], "big")
            assert data[place : place + len(name)] == name


def fixed(data: bytes, *, places: bool = True) -> list[tuple[int, bytes]]:
    """Return where everything stands that is no tag, and its bytes; -1 for where, if not asked.

    Of Cues, without `places`, to the how-manieth Cluster each of them points.
    """
    kept = (INFO, TRACKS, CLUSTER, CHAPTERS, ATTACHMENTS, CUES)
    parts = list(walk(data))
    found = [(it.start, data[it.start : it.end]) for it in parts if it.id in kept]
    if places:
        return found
    base = next(it.body for it in parts if it.id == SEGMENT)
    starts = [it.start - base for it in parts if it.id == CLUSTER]
    told = [int.from_bytes(data[it.body : it.end], "big") for it in parts if it.id == 0xF1]
    cues = CUES.to_bytes(4, "big")
    pointed = bytes(starts.index(place) for place in told)
    return [(-1, pointed if it.startswith(cues) else it) for _, it in found]


def audio_md5(path: Path) -> str:
    """Return a hash of all packets, as FFmpeg finds them."""
    found = hashlib.md5()
    with av.open(str(path), metadata_errors="replace") as container:
        for packet in container.demux(container.streams.audio[0]):
            found.update(bytes(packet))
    return found.hexdigest()
