"""Sort more names than memory should hold; a Python list takes a hundred bytes for each."""

import heapq
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice

BLOCK = 4096
"""Number of names that are sorted and packed together."""

_END = b"\0"
_JOINED = 64  # names per call of the packer
_PIECE = 512  # bytes of a packed block that are unpacked at a time
_WINDOW_BITS = 12  # 4 KiB for each block that is read: sorted names resemble their neighbours


class PackedSort:
    """Names in sorted order; can be iterated several times, also at the same time.

    A full block of names is sorted and packed; reading merges all blocks. This takes 3 to 10
    bytes for a name in a music library, and while they are read 15 KiB more for each 4,096 names.

    Parameters
    ----------
    names : iterable of bytes
        In any order, without NUL.
    """

    def __init__(self, names: Iterable[bytes]) -> None:
        source = iter(names)
        self._packed: list[bytes] = []
        self._last: list[bytes] = []
        while len(block := sorted(islice(source, BLOCK))) == BLOCK:
            self._packed.append(_pack(block))
        self._last = block

    def __iter__(self) -> Iterator[bytes]:
        if not self._packed:  # the usual case
            return iter(self._last)
        return heapq.merge(*map(_unpack, self._packed), self._last)


def _pack(block: list[bytes]) -> bytes:
    packer = zlib.compressobj(wbits=_WINDOW_BITS)
    pieces = [
        packer.compress(_END.join((*block[at : at + _JOINED], b"")))
        for at in range(0, len(block), _JOINED)
    ]
    return b"".join((*pieces, packer.flush()))


def _unpack(packed: bytes) -> Iterator[bytes]:
    unpacker, rest = zlib.decompressobj(_WINDOW_BITS), b""
    for start in range(0, len(packed), _PIECE):
        *names, rest = (rest + unpacker.decompress(packed[start : start + _PIECE])).split(_END)
        yield from names
