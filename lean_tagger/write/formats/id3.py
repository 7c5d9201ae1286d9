"""ID3v2 tags as raw bytes: find the frames, patch ours, touch no others.

Libraries parse every frame and render it again, which changes encodings, flags and the
version, and inflates what was compressed. Here a foreign frame is a span and stays one.
Structure: https://id3.org/id3v2-00, /id3v2.3.0, /id3v2.4.0-structure.

One thing is not in the standard: several values of one text frame in v2.2 and v2.3. They are
written as in v2.4, separated by NUL, because mutagen, TagLib and foobar2000 then see several
values. Other readers show the first one, which is the strongest.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from lean_tagger.errors import WriteError
from lean_tagger.system.containers.id3 import HEAD_BYTES, from_syncsafe, render, syncsafe
from lean_tagger.system.containers.id3 import parse as parse_head
from lean_tagger.write.formats import id3_frames
from lean_tagger.write.formats.exact import items_for, told
from lean_tagger.write.formats.id3_body import LARGEST_UNSYNCHRONISED_BYTES, Body
from lean_tagger.write.formats.id3_extended import ExtendedHeader
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, length

PADDING_BYTES = 1024
_MOST_FRAMES = 20_000
# iTunes pads an id of v2.2 with a space or a NUL, because v2.3 needs four characters.
_FRAME_ID = re.compile(rb"[A-Z][A-Z0-9]{2}[A-Z0-9 \0]?")
# A frame's id, size, first flags; then the flags that say whether it is compressed.
_INNER_FRAME = re.compile(rb"[A-Z][A-Z0-9]{3}.{5}(.)", re.DOTALL)
_COMPRESSED = {3: 0x80, 4: 0x08}
# Bits of the header that the version does not define: a reader must not go on.
_UNDEFINED_FLAGS = {2: 0x3F, 3: 0x1F, 4: 0x0F}


@dataclass(frozen=True, slots=True)
class Id3Frame:
    """One frame: its name, its position, and which of our fields it is, if any."""

    name: str
    span: Span
    field: str | None


def span_of(source: Source, start: int, limit: int) -> Span | None:
    """Return the span of the whole ID3v2 tag at `start`; None if there is none.

    Raises
    ------
    WriteError
        If there is one with a size that makes no sense.
    """
    head = parse_head(source.peek(start, HEAD_BYTES))
    if head is None:
        return None
    if not head.sound:
        raise source.refuse("its ID3 tag is damaged: the header makes no sense")
    footer = HEAD_BYTES if head.version == 4 and head.has_footer else 0
    end = start + HEAD_BYTES + head.size + footer
    if end > limit:
        raise source.refuse("its ID3 tag is damaged: it is longer than the room it is in")
    return Span(start, end)


class Id3Tag:
    """A parsed ID3v2 tag; see `parse`."""

    def __init__(self, source: Source, span: Span) -> None:
        self._source = source
        self.span = span
        head = source.at(span.start, HEAD_BYTES)
        self.version, self.flags = head[3], head[5]
        if self.version not in (2, 3, 4):
            raise source.refuse("its ID3 tag has a version that is not known")
        if self.flags & _UNDEFINED_FLAGS[self.version] or (
            self.version == 2 and self.flags & 0x40  # compression, never defined
        ):
            raise source.refuse("its ID3 tag uses flags that are not known")
        self.unsynchronised = bool(self.flags & 0x80) and self.version < 4
        self._footer = self.version == 4 and bool(self.flags & 0x10)
        end = span.end - (HEAD_BYTES if self._footer else 0)
        body_span = Span(span.start + HEAD_BYTES, end)
        self._body = Body(source, body_span, unsynchronised=self.unsynchronised)
        self._extended = ExtendedHeader(
            source, self._body, head, unsynchronised=self.unsynchronised
        )
        self.plain_sizes, self.frames, frames_end = self._frames(self._extended.size, end)
        self.rest = Span(frames_end, end)
        self._padded = source.is_zero(self.rest) and not self._footer

    def _frames(self, first: int, end: int) -> tuple[bool, list[Id3Frame], int]:
        """Return whether sizes are plain numbers, the frames, and the end of the last one.

        iTunes wrote plain sizes into v2.4 for years, others wrote syncsafe ones into v2.3. Read
        in the wrong way, a walk can end at a zero inside a frame that looks like padding; a frame
        of ours there would destroy it. If the walk of the version's own kind fails, that proves
        nothing: one stray byte before the padding is enough. So the other kind is accepted only
        if zeros or the tag's end follow. The version's own kind is accepted with other data after
        it only if the other kind gives the same result, or none.
        """
        plain, syncsafe = self._walk(first, plain=True), self._walk(first, plain=False)
        own, other = (syncsafe, plain) if self.version == 4 else (plain, syncsafe)
        if own is not None and self._source.is_zero(Span(own[1], end)):
            return False, *own
        if self.version == 4 and other and self._source.is_zero(Span(other[1], end)):
            return True, *other
        if own is None or other not in (None, own) or self._body.stuffed:
            raise self._source.refuse("its ID3 tag is damaged: the frames in it do not add up")
        return False, *own

    def _walk(self, position: int, *, plain: bool) -> tuple[list[Id3Frame], int] | None:
        """Return the frames and the raw position after the last, None if sizes are wrong."""
        body, head_length = self._body, 6 if self.version == 2 else 10
        frames: list[Id3Frame] = []
        while True:
            head = body.at(position, head_length)
            if len(head) < head_length or head[0] == 0:
                break
            id_length = 3 if self.version == 2 else 4
            if not _FRAME_ID.fullmatch(head[:id_length]) or len(frames) >= _MOST_FRAMES:
                return None
            size = self._frame_size(head, plain=plain)
            if size is None or position + head_length + size > body.length:
                return None
            end = position + head_length + size
            start = body.at(position, min(end - position, head_length + id3_frames.LABEL_BYTES))
            field = id3_frames.field_of(start, self.version)
            span = Span(body.raw(position), body.raw(end))
            frames.append(Id3Frame(head[:id_length].decode("ascii"), span, field))
            position = end
        return frames, body.raw(position)

    def _frame_size(self, head: bytes, *, plain: bool) -> int | None:
        if self.version == 2:
            return int.from_bytes(head[3:6], "big")
        if plain:
            return int.from_bytes(head[4:8], "big")
        return None if max(head[4:8]) > 0x7F else from_syncsafe(head[4:8])

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields, decoded by mutagen from our frames alone."""
        return self._values

    @cached_property
    def _values(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for frame in self.frames:
            if frame.field is not None:
                for value in self._decode(frame):
                    if value.strip() and value not in found.setdefault(frame.field, []):
                        found[frame.field].append(value)
        return {field: tuple(values) for field, values in found.items() if values}

    @property
    def plain(self) -> bool:
        """Whether bytes in a frame may change, with nothing else that depends on them."""
        return not self.flags & 0x80 and self._extended.checksum is None

    def xmp(self) -> list[Span]:
        """Return the spans of Adobe's XMP in private frames."""
        found = []
        for frame in self.frames if self.version > 2 else ():
            start = frame.span.start + HEAD_BYTES
            if frame.name == "PRIV" and self._source.peek(start, 4) == b"XMP\0":
                found.append(Span(start + 4, frame.span.end))
        return found

    def text(self, names: Sequence[str]) -> str:
        """Return the first text in frames of these names, empty if there is none."""
        for frame in self.frames:
            if frame.name in names:
                for value in self._decode(frame):
                    if value.strip():
                        return value.strip()
        return ""

    def decoded(self, frame: Id3Frame) -> bytes:
        """Return a frame's bytes in standard form, up to v2.3 without unsynchronisation.

        Raises
        ------
        WriteError
            If it is larger than any text.
        """
        if frame.span.end - frame.span.start > id3_frames.LARGEST_BYTES:
            raise self._source.refuse(f"its {frame.name} frame is too large")
        data = self._source.at(frame.span.start, frame.span.end - frame.span.start)
        if self.version == 4:  # a size above 127 may be a plain number here
            data = data[:4] + syncsafe(len(data) - 10) + data[8:]
        return data.replace(b"\xff\x00", b"\xff") if self.unsynchronised else data

    def _decode(self, frame: Id3Frame) -> list[str]:
        data = self.decoded(frame)
        values = id3_frames.decode(data, self.version, unsynchronised=bool(self.flags & 0x80))
        if values is None:
            raise self._source.refuse(f"its {frame.name} frame is damaged and does not parse")
        return values

    def patches(
        self, changes: Mapping[str, Sequence[str]], inherited: Sequence[Piece] = ()
    ) -> list[Patch]:
        """Return what to change in the file for new values of our fields.

        Parameters
        ----------
        changes : Mapping[str, Sequence[str]]
            Values per field.
        inherited : Sequence[bytes or Span]
            Frames of the same version to add too.
        """
        patches: list[Patch] = []
        appended: list[Piece] = [*inherited]
        for field, values in changes.items():
            mine = [frame for frame in self.frames if frame.field == field]
            new = self._new(field, values, mine)
            for number, frame in enumerate(mine):
                kept = (new,) if new and number == 0 else ()
                patches.append(Patch(frame.span.start, frame.span.end, kept))
            if new and not mine:
                appended.append(new)
        padded = any(frame.name.endswith((" ", "\0")) for frame in self.frames)
        if self.frames and (padded or self._body.stuffed):
            # TagLib stops at an id that is padded with a space, and FFmpeg gets lost after a
            # frame that unsynchronisation made longer, so ours go before it.
            start = self.frames[0].span.start
            patches.append(Patch(start, start, tuple(appended)))
            appended = []
        grown = length(appended) + sum(length(p.pieces) - (p.end - p.start) for p in patches)
        tail: list[Piece] = [*appended]
        padding = None
        if self._padded:
            padding = self.rest.end - self.rest.start - grown
            padding = padding if padding >= 0 else PADDING_BYTES
            patches.append(Patch(self.rest.start, self.rest.end, (*tail, bytes(padding))))
        elif tail:
            # The data after the frames is not padding: it stays, after ours.
            patches.append(Patch(self.rest.start, self.rest.start, tuple(tail)))
        extended = self._extended.patches(patches, self.rest, padding)
        return patches + self._sizes(patches) + extended

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's frames, if its values do not determine them.

        The first item says which form the tag has; in another form these bytes are not frames.
        """
        mine = [frame for frame in self.frames if frame.field == field]
        there = (self._source.at(it.span.start, it.span.end - it.span.start) for it in mine)
        with suppress(WriteError):
            usual = self._new(field, self.values().get(field, ()), mine)
            return told((self._form, *there), (self._form, *([usual] if usual else ())))
        return ()

    @property
    def _form(self) -> bytes:
        return bytes([self.version, self.flags & 0x80, self.plain_sizes])

    def _new(self, field: str, values: Sequence[str], mine: Sequence[Id3Frame]) -> bytes:
        """Return a field's new frames."""
        form, *frames = items_for(values, ()) or (b"",)
        if form == self._form:
            return b"".join(frames)
        return self._render(field, values, mine[0].name if mine else None)

    def _render(self, field: str, values: Sequence[str], name: str | None) -> bytes:
        if not values:
            return b""
        frame = id3_frames.encode(
            field, values, self.version, name=name, plain_sizes=self.plain_sizes
        )
        return id3_frames.unsynchronise(frame) if self.unsynchronised else frame

    def _sizes(self, patches: list[Patch]) -> list[Patch]:
        grown = sum(length(p.pieces) - (p.end - p.start) for p in patches)
        footer = HEAD_BYTES if self._footer else 0
        size = self.span.end - self.span.start - HEAD_BYTES - footer + grown
        if size >= 1 << 28:
            raise self._source.refuse("its ID3 tag is full")
        new = syncsafe(size)
        heads = [self.span.start] + ([self.span.end - HEAD_BYTES] if footer else [])
        return [Patch(head + 6, head + 10, (new,)) for head in heads]

    def unpacks(self) -> bool:
        """Tell whether there are compressed frames, also inside its chapters."""
        flag = _COMPRESSED.get(self.version, 0)
        for frame in self.frames if flag else ():
            start, end = frame.span
            if self._source.at(start + 9, 1)[0] & flag:
                return True
            if frame.name in ("CHAP", "CTOC"):
                data = self._source.at(start, min(end - start, LARGEST_UNSYNCHRONISED_BYTES))
                if any(found[1][0] & flag for found in _INNER_FRAME.finditer(data)):
                    return True
        return False

    def emptied(self) -> list[Patch]:
        """Return the patch that leaves nothing but padding in the tag."""
        start, end = self._extended.span.end, self.rest.end
        return [Patch(start, end, (bytes(end - start),))]

    def holes(self) -> list[Span]:
        """Return the spans that a change of our fields may change."""
        start, end = self.span
        sizes = [Span(start + 6, start + 10)]
        if self._footer:
            sizes.append(Span(end - 4, end))
        ours = [frame.span for frame in self.frames if frame.field]
        return [*sizes, self._extended.span, *ours, *([self.rest] if self._padded else [])]

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything in the tag that is not ours."""
        yield "the ID3 version and flags", self._source.at(self.span.start + 3, 3)
        if self.version == 4:
            for span in self._extended.foreign():
                yield "the ID3 tag's extended header", span
        for frame in self.frames:
            if frame.field is None:
                yield f"the {frame.name} frame", frame.span
        if not self._padded and not self._source.is_zero(self.rest):
            yield "the data after the ID3 frames", self.rest


def parse(source: Source, start: int, limit: int) -> Id3Tag | None:
    """Parse the ID3v2 tag at `start`; None if there is none.

    Parameters
    ----------
    source : Source
        The file.
    start, limit : int
        The start of the tag, and the end of the room that it may take.

    Raises
    ------
    WriteError
        If the tag is damaged, or cannot be edited without risk.
    """
    span = span_of(source, start, limit)
    return None if span is None else Id3Tag(source, span)


def new_tag(
    changes: Mapping[str, Sequence[str]], inherited: Sequence[Piece] = (), *, version: int = 4
) -> list[Piece]:
    """Return a whole new tag with our fields; empty if they have no values.

    Parameters
    ----------
    changes : Mapping[str, Sequence[str]]
        Values per field.
    inherited : Sequence[bytes or Span]
        Frames of the same version that come first.
    version : int
        3 or 4: ID3v2.3 or v2.4.
    """
    ours = [id3_frames.encode(f, v, version) for f, v in changes.items() if v]
    if not ours:
        return []
    body: list[Piece] = [*inherited, *ours, bytes(PADDING_BYTES)]
    size = length(body)
    if size >= 1 << 28:
        raise ValueError("larger than an ID3 tag can be")
    return [render(version, 0, size), *body]
