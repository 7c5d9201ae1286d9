"""The header of ID3v2 tags, and their numbers: https://id3.org/id3v2.4.0-structure."""

from typing import NamedTuple

HEAD_BYTES = 10
MARK = b"ID3"
TRAILER_MARK, TRAILER_BYTES = b"TAG", 128
"""Of an ID3v1 tag, which is at a file's end: https://id3.org/ID3v1."""
_FOOTER = 0x10


class TagHead(NamedTuple):
    """The header of a tag.

    Attributes
    ----------
    version, revision : int
        4 and 0 for ID3v2.4.0.
    flags : int
        The flags, unchanged.
    size : int
        Bytes between the header and the footer or the end.
    sound : bool
        Whether the standard allows all bytes.
    """

    version: int
    revision: int
    flags: int
    size: int
    sound: bool

    @property
    def has_footer(self) -> bool:
        """Whether the flag of v2.4 says that there is a footer after the tag."""
        return bool(self.flags & _FOOTER)


def parse(head: bytes) -> TagHead | None:
    """Return the header in the first `HEAD_BYTES`; None if there is no complete header."""
    if head[:3] != MARK or len(head) < HEAD_BYTES:
        return None
    sound = max(head[6:10]) <= 0x7F and head[3] != 0xFF and head[4] != 0xFF
    return TagHead(head[3], head[4], head[5], from_syncsafe(head[6:10]), sound)


def render(version: int, flags: int, size: int) -> bytes:
    """Return a header."""
    return MARK + bytes([version, 0, flags]) + syncsafe(size)


def syncsafe(number: int) -> bytes:
    """Return a number as four bytes of seven bits."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def from_syncsafe(data: bytes) -> int:
    """Return the number in four bytes of seven bits; the eighth bits do not count."""
    a, b, c, d = data
    return (a & 0x7F) << 21 | (b & 0x7F) << 14 | (c & 0x7F) << 7 | d & 0x7F
