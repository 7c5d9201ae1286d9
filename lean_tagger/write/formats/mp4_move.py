"""Move everything after the moov atom of an MP4, and correct all positions in it."""

from collections.abc import Callable, Iterator
from functools import partial

from lean_tagger.write.formats import mp4_atoms, mp4_offsets
from lean_tagger.write.formats.mp4_atoms import Atom
from lean_tagger.write.formats.mp4_offsets import Pointer
from lean_tagger.write.source import Edited, Source, Span
from lean_tagger.write.splice import Patch

_FREE = b"free skip wide uuid".split()
_KNOWN = {
    b"": b"ftyp styp moov moof mdat mfra sidx ssix pdin prft emsg meta udta".split() + _FREE,
    b"moof": b"mfhd traf pssh".split() + _FREE,
    b"traf": b"tfhd trun tfdt sbgp sgpd subs saiz saio senc".split() + _FREE,
    b"mfra": b"tfra mfro".split(),
}
"""Atoms that a fragmented file may hold, by parent; positions in others would stay wrong."""
_NEVER = (b"meco", b"cmov", b"gps ")
"""Several metas, a compressed moov, positions of dash cams: these would stay wrong too."""


def patches(
    source: Source, moov: Atom, grown: int, top: Callable[[], Iterator[Atom]]
) -> list[Patch]:
    """Return the patches to all positions that point to data after moov.

    Parameters
    ----------
    source : Source
        The file.
    moov : Atom
        The atom that grows.
    grown : int
        By how many bytes; negative if it shrinks.
    top : callable
        Yields the atoms of the file, in order.

    Raises
    ------
    WriteError
        If a position does not fit any more, or if there may be unknown positions.
    """
    move = _Move(source, moov, grown)
    fragmented = any(atom.name in (b"moof", b"mfra") for atom in top())
    in_front = behind = False
    for atom in top():
        move.refuse_unknown(atom, fragmented=fragmented)
        if move.changes(atom):
            in_front = in_front or atom.start < moov.start
            behind = behind or atom.start > moov.start

    spans = [Span(it.start, it.end) for it in mp4_offsets.holders(source, moov) if move.changes(it)]
    spans += [Span(0, moov.start)] * in_front + [Span(moov.end, source.size)] * behind
    return [Patch(*span, (Edited(span, partial(move.edits, top, span)),)) for span in spans]


class _Move:
    """One move: see `patches`."""

    def __init__(self, source: Source, moov: Atom, grown: int) -> None:
        self._source, self._moov, self._grown = source, moov, grown

    def changes(self, atom: Atom) -> bool:
        """Tell whether positions in an atom change; refuse if they cannot."""
        changed = False
        for pointer in mp4_offsets.pointers(self._source, atom):
            self._refuse_misfit(atom, pointer)
            changed = changed or self._shift(pointer) != 0
        return changed

    def edits(self, top: Callable[[], Iterator[Atom]], span: Span) -> Iterator[tuple[int, bytes]]:
        """Yield the position and the new bytes of each number that changes in a span."""
        for atom in top():
            if atom.end <= span.start or atom.start >= span.end:
                continue
            for it in mp4_offsets.pointers(self._source, atom):
                if span.start <= it.at < span.end and (shift := self._shift(it)):
                    yield it.at, (it.value + shift).to_bytes(it.width, "big")

    def _shift(self, pointer: Pointer) -> int:
        end = self._moov.end
        return self._grown * ((pointer.target >= end) - (pointer.anchor >= end))

    def _refuse_misfit(self, atom: Atom, pointer: Pointer) -> None:
        source, moov = self._source, self._moov
        if not 0 <= pointer.value + self._shift(pointer) < 1 << (8 * pointer.width):
            raise source.refuse("it is too large for its tables of 32-bit offsets")
        if moov.start < pointer.target < moov.end:
            raise source.refuse("an offset in it points into its moov atom, without room for tags")
        if atom.name == b"moof" and pointer.target < moov.end <= atom.start:
            raise source.refuse("the data of its fragments is not after its moov atom")

    def refuse_unknown(self, atom: Atom, *, fragmented: bool) -> None:
        """Refuse an atom that may hold unknown positions."""
        source, moov = self._source, self._moov
        if unknown := _unknown(source, b"", atom, fragmented=fragmented):
            raise source.refuse(
                f"moov has no room for tags, and its atom {unknown.label!r} may hold offsets that "
                "are not known"
            )
        if atom.name == b"sidx" and atom.start < moov.start:
            start = next(mp4_offsets.pointers(source, atom)).target
            if start < moov.end and mp4_offsets.indexed_end(source, atom) > moov.start:
                raise source.refuse("moov has no room for tags, and is in the middle of an index")


def _unknown(source: Source, parent: bytes, atom: Atom, *, fragmented: bool) -> Atom | None:
    if atom.name in _NEVER:
        return atom
    if fragmented and parent in _KNOWN and atom.name not in _KNOWN[parent]:
        return atom
    if atom.name in (b"moov", *_KNOWN):
        for child in mp4_atoms.walk(source, Span(atom.body, atom.end)):
            if unknown := _unknown(source, atom.name, child, fragmented=fragmented):
                return unknown
    return None
