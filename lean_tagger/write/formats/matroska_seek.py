"""The SeekHead of Matroska: where the other elements lie (RFC 9559, 5.1.1)."""

from collections.abc import Iterator

from lean_tagger.write.formats import ebml
from lean_tagger.write.source import Piece, Source

SEEK_HEAD, TAGS = 0x114D9B74, 0x1254C367
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_LARGEST_BYTES = 1 << 20


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
        if at.end - at.start > _LARGEST_BYTES:
            raise source.refuse("its table of contents is too large to be true")
        self.at = at
        self.raw = source.at(at.start, at.end - at.start)
        self._checked = False
        self._parts: list[bytes] = []
        self._of_tags: list[int] = []  # which of the parts tell where the tags are
        self.position: int | None = None
        for it in ebml.children(self.raw, at.body - at.start):
            if it.id == ebml.CRC:
                self._checked = True
            elif it.id != ebml.VOID:
                self._look_at(it)
                self._parts.append(self.raw[it.start : it.end])

    def _look_at(self, part: ebml.Element) -> None:
        if part.id != _SEEK:
            return
        inside = ebml.children(self.raw, part.body, part.end)
        found = {it.id: int.from_bytes(self.raw[it.body : it.end], "big") for it in inside}
        if found.get(_SEEK_ID) == TAGS:
            self.position = found.get(_SEEK_POSITION)
            self._of_tags.append(len(self._parts))

    @property
    def tells_of_tags(self) -> bool:
        """Whether it says where the tags are."""
        return bool(self._of_tags)

    def telling(self, position: int | None, *, position_bytes: int) -> bytes:
        """Return the element, telling that the tags are at a position; None takes that away.

        Parameters
        ----------
        position : int or None
            In bytes from where the content of the Segment starts.
        position_bytes : int
            How many bytes a position has: the length must not depend on it.
        """
        if position == self.position and len(self._of_tags) <= 1:
            return self.raw
        parts: list[bytes] = [p for n, p in enumerate(self._parts) if n not in self._of_tags]
        if position is not None:
            seek = ebml.element(_SEEK_ID, TAGS.to_bytes(4, "big"))
            seek += ebml.element(_SEEK_POSITION, position.to_bytes(position_bytes, "big"))
            number = self._of_tags[0] if self._of_tags else len(parts)
            parts.insert(number, ebml.element(_SEEK, seek))
        return ebml.element(SEEK_HEAD, ebml.with_crc(parts, wanted=self._checked))

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield what it says of all else."""
        for number, part in enumerate(self._parts):
            if number not in self._of_tags:
                yield "a place in its table of contents", part
