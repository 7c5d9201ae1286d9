"""The hosts of an ID3v2 tag: the start of a file, a chunk of RIFF or AIFF, or DSF.

A host knows where the tag is, which sizes to correct when it grows, and what else the file
holds. It knows nothing about frames.
"""

from collections.abc import Sequence
from typing import Protocol

from lean_tagger.system.containers import chunks
from lean_tagger.system.containers.chunks import Chunk
from lean_tagger.write.formats import id3
from lean_tagger.write.formats.older_tags import trailer_start
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth, length

_TAGS = (b"ID3 ", b"id3 ", b"LIST")
"""Chunks that may hold tags."""


class Host(Protocol):
    """The structure that holds an ID3v2 tag."""

    @property
    def room(self) -> Span | None:
        """The span for the tag; None if the file has no place for it."""

    @property
    def lists(self) -> Sequence[Span]:
        """The data of RIFF's INFO lists."""

    def named(self, name: bytes) -> list[Span]:
        """Return the data of chunks of this name."""

    @property
    def others(self) -> Sequence[tuple[str, Span]]:
        """Everything outside the tag's room, with names."""

    @property
    def mends(self) -> bool:
        """Whether a write corrects sizes that kept some readers from finding the tag."""

    def place(self, tag: Sequence[Piece]) -> list[Patch]:
        """Return the patches that add a tag to a file without one."""

    def removal(self) -> list[Patch]:
        """Return the patches that remove the tag and its room."""

    def resized(self, delta: int) -> list[Patch]:
        """Return the patches to the sizes around a tag that grew by `delta` bytes."""

    def settled(self, patches: Sequence[Patch]) -> list[Patch]:
        """Return all patches, with those that correct the file's own size."""


class Leading:
    """A tag in front of MPEG audio, ADTS or TrueAudio."""

    def __init__(self, source: Source) -> None:
        self.room = id3.span_of(source, 0, source.size)
        end = self.room.end if self.room else 0
        if self.room and id3.span_of(source, end, source.size):
            raise source.refuse(
                "it has two ID3 tags at its start, and players read different ones; "
                "merge them with a tag editor first"
            )
        self.others = [("the audio", Span(end, source.size))]
        self.lists: list[Span] = []
        self.mends = False

    def named(self, name: bytes) -> list[Span]:
        """Return nothing: there are no chunks."""
        del name
        return []

    def place(self, tag: Sequence[Piece]) -> list[Patch]:
        """Put the tag at the start."""
        return [Patch(0, 0, tuple(tag))]

    def removal(self) -> list[Patch]:
        """Remove the tag."""
        return [Patch(*self.room, ())] if self.room else []

    def resized(self, delta: int) -> list[Patch]:
        """Return nothing: these formats do not say where the audio starts."""
        del delta
        return []

    def settled(self, patches: Sequence[Patch]) -> list[Patch]:
        """Return the patches unchanged: these formats do not say how long they are."""
        return list(patches)


