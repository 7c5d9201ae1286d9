"""MP4 files changed by hand, one atom at a time, and a look at them that is not the package's."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import av

INSIDE = {
    *(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"meta", b"ilst"),
    *(b"moof", b"traf", b"mfra", b"mvex"),
}


def of(name: bytes, *content: bytes, wide: bool = False) -> bytes:
    """Return an atom; `wide` gives it a size of 64 bits."""
    data = b"".join(content)
    if wide:
        return b"\0\0\0\1" + name + (len(data) + 16).to_bytes(8, "big") + data
    return (len(data) + 8).to_bytes(4, "big") + name + data


def number(data: bytes, at: int, width: int = 4) -> int:
    return int.from_bytes(data[at : at + width], "big")


def walk(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start of the content, and end of all atoms, in the file's order."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, name, body = number(data, start), data[start + 4 : start + 8], start + 8
        if size == 1:
            size, body = number(data, start + 8, 8), start + 16
        stop = start + size if size else end
        assert body <= stop <= end
        yield name, body, stop
        if name in INSIDE:
            full = name == b"meta" and data[body + 4 : body + 8] != b"hdlr"
            yield from walk(data, body + 4 * full, stop)
        start = stop


def added(data: bytes, path: list[bytes], atom: bytes) -> bytes:
    """Return a file with an atom more at the end of another; nothing else is mended."""
    ends, position, limit = [], 0, len(data)
    for name in path:
        while data[position + 4 : position + 8] != name:
            position += number(data, position)
            assert position < limit
        ends.append(position)
        limit = position + number(data, position)
        position += 8
    changed = bytearray(data[:limit] + atom + data[limit:])
    for start in ends:
        changed[start : start + 4] = (number(data, start) + len(atom)).to_bytes(4, "big")
    return bytes(changed)


def positions(data: bytes) -> list[tuple[bytes, int]]:
    """Return all places in a file that atoms in it point to, by the atom's name."""
    found: list[tuple[bytes, int]] = []
    for name, body, stop in walk(data):
        if name in (b"stco", b"co64"):
            width = 4 if name == b"stco" else 8
            found += [(name, number(data, at, width)) for at in range(body + 8, stop, width)]
        elif name == b"tfhd" and data[body + 3] & 1:
            found.append((name, number(data, body + 8, 8)))
        elif name == b"tfra":
            width = 8 if data[body] else 4
            lengths = number(data, body + 8)
            entry = 2 * width + 3 + (lengths & 3) + (lengths >> 2 & 3) + (lengths >> 4 & 3)
            for at in range(body + 16, body + 16 + entry * number(data, body + 12), entry):
                found.append((name, number(data, at + width, width)))
        elif name == b"sidx":
            width = 8 if data[body] else 4
            found.append((name, stop + number(data, body + 12 + width, width)))
        elif name == b"saio":
            width, start = 8 if data[body] else 4, body + 8 + 8 * (data[body + 3] & 1)
            found += [(name, number(data, at, width)) for at in range(start, stop, width)]
    return found


def led_to(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return what all positions in a file lead to."""
    return [(name, data[at : at + 24]) for name, at in positions(data)]


def heard(path: Path) -> list[list[tuple[int | None, str]]]:
    """Return the packets from the start, and some from where FFmpeg lands when it seeks."""
    found = []
    for options in ({}, {"use_mfra_for": "pts"}):
        for seconds in (None, 1.3, 0.2, 2.6, 1.9):
            with av.open(str(path), options=options) as container:
                stream = container.streams.audio[0]
                if seconds is not None:
                    container.seek(int(seconds / stream.time_base), stream=stream)
                packets = (packet for packet in container.demux(stream) if packet.size)
                wanted = zip(range(400 if seconds is None else 6), packets, strict=False)
                found.append([(it.pts, hashlib.md5(bytes(it)).hexdigest()) for _, it in wanted])
    return found
