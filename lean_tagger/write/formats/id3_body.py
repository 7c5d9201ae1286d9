"""The bytes of an ID3v2 tag after its header, with unsynchronisation undone."""

import re
from array import array
from bisect import bisect_left

from lean_tagger.write.source import Source, Span

# Four times the largest cover ever seen; only unsynchronised tags are loaded as a whole.
LARGEST_UNSYNCHRONISED_BYTES = 8 << 20


class Body:
    """The bytes after a tag's header, with unsynchronisation undone.

    Up to v2.3 it applies to the whole tag: every FF that a decoder could mistake for the start
    of audio is followed by a 00 that does not count. Positions here are decoded ones; `raw` gives
    the position in the file.
    """

    def __init__(self, source: Source, span: Span, *, unsynchronised: bool) -> None:
        self._source = source
        self._start = span.start
        self._data: bytes | None = None
        self.stuffed = array("I")
        self.length = span.end - span.start
        if unsynchronised:
            if self.length > LARGEST_UNSYNCHRONISED_BYTES:
                raise source.refuse("its ID3 tag is too large to be edited safely")
            data = source.at(span.start, self.length)
            # The n-th stuffed FF moves n bytes to the front when those before it are dropped.
            found = re.finditer(rb"\xff\x00", data)
            self.stuffed = array("I", (match.start() - n for n, match in enumerate(found)))
            self._data = data.replace(b"\xff\x00", b"\xff")
            self.length = len(self._data)

    def at(self, position: int, count: int) -> bytes:
        """Return up to so many bytes."""
        count = min(count, self.length - position)
        if self._data is not None:
            return self._data[position : position + count]
        return self._source.at(self._start + position, count)

    def raw(self, position: int) -> int:
        """Return the position in the file."""
        # A stuffed 00 belongs to the FF before it.
        return self._start + position + bisect_left(self.stuffed, position)
