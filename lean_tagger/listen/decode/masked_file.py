"""A file as a decoder should see it: without the parts that are not music.

A demuxer would read a cover of 300 MB, or a compressed tag frame that unpacks to gigabytes, into
memory without needing it. So it gets a view of the file: another start, another end, and small
patches that make it skip a part. The file itself is only read.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

from lean_tagger.system.digest import Hash, blake2b
from lean_tagger.system.urls import Source, read_at, size_of

_BLOCK_BYTES = 1 << 16


class Mask(NamedTuple):
    """Bytes that the view shows from `offset` of the file on, replacing as many bytes."""

    offset: int
    data: bytes


class MaskedFile:
    """A read-only view of an open file: ``head``, then the file from ``start`` on.

    It has the methods of a binary file that PyAV needs.

    Parameters
    ----------
    fd : int
        An open regular file; the caller closes it. Its own position is not used.
    head : bytes
        Shown instead of the first `start` bytes.
    start : int
        Offset in the file.
    end : int or None
        Offset in the file where the view ends; ``None`` shows all of it.
    patches : sequence of Mask
        Shown after `start` instead of the file's own bytes.

    Attributes
    ----------
    offset : int
        Offset in the file where the last read ended, in bytes; for the reader's progress.
    end : int
        Offset in the file where the view ends, in bytes.
    """

    def __init__(
        self,
        fd: int | Source,
        *,
        head: bytes = b"",
        start: int = 0,
        patches: Sequence[Mask] = (),
        end: int | None = None,
    ) -> None:
        self._fd = fd
        self._head, self._start, self._patches = head, start, patches
        self._shift = start - len(head)
        size_bytes = size_of(fd)
        self.end = size_bytes if end is None else min(end, size_bytes)
        self._size = self.end - self._shift
        self._position = 0
        self.offset = start
        self._hash: Hash | None = None
        self._hashed = 0

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, none at the end.

        Raises
        ------
        OSError
            The disk or the network failed.
        """
        if self._position < len(self._head):
            data = self._head[self._position : self._position + count]
        else:
            count = max(0, min(count, self._size - self._position))
            data = read_at(self._fd, count, self._position + self._shift)
            if self._patches:
                data = self._patched(data, self._position + self._shift)
        if self._hash is not None and self._position <= self._hashed:
            new = memoryview(data)[self._hashed - self._position :]
            self._hash.update(new)
            self._hashed += len(new)
        self._position += len(data)
        self.offset = max(self._start, self._position + self._shift)
        return data

    def hash_reads(self) -> None:
        """Hash what is read from now on, each byte once; to be asked for before the first."""
        self._hash = blake2b()

    def hash(self) -> str:
        """Return a hash of all that the view shows, and move to its end.

        Of what was hashed when it was read, and of the rest, which is read now.

        Raises
        ------
        OSError
            As `read`.
        """
        if self._hash is None:
            self._hash = blake2b()
        self._position = self._hashed
        while self.read(_BLOCK_BYTES):
            pass
        return self._hash.hexdigest()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as a file does, and return the new position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position in the view."""
        return self._position

    def seekable(self) -> bool:
        """Return True."""
        return True

    def in_file(self, position: int) -> int:
        """Return the offset in the file for a position in the view."""
        return max(0, position + self._shift)

    def _patched(self, data: bytes, offset: int) -> bytes:
        end = offset + len(data)
        hit = [p for p in self._patches if p.offset < end and p.offset + len(p.data) > offset]
        if not hit:
            return data
        shown = bytearray(data)
        for patch in hit:
            first, last = max(patch.offset, offset), min(patch.offset + len(patch.data), end)
            shown[first - offset : last - offset] = patch.data[
                first - patch.offset : last - patch.offset
            ]
        return bytes(shown)
