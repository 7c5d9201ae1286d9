"""Chunks of RIFF (WAV), AIFF and DSDIFF files."""

from typing import Literal, NamedTuple


class Form(NamedTuple):
    """The byte order and length of a chunk's size in one kind of file."""

    order: Literal["big", "little"]
    size_bytes: int = 4

    @property
    def head_bytes(self) -> int:
        """Bytes before a chunk's data: its name and its size."""
        return 4 + self.size_bytes

    @property
    def first(self) -> int:
        """Offset of the first chunk, after the file's own head and its form."""
        return self.head_bytes + 4

    def size(self, number: bytes) -> int:
        """Return a size from its bytes."""
        return int.from_bytes(number, self.order)

    def written(self, size: int) -> bytes:
        """Return the bytes of a size."""
        return size.to_bytes(self.size_bytes, self.order)


RIFF, AIFF = Form("little"), Form("big")
DSDIFF = Form("big", 8)
"""Philips, "DSDIFF" 1.5 (2004); AIFF otherwise."""

FORMS = {b"RIFF": RIFF, b"RF64": RIFF, b"FORM": AIFF, b"FRM8": DSDIFF}
"""Forms by the first four bytes of a file."""


class Chunk(NamedTuple):
    """One chunk: its name, and the offsets of its head, its data and their end."""

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
        """Offset of the next chunk, which is even, if necessary after a pad byte."""
        return self.end + self.size % 2


def parse(head: bytes, position: int, form: Form) -> Chunk | None:
    """Return the chunk with this head at a position; None if the head is cut short."""
    if len(head) < form.head_bytes:
        return None
    start = position + form.head_bytes
    return Chunk(head[:4], position, start, start + form.size(head[4 : form.head_bytes]))


def render(name: bytes, data: bytes, form: Form) -> bytes:
    """Return a chunk with its pad byte."""
    return name + form.written(len(data)) + data + bytes(len(data) % 2)
