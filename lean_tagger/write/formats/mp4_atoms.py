"""Atoms of MP4 files, and the metadata items among them that are ours."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from lean_tagger.fields import FIELDS, field_of
from lean_tagger.system.containers import mp4
from lean_tagger.system.containers.mp4 import render as box
from lean_tagger.write.formats import mutagen_check, older_tags
from lean_tagger.write.source import Source, Span
from lean_tagger.write.splice import Patch

CONTAINERS = (b"trak", b"mdia", b"minf", b"stbl")
_MOST_ATOMS = 20_000
_MOST_AT_TOP = 5_000_000  # a fragment for each packet of a whole day
_LARGEST_VALUE_BYTES = 1 << 20
_FREEFORM = "----"
_UTF8, _INTEGER = 1, 21  # kinds of data
_ENCODINGS = {_UTF8: "utf-8", 2: "utf-16-be"}
_LARGEST_TEXT_BYTES = 1 << 16
_LARGEST_KEYS_BYTES = 1 << 20
_NUMBERED_GENRE = "gnre"  # ID3v1's number plus one, where later files have a text
_OLD_NAMES = {_NUMBERED_GENRE: "\xa9gen"}


@dataclass(frozen=True, slots=True)
class Atom:
    """One atom: ``[start, end)``, its content from `body` on.

    `open_end` is true if its size means "to the end of the file".
    """

    name: bytes
    start: int
    body: int
    end: int
    open_end: bool = False

    @property
    def label(self) -> str:
        """The name, for messages."""
        return self.name.decode("latin-1")

    def resized(self, grown: int) -> list[Patch]:
        """Return the patch to the size field."""
        size = self.end - self.start + grown
        if not grown or self.open_end:
            return []
        if self.body - self.start >= 16:  # 1, name, 64-bit size
            return [Patch(self.start + 8, self.start + 16, (size.to_bytes(8, "big"),))]
        return [Patch(self.start, self.start + 4, (size.to_bytes(4, "big"),))]


@dataclass(frozen=True, slots=True)
class Item:
    """One metadata item, and which of our fields it is, if any.

    Attributes
    ----------
    label : str
        Its name, with maker and name where it is freeform.
    field : str or None
        The field that readers show for it.
    span : Span
        The whole atom.
    data : tuple of Atom
        What holds its values.
    by_others : bool
        Whether this package would call it otherwise; then what is no text is no value.
    """

    label: str
    field: str | None
    span: Span
    data: tuple[Atom, ...]
    by_others: bool = False

    def values(self, source: Source) -> list[str]:
        """Return the texts in one of our items."""
        if self.by_others:
            return list(_texts(source, self.data))
        texts = []
        for atom in self.data:
            # type (4 bytes), locale (4 bytes), value
            size = atom.end - atom.body - 8
            if not 0 <= size <= _LARGEST_VALUE_BYTES:
                raise source.refuse(f"its item {self.label} is damaged")
            kind = int.from_bytes(source.at(atom.body, 4), "big")
            value = source.at(atom.body + 8, size)
            if self.label == _NUMBERED_GENRE:
                number = int.from_bytes(value, "big")
                if 1 <= number <= len(mutagen_check.GENRES):
                    texts.append(mutagen_check.GENRES[number - 1])
            elif self.field and _is_integer(self.field):
                if kind not in (0, _INTEGER):
                    raise source.refuse(f"its item {self.label} holds no number")
                texts.append(str(int.from_bytes(value, "big", signed=True)))
            elif kind == _UTF8 or (kind == 0 and self.label.startswith(_FREEFORM)):
                texts.append(value.decode("utf-8"))
            else:
                raise source.refuse(f"its item {self.label} holds no text that can be read")
        return texts


def top_level(source: Source) -> Iterator[Atom]:
    """Yield the atoms of a file, up to an APE or ID3v1 tag after the last one.

    Raises
    ------
    WriteError
        If they do not fill it exactly; only the file's last mdat may be cut short.
    """
    position, count, trailer = 0, 0, older_tags.trailer_start(source)
    while position + 8 <= source.size and position != trailer and count < _MOST_AT_TOP:
        atom = _at(source, position)
        if atom.name == b"mdat" and atom.end > source.size:
            atom = replace(atom, end=source.size)
        if atom.end < atom.body or atom.end > source.size:
            raise source.refuse("its MP4 structure is damaged: the sizes of its atoms are wrong")
        yield atom
        position, count = atom.end, count + 1
    if position not in (source.size, trailer):
        raise source.refuse("its MP4 structure is damaged: its atoms do not fill the file")


def walk(source: Source, span: Span) -> Iterator[Atom]:
    """Yield the atoms that fill a span.

    Raises
    ------
    WriteError
        If they do not fill it exactly.
    """
    position = span.start
    for atom in whole_ones(source, span):
        yield atom
        position = atom.end
    if position != span.end:
        raise source.refuse("its MP4 structure is damaged: the sizes of its atoms are wrong")


def whole_ones(source: Source, span: Span) -> Iterator[Atom]:
    """Yield the atoms in a span, up to one that does not fit."""
    position, count = span.start, 0
    while position + 8 <= span.end and count < _MOST_ATOMS:
        atom = _at(source, position)
        if atom.open_end or not atom.body <= atom.end <= span.end:
            return
        yield atom
        position, count = atom.end, count + 1


def _at(source: Source, position: int) -> Atom:
    """Return the atom at a position, which may be longer than its parent."""
    head = mp4.parse(source.peek(position, mp4.LARGEST_HEAD_BYTES))
    if head is None:
        raise source.refuse("its MP4 structure is damaged: an atom is cut short")
    end = position + head.size if head.size else source.size
    return Atom(head.name, position, position + head.head_bytes, end, open_end=not head.size)


def children(source: Source, parent: Atom) -> Iterator[Atom]:
    """Yield the atoms inside one."""
    start = parent.body
    if parent.name == b"meta":
        # A full atom in ISO files, a plain one in QuickTime: the handler shows where it starts.
        head = source.peek(start, 12)
        if head[8:12] == b"hdlr":
            start += 4
        elif head[4:8] != b"hdlr":
            raise source.refuse("its MP4 metadata has no handler")
        if handler_of(source, start) not in HANDLERS:
            raise source.refuse("its MP4 metadata is of a kind that is not known")
    return walk(source, Span(start, parent.end - terminator(source, parent)))


def handler_of(source: Source, hdlr: int) -> bytes:
    """Return the kind of metadata, from the handler atom at a position."""
    return source.peek(hdlr + 16, 4)


def terminator(source: Source, parent: Atom) -> int:
    """Return the length of the four zeros at the end of QuickTime's user data, if present."""
    if parent.name != b"udta" or parent.end - parent.body < 4:
        return 0
    position = parent.body
    while position + 8 <= parent.end:
        size = int.from_bytes(source.at(position, 4), "big")
        if size < 8:
            break
        position += size
    return 4 if position == parent.end - 4 and source.at(position, 4) == bytes(4) else 0


