"""MP4: the items of ``moov/udta/meta/ilst``, patched in place.

Boxes: ISO/IEC 14496-12; items: Apple, "QuickTime File Format", metadata. Other items keep
bytes and order. When the list grows, the change is taken from free space where there is
some, so that the audio does not move; where it must, the chunk offsets move with it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from lean_tagger.system.containers.mp4 import render as box
from lean_tagger.system.digest import blake2b
from lean_tagger.write.formats import mp4_atoms
from lean_tagger.write.formats.mp4_atoms import Atom
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth

_PADDING_BYTES = 1024
_OFFSET_TABLES = {b"stco": 4, b"co64": 8}
_FREE = (b"free", b"skip")


class Mp4File:
    """An MP4 file (M4A, M4B, 3GP and their kin).

    Parameters
    ----------
    source : Source
        The file.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._top = list(mp4_atoms.walk(source, Span(0, source.size)))
        moov = [atom for atom in self._top if atom.name == b"moov"]
        if len(moov) != 1:
            raise source.refuse("its MP4 structure is damaged: there is not exactly one moov atom")
        self._moov = moov[0]
        self._path = self._find_path()
        ilst = self._path[-1] if self._path[-1].name == b"ilst" else None
        self._items = list(mp4_atoms.items(source, ilst)) if ilst else []

    @property
    def tagged(self) -> bool:
        """Whether there is a list of items already."""
        return self._path[-1].name == b"ilst"

    def _find_path(self) -> list[Atom]:
        """Return as much of moov, udta, meta, ilst as there is."""
        path = [self._moov]
        for name in (b"udta", b"meta", b"ilst"):
            found = [a for a in mp4_atoms.children(self._source, path[-1]) if a.name == name]
            if len(found) > 1:
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
        return mp4_atoms.second_reading(self._source, [i for i in self._items if i.field])

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields."""
        patches = self._item_patches(changes) if self.tagged else self._created(changes)
        if not patches:
            return []
        inside, grown = self._padding(growth(patches))
        # Parents grow by what the free space inside the deepest of them did not take.
        patches += inside
        for atom in self._path:
            own = growth(p for p in patches if atom.start <= p.start and p.end <= atom.end)
            patches += atom.resized(own)
        return patches + (self._moved(grown) if grown else [])

    def _item_patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        patches: list[Patch] = []
        end = self._path[-1].end
        for field, values in changes.items():
            new = (mp4_atoms.render(field, values),) if values else ()
            mine = [item for item in self._items if item.field == field]
            for number, item in enumerate(mine):
                patches.append(Patch(*item.span, new if number == 0 else ()))
            if new and not mine:
                patches.append(Patch(end, end, new))
        return patches

    def _created(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return the patch that adds what is missing of udta, meta and ilst."""
        data = b"".join(mp4_atoms.render(f, values) for f, values in changes.items() if values)
        if not data:
            return []
        data = box(b"ilst", data) + box(b"free", bytes(_PADDING_BYTES))
        depth = len(self._path)
        if depth < 3:
            data = box(b"meta", bytes(4) + mp4_atoms.HANDLER + data)
        if depth < 2:
            data = box(b"udta", data)
        parent = self._path[-1]
        end = parent.end - mp4_atoms.terminator(self._source, parent)
        return [Patch(end, end, (data,))]

    def _padding(self, grown: int) -> tuple[list[Patch], int]:
        """Take growth out of free space; return the patches and what moov still grows by."""
        if not grown:
            return [], 0
        if self.tagged:
            beside = list(mp4_atoms.children(self._source, self._path[-2]))
            pairs = [b for a, b in pairwise(beside) if a == self._path[-1] and b.name in _FREE]
            if pairs and (patch := _shrunk(pairs[0], grown)):
                return [patch], 0
        behind = [b for a, b in pairwise(self._top) if a == self._moov and b.name in _FREE]
        if behind and (patch := _shrunk(behind[0], grown)):
            return [patch], 0
        return [], grown

    def _moved(self, grown: int) -> list[Patch]:
        """Mend every chunk offset that points behind moov, which grew."""
        source, patches = self._source, []
        if self._moov is self._top[-1]:
            return []
        if any(atom.name in (b"moof", b"mfra") for atom in self._top):
            raise source.refuse("it is a fragmented MP4 without room for tags")
        for table in mp4_atoms.find(source, self._moov, _OFFSET_TABLES):
            width = _OFFSET_TABLES[table.name]
            offsets = [o + grown * (o >= self._moov.end) for o in self._offsets(table)]
            if max(offsets, default=0) >= 1 << (8 * width):
                raise source.refuse("it is too large for its tables of 32-bit offsets")
            data = b"".join(offset.to_bytes(width, "big") for offset in offsets)
            patches.append(Patch(table.body + 8, table.body + 8 + len(data), (data,)))
        return patches

    def _offsets(self, table: Atom) -> list[int]:
        """Return the file positions that a chunk offset table holds."""
        source, width = self._source, _OFFSET_TABLES[table.name]
        count = int.from_bytes(source.at(table.body + 4, 4), "big")
        if table.body + 8 + count * width > table.end:
            raise source.refuse("its MP4 structure is damaged: a table is cut short")
        data = source.at(table.body + 8, count * width)
        return [int.from_bytes(data[i : i + width], "big") for i in range(0, len(data), width)]

    def _targets(self, table: Atom) -> bytes:
        """Return what a table points to, in terms that do not change when all of it moves."""
        atoms = [atom.start for atom in self._top if atom.name not in _FREE]
        hasher = blake2b()
        for offset in self._offsets(table):
            index = bisect_right(atoms, offset) - 1
            hasher.update(b"%d %d " % (index, offset - atoms[index] if index >= 0 else offset))
        return hasher.digest()

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        for atom in self._top:
            if atom.name not in (b"moov", *_FREE):
                yield f"the {atom.label} atom", Span(atom.start, atom.end)
        yield from self._leaves(self._moov)

    def _leaves(self, parent: Atom) -> Iterator[tuple[str, Piece]]:
        """Yield what is inside moov, without sizes, free space and our items."""
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
            elif atom.name in _OFFSET_TABLES:
                yield f"the {atom.label} atom", self._targets(atom)
            elif atom.name not in _FREE:
                yield f"the {atom.label} atom", Span(atom.start, atom.end)


def _shrunk(free: Atom, grown: int) -> Patch | None:
    """Return the patch that makes free space give `grown` bytes; None if it cannot."""
    size = free.end - free.start - grown
    # Something of 1 to 7 bytes is no atom.
    if size == 0:
        return Patch(free.start, free.end, ())
    if size < 8 or size >= 1 << 32:
        return None
    return Patch(free.start, free.end, (box(free.name, bytes(size - 8)),))
