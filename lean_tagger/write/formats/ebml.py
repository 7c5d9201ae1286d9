"""EBML: elements inside elements, each with an id and a size (RFC 8794).

Both are numbers of variable length; the first byte gives the number of bytes. A size of all ones
means "unknown": the element ends where something begins that cannot be inside.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lean_tagger.write.source import Source

CRC, VOID = 0xBF, 0xEC
LARGEST_HEAD_BYTES = 12
_MOST_CHILDREN = 20_000


@dataclass(frozen=True, slots=True)
class Element:
    """One element: ``[start, end)``, its content from `body` on; `end` -1 is unknown."""

    id: int
    start: int
    body: int
    end: int

    @property
    def bytes(self) -> int:
        """Its length with its head."""
        return self.end - self.start


def _head(data: bytes) -> tuple[int, int, int] | None:
    """Return id, length of id and size, and size (-1: unknown); None if there is no element."""
    id_bytes = 9 - data[0].bit_length() if data else 0
    if not 1 <= id_bytes <= 4 or len(data) <= id_bytes:
        return None
    head_bytes = id_bytes + 9 - data[id_bytes].bit_length()
    if data[id_bytes] == 0 or len(data) < head_bytes:
        return None
    ones = (1 << 7 * (head_bytes - id_bytes)) - 1
    size = int.from_bytes(data[id_bytes:head_bytes], "big") & ones
    return int.from_bytes(data[:id_bytes], "big"), head_bytes, -1 if size == ones else size


def element_at(source: Source, start: int, limit: int) -> Element:
    """Return the element that starts at `start` of a file.

    Raises
    ------
    WriteError
        If there is none, or it does not end before `limit`.
    """
    found = _head(source.peek(start, min(LARGEST_HEAD_BYTES, limit - start)))
    if found is None:
        raise source.refuse("its EBML structure is damaged: there is something between elements")
    name, head_bytes, size = found
    body = start + head_bytes
    if size < 0:
        return Element(name, start, body, -1)
    if body + size > limit:
        raise source.refuse(
            "its EBML structure is damaged: a size in it is wrong; is it cut short?"
        )
    return Element(name, start, body, body + size)


def children(data: bytes, first: int = 0, end: int | None = None) -> Iterator[Element]:
    """Yield the elements that fill ``data[first:end]``.

    Raises
    ------
    ValueError
        If they do not fill it exactly, one has no size, or there are very many.
    """
    position, end, count = first, len(data) if end is None else end, 0
    while position < end:
        found = _head(data[position : min(position + LARGEST_HEAD_BYTES, end)])
        body = position + found[1] if found else end
        if not found or not 0 <= found[2] <= end - body or count >= _MOST_CHILDREN:
            raise ValueError("EBML elements that do not add up")
        yield Element(found[0], position, body, body + found[2])
        position, count = body + found[2], count + 1


def element(name: int, data: bytes, *, size_bytes: int = 0) -> bytes:
    """Return an element; its size takes at least so many bytes."""
    while len(data) >= (1 << 7 * size_bytes) - 1:
        size_bytes += 1
    size = (1 << 7 * size_bytes | len(data)).to_bytes(size_bytes, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + data


def void(length: int) -> bytes:
    """Return the head of free space that has `length` bytes with its head; at least two."""
    size_bytes = 1 if length <= 128 else 8  # at 128, 126 are left, and 127 means "unknown"
    return b"\xec" + (1 << 7 * size_bytes | length - 1 - size_bytes).to_bytes(size_bytes, "big")


def widened(raw: bytes) -> bytes:
    """Return an element with a size that takes one byte more; one of eight bytes cannot."""
    found = _head(raw)
    if found is None or found[2] < 0:
        raise ValueError("not an EBML element")
    name, head_bytes, _ = found
    id_bytes = (name.bit_length() + 7) // 8
    return element(name, raw[head_bytes:], size_bytes=head_bytes - id_bytes + 1)


def with_crc(parts: Sequence[bytes], *, wanted: bool) -> bytes:
    """Return the content of an element, with its CRC-32 in front if wanted."""
    data = b"".join(parts)
    return element(CRC, zlib.crc32(data).to_bytes(4, "little")) + data if wanted else data
