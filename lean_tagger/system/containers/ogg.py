"""Ogg pages: RFC 3533, section 6."""

import zlib
from collections.abc import Iterable
from typing import NamedTuple

HEAD_BYTES = 27
MOST_SEGMENTS = 255
LARGEST_HEAD_BYTES = HEAD_BYTES + MOST_SEGMENTS
NUMBERED = slice(18, 26)
"""Position of a page's number and checksum in its head."""

CONTINUED, FIRST, LAST = 1, 2, 4
NO_PACKET_ENDS = -1
"""The granule position of a page without the end of a packet."""

MARK = b"OggS\0"
"""The start of a page, with the only version."""

_CHECKSUM = slice(22, 26)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Page(NamedTuple):
    """The head of a page.

    Attributes
    ----------
    start : int
        Offset of the page in the file.
    flags : int
        `CONTINUED`, `FIRST` and `LAST`.
    granule : int
        Position of the stream at the page's end, in the codec's own units.
    serial : bytes
        The stream's, 4 bytes.
    number : int
        Number of the page in its stream.
    lacing : bytes
        The lengths of its segments; a length below 255 ends a packet.
    """

    start: int
    flags: int
    granule: int
    serial: bytes
    number: int
    lacing: bytes

    @property
    def body(self) -> int:
        """Offset of the segments in the file."""
        return self.start + HEAD_BYTES + len(self.lacing)

    @property
    def end(self) -> int:
        """Offset of the page's end in the file."""
        return self.body + sum(self.lacing)

    @property
    def packets_ended(self) -> int:
        """Number of packets that end in the page."""
        return sum(lace < MOST_SEGMENTS for lace in self.lacing)


def parse(head: bytes, start: int) -> Page | None:
    """Return the page with this head; None if it is not one, or is cut short.

    Parameters
    ----------
    head : bytes
        `LARGEST_HEAD_BYTES` from the page's start, or fewer at the end of the file.
    start : int
        Offset of the page in the file.
    """
    if len(head) < HEAD_BYTES or head[:5] != MARK or len(head) < HEAD_BYTES + head[26]:
        return None
    granule = int.from_bytes(head[6:14], "little", signed=True)
    number = int.from_bytes(head[18:22], "little")
    lacing = head[HEAD_BYTES : HEAD_BYTES + head[26]]
    return Page(start, head[5], granule, head[14:18], number, lacing)


def lacing_of(sizes: Iterable[int]) -> bytes:
    """Return the segment lengths of packets."""
    return b"".join(b"\xff" * (size // 255) + bytes([size % 255]) for size in sizes)


def render(  # noqa: PLR0917 - in the order of the page
    flags: int, granule: int, serial: bytes, number: int, lacing: bytes, body: bytes | memoryview
) -> bytes:
    """Return a whole page."""
    head = MARK + bytes([flags]) + granule.to_bytes(8, "little", signed=True)
    head += serial + number.to_bytes(4, "little")
    rest = bytes([len(lacing)]) + lacing + body
    return head + checksum(head + bytes(4) + rest) + rest


def is_sound(page: bytes) -> bool:
    """Tell whether the checksum of a whole page is right."""
    return checksum(page) == page[_CHECKSUM]


def numbered(page: bytes, number: int) -> bytes:
    """Return what is `NUMBERED` in a whole page when it gets another number."""
    new = number.to_bytes(4, "little")
    return new + checksum(page[: NUMBERED.start] + new + page[_CHECKSUM.start :])


def checksum(page: bytes) -> bytes:
    """Return the checksum of a whole page, whatever is in the field for it.

    It is the CRC with zlib's polynomial, with reversed bits and without inversion.
    """
    page = page[: _CHECKSUM.start] + bytes(4) + page[_CHECKSUM.stop :]
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2).to_bytes(4, "little")
