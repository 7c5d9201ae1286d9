"""Ogg: the comment packet of Vorbis, Opus, Speex and FLAC streams, and the pages around it.

Pages and checksums: RFC 3533. The packet is laid out again over as many pages as before if it
fits, so that no other page changes. If it needs more, the numbers of all later pages of the
stream change, and their checksums; their contents do not.
"""

from collections.abc import Iterator, Mapping, Sequence

from lean_tagger.system.containers import flac, ogg
from lean_tagger.write.formats.vorbis_comment import Comments
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch

_LARGEST_PACKET_BYTES = 64 << 20
# Start of the first packet: (name, prefix of the comment packet).
_CODECS = {
    b"\x01vorbis": ("vorbis", b"\x03vorbis"),
    b"OpusHead": ("opus", b"OpusTags"),
    b"Speex   ": ("speex", b""),
    b"\x7fFLAC": ("flac", b""),
}


def _page(source: Source, position: int) -> ogg.Page | None:
    """Return the page at a position; None if there is no complete page."""
    page = ogg.parse(source.peek(position, ogg.LARGEST_HEAD_BYTES), position)
    return page if page and page.end <= source.size else None


def _ends_packet(page: ogg.Page) -> bool:
    """Tell whether the next page of the stream starts with a new packet."""
    return not page.lacing or page.lacing[-1] < 255


def codec_of(source: Source) -> str | None:
    """Return the codec of the first stream, if we can edit its comments."""
    page = _page(source, 0)
    start = source.peek(page.body, 8) if page else b""
    return next((name for magic, (name, _) in _CODECS.items() if start.startswith(magic)), None)


