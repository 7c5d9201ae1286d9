"""The parts of a protocol buffer, read one after the other from a file of any size.

Parts that are skipped are not read, and a file with more parts than any network is refused.

Source: the protocol buffers wire format.
"""

import os
from collections.abc import Iterator

MOST_FIELDS = 2_000_000
"""The largest taggers have under 200,000 parts. Reading so many takes some seconds."""

MOST_NAME_BYTES = 1024

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_BLOCK_BYTES = 1 << 16


class DamageError(Exception):
    """The bytes are not a model."""


class Message:
    """A file that is one message.

    A field is a number with either its value and -1, or the start and end of its bytes, which
    may be a text or another message.

    Parameters
    ----------
    fd : int
        The open file.
    size_bytes : int
        Of the file.

    Raises
    ------
    DamageError
        From every method: the bytes are not a message, or hold more than any model.
    """

    def __init__(self, fd: int, size_bytes: int) -> None:
        self._fd, self._size_bytes = fd, size_bytes
        self._block, self._block_start = b"", 0
        self._fields = 0

    def fields(self) -> Iterator[tuple[int, int, int]]:
        """Yield the fields of the whole message."""
        return self._each(0, self._size_bytes)

    def text(self, start: int, end: int) -> str:
        """Return a part that must be a short text."""
        if end < 0:
            raise DamageError("a name in it is a number")
        if end - start > MOST_NAME_BYTES:
            raise DamageError("a name in it is too long")
        return self._bytes(start, end).decode("utf-8", "replace")

    def inside(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield the fields of a part that must be a message."""
        if end < 0:
            raise DamageError("a part of it is a number")
        return self._each(start, end)

    def _bytes(self, start: int, end: int) -> bytes:
        """Return a few bytes, from a cached block."""
        if not self._block_start <= start <= end <= self._block_start + len(self._block):
            self._block_start = start
            self._block = os.pread(self._fd, max(_BLOCK_BYTES, end - start), start)
            if len(self._block) < end - start:
                raise DamageError("it ends early")
        return self._block[start - self._block_start : end - self._block_start]

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """Return a number, and where the next item begins."""
        value = 0
        taken = self._bytes(at, min(at + 10, end))
        for index, byte in enumerate(taken):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at + index + 1
        raise DamageError("a number in it does not end")

    def _each(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield the fields of a message: number, and the value or the start and end.

        A plain number comes as ``(number, value, -1)``.
        """
        at = start
        while at < end:
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise DamageError("it holds too many parts")
            key, at = self._varint(at, end)
            number, wire = key >> 3, key & 7
            if wire == _VARINT:
                value, at = self._varint(at, end)
                yield number, value, -1
                continue
            if wire == _LENGTH:
                length, at = self._varint(at, end)
            elif wire in {_FIXED32, _FIXED64}:
                length = 4 if wire == _FIXED32 else 8
            else:
                raise DamageError("it holds a field of no known kind")
            if length > end - at:
                raise DamageError("it ends early")
            if wire == _LENGTH:
                yield number, at, at + length
            at += length
