"""Adobe's XMP packets, which exiftool shows a genre of, in some files instead of any other.

"XMP Specification", part 2: dynamic media. Audition and Premiere keep one in a chunk of a WAV
file, in a private frame of ID3v2, in an atom of MP4, in an object of ASF. Ours is not written into
it, as no length may change there. Where another genre is to be shown, this one gives way to spaces.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import unescape

from lean_tagger.write.formats.carried import Carried
from lean_tagger.write.formats.exact import Exact, told
from lean_tagger.write.source import Source, Span
from lean_tagger.write.splice import Patch

_LARGEST_BYTES = 1 << 20
_GENRE = re.compile(
    rb"[\w-]{1,16}:genre\s{0,9}=\s{0,9}(?:\"([^\"<]{1,999})\"|'([^'<]{1,999})')"
    rb"|<([\w-]{1,16}:genre)>([^<]{1,999})</\3>"
)
_SPACES = re.compile(rb" {10,}")  # what says a genre is not shorter
_POSITION_BYTES = 4


class Xmp:
    """An XMP packet.

    Parameters
    ----------
    source : Source
        The file.
    span : Span
        Where in it.
    number : int
        Which of the file's packets it is, from one on.
    plain : bool
        Whether it stands there as it is, in nothing that has a checksum.
    """

    shown_first = False

    def __init__(self, source: Source, span: Span, number: int = 1, *, plain: bool = True) -> None:
        self.name = f"xmp{number}" if number > 1 else "xmp"
        self._source = source
        self._start = span.start
        self._plain = plain
        self._data = source.at(span.start, min(span.end - span.start, _LARGEST_BYTES))
        self._genres = list(_GENRE.finditer(self._data))

    @staticmethod
    def all_of(source: Source, spans: Iterable[Span], *, plain: bool = True) -> "list[Xmp]":
        """Return the first packets of a file: nobody has more than one."""
        each = enumerate(sorted(spans)[:9], 1)
        return [Xmp(source, span, number, plain=plain) for number, span in each]

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the genre."""
        raw = (it[1] or it[2] or it[4] for it in self._genres)
        texts = (unescape(it.decode("utf-8", "replace")).strip() for it in raw)
        found = tuple(dict.fromkeys(text for text in texts if text))
        return {"genre": found} if found else {}

    def exact(self, field: str) -> tuple[str, ...]:
        """Return what says the genre, behind its position in the packet."""
        if field != "genre":
            return ()
        places = ((it.start().to_bytes(_POSITION_BYTES, "big"), it[0]) for it in self._genres)
        return told((position + raw for position, raw in places), ())

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return what of new values it can hold: none."""
        del field, values
        return ()

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what takes the genre out, or puts back the one that was there."""
        if "genre" not in changes:
            return []
        values = changes["genre"]
        if not self._plain or (self._genres and not self.exact("genre")):
            raise self._source.refuse(
                "players would still show the genre of its XMP packet; nothing was written"
            )
        patches = [self._patch(it.start(), b" " * len(it[0])) for it in self._genres]
        for item in values.items if isinstance(values, Exact) else ():
            position, raw = int.from_bytes(item[:_POSITION_BYTES], "big"), item[_POSITION_BYTES:]
            if self._data[position : position + len(raw)].strip(b" "):
                raise self._source.refuse("its XMP packet is not what it was; nothing was written")
            patches.append(self._patch(position, raw))
        return patches

    def _patch(self, position: int, data: bytes) -> Patch:
        start = self._start + position
        return Patch(start, start + len(data), (data,))

    def holes(self) -> list[Span]:
        """Return the spans that a change of our fields may change: a genre, or its spaces.

        With the spaces around them, so that they are the same with and without the genre.
        """
        data, holes = self._data, list[Span]()
        for span in sorted(it.span() for it in (*self._genres, *_SPACES.finditer(data))):
            start, end = span
            while data[start - 1 : start] == b" ":
                start -= 1
            while data[end : end + 1] == b" ":
                end += 1
            if holes and start <= holes[-1].end:
                start = holes.pop().start
            holes.append(Span(start, end))
        return [Span(self._start + start, self._start + end) for start, end in holes]

    def carried(self) -> Carried:
        """Return nothing: no other tag hides it."""
        return Carried()
