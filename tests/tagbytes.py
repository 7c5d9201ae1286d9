"""Tags of old, byte by byte, for tests that build files which no library writes."""

import struct

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + bytes(range(256)) * 8 + b"\xff\xd9"


def syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def frame(name: str, data: bytes, version: int = 4) -> bytes:
    if version == 2:
        return name.encode() + struct.pack(">I", len(data))[1:] + data
    size = struct.pack(">I", len(data)) if version == 3 else syncsafe(len(data))
    return name.encode() + size + b"\0\0" + data


def text(name: str, value: str, version: int = 4) -> bytes:
    return frame(name, b"\0" + value.encode("latin-1"), version)


def id3(*frames: bytes, version: int = 4, padding: int = 100) -> bytes:
    body = b"".join(frames) + bytes(padding)
    return b"ID3" + bytes([version, 0, 0]) + syncsafe(len(body)) + body


def id3v1(genre: int = 255, title: str = "V1 title", artist: str = "V1 artist") -> bytes:
    texts = title.encode().ljust(30, b"\0") + artist.encode().ljust(30, b"\0")
    rest = b"V1 album" if title else b""
    year = b"1999" if title else bytes(4)
    return b"TAG" + texts + rest.ljust(30, b"\0") + year + bytes(30) + bytes([genre])


def ape(items: dict[str, bytes], *, version: int = 2000, header: bool = True) -> bytes:
    flags = {key: 2 if key.startswith("Cover") else 0 for key in items}
    body = b"".join(
        struct.pack("<II", len(value), flags[key]) + key.encode() + b"\0" + value
        for key, value in items.items()
    )
    has = 1 << 31 if header else 0

    def end(flags: int) -> bytes:
        numbers = struct.pack("<IIII", version, len(body) + 32, len(items), flags)
        return b"APETAGEX" + numbers + bytes(8)

    return (end(has | 1 << 29) if header else b"") + body + end(has)


def chunk(name: bytes, data: bytes, order: str = "little") -> bytes:
    size = len(data).to_bytes(4, "little" if order == "little" else "big")
    return name + size + data + bytes(len(data) % 2)


def info(texts: dict[str, str]) -> bytes:
    data = b"".join(chunk(key.encode(), value.encode() + b"\0") for key, value in texts.items())
    return chunk(b"LIST", b"INFO" + data)


def riff(data: bytes) -> bytes:
    """Return a RIFF file with its size made true."""
    return data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]


def without_tags(wav: bytes) -> bytes:
    """Return a WAV file with its format and its audio alone."""
    position, kept = 12, b""
    while position + 8 <= len(wav):
        size = int.from_bytes(wav[position + 4 : position + 8], "little")
        if wav[position : position + 4] in (b"fmt ", b"data"):
            kept += wav[position : position + 8 + size + size % 2]
        position += 8 + size + size % 2
    return riff(wav[:12] + kept)
