"""The ID3v1 trailer, RIFF's INFO texts, and other tags at the end of a file.

Most players read these only if there is no newer tag; some read only these. Their values of our
fields are kept the same as in the newer tag.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lean_tagger.system.containers import ape, chunks, id3, lyrics3
from lean_tagger.write.formats.carried import Carried
from lean_tagger.write.formats.exact import items_for, told
from lean_tagger.write.formats.mutagen_check import GENRES
from lean_tagger.write.formats.properties import INFO_NAMES
from lean_tagger.write.source import Source, Span
from lean_tagger.write.splice import Patch, growth

_EXTENSION_BYTES = 227  # longer names, by some old editors
# field, start and end inside the trailer (ID3v1; the track of 1.1 is in the comment)
_TEXTS = (("TITLE", 3, 33), ("ARTIST", 33, 63), ("ALBUM", 63, 93), ("DATE", 93, 97))
_NO_GENRE = 255
# "Blues" and "Other": what editors leave that write a trailer without being told a genre. Most
# readers show it. If it counted as a genre, all files of these editors would stay without one. So
# it does not; and where we write one it gives way, so that no reader goes on showing it.
_LIKELY_DEFAULTS = (0, 12)


class Id3v1:
    """An ID3v1 trailer at the end of a file; see `find`.

    Parameters
    ----------
    source : Source
        The file.
    start : int
        Where the trailer begins.
    shown_first : bool
        Whether FFmpeg shows it instead of the tag that ours go into.
    """

    name = "id3v1"

    def __init__(self, source: Source, start: int, *, shown_first: bool = False) -> None:
        self.shown_first = shown_first
        data = source.at(start, id3.TRAILER_BYTES)
        texts = {name: _text(data[first:last]) for name, first, last in _TEXTS}
        comment = data[97:127]
        if comment[28] == 0 and comment[29] != 0:
            texts["TRACKNUMBER"] = str(comment[29])
            comment = comment[:28]
        texts["COMMENT"] = _text(comment)
        self._texts = {name: text for name, text in texts.items() if text}
        self._number = data[127]
        self._place = Span(start + 127, start + 128)

    @staticmethod
    def find(source: Source, *, shown_first: bool = False) -> "Id3v1 | None":
        """Return the trailer of a file, if it has one."""
        start = source.size - id3.TRAILER_BYTES
        if start < 0 or source.at(start, 3) != id3.TRAILER_MARK:
            return None
        if ape.parse(source.at(source.size - ape.END_BYTES, ape.END_BYTES)):
            return None  # a part of an APE tag, as the middle of "APETAGEX"
        return Id3v1(source, start, shown_first=shown_first)

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the genre, unless it is the default number of an empty trailer."""
        noise = self._number in _LIKELY_DEFAULTS and not self._texts
        if self._number >= len(GENRES) or noise:
            return {}
        return {"genre": (GENRES[self._number],)}

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the genre's number, if its name does not determine it."""
        usual = self._byte(self.values().get(field, ()))
        return told([bytes([self._number])], [usual]) if field == "genre" else ()

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return the new value that it can hold: a genre that has a number."""
        if field != "genre" or not values or self._numbered(values[0]) == _NO_GENRE:
            return ()
        return (GENRES[self._numbered(values[0])],)

    @staticmethod
    def _numbered(genre: str) -> int:
        folded = [name.casefold() for name in GENRES]
        name = genre.casefold()
        return folded.index(name) if name in folded else _NO_GENRE

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change for new values of our fields."""
        if "genre" not in changes:
            return []
        genres = changes["genre"]
        return [Patch(*self._place, items_for(genres, [self._byte(genres)]))]

    def _byte(self, genres: Sequence[str]) -> bytes:
        return bytes([self._numbered(genres[0]) if genres else _NO_GENRE])

    def holes(self) -> list[Span]:
        """Return the spans that a change of our fields may change."""
        return [self._place]

    def carried(self) -> Carried:
        """Return its contents for a new tag."""
        return Carried(texts={name: (text,) for name, text in self._texts.items()})


class Id3v1Extension:
    """The 227 bytes before an ID3v1 trailer, where some old editors put longer texts.

    "TAG+", the rest of title, artist and album (60 bytes each), a speed, a genre (30 bytes), and
    two times (6 bytes each). exiftool shows the genre.

    Parameters
    ----------
    source : Source
        The file.
    start : int
        Where it begins.
    """

    name = "id3v1+"
    shown_first = False
    _GENRE = Span(4 + 3 * 60 + 1, 4 + 3 * 60 + 1 + 30)

    def __init__(self, source: Source, start: int) -> None:
        self._source = source
        self._place = Span(start + self._GENRE.start, start + self._GENRE.end)
        self._genre = _text(source.at(self._place.start, self._size))

    @property
    def _size(self) -> int:
        return self._place.end - self._place.start

    @staticmethod
    def find(source: Source) -> "Id3v1Extension | None":
        """Return the extension of a file's trailer, if it has one."""
        start = source.size - id3.TRAILER_BYTES - _EXTENSION_BYTES
        there = start >= 0 and source.at(start, 4) == b"TAG+" and Id3v1.find(source)
        return Id3v1Extension(source, start) if there else None

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the genre."""
        return {"genre": (self._genre,)} if self._genre else {}

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the genre's bytes, if its text does not determine them."""
        there = self._source.at(self._place.start, self._size)
        return told([there], [self._raw(self._genre)]) if field == "genre" else ()

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return the new value that it can hold: one genre, if it is short and Latin-1."""
        fits = [_text(self._raw(it)) == it for it in values[:1]]
        return tuple(values[:1]) if field == "genre" and all(fits) else ()

    def _raw(self, genre: str) -> bytes:
        return genre.encode("latin-1", "replace")[: self._size].ljust(self._size, b"\0")

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change for new values of our fields."""
        if "genre" not in changes:
            return []
        genres = changes["genre"]
        return [Patch(*self._place, items_for(genres, [self._raw("".join(genres[:1]))]))]

    def holes(self) -> list[Span]:
        """Return the spans that a change of our fields may change."""
        return [self._place]

    def carried(self) -> Carried:
        """Return nothing: the trailer has the start of each text."""
        return Carried()


