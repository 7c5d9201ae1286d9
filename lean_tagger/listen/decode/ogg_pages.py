"""Find pages of an Ogg stream by their own clock.

FFmpeg's times after a seek depend on where in the file it came down, by half a block: good
enough to listen, and no base for a hash that has to come out the same every time. A page says
how far the stream is at its end (the granule position), and that never changes.

Source: RFC 3533, section 6.
"""

import os
from collections.abc import Iterator

from lean_tagger.system.containers import ogg

_NEAR_BYTES = 1 << 16


def bodies(fd: int, granule: int, *, count: int) -> Iterator[bytes]:
    """Yield what is in `count` pages, from the first that ends at or behind a position.

    Parameters
    ----------
    fd : int
        An open file; the caller's.
    granule : int
        In samples, for the codecs that have such a clock.
    count : int
        Pages; fewer at the end.
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
    """Return the first page behind an offset in which a packet ends."""
    page = _next(fd, start, end)
    while page is not None and page.granule < 0:
        page = _next(fd, page.end, end)
    return page


def _next(fd: int, start: int, end: int) -> ogg.Page | None:
    """Return the first page that begins in a span."""
    while start < end:
        block = os.pread(fd, _NEAR_BYTES + 4, start)
        at = -1
        while 0 <= (at := block.find(b"OggS\0", at + 1)) < _NEAR_BYTES:
            page = _at(fd, start + at)
            # A mark within the music leads to no further page.
            if page is not None and os.pread(fd, 4, page.end) in (b"OggS", b""):
                return page
        start += _NEAR_BYTES
    return None


def _at(fd: int, position: int) -> ogg.Page | None:
    return ogg.parse(os.pread(fd, ogg.LARGEST_HEAD_BYTES, position), position)
