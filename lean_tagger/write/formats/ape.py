"""APEv2 tags as raw bytes, at the end of WavPack, Musepack, Monkey's Audio and others.

https://wiki.hydrogenaud.io/index.php?title=APEv2_specification. Other items keep their
bytes, flags and order; so do a Lyrics3 tag and an ID3v1 trailer after the tag.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, product
from typing import NamedTuple

from lean_tagger.errors import WriteError
from lean_tagger.fields import FIELDS, field_of
from lean_tagger.system.containers import ape, id3
from lean_tagger.write.formats import mutagen_check, older_tags, properties
from lean_tagger.write.formats.carried import Carried, Picture
from lean_tagger.write.formats.exact import items_for, told
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth, tail

_LONGEST_KEY_BYTES = 255
_LARGEST_BYTES = 1 << 20
_SHORTEST_ID3V1_BYTES = 124
_AS_NOW, _FIRST, _LAST = range(3)


@dataclass(frozen=True, slots=True)
class _Item:
    key: str
    flags: int
    span: Span
    value: Span

    @property
    def field(self) -> str | None:
        return field_of(self.key, "ape")


class _Tag(NamedTuple):
    header: int | None
    items: tuple[_Item, ...]
    footer: int
    version: int


class ApeFile:
    """A file with an APEv2 tag at its end, or with room for one.

    Parameters
    ----------
    source : Source
        The file.
    any_version : bool
        Also read a tag of version 1, in which text may be in any encoding.
    """

    name = "ape"
    shown_first = False

    def __init__(self, source: Source, *, any_version: bool = False) -> None:
        self._source = source
        self._versions = (1000, 2000) if any_version else (2000,)
        self._end = older_tags.find_ape(source)
        self._tag = self._parse()
        if source.peek(0, 8) == ape.MARK:
            raise source.refuse("its APE tag is at its start, where it cannot be edited")

    @property
    def tagged(self) -> bool:
        """Whether there is a non-empty tag already."""
        return bool(self._tag and self._tag.items)

    @property
    def describes(self) -> bool:
        """Whether the tag describes the music, not only its loudness."""
        names = {item.key.lower() for item in self._tag.items} if self._tag else set()
        return bool(names & {"title", "artist", "album"})

    @property
    def stands_in(self) -> bool:
        """Whether our fields go into it in an MP3 without an ID3 tag."""
        return self.describes and self._tag is not None and self._tag.version == 2000

    def _parse(self) -> _Tag | None:
        source, footer = self._source, self._end - ape.END_BYTES
        about = self._about(footer) if footer >= 0 else None
        if about is None:
            return None
        start = self._end - about.size
        if about.version not in self._versions:
            raise source.refuse("its APE tag is of an older version, which has no Unicode")
        if about.flags & ape.IS_HEADER or about.size < ape.END_BYTES or start < 0:
            raise source.refuse("its APE tag is damaged: the footer makes no sense")
        header = start - ape.END_BYTES if about.flags & ape.HAS_HEADER else None
        if header is not None:
            same = self._about(header) if header >= 0 else None
            if same is None or (same.size, same.items) != (about.size, about.items):
                raise source.refuse("its APE tag is damaged: the header is not like the footer")
        items = tuple(self._items(start, footer))
        if len(items) != about.items:
            raise source.refuse("its APE tag is damaged: the number of items is not as it says")
        return _Tag(header, items, footer, about.version)

    def _about(self, position: int) -> ape.TagEnd | None:
        return ape.parse(self._source.at(position, ape.END_BYTES))

    def _items(self, position: int, end: int) -> Iterator[_Item]:
        source = self._source
        while position < end:
            head = source.at(position, min(8 + _LONGEST_KEY_BYTES + 1, end - position))
            size, flags = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:8], "little")
            key_end = head.find(b"\0", 8)
            value = position + key_end + 1
            key = head[8:key_end].decode("latin-1")
            if key_end < 10 or value + size > end or not (key.isascii() and key.isprintable()):
                raise source.refuse("its APE tag is damaged: the items in it do not add up")
            span = Span(position, value + size)
            yield _Item(key, flags, span, Span(value, value + size))
            position = value + size

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        found: dict[str, tuple[str, ...]] = {}
        for item in self._tag.items if self._tag else ():
            if item.field is None:
                continue
            size = item.value.end - item.value.start
            if item.flags & 6 or size > _LARGEST_BYTES:  # bits 1-2: 0 is text
                raise self._source.refuse(f"its item {item.key} holds no text")
            texts = self._source.at(item.value.start, size).decode("utf-8").split("\0")
            texts = [text for text in texts if text.strip()]
            merged = dict.fromkeys([*found.get(item.field, ()), *texts])
            if merged:
                found[item.field] = tuple(merged)
        return found

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's items, if its values do not determine them."""
        mine = self._mine(field)
        there = (self._source.at(it.span.start, it.span.end - it.span.start) for it in mine)
        with suppress(WriteError):
            return told(there, _usual(mine[0].key, self.values().get(field, ())) if mine else ())
        return ()

    def patches(
        self, changes: Mapping[str, Sequence[str]], carried: Carried | None = None
    ) -> list[Patch]:
        """As `Document.patches`, with what an empty tag takes over from others."""
        inherited = self.inherited(carried) if any(changes.values()) and carried else []
        new = {
            field: items_for(values, _usual(self._key(field), values))
            for field, values in changes.items()
        }
        for where, order in product((_AS_NOW, _FIRST, _LAST), (list(new), list(reversed(new)))):
            patches = self._patches({field: new[field] for field in order}, inherited, where)
            if not self._seems_id3v1(patches):
                return patches
        raise self._source.refuse("its APE tag would end with what readers take for ID3v1")

    def _patches(
        self, new: Mapping[str, tuple[bytes, ...]], inherited: list[bytes], where: int
    ) -> list[Patch]:
        """Put items where those of the same field are, else behind the others; or all together."""
        tag = self._tag
        if tag is None:
            items = [*chain.from_iterable(new.values())]
            whole = _whole([*items, *inherited] if where == _FIRST else [*inherited, *items])
            return [Patch(self._end, self._end, (whole,))] if items else []
        added, patches = list(inherited), list[Patch]()
        count = len(tag.items) + len(inherited)
        for field, its in new.items():
            mine = self._mine(field)
            if any(item.flags & 1 for item in mine):
                raise self._source.refuse(f"its item {mine[0].key} is marked read-only")
            stays = bool(mine) and where == _AS_NOW
            added += () if stays else its
            for number, item in enumerate(mine):
                patches.append(Patch(*item.span, its if stays and number == 0 else ()))
            count += len(its) - len(mine)
        at = self._start(tag) if where == _FIRST else tag.footer
        patches.append(Patch(at, at, tuple(added)))
        size = self._end - (tag.header + 32 if tag.header is not None else self._start(tag))
        numbers = b"".join(n.to_bytes(4, "little") for n in (size + growth(patches), count))
        heads = [tag.footer] + ([tag.header] if tag.header is not None else [])
        return patches + [Patch(head + 12, head + 20, (numbers,)) for head in heads]

    def _seems_id3v1(self, patches: Sequence[Patch]) -> bool:
        """Tell whether "TAG" would stand in the tag where readers first look for ID3v1.

        TagLib does 128 bytes before the end, mutagen down to 124; both know "APETAGEX".
        """
        if not patches or self._end != self._source.size:
            return False
        end = tail(self._source, patches, id3.TRAILER_BYTES + 3).replace(ape.MARK, bytes(8))
        return id3.TRAILER_MARK in end[-id3.TRAILER_BYTES : -_SHORTEST_ID3V1_BYTES + 3]

    def _mine(self, field: str) -> list[_Item]:
        return [item for item in (self._tag.items if self._tag else ()) if item.field == field]

    def _key(self, field: str) -> str:
        mine = self._mine(field)
        return mine[0].key if mine else FIELDS[field].ape

    @staticmethod
    def _start(tag: _Tag) -> int:
        return tag.items[0].span.start if tag.items else tag.footer

    def inherited(self, carried: Carried) -> list[bytes]:
        """Return the items that a new tag copies from other tags."""
        items: list[bytes] = []
        for key, value in carried.as_ape():
            if not 2 <= len(key) <= _LONGEST_KEY_BYTES or not (key.isascii() and key.isprintable()):
                raise self._source.refuse(f"an APE tag cannot hold {key!r}, which it would hide")
            head = len(value).to_bytes(4, "little") + bytes(4)
            items.append(head + key.encode("ascii") + b"\0" + value)
        return items

    def removal(self) -> list[Patch]:
        """Return the patch that removes the tag."""
        return [Patch(self._first, self._end, ())]

    def kept(self) -> list[Piece]:
        """Return the items that are not ours."""
        return [item.span for item in self._tag.items if not item.field] if self._tag else []

    def inside(self) -> list[Piece]:
        """Return the parts that `removal` removes and that are not ours."""
        return [piece for name, piece in self.foreign() if name.startswith(("the item", "the APE"))]

    @property
    def _first(self) -> int:
        """Where the tag begins, or would begin."""
        tag = self._tag
        if tag is None:
            return self._end
        return tag.header if tag.header is not None else self._start(tag)

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return all new values: it can hold them."""
        del field
        return tuple(values)

    def holes(self) -> list[Span]:
        """Return the spans that a write of our fields may change."""
        tag = self._tag
        if tag is None:
            return []
        heads = [tag.footer, *([tag.header] if tag.header is not None else [])]
        numbers = [Span(head + 12, head + 20) for head in heads]
        return [*numbers, *(item.span for item in tag.items if item.field)]

    def carried(self) -> Carried:
        """Return its contents for a new tag."""
        texts: dict[str, tuple[str, ...]] = {}
        pictures: list[Picture] = []
        for item in self._tag.items if self._tag else ():
            size = item.value.end - item.value.start
            if item.key.lower().startswith("cover art"):
                pictures.append(self._picture(item))
            elif item.flags & 6 or size > _LARGEST_BYTES:
                return Carried(obstacle=f"the item {item.key} of its APE tag")
            else:
                data = self._source.at(item.value.start, size)
                try:
                    values = data.decode("utf-8").split("\0")
                except UnicodeDecodeError:
                    values = data.decode("latin-1").split("\0")
                texts[properties.of_ape(item.key)] = tuple(values)
        return Carried(texts=texts, pictures=pictures)

    def _picture(self, item: _Item) -> Picture:
        """Return the picture of an item: a file name, NUL, and the picture's bytes."""
        name = self._source.peek(item.value.start, 256).split(b"\0")[0]
        start = min(item.value.start + len(name) + 1, item.value.end)
        kind = {"front": 3, "back": 4}.get(item.key.lower().partition("(")[2].rstrip(")"), 0)
        png = self._source.peek(start, 4) == b"\x89PNG"
        mime = "image/png" if png else "image/jpeg"
        return Picture(kind, mime, "", Span(start, item.value.end))

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        tag = self._tag
        yield "the audio", Span(0, self._first)
        yield "the data after the APE tag", Span(self._end, self._source.size)
        if tag:
            for head in (tag.footer, *([tag.header] if tag.header is not None else [])):
                yield "the APE version", self._source.at(head + 8, 4)
                yield "the APE flags", self._source.at(head + 20, 12)
            for item in tag.items:
                if item.field is None:
                    yield f"the item {item.key}", item.span

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as mutagen reads them."""
        items = [item for item in (self._tag.items if self._tag else ()) if item.field]
        if not items:
            return {}
        raw = [self._source.at(i.span.start, i.span.end - i.span.start) for i in items]
        found: dict[str, tuple[str, ...]] = {}
        for key, value in mutagen_check.read_ape(_whole(raw)):
            if field := field_of(key, "ape"):
                found[field] = (*found.get(field, ()), value)
        return found


def _usual(key: str, values: Sequence[str]) -> list[bytes]:
    return [_render(key, values)] if values else []


def _render(key: str, values: Sequence[str]) -> bytes:
    data = "\0".join(values).encode("utf-8")
    return len(data).to_bytes(4, "little") + bytes(4) + key.encode("ascii") + b"\0" + data


def _whole(items: Sequence[bytes]) -> bytes:
    body = b"".join(items)
    footer = ape.TagEnd(2000, len(body) + ape.END_BYTES, len(items), ape.HAS_HEADER)
    header = footer._replace(flags=ape.HAS_HEADER | ape.IS_HEADER)
    return ape.render(header) + body + ape.render(footer)