def items(source: Source, ilst: Atom, fields: Sequence[str | None] = ()) -> Iterator[Item]:
    """Yield the metadata items; the inside of others is not looked at.

    Parameters
    ----------
    source : Source
        The file.
    ilst : Atom
        The list.
    fields : Sequence[str or None]
        From `fields_of_keys`.
    """
    for atom in children(source, ilst):
        span, label = Span(atom.start, atom.end), atom.label
        if label == _FREEFORM:
            mean, name = (part.decode("latin-1") for part in _freeform(source, atom))
            label = f"{_FREEFORM}:{mean}:{name}"
        if (field := _field_of(label)) is not None:
            inner = [a for a in walk(source, Span(atom.body, atom.end)) if a.name == b"data"]
            yield Item(label, field, span, tuple(inner))
        else:
            yield _by_others(source, atom, label, fields)


def _by_others(source: Source, atom: Atom, label: str, fields: Sequence[str | None]) -> Item:
    """Return a freeform item of another maker, or one that has a key, or one that is not ours.

    FFmpeg shows freeform items by their names alone.
    """
    number, field = int.from_bytes(atom.name, "big"), None
    if 0 < number <= len(fields):
        field = fields[number - 1]
    elif label.startswith(_FREEFORM):
        field = field_of(label.rpartition(":")[2], "vorbis")
    inside = whole_ones(source, Span(atom.body, atom.end)) if field else ()
    data = tuple(it for it in inside if it.name == b"data")
    said = field if any(_texts(source, data)) else None
    return Item(label, said, Span(atom.start, atom.end), data, by_others=True)


def _texts(source: Source, data: Sequence[Atom]) -> Iterator[str]:
    for atom in data:
        size = atom.end - atom.body - 8
        encoding = _ENCODINGS.get(int.from_bytes(source.peek(atom.body, 4), "big"))
        if encoding and 0 < size <= _LARGEST_TEXT_BYTES:
            with suppress(UnicodeDecodeError):
                text = source.at(atom.body + 8, size).decode(encoding).strip("\0")
                if text.strip():
                    yield text


