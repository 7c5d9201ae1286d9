"""What an MP4 says of our fields outside of the list of items that we write.

QuickTime's metadata names its items by a list of keys ("QuickTime File Format", metadata), and
older user data, and 3GPP's, has a text right in ``udta``. Both may also stand next to ``moov``, in
a fragment, or be about one track. Windows has a list of its own, ``Xtra``. Common readers show all
of these, some of them instead of ours. So where a value of ours is to be shown, they get a name
that nobody reads: no length changes, and undo gives the name back.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from lean_tagger.errors import WriteError
from lean_tagger.fields import field_of
from lean_tagger.write.formats import mp4_atoms
from lean_tagger.write.formats.carried import Carried
from lean_tagger.write.formats.exact import Exact, told
from lean_tagger.write.formats.mp4_atoms import Atom
from lean_tagger.write.source import Source, Span
from lean_tagger.write.splice import Patch

_LARGEST_ATOM_BYTES = 1000
_MOST_ATOMS = 8  # so that undo gets them all into the journal (see `exact`)
_FIRST_ISO = 0x400  # smaller numbers of languages are the Macintosh's, and so is the text
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_PARENTS = (*(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"mvex"), b"traf")
UNREAD = b"skip"
"""The name of an atom that no reader looks into."""
_UNREAD_XTRA = b"-skipped"  # as long as WM/Genre
_UTF16_TEXT = 8  # a kind of value in Xtra


class Shown(NamedTuple):
    """Values of a field.

    Attributes
    ----------
    field : str
        The field; empty where it is what this package made unread.
    values : tuple of str
        What is said.
    whole : Span
        The atom, or the entry of a list.
    name : Span
        What makes readers know it.
    fixed : bool
        Whether it must stay as it is.
    """

    field: str
    values: tuple[str, ...]
    whole: Span
    name: Span
    fixed: bool = False


class ShownTexts:
    """All that is said outside of the list of items that we write.

    Parameters
    ----------
    source : Source
        The file.
    moov : Atom
        The atom with its metadata.
    at_top : Sequence[Atom]
        Other metadata and user data, not inside of it, and the first fragment.
    ours : Atom or None
        The list of the items that we write.
    """

    name = "mp4"
    shown_first = False

    def __init__(
        self, source: Source, moov: Atom, at_top: Sequence[Atom], ours: Atom | None
    ) -> None:
        self._source = source
        self._ours = ours
        every = [it for atom in (*at_top, moov) for it in self._inside(atom)]
        self._shown = [it for it in every if it.field][:_MOST_ATOMS]
        self._unread = [it for it in every if not it.field]

    def _inside(self, atom: Atom, *, fixed: bool = False) -> Iterator[Shown]:
        # What is damaged or unknown there is no reader's, and stays as it is.
        with suppress(WriteError, UnicodeDecodeError):
            if atom.name == b"meta":
                yield from (it._replace(fixed=fixed) for it in self._of_meta(atom))
            elif atom.name == b"udta":
                yield from (it._replace(fixed=fixed) for it in self._of_user_data(atom))
            elif atom.name in (*_PARENTS, b"moof"):
                for child in mp4_atoms.whole_ones(self._source, Span(atom.body, atom.end)):
                    yield from self._inside(child, fixed=fixed or atom.name == b"moof")

    def _of_user_data(self, udta: Atom) -> Iterator[Shown]:
        for atom in mp4_atoms.whole_ones(self._source, Span(udta.body, udta.end)):
            if atom.name in (b"meta", b"udta"):
                yield from self._inside(atom)
            elif atom.name == b"Xtra":
                yield from self._of_xtra(atom)
            elif atom.name == UNREAD:
                yield _whole("", (), atom)
            elif atom.end - atom.start <= _LARGEST_ATOM_BYTES and (text := self._text(atom)):
                yield _whole("genre", (text,), atom)

    def _text(self, atom: Atom) -> str:
        """Return a genre that stands right in the user data."""
        raw, text = self._source.at(atom.body, atom.end - atom.body), ""
        if atom.name == b"\xa9gen":  # QuickTime: size, language, text; more languages follow
            size, language = (int.from_bytes(raw[i : i + 2], "big") for i in (0, 2))
            text = raw[4 : 4 + size].decode("mac-roman" if language < _FIRST_ISO else "utf-8")
        elif atom.name == b"gnre":  # 3GPP: version and flags, language, text
            utf16 = raw[6:8] == b"\xfe\xff"
            text = raw[8 if utf16 else 6 :].decode("utf-16-be" if utf16 else "utf-8")
        return text.strip("\0 ")

    def _of_xtra(self, atom: Atom) -> Iterator[Shown]:
        """Yield from Windows' list.

        Of each entry its size, the size of its name, the name, and the number of its values; of
        each value its size, its kind, and the value.
        """
        position = atom.body
        while position + 8 < atom.end:
            head = self._source.at(position, 8)
            size, named = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
            end, name = position + size, Span(position + 8, position + 8 + named)
            if not 8 + named + 10 <= size <= _LARGEST_ATOM_BYTES or end > atom.end:
                position = end if 8 < size <= atom.end - position else atom.end
                continue
            whole, key = Span(position, end), self._source.at(*_sized(name))
            field = field_of(key.decode("latin-1"), "asf")
            raw = self._source.at(name.end + 4, end - name.end - 4)
            if key == _UNREAD_XTRA:
                yield Shown("", (), whole, name)
            elif field == "genre" and int.from_bytes(raw[4:6], "big") == _UTF16_TEXT:
                text = raw[6 : int.from_bytes(raw[:4], "big")].decode("utf-16-le").strip("\0")
                yield Shown(field, (text,), whole, name)
            position = end

    def _of_meta(self, meta: Atom) -> Iterator[Shown]:
        fields = mp4_atoms.fields_of_keys(self._source, meta)
        for ilst in mp4_atoms.inside_meta(self._source, meta):
            if ilst.name == b"ilst" and ilst != self._ours:
                for item in mp4_atoms.items(self._source, ilst, fields):
                    atom = Atom(item.label.encode("latin-1"), *item.span[:1], *item.span)
                    if item.label.encode("latin-1") == UNREAD:
                        yield _whole("", (), atom)
                    small = item.span.end - item.span.start <= _LARGEST_ATOM_BYTES
                    if item.field and small and (values := item.values(self._source)):
                        yield _whole(item.field, tuple(values), atom)

    @property
    def spans(self) -> list[Span]:
        """Where a value stands, each a whole atom or the entry of a list."""
        return [it.whole for it in self._shown]

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return what is said about our fields."""
        found: dict[str, tuple[str, ...]] = {}
        for it in self._shown:
            found[it.field] = tuple(dict.fromkeys((*found.get(it.field, ()), *it.values)))
        return found

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of all that says something of a field."""
        mine = (it.whole for it in self._shown if it.field == field)
        return told((self._source.at(*_sized(it)) for it in mine), ())

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return what of new values it can hold: none."""
        del field, values
        return ()

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what makes values unread, or gives them back the name that they had."""
        patches: list[Patch] = []
        unread = list(self._unread)
        for field, values in changes.items():
            for it in (it for it in self._shown if it.field == field):
                if it.fixed:
                    raise self._source.refuse(
                        f"players would still show the {field} of another tag in it"
                    )
                patches.append(Patch(*it.name, (_unread(it.name),)))
            for item in values.items if isinstance(values, Exact) else ():
                patches.append(self._named_again(item, unread))
        return patches

    def _named_again(self, item: bytes, unread: list[Shown]) -> Patch:
        """Return what gives one of these its name back, and take it out of them."""
        for it in unread:
            start, end = it.name.start - it.whole.start, it.name.end - it.whole.start
            there = self._source.at(*_sized(it.whole))
            if len(there) == len(item) and there[:start] + item[start:end] + there[end:] == item:
                unread.remove(it)
                return Patch(*it.name, (item[start:end],))
        raise self._source.refuse("a tag in it is not what it was; nothing was written")

    def holes(self) -> list[Span]:
        """Return the spans that a change of our fields may change: names of atoms."""
        return sorted(it.name for it in (*self._shown, *self._unread))

    def carried(self) -> Carried:
        """Return nothing: no other tag hides it."""
        return Carried()


def xmp(source: Source, moov: Atom, at_top: Sequence[Atom]) -> list[Span]:
    """Return the spans of Adobe's XMP: in a separate atom, or in QuickTime's user data."""
    kinds = (it for it in at_top if it.name == b"uuid")
    found = [Span(it.body + 16, it.end) for it in kinds if source.peek(it.body, 16) == _XMP]
    with suppress(WriteError):
        for atom in mp4_atoms.whole_ones(source, Span(moov.body, moov.end)):
            if atom.name == b"udta":
                inside = mp4_atoms.whole_ones(source, Span(atom.body, atom.end))
                found += [Span(it.body, it.end) for it in inside if it.name == b"XMP_"]
    return found


def _whole(field: str, values: tuple[str, ...], atom: Atom) -> Shown:
    name = Span(atom.start + 4, atom.start + 8)
    return Shown(field, values, Span(atom.start, atom.end), name)


def _unread(name: Span) -> bytes:
    return UNREAD if name.end - name.start == len(UNREAD) else _UNREAD_XTRA


def _sized(span: Span) -> tuple[int, int]:
    return span.start, span.end - span.start
