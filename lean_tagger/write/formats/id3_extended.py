"""The extended header of ID3v2.3 and v2.4: how much padding there is, and a checksum.

Both depend on the frames, so a change of frames changes them.
"""

import zlib
from collections.abc import Iterator, Sequence

from lean_tagger.system.containers.id3 import from_syncsafe
from lean_tagger.write.formats import id3_frames
from lean_tagger.write.formats.id3_body import Body
from lean_tagger.write.source import Source, Span
from lean_tagger.write.splice import Patch

_CRC_FLAGS = {3: 0x80, 4: 0x20}


class ExtendedHeader:
    """What stands between a tag's header and its first frame; often nothing.

    Parameters
    ----------
    source : Source
        The file.
    body : Body
        All that is behind the tag's header.
    head : bytes
        The tag's header.
    unsynchronised : bool
        Whether the whole tag is.

    Attributes
    ----------
    size : int
        Its bytes in the body; 0 where there is none.
    span : Span
        Where it is in the file.
    checksum : Span or None
        Where the CRC-32 of the frames is.

    Raises
    ------
    WriteError
        If it makes no sense.
    """

    def __init__(self, source: Source, body: Body, head: bytes, *, unsynchronised: bool) -> None:
        self._source = source
        self._body = body
        self._version = head[3]
        self._unsynchronised = unsynchronised
        self.checksum: Span | None = None
        self.size = self._parse() if head[3] > 2 and head[5] & 0x40 else 0
        self.span = Span(body.raw(0), body.raw(self.size))

    def _parse(self) -> int:
        """Return its size."""
        head = self._body.at(0, 6)
        if len(head) < 6:
            raise self._source.refuse("its ID3 tag is damaged: its extended header is cut short")
        if self._version == 3:
            size, flags = 4 + int.from_bytes(head[:4], "big"), head[4]
            sound = size == (14 if flags & 0x80 else 10)
        else:
            size, flags = from_syncsafe(head[:4]), head[5]
            sound = max(head[:4]) < 0x80 and head[4] == 1 and size >= 6
        if not sound or size > self._body.length:
            raise self._source.refuse("its ID3 tag is damaged: its extended header makes no sense")
        if flags & _CRC_FLAGS[self._version]:
            self.checksum = self._find_checksum(flags)
        return size

    def _find_checksum(self, flags: int) -> Span:
        """Return where the extended header's CRC-32 of the frames stands.

        In v2.3 behind size, flags and padding (4, 2 and 4 bytes); in v2.4 each flag has a length
        byte and data: 0x40 has none, 0x20 is the CRC, 35 bits in five bytes.
        """
        if self._version == 3:
            where = Span(10, 14)
        else:
            where = Span(8, 13) if flags & 0x40 else Span(7, 12)
            if flags & 0x40 and self._body.at(6, 1) != b"\0":
                raise self._source.refuse("its ID3 tag is damaged: its extended header is unclear")
            if self._body.at(where.start - 1, 1) != b"\5":
                raise self._source.refuse("its ID3 tag is damaged: its extended header is unclear")
        if self._unsynchronised:
            raise self._source.refuse("its ID3 tag has a checksum of data in another form")
        return Span(self._body.raw(where.start), self._body.raw(where.end))

    def foreign(self) -> Iterator[Span]:
        """Yield what of it stays."""
        crc = self.checksum or Span(self.span.end, self.span.end)
        yield Span(self.span.start, crc.start)
        yield Span(crc.end, self.span.end)

    def patches(self, patches: Sequence[Patch], rest: Span, padding: int | None) -> list[Patch]:
        """Return what keeps true what it says: v2.3's padding, and a CRC-32.

        The CRC is of the frames, in v2.4 with the padding behind them.

        Parameters
        ----------
        patches : Sequence[Patch]
            To the frames.
        rest : Span
            What is behind the frames.
        padding : int or None
            How much padding there will be in bytes; None if there is something else.
        """
        new: list[Patch] = []
        crc = self._crc(patches, rest, padded=padding is not None) if self.checksum else 0
        if self.checksum:
            shifts = (28, 21, 14, 7, 0)
            seven_bits = bytes(crc >> shift & 0x7F for shift in shifts)
            data = seven_bits if self._version == 4 else crc.to_bytes(4, "big")
            new.append(Patch(*self.checksum, (data,)))
        if self._version == 3 and padding is not None and self.size:
            head = self._body.at(0, 6) + padding.to_bytes(4, "big")
            raw = id3_frames.unsynchronise(head) if self._unsynchronised else head
            end = self.span.end if self.checksum is None else self.checksum.start
            new.append(Patch(self.span.start, end, (raw,)))
        return new

    def _crc(self, patches: Sequence[Patch], rest: Span, *, padded: bool) -> int:
        crc, position, end = 0, self.span.end, rest.end
        inside = [p for p in patches if position <= p.start and p.end <= end]
        for start, stop, pieces in [*sorted(inside, key=lambda p: p.start), Patch(end, end, ())]:
            if self._version == 3 and padded and start == rest.start:
                pieces = pieces[:-1]  # noqa: PLW2901 - without the padding
            for piece in (Span(position, start), *pieces):
                for block in self._source.contents(piece):
                    crc = zlib.crc32(block, crc)
            position = stop
        return crc
