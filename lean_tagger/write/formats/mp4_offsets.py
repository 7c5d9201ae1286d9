"""Positions in the file that the atoms of an MP4 hold.

Nearly all numbers in an MP4 are sizes, times, or distances inside one fragment. The others are here
(ISO/IEC 14496-12): chunk offsets (``stco``, ``co64``), the base of a fragment's data (``tfhd``),
places of fragments (``tfra``, ``sidx``), of auxiliary information (``saio``) and of items
(``iloc``). A file may have a million fragments, so nothing is collected.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from lean_tagger.system.containers import mp4
from lean_tagger.system.digest import blake2b
from lean_tagger.write.formats import mp4_atoms
from lean_tagger.write.formats.mp4_atoms import Atom
from lean_tagger.write.source import Piece, Source, Span

_INSIDE = {
    b"moov": (b"trak", b"udta", b"meta"),
    b"trak": (b"mdia", b"udta", b"meta"),
    b"mdia": (b"minf",),
    b"minf": (b"stbl",),
    b"stbl": (b"stco", b"co64", b"saio"),
    b"udta": (b"meta",),
    b"meta": (b"iloc",),
    b"moof": (b"traf",),
    b"traf": (b"tfhd",),  # its saio counts from the base of the fragment's data
    b"mfra": (b"tfra",),
}
"""Paths to atoms that hold positions."""
_LOOSE = (b"udta", b"meta", b"trak")
"""Data in these that does not parse is foreign and holds no positions."""
_SLICE_ENTRIES = 4096


class Pointer(NamedTuple):
    """A position that the file holds.

    Attributes
    ----------
    at, width : int
        The place of the number, and its number of bytes.
    value : int
        The number.
    target : int
        The position in the file that it points to.
    anchor : int
        The position from which it counts; 0 is the file's start.
    """

    at: int
    width: int
    value: int
    target: int
    anchor: int = 0


def holders(source: Source, atom: Atom) -> Iterator[Atom]:
    """Yield the atoms that hold positions: this one, or those inside it."""
    if atom.name in _READERS:
        yield atom
    names = _INSIDE.get(atom.name)
    if names is None:
        return
    start = atom.body
    if atom.name == b"meta":
        start += mp4.full_bytes(source.peek(start, 8))
    walk = mp4_atoms.whole_ones if atom.name in _LOOSE else mp4_atoms.walk
    for child in walk(source, Span(start, atom.end)):
        if child.name in names:
            yield from holders(source, child)


def pointers(source: Source, atom: Atom) -> Iterator[Pointer]:
    """Yield the positions in an atom and the atoms inside it, in the file's order.

    Raises
    ------
    WriteError
        If a table is cut short.
    """
    for holder in holders(source, atom):
        yield from _READERS[holder.name](source, holder)


def settled(source: Source, atom: Atom, rest: int) -> Piece:
    """Return an atom in a form that does not change when the rest of the file moves.

    Parameters
    ----------
    source : Source
        The file.
    atom : Atom
        Any.
    rest : int
        The start of the data that moves.

    Returns
    -------
    Span or bytes
        The atom itself if it holds no positions, else a digest of it.
    """
    hasher, position = blake2b(), atom.start
    for it in pointers(source, atom):
        for block in source.blocks(Span(position, it.at)):
            hasher.update(block)
        hasher.update(b"+%d " % (it.target - rest) if it.target >= rest else b"%d " % it.target)
        position = it.at + it.width
    if position == atom.start:
        return Span(atom.start, atom.end)
    for block in source.blocks(Span(position, atom.end)):
        hasher.update(block)
    return hasher.digest()


def indexed_end(source: Source, sidx: Atom) -> int:
    """Return the end of the last part in a segment index."""
    start = next(_segment_index(source, sidx))
    position = start.at + start.width + 2
    count = int.from_bytes(source.at(position, 2), "big")
    sizes = _entries(source, sidx, position + 2, count, entry_bytes=12, width=4)
    return start.target + sum(size & 0x7FFFFFFF for _, size in sizes)


def _entries(
    source: Source, table: Atom, start: int, count: int, *, entry_bytes: int, width: int
) -> Iterator[tuple[int, int]]:
    """Yield position and value of the first number in each entry of a table."""
    if start + count * entry_bytes > table.end:
        raise source.refuse("its MP4 structure is damaged: a table is cut short")
    for first in range(0, count, _SLICE_ENTRIES):
        position = start + first * entry_bytes
        data = source.at(position, min(_SLICE_ENTRIES, count - first) * entry_bytes)
        for i in range(0, len(data), entry_bytes):
            yield position + i, int.from_bytes(data[i : i + width], "big")


def _chunk_offsets(source: Source, table: Atom) -> Iterator[Pointer]:
    width = 4 if table.name == b"stco" else 8
    count = int.from_bytes(source.at(table.body + 4, 4), "big")
    for at, value in _entries(source, table, table.body + 8, count, entry_bytes=width, width=width):
        yield Pointer(at, width, value, value)


def _auxiliary_offsets(source: Source, saio: Atom) -> Iterator[Pointer]:
    version, *flags = source.at(saio.body, 4)
    start = saio.body + (12 if flags[-1] & 1 else 4)
    width = 8 if version else 4
    count = int.from_bytes(source.at(start, 4), "big")
    for at, value in _entries(source, saio, start + 4, count, entry_bytes=width, width=width):
        yield Pointer(at, width, value, value)


def _data_base(source: Source, tfhd: Atom) -> Iterator[Pointer]:
    if source.at(tfhd.body, 4)[3] & 1:
        for at, value in _entries(source, tfhd, tfhd.body + 8, 1, entry_bytes=8, width=8):
            yield Pointer(at, 8, value, value)


def _fragment_places(source: Source, tfra: Atom) -> Iterator[Pointer]:
    width = 8 if source.at(tfra.body, 1)[0] else 4
    lengths, count = (int.from_bytes(source.at(tfra.body + start, 4), "big") for start in (8, 12))
    entry_bytes = 2 * width + 3 + sum(lengths >> shift & 3 for shift in (0, 2, 4))
    # Each entry has a time, then the position.
    start = tfra.body + 16
    if start + count * entry_bytes > tfra.end:
        raise source.refuse("its MP4 structure is damaged: a table is cut short")
    for at, both in _entries(source, tfra, start, count, entry_bytes=entry_bytes, width=2 * width):
        value = both & ((1 << 8 * width) - 1)
        yield Pointer(at + width, width, value, value)


def _segment_index(source: Source, sidx: Atom) -> Iterator[Pointer]:
    """Yield the position of its first part, which counts from the end of the index."""
    width = 8 if source.at(sidx.body, 1)[0] else 4
    at = sidx.body + 12 + width
    for _, value in _entries(source, sidx, at, 1, entry_bytes=width + 4, width=width):
        yield Pointer(at, width, value, sidx.end + value, anchor=sidx.end)


def _item_places(source: Source, iloc: Atom) -> Iterator[Pointer]:
    """Yield the positions of items in the file itself (construction method 0)."""
    fields = _Fields(source, iloc)
    version = fields.take(4) >> 24
    sizes = fields.take(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(fields.take(2 if version < 2 else 4)):
        fields.take(2 if version < 2 else 4)  # the item's number
        method = fields.take(2) & 15 if version else 0
        elsewhere = fields.take(2)  # the number of a data reference
        base_at, base_value = fields.position, fields.take(base)
        here = method == 0 and not elsewhere
        extents = fields.take(2)
        for _ in range(extents):
            fields.take(index if version else 0)
            at, value = fields.position, fields.take(offset)
            fields.take(length)
            if here and offset:
                yield Pointer(at, offset, value, base_value + value)
        if here and base and not offset and extents:
            yield Pointer(base_at, base, base_value, base_value)


class _Fields:
    """The numbers of an atom, one after the other."""

    def __init__(self, source: Source, atom: Atom) -> None:
        self._source, self._end = source, atom.end
        self.position = atom.body

    def take(self, width: int) -> int:
        """Return the next number of so many bytes; 0 for none."""
        if self.position + width > self._end:
            raise self._source.refuse("its MP4 structure is damaged: a table is cut short")
        self.position += width
        return int.from_bytes(self._source.at(self.position - width, width), "big")


_READERS: dict[bytes, Callable[[Source, Atom], Iterator[Pointer]]] = {
    b"stco": _chunk_offsets,
    b"co64": _chunk_offsets,
    b"saio": _auxiliary_offsets,
    b"tfhd": _data_base,
    b"tfra": _fragment_places,
    b"sidx": _segment_index,
    b"iloc": _item_places,
}