def inside_meta(source: Source, meta: Atom) -> Iterator[Atom]:
    """Yield what is in metadata of any kind: a full atom by ISO, a plain one by QuickTime."""
    start = meta.body + mp4.full_bytes(source.peek(meta.body, 8))
    yield from whole_ones(source, Span(start, meta.end))


def fields_of_keys(source: Source, meta: Atom) -> list[str | None]:
    """Return the fields of QuickTime's keys, such as "com.apple.quicktime.genre", in order."""
    inside = list(inside_meta(source, meta))
    if not inside or handler_of(source, inside[0].start) != b"mdta":
        return []
    found: list[str | None] = []
    for keys in (it for it in inside if it.name == b"keys"):
        if keys.end - keys.body > _LARGEST_KEYS_BYTES:
            return []
        # Behind a count, each with its size and the kind of key that it is.
        for it in whole_ones(source, Span(keys.body + 8, keys.end)):
            raw = source.at(it.body, it.end - it.body) if it.name == b"mdta" else b""
            key = raw.decode("utf-8", "replace")
            found.append(field_of(key.rpartition(".")[2], "vorbis"))
    return found


def _field_of(label: str) -> str | None:
    """Return the field of an item; case matters except in the name of a freeform item."""
    key = _OLD_NAMES.get(label, label)
    field = field_of(key, "mp4")
    exact = key[: key.rfind(":") + 1] or key
    known = (FIELDS[field].mp4, *FIELDS[field].also) if field else ()
    return field if any(each.startswith(exact) for each in known) else None


def _is_integer(field: str) -> bool:
    return FIELDS[field].number and not FIELDS[field].mp4.startswith(_FREEFORM)


def _freeform(source: Source, atom: Atom) -> tuple[bytes, bytes]:
    """Return the mean and the name of a freeform item, cut to the length of ours."""
    found = {b"mean": b"", b"name": b""}
    position = atom.body
    while position + 12 <= atom.end:
        size = int.from_bytes(source.at(position, 4), "big")
        name = source.at(position + 4, 4)
        if name not in found or size < 12 or position + size > atom.end:
            break
        found[name] = source.at(position + 12, min(size - 12, 64))
        position += size
    return found[b"mean"], found[b"name"]


HANDLERS = (b"mdir", b"mdta")
"""Kinds of metadata where all readers find iTunes' items: its own, and QuickTime's with keys."""

# A metadata list needs the handler "mdir" of "appl" (flags, predefined, kind, maker, rest).
HANDLER = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))


def render(field: str, values: Sequence[str]) -> bytes:
    """Return one item with all values of a field."""
    integer = _is_integer(field)
    kind = (_INTEGER if integer else _UTF8).to_bytes(4, "big") + bytes(4)
    raw = [_integer(value) if integer else value.encode("utf-8") for value in values]
    data = b"".join(box(b"data", kind + each) for each in raw)
    atom, *freeform = FIELDS[field].mp4.encode("latin-1").split(b":")
    if freeform:
        mean, name = freeform
        data = box(b"mean", bytes(4) + mean) + box(b"name", bytes(4) + name) + data
    return box(atom, data)


def _integer(value: str) -> bytes:
    """Return a number in 16 bits; the proof detects a number that does not fit."""
    return max(-0x8000, min(round(float(value)), 0x7FFF)).to_bytes(2, "big", signed=True)


def second_reading(source: Source, mine: Sequence[Item]) -> dict[str, tuple[str, ...]]:
    """Return the values of our items as mutagen reads them, from a list with no others.

    It knows no keys: what has one is as it is read here.
    """
    keyed = [it for it in mine if it.by_others and not it.label.startswith(_FREEFORM)]
    found = {it.field: tuple(it.values(source)) for it in keyed if it.field}
    spans = (it.span for it in mine if it not in keyed)
    raw = b"".join(source.at(start, end - start) for start, end in spans)
    meta = box(b"meta", bytes(4) + HANDLER + box(b"ilst", raw))
    for key, value in mutagen_check.read_mp4(box(b"moov", box(b"udta", meta))):
        name = key.rpartition(":")[2] if key.startswith(_FREEFORM) else ""
        if field := field_of(key, "mp4") or field_of(name, "vorbis"):
            found[field] = (*found.get(field, ()), value)
    return found
