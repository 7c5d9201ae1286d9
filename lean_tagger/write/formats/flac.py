"""FLAC's metadata blocks (RFC 9639, section 8): the comment changes, the others stay."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lean_tagger.system.containers import flac
from lean_tagger.write.formats import id3
from lean_tagger.write.formats.carried import Carried
from lean_tagger.write.formats.vorbis_comment import Comments
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch

_PADDING_BYTES = 1024
_NAMES = {2: "APPLICATION", 3: "SEEKTABLE", 5: "CUESHEET", 6: "PICTURE"}


@dataclass(frozen=True, slots=True)
class _Block:
    kind: int
    head: int
    end: int
    last: bool

    @property
    def start(self) -> int:
        return self.head + flac.HEAD_BYTES


class FlacFile:
    """A native FLAC file, with or without a foreign ID3v2 tag in front.

    Parameters
    ----------
    source : Source
        The file.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        leading = id3.span_of(source, 0, source.size)
        self._start = (leading.end if leading else 0) + len(flac.MARK)
        self._blocks = list(self._walk())
        found = [block for block in self._blocks if block.kind == flac.COMMENT]
        if len(found) > 1:
            raise source.refuse("it has more than one comment block, and players read only one")
        self._comment = found[0] if found else None
        self._comments = self._parse(self._comment)

    @property
    def tagged(self) -> bool:
        """Whether there are comments already."""
        return len(self._comments) > 0

    def _walk(self) -> Iterator[_Block]:
        position, last = self._start, False
        while not last:
            kind, last, size = flac.parse(self._source.at(position, flac.HEAD_BYTES))
            block = _Block(kind, position, position + flac.HEAD_BYTES + size, last)
            if kind == flac.INVALID or (position == self._start) != (kind == flac.STREAMINFO):
                raise self._source.refuse("its FLAC header is damaged")
            position = block.end
            yield block
        # With one wrong size, this would be in the middle of a picture.
        audio = self._source.peek(position, 2)
        if len(audio) < 2 or audio[0] != 0xFF or audio[1] & 0xFE != 0xF8:
            raise self._source.refuse("its FLAC header is damaged: it does not lead to the audio")

    def _parse(self, block: _Block | None) -> Comments:
        if block is None:
            return Comments(self._source, memoryview(bytes(8)))
        data = self._source.at(block.start, block.end - block.start)
        return Comments(self._source, memoryview(data))

    def foreign_info(self) -> Iterator[Span]:
        """Yield the data of INFO lists from the RIFF file that this file was made from.

        An encoder keeps each chunk in a block: an id of four bytes, then the chunk.
        """
        for block in self._blocks:
            head = self._source.peek(block.start, 16) if block.kind == flac.APPLICATION else b""
            if head[:8] == b"riffLIST" and head[12:] == b"INFO" and block.end - block.start >= 16:
                size = int.from_bytes(head[8:12], "little")
                yield Span(block.start + 12, min(block.start + 12 + size, block.end))

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        return self._comments.values()

    def exact(self, field: str) -> tuple[str, ...]:
        """Return a field's comments, if its values do not determine them."""
        return self._comments.exact(field)

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as mutagen reads them."""
        return self._comments.second_reading()

    def patches(
        self, changes: Mapping[str, Sequence[str]], carried: Carried | None = None
    ) -> list[Patch]:
        """As `Document.patches`, with what an empty tag takes over from others."""
        carried = carried if carried and any(changes.values()) else Carried()
        data = b"".join(self._comments.rendered(changes, carried.as_vorbis()))
        if not self._comment and not any(changes.values()):
            return []
        if len(data) > flac.LARGEST_BLOCK_BYTES:
            raise self._source.refuse("its comment block is full")
        first, old = self._blocks[0], self._comment
        if old is None:
            grown = flac.HEAD_BYTES + len(data)
            head = flac.render(flac.COMMENT, len(data), last=first.last)
            patches = [Patch(first.end, first.end, (head, data))]
            if first.last:
                patches.append(Patch(first.head, first.head + 1, (bytes([flac.STREAMINFO]),)))
        else:
            grown = len(data) - (old.end - old.start)
            head = flac.render(flac.COMMENT, len(data), last=old.last)
            patches = [Patch(old.head, old.end, (head, data))]
        return patches + self._padding(grown)

    def inherited(self, carried: Carried) -> list[bytes | memoryview]:
        """Return the comments that an empty block copies from other tags."""
        return self._comments.inherited(carried.as_vorbis())

    def removal(self) -> list[Patch]:
        """Return the patches that remove the comments, and the block if it is ours."""
        old = self._comment
        if old is None:
            return []
        if self._comments.vendor:
            data = b"".join(self._comments.emptied())
            head = flac.render(flac.COMMENT, len(data), last=old.last)
            return [
                Patch(old.head, old.end, (head, data)),
                *self._padding(len(data) - (old.end - old.start)),
            ]
        patches = [Patch(old.head, old.end, ())]
        if not old.last:
            return patches + self._padding(old.head - old.end)
        before = self._blocks[-2]
        return [*patches, Patch(before.head, before.head + 1, (bytes([0x80 | before.kind]),))]

    def kept(self) -> list[Piece]:
        """Return the comments that are not ours."""
        return [piece for name, piece in self._comments.foreign() if "comment " in name]

    def inside(self) -> list[Piece]:
        """Return the parts that `removal` removes and that are not ours."""
        if self._comments.vendor:
            return self.kept()
        return [piece for _, piece in self._comments.foreign()]

    def _padding(self, grown: int) -> list[Patch]:
        """Take the growth out of the padding, so that the audio does not move."""
        blocks = [block for block in self._blocks if block.kind == flac.PADDING]
        if not blocks or not grown:
            return []
        block = max(blocks, key=lambda block: block.end - block.head)
        size = block.end - block.start - grown
        if not 0 <= size <= flac.LARGEST_BLOCK_BYTES:
            size = _PADDING_BYTES
        head = flac.render(flac.PADDING, size, last=block.last)
        return [Patch(block.head, block.end, (head, bytes(size)))]

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        yield "the data before the FLAC header", Span(0, self._start)
        for block in self._blocks:
            if block.kind not in (flac.PADDING, flac.COMMENT):
                name = f"the {_NAMES.get(block.kind, f'type {block.kind}')} block"
                yield name, bytes([block.kind])
                yield name, Span(block.start, block.end)
        if self._comment:
            yield from self._comments.foreign()
        yield "the audio", Span(self._blocks[-1].end, self._source.size)
