"""Atoms of MP4 files: ISO/IEC 14496-12, section 4.2; all numbers are big-endian."""

from typing import NamedTuple

LARGEST_HEAD_BYTES = 16
FIRST_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
"""Names of atoms that a file may begin with."""


class AtomHead(NamedTuple):
    """The head of an atom.

    Attributes
    ----------
    name : bytes
        4 bytes.
    size : int
        Bytes of the whole atom; 0 if it goes on to the end of its parent.
    head_bytes : int
        8, or 16 with a size of 64 bits.
    """

    name: bytes
    size: int
    head_bytes: int


def parse(head: bytes) -> AtomHead | None:
    """Return the head of an atom from `LARGEST_HEAD_BYTES` or fewer; None if it is cut short."""
    if len(head) < 8:
        return None
    size, name = int.from_bytes(head[:4], "big"), head[4:8]
    if size != 1:
        return AtomHead(name, size, 8)
    if len(head) < LARGEST_HEAD_BYTES:
        return None
    return AtomHead(name, int.from_bytes(head[8:16], "big"), 16)


def full_bytes(meta: bytes) -> int:
    """Return the length of version and flags in a ``meta``: 4, or 0 for QuickTime's own kind.

    Parameters
    ----------
    meta : bytes
        The first 8 bytes of its content, in which QuickTime's has the handler.
    """
    return 0 if meta[4:8] == b"hdlr" else 4


def render(name: bytes, data: bytes) -> bytes:
    """Return an atom."""
    return (len(data) + 8).to_bytes(4, "big") + name + data
