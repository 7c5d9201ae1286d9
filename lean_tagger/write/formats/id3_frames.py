"""The ID3v2 frames that are ours: recognise, decode and encode them.

mutagen decodes, from a tag in memory that holds one frame of ours and nothing else. So it never
sees a frame that could be a bomb, and it checks `encode` independently.
"""

from collections.abc import Sequence

from lean_tagger import fields
from lean_tagger.system.containers.id3 import render, syncsafe
from lean_tagger.write.formats import mutagen_check

# Enough of a TXXX frame's data for our label in any encoding.
LABEL_BYTES = 64
# No genre is longer; mutagen never gets a larger frame.
LARGEST_BYTES = 1 << 20
_COLUMNS: tuple[fields.Column, ...] = ("id3v22", "id3v23", "id3v24")
_USER_TEXT = ("TXX", "TXXX")
_LABELLED = {"TXX": "TXXX", "TXXX": "TXXX", "COM": "COMM", "COMM": "COMM"}
_LANGUAGE_BYTES = 3  # of a comment, in front of its label
_ENCODINGS = {0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}
# Frame format flags: (compressed or encrypted, bytes before the data for each further flag).
_OPAQUE = {3: 0xC0, 4: 0x0C}
_PREFIXES = {3: {0x20: 1}, 4: {0x40: 1, 0x01: 4}}
# Names of v2.2, as iTunes left them in tags of v2.3, padded by a space or a NUL.
_LONG_NAMES = {b"TCO": b"TCON", b"TXX": b"TXXX", b"COM": b"COMM"}


def unsynchronise(data: bytes) -> bytes:
    """Return data without two bytes that look like the start of MPEG audio."""
    out = bytearray()
    for byte in data:
        if out and out[-1] == 0xFF and (byte >= 0xE0 or byte == 0):
            out.append(0)
        out.append(byte)
    if out and out[-1] == 0xFF:  # for any next byte
        out.append(0)
    return bytes(out)


def field_of(start: bytes, version: int) -> str | None:
    """Return which of our fields a frame is; None if it is not ours.

    Parameters
    ----------
    start : bytes
        The frame's header and the first `LABEL_BYTES` of its data, or fewer.
    version : int
        Of the tag: 2, 3 or 4.
    """
    id_length, head_length = (3, 6) if version == 2 else (4, 10)
    name = start[:id_length].decode("ascii").rstrip(" \0")
    if name not in _LABELLED:
        return fields.field_of(name, *_COLUMNS)
    data = start[head_length:]
    if version > 2:
        flags = start[9]
        if flags & _OPAQUE[version]:
            return None
        data = data[sum(n for bit, n in _PREFIXES[version].items() if flags & bit) :]
        if version == 4 and flags & 0x02:
            data = data.replace(b"\xff\x00", b"\xff")
    if _LABELLED[name] == "COMM":
        data = data[:1] + data[1 + _LANGUAGE_BYTES :]
    return fields.field_of(f"{_LABELLED[name]}:{_label(data)}", *_COLUMNS)


def _label(data: bytes) -> str:
    encoding = _ENCODINGS.get(data[0]) if data else None
    if encoding is None:
        return ""
    text = data[1:]
    if encoding.startswith("utf-16"):
        ends = (i for i in range(0, len(text) - 1, 2) if text[i : i + 2] == b"\0\0")
        text = text[: next(ends, 0)]
    else:
        text = text[: max(text.find(b"\0"), 0)]
    return text.decode(encoding, "replace")


def decode(frame: bytes, version: int, *, unsynchronised: bool) -> list[str] | None:
    """Return the values of one of our frames; None if it does not parse.

    Parameters
    ----------
    frame : bytes
        The whole frame; up to v2.3 with unsynchronisation undone.
    version : int
        Of the tag: 2, 3 or 4.
    unsynchronised : bool
        The flag in the tag's header; only v2.4 frames still need it.
    """
    if version > 2 and frame[9] & _OPAQUE[version]:
        return None
    if (short := frame[:4].rstrip(b" \0")) in _LONG_NAMES and version > 2:
        frame = _LONG_NAMES[short] + frame[4:]
    if version == 4:  # a size above 127 may have been a plain number
        frame = frame[:4] + syncsafe(len(frame) - 10) + frame[8:]
    flags = 0x80 if unsynchronised and version == 4 else 0
    head = render(version, flags, len(frame))
    # An empty frame has no values; mutagen leaves it out.
    empty = len(frame) <= (7 if version == 2 else 11)
    return [] if empty else mutagen_check.read_id3(head + frame)


def encode(
    field: str,
    values: Sequence[str],
    version: int,
    *,
    name: str | None = None,
    plain_sizes: bool = False,
) -> bytes:
    """Return one frame with all values of a field.

    Parameters
    ----------
    field : str
        One of `fields.FIELDS`.
    values : Sequence[str]
        At least one.
    version : int
        Of the tag: 2, 3 or 4.
    name : str or None
        The frame that held the field; None chooses the version's own.
    plain_sizes : bool
        Write a v2.4 frame's size as a plain number, as in the tag's other frames.
    """
    keys = tuple(getattr(fields.FIELDS[field], column) for column in _COLUMNS)
    labels = [label for key in keys if (label := key.partition(":")[2])]
    foreign = name in _LABELLED and not (labels and name in _USER_TEXT)
    if name is None or foreign or (version > 2 and len(name.rstrip(" \0")) < 4):
        name = keys[version - 2].partition(":")[0]
    texts = list(values)
    if name in _USER_TEXT:
        texts.insert(0, labels[0])
    return text_frame(name, texts, version, plain_sizes=plain_sizes)


def text_frame(
    name: str, texts: Sequence[str], version: int, *, plain_sizes: bool = False
) -> bytes:
    """Return a text frame with strings separated by NUL."""
    if version == 4:
        data = b"\x03" + "\0".join(texts).encode("utf-8")
    else:
        try:
            data = b"\x00" + "\0".join(texts).encode("latin-1")
        except UnicodeEncodeError:  # every string has its own byte order mark
            strings = (b"\xff\xfe" + text.encode("utf-16-le") for text in texts)
            data = b"\x01" + b"\0\0".join(strings)
    if version == 2:
        return name.encode("ascii") + len(data).to_bytes(3, "big") + data
    size = sized(len(data), 3 if plain_sizes else version)
    return name.encode("ascii") + size + b"\0\0" + data


def sized(size: int, version: int) -> bytes:
    """Return the size of a frame in the form of v2.3 or v2.4."""
    return size.to_bytes(4, "big") if version == 3 else syncsafe(size)
