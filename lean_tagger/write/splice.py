"""Make a new file from the old one and a few patches; everything between them is copied.

So everything else stays the same byte for byte by construction: an editor never rewrites foreign
data, it only names the spans that change.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lean_tagger.write.source import Edited, Piece, Source, Span

# Errors of `copy_file_range` if the kernel or the file system cannot do it.
_UNSUPPORTED = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}


class Patch(NamedTuple):
    """Bytes ``[start, end)`` of the original are replaced by `pieces`."""

    start: int
    end: int
    pieces: tuple[Piece, ...]


def length(pieces: Iterable[Piece]) -> int:
    """Return the number of bytes in pieces."""
    spans = (p.span if isinstance(p, Edited) else p for p in pieces)
    return sum(p.end - p.start if isinstance(p, Span) else len(p) for p in spans)


def growth(patches: Iterable[Patch]) -> int:
    """Return by how many bytes patches make a file longer."""
    return sum(length(patch.pieces) - (patch.end - patch.start) for patch in patches)


def splice(size: int, patches: Iterable[Patch]) -> Iterator[Piece]:
    """Yield the pieces of the patched file, in order.

    Raises
    ------
    ValueError
        If two patches overlap, which would be a bug of ours.
    """
    position = 0
    for patch in sorted(patches, key=lambda patch: (patch.start, patch.end)):
        if not position <= patch.start <= patch.end <= size:
            raise ValueError("patches overlap")
        if patch.start > position:
            yield Span(position, patch.start)
        yield from patch.pieces
        position = patch.end
    if position < size:
        yield Span(position, size)


def tail(source: Source, patches: Iterable[Patch], size: int) -> bytes:
    """Return the last bytes of the patched file, at most `size`; its end has no `Edited` piece."""
    end, pieces = b"", [*splice(source.size, patches)]
    while pieces and len(end) < size:
        piece = pieces.pop()
        if isinstance(piece, Span):
            start = max(piece.start, piece.end - size)
            end = source.at(start, piece.end - start) + end
        elif not isinstance(piece, Edited):
            end = bytes(piece[-size:]) + end
    return end[-size:]


def copy(source: Source, pieces: Iterable[Piece], target: int) -> None:
    """Write pieces to an open descriptor, one after the other.

    The kernel copies spans from file to file if it can; at most one block is held here.
    """
    for piece in pieces:
        if isinstance(piece, Edited):
            copy(source, piece.pieces(), target)
        elif isinstance(piece, Span):
            _copy_span(source, piece, target)
        else:
            _write(target, piece)


def _copy_span(source: Source, span: Span, target: int) -> None:
    start = span.start
    try:
        while start < span.end and hasattr(os, "copy_file_range"):  # Linux
            done = os.copy_file_range(source.fd, target, span.end - start, start)
            if done == 0:  # the original shrank, or the file system cannot do this
                break
            start += done
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    for block in source.blocks(Span(start, span.end)):
        _write(target, block)


def _write(target: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
