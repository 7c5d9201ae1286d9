"""Chunks of RIFF (WAV) and, in the other byte order, of AIFF files."""

from typing import Literal, NamedTuple

__all__ = ["FIRST", "HEAD_BYTES", "Chunk", "Order", "parse", "render"]

Order = Literal["big", "little"]
"""``little`` in RIFF, ``big`` in AIFF."""

HEAD_BYTES = 8
FIRST = 12
"""Where the first chunk starts: behind the file's own head and its form."""


class Chunk(NamedTuple):
    """One chunk: its name, and where its head, its data and their end are in the file."""

    name: bytes
    head: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return self.end - self.start

    @property
    def following(self) -> int:
        """Where the next chunk starts: at an even offset, behind a pad byte if need be."""
        return self.end + self.size % 2


def parse(head: bytes, position: int, order: Order) -> Chunk | None:
    """Return the chunk with this head at a position; None if the head is cut short."""
    if len(head) < HEAD_BYTES:
        return None
    start = position + HEAD_BYTES
    return Chunk(head[:4], position, start, start + int.from_bytes(head[4:8], order))


def render(name: bytes, data: bytes, order: Order) -> bytes:
    """Return a chunk with its pad byte."""
    return name + len(data).to_bytes(4, order) + data + bytes(len(data) % 2)
