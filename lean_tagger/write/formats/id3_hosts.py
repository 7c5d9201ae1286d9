"""Where an ID3v2 tag lives: at the start of a file, in a chunk, or in DSF.

A host knows where the tag is, what sizes around it to mend when it grows, and what else
the file holds. It knows nothing about frames.
"""

from collections.abc import Sequence
from typing import Protocol

from lean_tagger.system.containers import chunks
from lean_tagger.write.formats import id3
from lean_tagger.write.source import Source, Span
from lean_tagger.write.splice import Patch


class Host(Protocol):
    """What an ID3v2 tag lives in."""

    @property
    def room(self) -> Span | None:
        """Where the tag starts and must have ended; None if the file has no place for it."""

    @property
    def lists(self) -> Sequence[Span]:
        """The data of RIFF's LIST chunks, which may hold texts in place of a tag."""

    @property
    def others(self) -> Sequence[tuple[str, Span]]:
        """Everything beside the tag's room, named."""

    def place(self, tag: bytes) -> list[Patch]:
        """Return the patches that give a file without a tag one."""

    def resized(self, delta: int) -> list[Patch]:
        """Return the patches to sizes around a tag that grew by `delta` bytes."""


class Leading:
    """A tag in front of MPEG audio, ADTS or TrueAudio."""

    def __init__(self, source: Source) -> None:
        self.room = id3.span_of(source, 0, source.size)
        end = self.room.end if self.room else 0
        if self.room and id3.span_of(source, end, source.size):
            raise source.refuse(
                "it has two ID3 tags at its start, of which players read different ones; "
                "merge them with a tag editor first"
            )
        self.others = [("the audio", Span(end, source.size))]
        self.lists: list[Span] = []

    def place(self, tag: bytes) -> list[Patch]:
        """Put the tag first."""
        return [Patch(0, 0, (tag,))]

    def resized(self, delta: int) -> list[Patch]:
        """Nothing in these formats says where the audio starts."""
        del delta
        return []


class Chunked:
    """A chunk of a RIFF/WAVE, an AIFF or a DSDIFF file.

    Parameters
    ----------
    source : Source
        The file.
    form : chunks.Form
        How it writes the size of a chunk.
    """

    def __init__(self, source: Source, form: chunks.Form) -> None:
        self._source = source
        self._form = form
        self._name = b"id3 " if form is chunks.RIFF else b"ID3 "
        self._declared_end = form.head_bytes + form.size(source.at(4, form.size_bytes))
        self._chunks, self._end = self._walk()
        tags = [c for c in self._chunks if c.name.upper() == b"ID3 "]
        if len(tags) > 1:
            raise source.refuse("it has more than one ID3 chunk, of which players read one")
        self._chunk = tags[0] if tags else None
        self.room: Span | None = None
        if self._chunk and not source.is_zero(Span(self._chunk.start, self._chunk.end)):
            self.room = Span(self._chunk.start, self._chunk.end)
        self.others = self._others()
        self.lists = [Span(c.start, c.end) for c in self._chunks if c.name == b"LIST"]

    def _walk(self) -> tuple[list[chunks.Chunk], int]:
        """Return the chunks and where the last one ends, its pad byte included."""
        source, form, position = self._source, self._form, self._form.first
        if not position <= self._declared_end <= source.size + 1:
            raise source.refuse("the size in its header is not the file's; it may be cut short")
        found: list[chunks.Chunk] = []
        while position + form.head_bytes <= self._declared_end:
            chunk = chunks.parse(source.peek(position, form.head_bytes), position, form)
            limit = min(self._declared_end, source.size)
            if chunk is None or chunk.end > limit or len(found) > 10_000:
                raise source.refuse("its chunks do not add up; it may be cut short")
            found.append(chunk)
            position = chunk.following
        if position < self._declared_end:
            raise source.refuse("its chunks do not add up")
        return found, min(position, source.size)

    def _others(self) -> list[tuple[str, Span]]:
        others = [
            (f"the {c.name.decode('latin-1').strip()} chunk", Span(c.head, c.end))
            for c in self._chunks
            if c is not self._chunk
        ]
        return [*others, ("what stands behind the last chunk", Span(self._end, self._source.size))]

    def place(self, tag: bytes) -> list[Patch]:
        """Put the tag into the empty chunk that there is, or into a new one at the end."""
        if self._chunk:
            data = Span(self._chunk.start, self._chunk.end)
            return [Patch(*data, (tag,)), *self.resized(len(tag) - (data.end - data.start))]
        chunk = self._name + self._bytes(len(tag)) + tag + bytes(len(tag) % 2)
        chunk = bytes(self._end % 2) + chunk  # some writers forget the last pad byte
        return [Patch(self._end, self._end, (chunk,)), self._file_size(len(chunk))]

    def resized(self, delta: int) -> list[Patch]:
        """Mend the chunk's size, its pad byte and the file's size."""
        chunk = self._chunk
        assert chunk is not None  # noqa: S101 - there is a room only where there is a chunk
        size = chunk.size + delta
        old_pad = Span(chunk.end, min(chunk.following, self._end))
        pad = size % 2
        return [
            Patch(chunk.head + 4, chunk.start, (self._bytes(size),)),
            Patch(*old_pad, (bytes(pad),)),
            self._file_size(delta + pad - (old_pad.end - old_pad.start)),
        ]

    def _file_size(self, delta: int) -> Patch:
        head = self._form.head_bytes
        return Patch(4, head, (self._bytes(self._end - head + delta),))

    def _bytes(self, size: int) -> bytes:
        if size >= 1 << 8 * self._form.size_bytes:
            raise self._source.refuse("it is as large as its format allows")
        return self._form.written(size)


class Dsf:
    """The end of a DSF file (Sony, "DSF File Format Specification" 1.01, 2005)."""

    def __init__(self, source: Source) -> None:
        self._source = source
        head = source.at(0, 28)
        self._pointer = int.from_bytes(head[20:28], "little")
        if int.from_bytes(head[12:20], "little") != source.size:
            raise source.refuse("the size in its header is not the file's; it may be cut short")
        end = self._pointer or source.size
        if not 28 <= end <= source.size:
            raise source.refuse("its header points past the file's end")
        self.room = Span(end, source.size) if self._pointer else None
        if self.room and not id3.span_of(source, end, source.size):
            raise source.refuse("what its header calls an ID3 tag is none")
        self.others = [("the audio", Span(28, end))]
        self.lists: list[Span] = []

    def place(self, tag: bytes) -> list[Patch]:
        """Append the tag and point to it."""
        end = self._source.size
        pointer = Patch(20, 28, (end.to_bytes(8, "little"),))
        return [Patch(end, end, (tag,)), pointer, *self.resized(len(tag))]

    def resized(self, delta: int) -> list[Patch]:
        """Mend the file's size in the header."""
        return [Patch(12, 20, ((self._source.size + delta).to_bytes(8, "little"),))]