class _Chunk(NamedTuple):
    name: bytes
    whole: Span
    data: Span


class InfoList:
    """A LIST chunk of RIFF with the type INFO.

    FFmpeg shows no other tags of a WAV file that has one, so our genre goes here too.

    Parameters
    ----------
    source : Source
        The file.
    span : Span
        The chunk's data, including "INFO".
    number : int
        Number of the list in the file, from 1.
    """

    shown_first = True
    _GENRES = (b"IGNR", b"GENR")
    _LARGEST_TEXT_BYTES = 1 << 16
    _MOST_CHUNKS = 1000

    def __init__(self, source: Source, span: Span, number: int = 1) -> None:
        self.name = f"info{number}" if number > 1 else "info"
        self._source = source
        self._span = span
        self._chunks = list(self._walk())

    def _walk(self) -> Iterator[_Chunk]:
        position = self._span.start + 4
        for _ in range(self._MOST_CHUNKS):
            head = self._source.peek(position, 8)
            start = position + 8
            end = start + int.from_bytes(head[4:], "little")
            if end > self._span.end or len(head) < 8:
                return
            after = min(end + (end - start) % 2, self._span.end)
            yield _Chunk(head[:4].upper(), Span(position, after), Span(start, end))
            position = after

    def _text(self, chunk: _Chunk) -> str:
        size = min(chunk.data.end - chunk.data.start, self._LARGEST_TEXT_BYTES)
        data = self._source.at(chunk.data.start, size).split(b"\0")[0]
        try:
            return data.decode("utf-8").strip()
        except UnicodeDecodeError:
            return data.decode("latin-1").strip()

    @property
    def _mine(self) -> list[_Chunk]:
        return [chunk for chunk in self._chunks if chunk.name in self._GENRES]

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the chunks of a genre, if its text does not determine them."""
        spans = [chunk.whole for chunk in self._mine] if field == "genre" else []
        there = (self._source.at(start, end - start) for start, end in spans)
        even = (data + bytes(len(data) % 2) for data in there)
        return told(even, _subchunks(self.values().get(field, ())))

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the genre."""
        genres = (self._text(chunk) for chunk in self._mine)
        found = tuple(genre for genre in genres if genre)
        return {"genre": found} if found else {}

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return the new value that it can hold: one genre."""
        return tuple(value.strip() for value in values[:1]) if field == "genre" else ()

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change for new values of our fields."""
        if "genre" not in changes:
            return []
        patches = [Patch(*chunk.whole, ()) for chunk in self._mine]
        data = b"".join(items_for(changes["genre"], _subchunks(changes["genre"])))
        if patches:
            patches[0] = patches[0]._replace(pieces=(data,))
        elif data:  # first, where the offset is certainly even
            start = self._span.start + 4
            patches = [Patch(start, start, (data,))]
        size = self._span.end - self._span.start + growth(patches)
        place = Span(self._span.start - 4, self._span.start)
        return [*patches, Patch(*place, (size.to_bytes(4, "little"),))]

    def holes(self) -> list[Span]:
        """Return the spans that a change of our fields may change."""
        size = Span(self._span.start - 4, self._span.start)
        return [size, *(chunk.whole for chunk in self._mine)]

    def carried(self) -> Carried:
        """Return its contents for a new tag."""
        texts: dict[str, tuple[str, ...]] = {}
        for chunk in self._chunks:
            name, text = INFO_NAMES.get(chunk.name), self._text(chunk)
            if name and text:
                texts.setdefault(name, (text,))
        return Carried(texts=texts)


def _subchunks(genres: Sequence[str]) -> list[bytes]:
    raw = [genre.encode("utf-8") + b"\0" for genre in genres]
    return [chunks.render(b"IGNR", data, chunks.RIFF) for data in raw]


def _text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("latin-1").strip()


def find_ape(source: Source) -> int:
    """Return the end of the APEv2 tag at the end of a file, or where one would go.

    A Lyrics3 tag and an ID3v1 trailer may follow it, in this order.
    """
    end = source.size
    if Id3v1.find(source) is None:
        return end
    end -= id3.TRAILER_BYTES
    if end >= _EXTENSION_BYTES and source.at(end - _EXTENSION_BYTES, 4) == b"TAG+":
        end -= _EXTENSION_BYTES
    tail = (
        source.at(end - lyrics3.END_BYTES, lyrics3.END_BYTES) if end >= lyrics3.END_BYTES else b""
    )
    whole = lyrics3.whole_bytes(tail)
    if whole is not None and whole <= end:
        start = end - whole
        if source.at(start, len(lyrics3.START)) == lyrics3.START:
            end = start
    return end


def trailer_start(source: Source) -> int:
    """Return the start of the tags at a file's end (APE, Lyrics3, ID3v1), or its size."""
    end = find_ape(source)
    footer = (
        ape.parse(source.at(end - ape.END_BYTES, ape.END_BYTES)) if end >= ape.END_BYTES else None
    )
    if footer and footer.size >= ape.END_BYTES and footer.whole_bytes <= end:
        return end - footer.whole_bytes
    return end
