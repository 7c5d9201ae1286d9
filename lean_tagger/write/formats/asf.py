"""ASF (WMA): attributes in the header's objects, patched in place.

"Advanced Systems Format Specification", revision 01.20.03. The first value of a field goes
into the Extended Content Description Object, which may hold one per name. More values go into
the Metadata Library Object, where Windows Media, TagLib and mutagen put and find them. TagLib
takes values in the file's order: if the second object comes before the first, several values all
go into it. (FFmpeg shows the last of several, wherever they are.)
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from lean_tagger.errors import WriteError
from lean_tagger.fields import FIELDS, field_of
from lean_tagger.write.formats import id3, mutagen_check
from lean_tagger.write.formats.exact import items_for, told
from lean_tagger.write.formats.id3 import Id3Tag
from lean_tagger.write.formats.xmp import Xmp
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth


def _guid(text: str) -> bytes:
    return UUID(text).bytes_le


HEADER = _guid("75B22630-668E-11CF-A6D9-00AA0062CE6C")
_EXTENDED = _guid("D2D0A440-E307-11D2-97F0-00A0C95EA850")
_EXTENSION = _guid("5FBF03B5-A92E-11CF-8EE3-00C00C205365")
_LIBRARY = _guid("44231C94-9498-49D1-A141-1D134E457054")
_METADATA = _guid("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA")
_PADDING = _guid("1806D474-CADF-4509-A4BA-9AABCB96AAE8")
_PROPERTIES = _guid("8CABDCA1-A947-11CF-8EE4-00C00C205365")
_SIGNATURE = _guid("2211B3FC-BD23-11D2-B4B7-00A0C955FC6E")
_XMP = _guid("BE7ACFCB-97A9-42E8-9C71-999491E3AFAC")
_RESERVED = _guid("ABD3D211-A9BA-11CF-8EE6-00C00C205365")

_HEAD_BYTES = 24  # GUID, size
_LARGEST_BYTES = 1 << 20
_LONGEST_SHORT_BYTES = 0xFFFF
_UNICODE, _BYTES = 0, 1
_INTEGERS = (3, 4, 5)  # of 32, 64 and 16 bits


@dataclass(frozen=True, slots=True)
class _Object:
    guid: bytes
    start: int
    end: int

    @property
    def body(self) -> int:
        return self.start + _HEAD_BYTES


@dataclass(frozen=True, slots=True)
class _Attribute:
    name: str
    kind: int
    span: Span
    value: Span

    @property
    def field(self) -> str | None:
        return field_of(self.name, "asf")


class AsfFile:
    """An ASF file.

    Parameters
    ----------
    source : Source
        The file.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        head = source.at(0, 30)
        self._end = int.from_bytes(head[16:24], "little")
        self._count = int.from_bytes(head[24:28], "little")
        self._objects = list(self._walk(30, self._end))
        if len(self._objects) != self._count:
            raise source.refuse("its ASF header is damaged: objects are missing")
        if any(o.guid == _SIGNATURE for o in self._objects):
            raise source.refuse("its ASF header is signed, which writing would break")
        self._extended = self._only(self._objects, _EXTENDED)
        self._extension = self._only(self._objects, _EXTENSION)
        self._inner: list[_Object] = []
        if self._extension:
            start = self._extension.body + 22
            if source.at(start - 4, 4) != (self._extension.end - start).to_bytes(4, "little"):
                raise source.refuse("its ASF header is damaged: the extension's size is wrong")
            self._inner = list(self._walk(start, self._extension.end))
        self._library = self._only(self._inner, _LIBRARY)
        self._attributes = {
            o: list(self._attributes_of(o))
            for o in (self._extended, self._library, self._only(self._inner, _METADATA))
            if o
        }

    def id3_tags(self) -> list[Id3Tag]:
        """Return ID3v2 tags inside attributes, which FFmpeg shows."""
        found = []
        for attributes in self._attributes.values():
            for it in attributes:
                if it.name == "ID3" and it.kind == _BYTES:
                    with suppress(WriteError):
                        tag = id3.parse(self._source, it.value.start, it.value.end)
                        found += [tag] if tag else []
        return found

    def xmp(self) -> list[Xmp]:
        """Return Adobe's XMP packets: in an object of its own, next to the header."""
        found, position = [], self._end
        while len(head := self._source.peek(position, _HEAD_BYTES)) == _HEAD_BYTES:
            end = position + int.from_bytes(head[16:], "little")
            if not position + _HEAD_BYTES <= end <= self._source.size:
                break
            if head.startswith(_XMP):
                found.append(Span(position + _HEAD_BYTES, end))
            position = end
        return Xmp.all_of(self._source, found)

    @property
    def tagged(self) -> bool:
        """Whether both places for our fields exist already."""
        return bool(self._extended and self._library)

    def _walk(self, position: int, end: int) -> Iterator[_Object]:
        if end > self._source.size:
            raise self._source.refuse("its ASF header is cut short")
        while position < end:
            head = self._source.at(position, _HEAD_BYTES)
            size = int.from_bytes(head[16:], "little")
            if size < _HEAD_BYTES or position + size > end:
                raise self._source.refuse("its ASF header is damaged: sizes do not add up")
            yield _Object(head[:16], position, position + size)
            position += size

    def _only(self, objects: Sequence[_Object], guid: bytes) -> _Object | None:
        found = [o for o in objects if o.guid == guid]
        if len(found) > 1:
            raise self._source.refuse(
                "its ASF header has an object twice that may only be there once"
            )
        return found[0] if found else None

    def _attributes_of(self, parent: _Object) -> Iterator[_Attribute]:
        source, short = self._source, parent.guid == _EXTENDED
        position = parent.body + 2
        for _ in range(int.from_bytes(source.at(parent.body, 2), "little")):
            if short:  # name length, name, type, value length, value
                named = int.from_bytes(source.at(position, 2), "little")
                name, rest = position + 2, source.at(position + 2 + named, 4)
                kind, size = int.from_bytes(rest[:2], "little"), int.from_bytes(rest[2:], "little")
                value = name + named + 4
            else:  # language, stream, name length, type, value length, name, value
                head = source.at(position, 12)
                named = int.from_bytes(head[4:6], "little")
                kind, size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:], "little")
                name, value = position + 12, position + 12 + named
            if value + size > parent.end:
                break
            text = source.at(name, named).decode("utf-16-le", "replace").strip("\0")
            yield _Attribute(text, kind, Span(position, value + size), Span(value, value + size))
            position = value + size
        if position != parent.end:
            raise source.refuse("its ASF header is damaged: its attributes do not add up")

    def _mine(self, field: str) -> Iterator[tuple[_Object, _Attribute]]:
        for parent, attributes in self._attributes.items():
            for attribute in attributes:
                if attribute.field == field:
                    yield parent, attribute

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        found: dict[str, tuple[str, ...]] = {}
        for field in FIELDS:
            texts = [self._text(attribute, field) for _, attribute in self._mine(field)]
            texts = [text for text in dict.fromkeys(texts) if text.strip()]
            if texts:
                found[field] = tuple(texts)
        return found

    def _text(self, attribute: _Attribute, field: str) -> str:
        size = attribute.value.end - attribute.value.start
        kinds = (_UNICODE, *(_INTEGERS if FIELDS[field].number else ()))
        if attribute.kind not in kinds or size > _LARGEST_BYTES:
            raise self._source.refuse(f"its attribute {attribute.name} holds no text")
        data = self._source.at(attribute.value.start, size)
        if attribute.kind in _INTEGERS:
            return str(int.from_bytes(data, "little"))
        return data.decode("utf-16-le").rstrip("\0")

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as mutagen reads them, from a separate header."""
        raw: dict[bytes, list[bytes]] = {_EXTENDED: [], _LIBRARY: [], _METADATA: []}
        for field in FIELDS:
            for parent, attribute in self._mine(field):
                start, end = attribute.span
                raw[parent.guid].append(self._source.at(start, end - start))
        library = [_object(g, _counted(raw[g])) for g in (_METADATA, _LIBRARY)]
        objects = _object(_EXTENDED, _counted(raw[_EXTENDED])) + _extension(b"".join(library))
        header = _object(HEADER, (2).to_bytes(4, "little") + b"\x01\x02" + objects)
        found: dict[str, tuple[str, ...]] = {}
        for name, value in mutagen_check.read_asf(header):
            if ours := field_of(name, "asf"):
                found[ours] = (*found.get(ours, ()), value)
        return found

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields."""
        patches: list[Patch] = []
        removed: dict[_Object, int] = {}
        short: list[bytes] = []
        long: list[bytes] = []
        for field, values in changes.items():
            for parent, attribute in self._mine(field):
                patches.append(Patch(*attribute.span, ()))
                removed[parent] = removed.get(parent, 0) + 1
            for item in items_for(values, self._usual(field, values)):
                (short if item[:16] == _EXTENDED else long).append(item[16:])
        self._refuse_if_hidden(changes)
        for parent in self._attributes:
            new = {self._extended: short, self._library: long}.get(parent, [])
            patches += self._counted_patches(parent, new, removed.get(parent, 0))
        return self._sized(patches, *self._missing(short, long))

    def _usual(self, field: str, values: Sequence[str]) -> Iterator[bytes]:
        """Yield the attributes for values, each after the GUID of its object."""
        early, late = self._extension, self._extended
        turned = early is not None and late is not None and early.start < late.start
        for value in values:
            data = value.encode("utf-16-le") + b"\0\0"
            first = value == values[0] and not (turned and len(values) > 1)
            fits = first and len(data) <= _LONGEST_SHORT_BYTES
            attribute = _attribute(FIELDS[field].asf, data, short=fits)
            yield (_EXTENDED if fits else _LIBRARY) + attribute

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's attributes, if its values do not determine them."""
        there = (
            parent.guid + self._source.at(it.span.start, it.span.end - it.span.start)
            for parent, it in self._mine(field)
        )
        return told(there, self._usual(field, self.values().get(field, ())))

    def _refuse_if_hidden(self, changes: Mapping[str, Sequence[str]]) -> None:
        """Refuse if FFmpeg would still show the values of an ID3 tag."""
        for tag in self.id3_tags():
            said = tag.values()
            for field, values in changes.items():
                if values and field in said and said[field] != tuple(values):
                    raise self._source.refuse(
                        f"players would still show the {field} of another tag in it"
                    )

    def _counted_patches(self, parent: _Object, new: list[bytes], removed: int) -> list[Patch]:
        if not new and not removed:
            return []
        count = len(self._attributes[parent]) + len(new) - removed
        if count > 0xFFFF:
            raise self._source.refuse("its ASF header is full")
        number = Patch(parent.body, parent.body + 2, (count.to_bytes(2, "little"),))
        return [number, Patch(parent.end, parent.end, tuple(new))]

    def _missing(self, short: list[bytes], long: list[bytes]) -> tuple[list[Patch], list[Patch]]:
        """Return the new objects for the header extension, and those for the header."""
        inner: list[Patch] = []
        outer: list[Patch] = []
        library = _object(_LIBRARY, _counted(long))
        if short and not self._extended:
            place = self._extension.start if self._extension else self._end
            outer.append(Patch(place, place, (_object(_EXTENDED, _counted(short)),)))
        if long and not self._extension:
            outer.append(Patch(self._end, self._end, (_extension(library),)))
        elif long and self._extension and not self._library:
            inner.append(Patch(self._extension.end, self._extension.end, (library,)))
        return inner, outer

    def _sized(self, patches: list[Patch], inner: list[Patch], outer: list[Patch]) -> list[Patch]:
        """Add the patches to the counts and sizes around the attributes."""
        if not patches and not inner and not outer:
            return []
        for parent in self._attributes:
            within = [p for p in patches if parent.start < p.start and p.end <= parent.end]
            patches += _resized(parent, growth(within))
        patches += inner
        extension = self._extension
        if extension:
            within = [p for p in patches if extension.start < p.start and p.end <= extension.end]
            grown = growth(within)
            size = (extension.end - extension.body - 22 + grown).to_bytes(4, "little")
            patches += _resized(extension, grown)
            patches.append(Patch(extension.body + 18, extension.body + 22, (size,)))
        patches += outer
        count = (self._count + len(outer)).to_bytes(4, "little")
        patches.append(Patch(24, 28, (count,)))
        patches += self._padding(growth(patches))
        grown = growth(patches)
        header = _Object(HEADER, 0, self._end)
        return patches + _resized(header, grown) + self._file_size(grown)

    def _padding(self, grown: int) -> list[Patch]:
        """Take growth out of the padding, so that the audio does not move."""
        for o in self._objects:
            size = o.end - o.body - grown
            if o.guid == _PADDING and grown and 0 <= size < 1 << 24:
                return [Patch(o.start, o.end, (_object(_PADDING, bytes(size)),))]
        return []

    def _file_size(self, grown: int) -> list[Patch]:
        """Keep the file's size in its properties right, if it was right."""
        properties = self._only(self._objects, _PROPERTIES)
        if properties and grown:
            span = Span(properties.body + 16, properties.body + 24)
            if self._source.at(span.start, 8) == self._source.size.to_bytes(8, "little"):
                return [Patch(*span, ((self._source.size + grown).to_bytes(8, "little"),))]
        return []

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        for o in [*self._objects, *self._inner]:
            if o in self._attributes:
                yield "an object of attributes", o.guid
                for a in self._attributes[o]:
                    if a.field is None:
                        yield f"the attribute {a.name}", a.span
            elif o.guid == _PROPERTIES:
                yield "the file's properties", Span(o.body, o.body + 16)
                yield "the file's properties", Span(o.body + 24, o.end)
            elif o.guid == _EXTENSION:
                yield "the header extension", Span(o.body, o.body + 18)
            elif o.guid != _PADDING or o in self._inner:
                yield "an object of the header", Span(o.start, o.end)
        yield "the audio", Span(self._end, self._source.size)


def _resized(parent: _Object, grown: int) -> list[Patch]:
    size = parent.end - parent.start + grown
    place = Span(parent.start + 16, parent.start + 24)
    return [Patch(*place, (size.to_bytes(8, "little"),))] if grown else []


def _object(guid: bytes, data: bytes) -> bytes:
    return guid + (len(data) + _HEAD_BYTES).to_bytes(8, "little") + data


def _extension(data: bytes) -> bytes:
    fixed = _RESERVED + (6).to_bytes(2, "little") + len(data).to_bytes(4, "little")
    return _object(_EXTENSION, fixed + data)


def _counted(attributes: Sequence[bytes]) -> bytes:
    return len(attributes).to_bytes(2, "little") + b"".join(attributes)


def _attribute(name: str, data: bytes, *, short: bool) -> bytes:
    named = name.encode("utf-16-le") + b"\0\0"
    if short:
        head = len(named).to_bytes(2, "little") + named + _UNICODE.to_bytes(2, "little")
        return head + len(data).to_bytes(2, "little") + data
    head = bytes(4) + len(named).to_bytes(2, "little") + _UNICODE.to_bytes(2, "little")
    return head + len(data).to_bytes(4, "little") + named + data