class OggFile:
    """An Ogg file with one audio stream (at a time).

    Parameters
    ----------
    source : Source
        The file.
    """

    tagged = True  # the comment packet is not optional

    def __init__(self, source: Source) -> None:
        self._source = source
        self._codec = codec_of(source) or ""
        self._pages, self._end = self._header_pages()
        self._packets = self._split()
        self._prefix = self._comment_prefix()
        self._comments = Comments(source, self._packets[0][len(self._prefix) :])

    def _header_pages(self) -> tuple[list[ogg.Page], int]:
        """Return the pages of the comment packet and of packets that share pages with it."""
        source, first = self._source, _page(self._source, 0)
        if first is None or not first.flags & ogg.FIRST or not _ends_packet(first):
            raise source.refuse("its Ogg header is damaged")
        pages: list[ogg.Page] = []
        position, total = first.end, 0
        while not pages or not _ends_packet(pages[-1]):
            page = _page(source, position)
            if page is None:
                raise source.refuse("its Ogg header is damaged or cut short")
            if page.serial != first.serial or page.flags & ogg.FIRST:
                raise source.refuse("it holds several Ogg streams at once, not just music")
            total += sum(page.lacing)
            sound = bool(page.flags & ogg.CONTINUED) == bool(pages) and page.lacing
            if not sound or page.number != first.number + len(pages) + 1:
                raise source.refuse("its Ogg header is damaged: pages are missing")
            if page.granule not in (0, ogg.NO_PACKET_ENDS) or page.flags & ogg.LAST:
                raise source.refuse("its Ogg header shares a page with audio")
            if total > _LARGEST_PACKET_BYTES:
                raise source.refuse("its comments are too large to be edited safely")
            pages.append(page)
            position = page.end
        return pages, position

    def _split(self) -> list[memoryview]:
        """Return the packets of the header pages, as views of one buffer."""
        joined = bytearray()  # not b"".join, which would hold everything twice
        for page in self._pages:
            joined += self._source.at(page.body, sum(page.lacing))
        data = memoryview(joined)
        packets, start, size = [], 0, 0
        for value in b"".join(page.lacing for page in self._pages):
            size += value
            if value < 255:
                packets.append(data[start : start + size])
                start, size = start + size, 0
        return packets

    def _comment_prefix(self) -> bytes:
        packet = self._packets[0]
        start = bytes(packet[:8])
        prefix = dict(_CODECS.values())[self._codec]
        if self._codec == "flac":  # a FLAC metadata block with its header
            prefix = start[: flac.HEAD_BYTES]
            block = flac.parse(prefix) if len(prefix) == flac.HEAD_BYTES else None
            size = len(packet) - flac.HEAD_BYTES
            if block is None or block.kind != flac.COMMENT or block.size != size:
                raise self._source.refuse("its Ogg header is damaged: there is no comment")
        if not start.startswith(prefix):
            raise self._source.refuse("its Ogg header is damaged: there is no comment")
        return prefix

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        return self._comments.values()

    def exact(self, field: str) -> tuple[str, ...]:
        """Return a field's comments, if its values do not determine them."""
        return self._comments.exact(field)

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as mutagen reads them."""
        return self._comments.second_reading()

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields."""
        block, prefix = self._comments.rendered(changes), self._prefix
        size = sum(map(len, block))
        if self._codec == "flac":
            if size > flac.LARGEST_BLOCK_BYTES:
                raise self._source.refuse("its comment block is full")
            prefix = flac.render(flac.COMMENT, size, last=flac.parse(prefix).last)
        sizes = [len(prefix) + size, *map(len, self._packets[1:])]
        data = memoryview(b"".join([prefix, *block, *self._packets[1:]]))
        pages = self._laid_out(sizes, data)
        patches = [Patch(self._pages[0].start, self._end, tuple(pages))]
        return patches + self._renumbered(len(pages) - len(self._pages))

    def _laid_out(self, sizes: list[int], data: memoryview) -> list[bytes]:
        """Return pages with packets, as many pages as before if they fit."""
        lacing, first = ogg.lacing_of(sizes), self._pages[0]
        count = max(len(self._pages), -(-len(lacing) // ogg.MOST_SEGMENTS))
        count = min(count, len(lacing))
        pages: list[bytes] = []
        start, continued = 0, False
        for n in range(count):  # evenly, so that none is empty
            part = lacing[len(lacing) * n // count : len(lacing) * (n + 1) // count]
            ends = any(value < 255 for value in part)
            granule = 0 if ends else ogg.NO_PACKET_ENDS
            flags = ogg.CONTINUED if continued else 0
            body = data[start : start + sum(part)]
            number = first.number + n
            pages.append(ogg.render(flags, granule, first.serial, number, part, body))
            start, continued = start + sum(part), part[-1] == 255
        return pages

    def _renumbered(self, shift: int) -> list[Patch]:
        """Give the later pages of the stream their new numbers and checksums."""
        patches: list[Patch] = []
        position = self._end
        while shift and position < self._source.size:
            page = _page(self._source, position)
            if page is None:
                raise self._source.refuse(
                    "its comments need more room, but it is too damaged to make room"
                )
            if page.serial == self._pages[0].serial:
                data = self._source.at(position, page.end - position)
                new = ogg.numbered(data, page.number + shift)
                at = position + ogg.NUMBERED.start
                patches.append(Patch(at, at + len(new), (new,)))
                if page.flags & ogg.LAST:  # the next stream may use the same serial number
                    break
            position = page.end
        return patches

    @property
    def rest(self) -> Span:
        """All that is behind the headers, which only new numbers of its pages change."""
        return Span(self._end, self._source.size)

    def headers(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything in the headers that is not ours."""
        yield "the first Ogg page", Span(0, self._pages[0].start)
        yield from self._comments.foreign()
        for packet in self._packets[1:]:
            yield "a header packet", packet

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        yield from self.headers()
        position = self._end
        while page := _page(self._source, position):
            head = self._source.at(position, ogg.HEAD_BYTES)
            yield (
                "an Ogg page",
                head[: ogg.NUMBERED.start] + head[ogg.NUMBERED.stop :] + page.lacing,
            )
            yield "the audio", Span(page.body, page.end)
            position = page.end
        yield "the data after the Ogg pages", Span(position, self._source.size)