class Chunked:
    """A chunk of a RIFF/WAVE, an AIFF or a DSDIFF file.

    The sizes in the header are often wrong, which readers accept: some include the header, or were
    written to a pipe before the end was known. Some readers also read chunks after the declared
    end; a tag there is this file's tag.

    Parameters
    ----------
    source : Source
        The file.
    form : chunks.Form
        The form of a chunk's size.
    """

    _MOST_CHUNKS = 10_000
    _UNKNOWN = 0x7FFF_F000
    """Least number that is written to a pipe instead of a size; some leave 0."""
    _AUDIO = (b"data", b"SSND")

    def __init__(self, source: Source, form: chunks.Form) -> None:
        self._source = source
        self._form = form
        self._name = b"id3 " if form is chunks.RIFF else b"ID3 "
        declared = form.size(source.at(4, form.size_bytes))
        end = form.head_bytes + declared
        unset = declared == 0 and form is chunks.RIFF  # FFmpeg reads nothing of such an AIFF
        self._piped = unset or (declared >= self._UNKNOWN and end > source.size + 1)
        counts_header = declared == source.size
        self._declared_end = source.size if self._piped or counts_header else end
        self._open: Chunk | None = None
        self._chunks, self._end = self._walk()
        self._find_hidden()
        self.mends = self._end > end or self._piped or counts_header
        tags = [c for c in self._chunks if c.name.upper() == b"ID3 "]
        if len(tags) > 1:
            raise source.refuse("it has more than one ID3 chunk, and players read only one")
        self._chunk = tags[0] if tags else None
        self.room: Span | None = None
        if self._chunk and not source.is_zero(Span(self._chunk.start, self._chunk.end)):
            self.room = Span(self._chunk.start, self._chunk.end)
        self.others = self._others()
        lists = [*self.named(b"LIST"), *self.named(b"list")]
        self.lists = sorted(it for it in lists if source.peek(it.start, 4) == b"INFO")

    def _walk(self) -> tuple[list[Chunk], int]:
        """Return the chunks, and the end of the last one with its pad byte."""
        source, form, position = self._source, self._form, self._form.first
        if not position <= self._declared_end <= source.size + 1:
            raise source.refuse("the size in its header is not the file's; it may be cut short")
        found: list[Chunk] = []
        while position + form.head_bytes <= self._declared_end:
            chunk = chunks.parse(source.peek(position, form.head_bytes), position, form)
            if chunk and self._never_sized(chunk):
                self._open = chunk = chunk._replace(end=source.size)
            limit = min(self._declared_end, source.size)
            if chunk is None or chunk.end > limit or len(found) > self._MOST_CHUNKS:
                raise source.refuse("its chunks do not add up; it may be cut short")
            found.append(chunk)
            position = chunk.following
        if position < self._declared_end:
            raise source.refuse("its chunks do not add up")
        return found, min(position, source.size)

    def _never_sized(self, chunk: Chunk) -> bool:
        """Tell whether this is audio up to the file's end that was written to a pipe."""
        if not self._piped or chunk.name not in self._AUDIO:
            return False
        if chunk.size:
            return chunk.size >= self._UNKNOWN and chunk.end > self._source.size
        head = self._source.peek(chunk.end, self._form.head_bytes)
        following = chunks.parse(head, chunk.end, self._form)
        return following is not None and not self._credible(following)

    def _credible(self, chunk: Chunk) -> bool:
        """Tell whether this looks like a chunk, in a place that may hold anything."""
        named = chunk.name.isalnum() or chunk.name in _TAGS
        return named and chunk.end <= self._source.size

    def _find_hidden(self) -> None:
        """Include chunks after the declared end, up to the last one that holds tags."""
        hidden: list[Chunk] = []
        position, size = self._end, self._source.size
        while len(hidden) < self._MOST_CHUNKS:
            head = self._source.peek(position, self._form.head_bytes)
            chunk = chunks.parse(head, position, self._form)
            if chunk is None or not self._credible(chunk):
                break
            hidden.append(chunk)
            position = min(chunk.following, size)
        while hidden and hidden[-1].name not in _TAGS:
            hidden.pop()
        if hidden:
            self._chunks += hidden
            self._end = min(hidden[-1].following, position)

    def _others(self) -> list[tuple[str, Span]]:
        others = []
        for chunk in self._chunks:
            if chunk is not self._chunk:
                name = f"the {chunk.name.decode('latin-1').strip()} chunk"
                # Without the size, which may not have been known when it was written.
                spans = Span(chunk.head, chunk.head + 4), Span(chunk.start, chunk.end)
                whole = (Span(chunk.head, chunk.end),)
                is_open = chunk.name in self._AUDIO
                others += [(name, span) for span in (spans if is_open else whole)]
        return [*others, ("the data after the last chunk", Span(self._end, self._source.size))]

    def named(self, name: bytes) -> list[Span]:
        """Return the data of chunks of this name."""
        return [Span(chunk.start, chunk.end) for chunk in self._chunks if chunk.name == name]

    def place(self, tag: Sequence[Piece]) -> list[Patch]:
        """Put the tag into an empty ID3 chunk, or into a new one at the end."""
        size = length(tag)
        if self._chunk:
            data = Span(self._chunk.start, self._chunk.end)
            return [Patch(*data, tuple(tag)), *self.resized(size - (data.end - data.start))]
        # Some writers forget the last pad byte.
        head = bytes(self._end % 2) + self._name + self._bytes(size)
        return [Patch(self._end, self._end, (head, *tag, bytes(size % 2)))]

    def removal(self) -> list[Patch]:
        """Remove the chunk."""
        chunk = self._chunk
        if chunk is None:
            return []
        return [Patch(chunk.head, chunk.end, ()), Patch(*self._pad(chunk), ())]

    def _pad(self, chunk: Chunk) -> Span:
        return Span(chunk.end, min(chunk.following, self._end))

    def resized(self, delta: int) -> list[Patch]:
        """Correct the chunk's size and its pad byte."""
        chunk = self._chunk
        assert chunk is not None  # noqa: S101 - there is a room only where there is a chunk
        size = chunk.size + delta
        return [
            Patch(chunk.head + 4, chunk.start, (self._bytes(size),)),
            Patch(*self._pad(chunk), (bytes(size % 2),)),
        ]

    def settled(self, patches: Sequence[Patch]) -> list[Patch]:
        """Correct the file's size, and that of audio that was written to a pipe."""
        if not patches:
            return []
        head = self._form.head_bytes
        sizes = [Patch(4, head, (self._bytes(self._end - head + growth(patches)),))]
        if self._open:
            size = self._bytes(self._open.size)
            sizes.append(Patch(self._open.head + 4, self._open.start, (size,)))
        return [*patches, *sizes]

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
        self._size = int.from_bytes(head[12:20], "little")
        if self._size not in (source.size, trailer_start(source)):
            raise source.refuse("the size in its header is not the file's; it may be cut short")
        end = self._pointer or self._size
        if not 28 <= end <= self._size:
            raise source.refuse("its header points past the file's end")
        self.room = Span(end, self._size) if self._pointer else None
        if self.room and not id3.span_of(source, end, self._size):
            raise source.refuse("the data that its header calls an ID3 tag is not one")
        behind = Span(self._size, source.size)
        self.others = [("the audio", Span(28, end)), ("the data after its end", behind)]
        self.lists: list[Span] = []
        self.mends = False

    def named(self, name: bytes) -> list[Span]:
        """Return nothing: there are no named chunks."""
        del name
        return []

    def place(self, tag: Sequence[Piece]) -> list[Patch]:
        """Append the tag and point to it."""
        end = self._size
        return [Patch(end, end, tuple(tag)), Patch(20, 28, (end.to_bytes(8, "little"),))]

    def removal(self) -> list[Patch]:
        """Remove the tag and the pointer to it."""
        return [Patch(*self.room, ()), Patch(20, 28, (bytes(8),))] if self.room else []

    def resized(self, delta: int) -> list[Patch]:
        """Return nothing: only the header says where the tag ends."""
        del delta
        return []

    def settled(self, patches: Sequence[Patch]) -> list[Patch]:
        """Correct the file's size in the header."""
        size = self._size + growth(patches)
        return [*patches, Patch(12, 20, (size.to_bytes(8, "little"),))] if patches else []
