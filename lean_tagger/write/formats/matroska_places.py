"""Positions stored in Matroska: the SeekHead and the Cues (RFC 9559, 5.1.1 and 5.1.5)."""

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lean_tagger.write.formats import ebml
from lean_tagger.write.source import Piece, Source

SEEK_HEAD, TAGS, CUES = 0x114D9B74, 0x1254C367, 0x1C53BB6B
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_CUE_MASTERS = (0xBB, 0xB7, 0xDB)  # CuePoint, CueTrackPositions, CueReference
_CUE_PLACES = (
    0xF1,
    0xEA,
    0x97,
    0xEB,
)  # of a Cluster, of a codec's state; and the same for references
_LARGEST_BYTES = 16 << 20

PlaceOf = Callable[[int], bytes]
"""Gives a position in a form that does not change when something moves."""


def _loaded(source: Source, at: ebml.Element) -> bytes:
    if at.end - at.start > _LARGEST_BYTES:
        raise source.refuse("its table of contents is too large")
    return source.at(at.start, at.end - at.start)


class _Part(NamedTuple):
    """An entry: what it names, the position (-1: not in the usual form), and the bytes of both.

    An entry ends with the position.
    """

    name: int
    place: int
    place_bytes: int
    raw: bytes


class SeekHead:
    """One SeekHead, taken apart.

    Parameters
    ----------
    source : Source
        The file.
    at : ebml.Element
        Where in it.
    """

    def __init__(self, source: Source, at: ebml.Element) -> None:
        self.at = at
        self.raw = _loaded(source, at)
        self._checked = False
        self._parts: list[_Part] = []
        for it in ebml.children(self.raw, at.body - at.start):
            if it.id == ebml.CRC:
                self._checked = True
            elif it.id != ebml.VOID:
                self._parts.append(self._part(it))

    def _part(self, part: ebml.Element) -> _Part:
        raw = self.raw[part.start : part.end]
        inside = list(ebml.children(self.raw, part.body, part.end)) if part.id == _SEEK else []
        if [it.id for it in inside] != [_SEEK_ID, _SEEK_POSITION]:
            names = [self.raw[it.body : it.end] for it in inside if it.id == _SEEK_ID]
            return _Part(TAGS if TAGS.to_bytes(4, "big") in names else 0, -1, 0, raw)
        name, place = (int.from_bytes(self.raw[it.body : it.end], "big") for it in inside)
        return _Part(name, place, inside[1].end - inside[1].body, raw)

    @property
    def tells_of_tags(self) -> bool:
        """Whether it has the position of the tags."""
        return any(it.name == TAGS for it in self._parts)

    def telling(
        self, place: int | None, *, place_bytes: int, moved: Callable[[int], int] | None = None
    ) -> bytes | None:
        """Return the element with a new position of the tags; None removes it.

        Parameters
        ----------
        place : int or None
            In bytes from the start of the Segment's content.
        place_bytes : int
            Number of bytes for a new position: the length must not depend on it.
        moved : Callable, optional
            Gives the new position of everything else.

        Returns
        -------
        bytes or None
            None if a new position has more bytes than the old one.
        """
        told = [it.place for it in self._parts if it.name == TAGS]
        if moved is None and told == ([] if place is None else [place]):
            return self.raw
        parts: list[bytes] = []
        for it in self._parts:
            if it.name == TAGS:
                parts += _seek(place, place_bytes)
                place = None  # if it was named twice, name it once from now on
            elif moved is None or it.place < 0:
                parts.append(it.raw)
            elif (new := moved(it.place)) < 1 << 8 * it.place_bytes:
                kept = it.raw[: len(it.raw) - it.place_bytes]
                parts.append(kept + new.to_bytes(it.place_bytes, "big"))
            else:
                return None
        parts += _seek(place, place_bytes)
        return ebml.element(SEEK_HEAD, ebml.with_crc(parts, wanted=self._checked))

    def foreign(self, place_of: PlaceOf) -> Iterator[tuple[str, Piece]]:
        """Yield its entries for everything else."""
        for it in self._parts:
            if it.name != TAGS:
                said = it.raw if it.place < 0 else b"%x %b" % (it.name, place_of(it.place))
                yield "a place in its table of contents", said


def _seek(place: int | None, place_bytes: int) -> list[bytes]:
    if place is None:
        return []
    name = ebml.element(_SEEK_ID, TAGS.to_bytes(4, "big"))
    where = ebml.element(_SEEK_POSITION, place.to_bytes(place_bytes, "big"))
    return [ebml.element(_SEEK, name + where)]


class Cues:
    """The Cues: the Cluster for each time.

    Parameters
    ----------
    source : Source
        The file.
    at : ebml.Element
        Where in it.
    """

    def __init__(self, source: Source, at: ebml.Element) -> None:
        self.at = at
        self._raw = _loaded(source, at)
        self._places: list[tuple[int, int]] = []  # start and end of their bytes
        self._crcs: list[tuple[int, int, int]] = []  # and the end of the data that they cover
        self._look_into(at.body - at.start, len(self._raw))

    def _look_into(self, first: int, end: int) -> None:
        for it in ebml.children(self._raw, first, end):
            if it.id in _CUE_MASTERS:
                self._look_into(it.body, it.end)
            elif it.id in _CUE_PLACES:
                self._places.append((it.body, it.end))
            elif it.id == ebml.CRC:
                self._crcs.append((it.body, it.end, end))

    def _told(self) -> list[int]:
        return [int.from_bytes(self._raw[a:b], "big") for a, b in self._places]

    def moved(self, moved: Callable[[int], int]) -> bytes | None:
        """Return the element with new positions of the same lengths; None if one does not fit."""
        data = bytearray(self._raw)
        for (start, end), old in zip(self._places, self._told(), strict=True):
            new = moved(old) if old else 0  # 0 means none
            if new >= 1 << 8 * (end - start):
                return None
            data[start:end] = new.to_bytes(end - start, "big")
        for start, end, last in reversed(self._crcs):  # inner ones first
            data[start:end] = zlib.crc32(data[end:last]).to_bytes(end - start, "little")
        return bytes(data)

    def foreign(self, place_of: PlaceOf) -> Iterator[tuple[str, Piece]]:
        """Yield their contents."""
        data = bytearray(self._raw)
        for start, end in (*self._places, *((a, b) for a, b, _ in self._crcs)):
            data[start:end] = bytes(end - start)
        yield "its Cues", bytes(data)
        yield "where its Cues point", b" ".join(map(place_of, self._told()))
