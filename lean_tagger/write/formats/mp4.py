"""MP4: the items of ``moov/udta/meta/ilst``, patched in place.

Boxes: ISO/IEC 14496-12; items: Apple, "QuickTime File Format", metadata. Other items keep
bytes and order. When the list grows, it takes free space if there is some, so that nothing
moves. If data has to move, all positions in the file are corrected.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from lean_tagger.system.containers.mp4 import render as box
from lean_tagger.write.formats import mp4_atoms, mp4_move, mp4_offsets, mp4_shown
from lean_tagger.write.formats.exact import items_for, told
from lean_tagger.write.formats.mp4_atoms import Atom
from lean_tagger.write.formats.xmp import Xmp
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth

_PADDING_BYTES = 1024
_LARGEST_FREED_BYTES = 1 << 16
_ROOM = b"free"
_FREE = (_ROOM, mp4_shown.UNREAD)


class Mp4File:
    """An MP4 file (M4A, M4B, 3GP and similar).

    Parameters
    ----------
    source : Source
        The file.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._top = partial(mp4_atoms.top_level, source)  # there may be a million fragments
        self._at_top: list[Atom] = []
        self._moov, self._behind, self._rest = self._look()
        self._path = self._find_path()
        ilst = self._path[-1] if self._path[-1].name == b"ilst" else None
        fields = mp4_atoms.fields_of_keys(source, self._path[2]) if ilst else []
        self._items = list(mp4_atoms.items(source, ilst, fields)) if ilst else []
        self.shown = mp4_shown.ShownTexts(source, self._moov, self._at_top, ilst)

    def _look(self) -> tuple[Atom, Atom | None, int]:
        """Return moov, the atom after it, and the start of the data after it that is not free."""
        moov: list[Atom] = []
        behind: Atom | None = None
        rest, end, fragments = None, 0, False
        for atom in self._top():
            if moov and behind is None:
                behind = atom
            if moov and rest is None and atom.name not in _FREE:
                rest = atom.start
            if atom.name == b"moov":
                moov.append(atom)
            first_fragment = atom.name == b"moof" and not fragments
            fragments = fragments or first_fragment
            if atom.name in (b"meta", b"udta", b"uuid") or first_fragment:
                self._at_top.append(atom)
            if len(moov) > 1:
                break
            end = atom.end
        if len(moov) != 1:
            raise self._source.refuse(
                "its MP4 structure is damaged: there is not exactly one moov atom"
            )
        return moov[0], behind, end if rest is None else rest

    def xmp(self) -> list[Xmp]:
        """Return Adobe's XMP packets."""
        spans = mp4_shown.xmp(self._source, self._moov, self._at_top)
        return Xmp.all_of(self._source, spans)

    @property
    def tagged(self) -> bool:
        """Whether there is a list of items already."""
        return self._path[-1].name == b"ilst"

    def _find_path(self) -> list[Atom]:
        """Return the existing part of the path moov, udta, meta, ilst."""
        path = [self._moov]
        for name in (b"udta", b"meta", b"ilst"):
            found = [a for a in mp4_atoms.children(self._source, path[-1]) if a.name == name]
            if len(found) > 1 and name != b"meta":  # readers take the first meta
                raise self._source.refuse(f"it has more than one {name.decode()} atom")
            if not found:
                break
            path.append(found[0])
        return path

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        found: dict[str, list[str]] = {}
        for item in self._items:
            if item.field:
                for value in item.values(self._source):
                    if value.strip() and value not in found.setdefault(item.field, []):
                        found[item.field].append(value)
        return {field: tuple(values) for field, values in found.items() if values}

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as mutagen reads them."""
        ours = [item for item in self._items if item.field]
        return mp4_atoms.second_reading(self._source, ours)

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's items, if its values do not determine them."""
        spans = [item.span for item in self._items if item.field == field]
        values = self.values().get(field, ())
        there = (self._source.at(start, end - start) for start, end in spans)
        return told(there, _usual(field, values) if spans else ())

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields."""
        patches, grown = self._fitted(changes)
        # Parents grow by what the free space inside the deepest of them did not take.
        for atom in self._path:
            own = growth(p for p in patches if atom.start <= p.start and p.end <= atom.end)
            patches += atom.resized(own)
        if grown and self._behind is not None:
            patches += mp4_move.patches(self._source, self._moov, grown, self._top)
        return patches

    def removal(self, changes: Mapping[str, Sequence[str]]) -> list[Patch] | None:
        """Return the patches that turn the list and its own parents into free space.

        None if there is something else in them, or would be after these changes.
        """
        ours = all(item.field in changes for item in self._items)
        rest = {atom.name for atom in self._around}
        if any(changes.values()) or not ours or not rest <= {b"hdlr", b"ilst", *_FREE}:
            return None
        last = self._outermost
        if last.end - last.body > _LARGEST_FREED_BYTES:
            return None
        zeros = bytes(last.end - last.body)
        return [
            Patch(last.start + 4, last.start + 8, (b"free",)),
            Patch(last.body, last.end, (zeros,)),
        ]

    @property
    def _around(self) -> list[Atom]:
        """The atoms next to the list of items, and the list itself."""
        return list(mp4_atoms.children(self._source, self._path[2])) if self.tagged else []

    @property
    def _outermost(self) -> Atom:
        """The outermost atom that exists only for the list."""
        _, udta, meta, _ = self._path
        inside = [it for it in mp4_atoms.children(self._source, udta) if it.name != _ROOM]
        return udta if inside == [meta] and udta.body - udta.start == 8 else meta

    def inside(self) -> list[Piece]:
        """Return the parts that `removal` removes and that are not ours."""
        handler = [Span(it.start, it.end) for it in self._around if it.name == b"hdlr"]
        return [b"udta", b"meta", *handler] if self.tagged else []

    def _item_patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        patches: list[Patch] = []
        end = self._path[-1].end
        for field, values in changes.items():
            new = items_for(values, _usual(field, values))
            mine = [item for item in self._items if item.field == field]
            for number, item in enumerate(mine):
                patches.append(Patch(*item.span, new if number == 0 else ()))
            if new and not mine:
                patches.append(Patch(end, end, new))
        return patches

    def _created(self, changes: Mapping[str, Sequence[str]], padding: int) -> list[Patch]:
        """Return the patch that adds those of udta, meta and ilst that are missing."""
        items = (items_for(values, _usual(f, values)) for f, values in changes.items())
        data = b"".join(chain.from_iterable(items))
        if not data:
            return []
        data = box(b"ilst", data) + (box(b"free", bytes(padding)) if padding else b"")
        depth = len(self._path)
        if depth < 3:
            data = box(b"meta", bytes(4) + mp4_atoms.HANDLER + data)
        if depth < 2:
            data = box(b"udta", data)
        parent = self._path[-1]
        end = parent.end - mp4_atoms.terminator(self._source, parent)
        return [Patch(end, end, (data,))]

    def _fitted(self, changes: Mapping[str, Sequence[str]]) -> tuple[list[Patch], int]:
        """Return the patches to items and free space, and the growth of moov that is left."""
        if self.tagged:
            ways = [self._item_patches(changes)]
        else:  # better no room for a later tag than moving everything
            ways = [self._created(changes, padding) for padding in (_PADDING_BYTES, 0)]
        for patches in ways:
            grown = growth(patches)
            if not grown:
                return patches, 0
            for free in self._free():
                if patch := _shrunk(free, grown):
                    return [*patches, patch], 0
        return ways[0], growth(ways[0])

    def _free(self) -> Iterator[Atom]:
        """Yield free space that moov or its parents can use, the nearest first."""
        for parent in reversed(self._path):
            if parent.name != b"ilst":
                for atom in mp4_atoms.children(self._source, parent):
                    if atom.name == _ROOM:
                        yield atom
        if self._behind is not None and self._behind.name == _ROOM:
            yield self._behind

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        end = 0
        for atom in self._top():
            if atom.name not in (b"moov", *_FREE):
                yield f"the {atom.label} atom", self._settled(atom)
            end = atom.end
        yield "the data after the last atom", Span(end, self._source.size)
        yield from self._leaves(self._moov)

    def _settled(self, atom: Atom) -> Piece:
        return mp4_offsets.settled(self._source, atom, self._rest)

    def _leaves(self, parent: Atom) -> Iterator[tuple[str, Piece]]:
        """Yield the contents of moov, without sizes, free space and our items."""
        opened = mp4_atoms.CONTAINERS if parent not in self._path else ()
        for atom in mp4_atoms.children(self._source, parent):
            on_path = atom in self._path and atom.name != b"ilst"
            if on_path or atom.name in opened or atom.name == b"trak":
                yield f"the {atom.label} atom", atom.name
                yield from self._leaves(atom)
            elif self.tagged and atom == self._path[-1]:
                for item in self._items:
                    if item.field is None:
                        yield f"the item {item.label}", item.span
            elif atom.name not in _FREE and Span(atom.start, atom.end) not in self.shown.spans:
                yield f"the {atom.label} atom", self._settled(atom)


def _usual(field: str, values: Sequence[str]) -> list[bytes]:
    return [mp4_atoms.render(field, values)] if values else []


def _shrunk(free: Atom, grown: int) -> Patch | None:
    """Return the patch that shrinks free space by `grown` bytes; None if it cannot."""
    size = free.end - free.start - grown
    # An atom cannot have 1 to 7 bytes.
    if size == 0:
        return Patch(free.start, free.end, ())
    if size < 8 or size >= 1 << 32:
        return None
    return Patch(free.start, free.end, (box(free.name, bytes(size - 8)),))
