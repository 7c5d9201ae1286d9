"""Bounded reading of an open file, and translation of foreign exceptions.

No size from a file is trusted: every read is first checked against the file's real size, so a
damaged header leads to a sentence and not to an allocation.
"""

import errno
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from mutagen import MutagenError

from lean_tagger.errors import FileError, UnreadableError, WriteError
from lean_tagger.system.digest import blake2b
from lean_tagger.system.files import NotRegularError, open_regular

# Foreign data is always streamed, in blocks of this size: small enough for malloc to use the
# same memory again, where larger ones get new pages from the kernel each time.
_BLOCK_BYTES = 1 << 16


class Span(NamedTuple):
    """A run of bytes of the original file: ``[start, end)``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Edited:
    """A span copied from the original with some numbers changed; its length stays the same.

    Attributes
    ----------
    span : Span
        The original's span.
    edits : callable
        Yields ``(position, bytes)`` in order: the new bytes for a position of the original. It
        is called while the copy is written, so that a million of them need no memory.
    """

    span: Span
    edits: Callable[[], Iterator[tuple[int, bytes]]]

    def pieces(self) -> Iterator[bytes | Span]:
        """Yield the pieces of the span, in order."""
        position = self.span.start
        for start, data in self.edits():
            if start > position:
                yield Span(position, start)
            yield data
            position = start + len(data)
        if position < self.span.end:
            yield Span(position, self.span.end)


Piece = bytes | memoryview | Span | Edited
"""A part of a new file: our bytes, or a span copied from the original."""


class Source:
    """One open, regular file.

    Parameters
    ----------
    path : str
        The name for errors.
    fd : int
        Open for reading; the caller closes it.
    """

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.stat = os.fstat(fd)
        self.size = self.stat.st_size
        self.id3_version = 4  # of a new tag

    def at(self, start: int, length: int) -> bytes:
        """Return exactly `length` bytes from `start`.

        Raises
        ------
        WriteError
            If the file is too short: some size in it is wrong.
        """
        if start < 0 or length < 0 or start + length > self.size:
            raise self.refuse("its tags are damaged: a size in them points past the file's end")
        data = os.pread(self.fd, length, start)
        while len(data) < length:
            more = os.pread(self.fd, length - len(data), start + len(data))
            if not more:
                raise self.refuse("it was cut short while it was being read")
            data += more
        return data

    def peek(self, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start`, fewer at the file's end."""
        start = min(start, self.size)
        return self.at(start, min(length, self.size - start))

    def blocks(self, span: Span) -> Iterator[bytes]:
        """Yield the bytes of a span in blocks."""
        for start in range(span.start, span.end, _BLOCK_BYTES):
            yield self.at(start, min(_BLOCK_BYTES, span.end - start))

    def contents(self, piece: Piece) -> Iterator[bytes | memoryview]:
        """Yield the bytes of a piece, in blocks."""
        for part in piece.pieces() if isinstance(piece, Edited) else (piece,):
            yield from self.blocks(part) if isinstance(part, Span) else (part,)

    def digest(self, *pieces: Piece) -> bytes:
        """Return a digest of the contents of pieces."""
        hasher = blake2b()
        for piece in pieces:
            for block in self.contents(piece):
                hasher.update(block)
        return hasher.digest()

    def is_zero(self, span: Span) -> bool:
        """Tell whether a span holds only zeros."""
        return all(not block.strip(b"\0") for block in self.blocks(span))

    def refuse(self, message: str) -> WriteError:
        """Return the error for a file that cannot be written safely."""
        return WriteError(self.path, message)


def same(source: Source, pieces: Sequence[Piece], other: Source, others: Sequence[Piece]) -> bool:
    """Tell whether pieces of two files hold the same bytes together."""
    if len(pieces) == len(others) == 1:
        (piece,), (theirs,) = pieces, others
        if isinstance(piece, Span) and isinstance(theirs, Span):
            if piece.end - piece.start != theirs.end - theirs.start:
                return False
            both = zip(source.blocks(piece), other.blocks(theirs), strict=True)
            return all(mine == their for mine, their in both)
    return source.digest(*pieces) == other.digest(*others)


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """Open a regular file for reading; this never waits for a FIFO or a device.

    Raises
    ------
    UnreadableError
        If there is no such file, it may not be read, or it is not a regular file.
    """
    try:
        fd = open_regular(path)
    except NotRegularError as error:
        raise UnreadableError(path, "it is not a regular file") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableError(path, f"it cannot be opened: {reason}") from error
    try:
        yield Source(path, fd)
    finally:
        os.close(fd)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn any exception of a parser on damaged tags into one of our errors.

    mutagen documents `MutagenError`; it raised the others on fuzzed files.

    Raises
    ------
    WriteError
        If the tags do not parse.
    UnreadableError
        If the file becomes unreadable.
    """
    try:
        yield
    except FileError:
        raise
    except MemoryError as error:
        raise WriteError(path, "its tags are too large for the memory there is") from error
    except OSError as error:
        reason = error.strerror or errno.errorcode.get(error.errno or 0, "unknown error")
        raise UnreadableError(path, f"it cannot be read: {reason}") from error
    except (
        MutagenError,
        struct.error,
        ValueError,  # includes UnicodeError
        LookupError,  # IndexError, KeyError, an unknown encoding
        ArithmeticError,
        EOFError,
        TypeError,
        AttributeError,
        AssertionError,
        RecursionError,
    ) as error:
        raise WriteError(path, "its existing tags are damaged and do not parse") from error
