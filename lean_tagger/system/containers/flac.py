"""FLAC's metadata blocks: RFC 9639, section 8."""

from typing import NamedTuple

MARK = b"fLaC"
HEAD_BYTES = 4
LARGEST_BLOCK_BYTES = (1 << 24) - 1
STREAMINFO, PADDING, APPLICATION, COMMENT, INVALID = 0, 1, 2, 4, 127
STREAMINFO_BYTES = 34


class BlockHead(NamedTuple):
    """The head of a block: its type, whether it is the last one, and the length after the head."""

    kind: int
    last: bool
    size: int


def parse(head: bytes) -> BlockHead:
    """Return the head of a block from its `HEAD_BYTES`."""
    return BlockHead(head[0] & 0x7F, bool(head[0] & 0x80), int.from_bytes(head[1:4], "big"))


def render(kind: int, size: int, *, last: bool) -> bytes:
    """Return the head of a block."""
    return bytes([kind | (0x80 if last else 0)]) + size.to_bytes(3, "big")
