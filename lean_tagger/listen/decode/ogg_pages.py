"""Find pages of an Ogg stream by their own clock.

FFmpeg's times after a seek vary by half a block with the place in the file. That is good enough
to listen, but not for a hash that must always be the same. A page gives the position of its end
in the stream (the granule position), and that never changes.

Source: RFC 3533, section 6.
"""

import os
from collections.abc import Iterator

from lean_tagger.system.containers import ogg

_NEAR_BYTES = 1 << 16


def bodies(fd: int, granule: int, *, count: int) -> Iterator[bytes]:
    """Yield the contents of `count` pages, from the first that ends at or after a position.

    Parameters
    ----------
    fd : int
        An open file; the caller's.
    granule : int
        Position in samples, for codecs with such a clock.
    count : int
        Number of pages; fewer at the end.
    """
    low, high = 0, os.fstat(fd).st_size
    while high - low > _NEAR_BYTES:
        middle = (low + high) // 2
        page = _timed(fd, middle, high)
        if page is None or page.granule >= granule:
            high = middle
        else:
            low = page.end
    found = _timed(fd, low, os.fstat(fd).st_size)
    while found is not None and found.granule < granule:
        found = _timed(fd, found.end, os.fstat(fd).st_size)
    while found is not None and count:
        yield os.pread(fd, found.end - found.body, found.body)
        found = _at(fd, found.end)
        count -= 1


def _timed(fd: int, start: int, end: int) -> ogg.Page | None:
    """Return the first page after an offset in which a packet ends."""
    page = _next(fd, start, end)
    while page is not None and page.granule < 0:
        page = _next(fd, page.end, end)
    return page


def _next(fd: int, start: int, end: int) -> ogg.Page | None:
    """Return the first page that begins in a span."""
    while start < end:
        block = os.pread(fd, _NEAR_BYTES + 4, start)
        at = -1
        while 0 <= (at := block.find(ogg.MARK, at + 1)) < _NEAR_BYTES:
            page = _at(fd, start + at)
            # A mark inside the music is not followed by another page.
            if page is not None and os.pread(fd, 4, page.end) in (b"OggS", b""):
                return page
        start += _NEAR_BYTES
    return None


def _at(fd: int, position: int) -> ogg.Page | None:
    return ogg.parse(os.pread(fd, ogg.LARGEST_HEAD_BYTES, position), position)
