"""Values of our fields in an MP4 outside the items that we write; read, never written.

QuickTime's metadata names its items by a list of keys ("QuickTime File Format", metadata), and
older user data, and 3GPP's, has a text directly in ``udta``. Both may also be next to ``moov``, or
belong to one track. Common readers show all of these, and freeform items by any maker.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from lean_tagger.errors import WriteError
from lean_tagger.write.formats import mp4_atoms
from lean_tagger.write.formats.fields import field_of
from lean_tagger.write.formats.mp4_atoms import Atom
from lean_tagger.write.source import Source, Span

_LARGEST_KEYS_BYTES = 1 << 20
_LARGEST_TEXT_BYTES = 1 << 16
_FIRST_ISO = 0x400  # smaller language numbers, and their text encoding, are the Macintosh's
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_ENCODINGS = {1: "utf-8", 2: "utf-16-be"}


class Shown(NamedTuple):
    """A value of a field, and its position in the file; 0 if readers show ours as well."""

    field: str
    value: str
    position: int


def shown(source: Source, moov: Atom, beside: Sequence[Atom], ours: Atom | None) -> list[Shown]:
    """Return the values of our fields.

    Parameters
    ----------
    source : Source
        The file.
    moov : Atom
        The atom with its metadata.
    beside : Sequence[Atom]
        Other metadata and user data outside moov.
    ours : Atom or None
        The list of the items that we write.
    """
    found: list[Shown] = []
    # No reader shows damaged or unknown data there; it stays as it is.
    with suppress(WriteError, UnicodeDecodeError):
        inside = list(mp4_atoms.whole_ones(source, Span(moov.body, moov.end)))
        for atom in (*beside, *inside):
            found += _of(source, atom, ours)
        for track in (atom for atom in inside if atom.name == b"trak"):
            for atom in mp4_atoms.whole_ones(source, Span(track.body, track.end)):
                found += (it._replace(position=0) for it in _of(source, atom, ours))
    return found


def xmp(source: Source, moov: Atom, beside: Sequence[Atom]) -> list[Span]:
    """Return the spans of Adobe's XMP: in a separate atom, or in QuickTime's user data."""
    kinds = (it for it in beside if it.name == b"uuid")
    found = [Span(it.body + 16, it.end) for it in kinds if source.peek(it.body, 16) == _XMP]
    with suppress(WriteError):
        for atom in mp4_atoms.whole_ones(source, Span(moov.body, moov.end)):
            if atom.name == b"udta":
                inside = mp4_atoms.whole_ones(source, Span(atom.body, atom.end))
                found += [Span(it.body, it.end) for it in inside if it.name == b"XMP_"]
    return found


def _of(source: Source, atom: Atom, ours: Atom | None) -> Iterator[Shown]:
    """Yield the values in metadata or user data."""
    inside = [atom] if atom.name == b"meta" else []
    if atom.name == b"udta":
        inside = list(mp4_atoms.whole_ones(source, Span(atom.body, atom.end)))
    for each in inside:
        with suppress(WriteError, UnicodeDecodeError):
            yield from _of_meta(source, each, ours) if each.name == b"meta" else ()
            yield from _of_user_data(source, each) if each != atom else ()


def _of_user_data(source: Source, atom: Atom) -> Iterator[Shown]:
    """Yield a genre that is directly in the user data."""
    raw = source.at(atom.body, min(atom.end - atom.body, _LARGEST_TEXT_BYTES))
    text = ""
    if atom.name == b"\xa9gen":  # QuickTime: size, language, text; and so on for more languages
        size, language = (int.from_bytes(raw[i : i + 2], "big") for i in (0, 2))
        text = raw[4 : 4 + size].decode("mac-roman" if language < _FIRST_ISO else "utf-8")
    elif atom.name == b"gnre":  # 3GPP: version and flags, language, text
        utf16 = raw[6:8] == b"\xfe\xff"
        text = raw[8 if utf16 else 6 :].decode("utf-16-be" if utf16 else "utf-8")
    if text := text.strip("\0 "):
        yield Shown("genre", text, atom.start)


def _of_meta(source: Source, meta: Atom, ours: Atom | None) -> Iterator[Shown]:
    start = meta.body + (4 if source.peek(meta.body + 4, 4) != b"hdlr" else 0)
    atoms = list(mp4_atoms.whole_ones(source, Span(start, meta.end)))
    keyed = bool(atoms) and mp4_atoms.handler_of(source, atoms[0].start) == b"mdta"
    fields = [_field_of_key(key) for a in atoms if a.name == b"keys" for key in _keys(source, a)]
    for ilst in (atom for atom in atoms if atom.name == b"ilst"):
        for item in mp4_atoms.whole_ones(source, Span(ilst.body, ilst.end)):
            number = int.from_bytes(item.name, "big")
            if keyed and 0 < number <= len(fields) and (field := fields[number - 1]):
                texts = _texts(source, Span(item.start, item.end))
                yield from (Shown(field, text, item.start) for text in texts)
        yield from _of_freeform(source, ilst)
        if ilst != ours:
            for each in mp4_atoms.items(source, ilst):
                for value in each.values(source) if each.field else ():
                    yield Shown(each.field or "", value, each.span.start)


def _of_freeform(source: Source, ilst: Atom) -> Iterator[Shown]:
    """Yield the values of other makers' freeform items, which FFmpeg shows by name alone."""
    for item in mp4_atoms.items(source, ilst):
        kind, _, name = item.label.rpartition(":")
        field = field_of(name, "vorbis") if kind and item.field is None else None
        for text in _texts(source, item.span) if field else ():
            yield Shown(field or "", text, item.span.start)


def _keys(source: Source, atom: Atom) -> Iterator[str]:
    """Yield the keys: after a count, each with its size and kind."""
    if atom.end - atom.body > _LARGEST_KEYS_BYTES:
        return
    for entry in mp4_atoms.whole_ones(source, Span(atom.body + 8, atom.end)):
        raw = source.at(entry.body, entry.end - entry.body)
        yield raw.decode("utf-8", "replace") if entry.name == b"mdta" else ""


def _field_of_key(key: str) -> str | None:
    """Return the field of a key: "genre", "com.apple.quicktime.genre"."""
    return field_of(key.rpartition(".")[2], "vorbis")


def _texts(source: Source, item: Span) -> Iterator[str]:
    for data in mp4_atoms.whole_ones(source, Span(item.start + 8, item.end)):
        size = data.end - data.body - 8
        if data.name == b"data" and 0 < size <= _LARGEST_TEXT_BYTES:
            kind = int.from_bytes(source.at(data.body, 4), "big")
            if kind in _ENCODINGS:
                text = source.at(data.body + 8, size).decode(_ENCODINGS[kind]).strip("\0")
                if text.strip():
                    yield text
