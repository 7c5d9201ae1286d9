"""The layout of a Matroska file: its Segment and the positions in it (RFC 9559).

Positions are distances from the start of the Segment's content.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from lean_tagger.write.formats import ebml
from lean_tagger.write.formats.ebml import CRC, VOID, Element
from lean_tagger.write.formats.matroska_places import CUES, SEEK_HEAD, TAGS, Cues, SeekHead
from lean_tagger.write.source import Source, Span

MAGIC = b"\x1a\x45\xdf\xa3"
_SEGMENT, _DOC_TYPE = 0x18538067, 0x4282
_TRACKS, _TRACK, _TRACK_UID, _TRACK_TYPE, _AUDIO = 0x1654AE6B, 0xAE, 0x73C5, 0x83, 2
_CLUSTER, _CLUSTER_POSITION, _BLOCKS = 0x1F43B675, 0xA7, (0xA3, 0xA0)
# These end a Cluster of unknown size: SeekHead, Info, Tracks, Cluster, Cues, Attachments,
# Chapters, Tags.
_LEVEL_1 = (SEEK_HEAD, 0x1549A966, _TRACKS, _CLUSTER, CUES, 0x1941A469, 0x1043A770, TAGS)
_MOST_ELEMENTS = 2_000_000
_LARGEST_LOADED_BYTES = 16 << 20


def _header(source: Source) -> Element | None:
    """Return the EBML header of a Matroska or WebM file; None for other files."""
    data = source.peek(0, 4096)
    if data[:4] != MAGIC:
        return None
    header = ebml.element_at(source, 0, source.size)
    if not 0 < header.end <= len(data):
        return None
    for it in ebml.children(data, header.body, header.end):
        if it.id == _DOC_TYPE:
            kind = data[it.body : it.end].rstrip(b"\0")
            return header if kind in (b"matroska", b"webm") else None
    return None


def found(source: Source) -> bool:
    """Tell whether a file is Matroska or WebM."""
    try:
        return _header(source) is not None
    except ValueError:
        return False


class MatroskaLayout:
    """The positions of all parts.

    Parameters
    ----------
    source : Source
        The file.

    Attributes
    ----------
    segment : Element
        The Segment; one of unknown size ends with the file.
    live : bool
        Whether the Segment's size is unknown.
    regions : list[Span]
        Parts that may be rewritten, in order: the SeekHead, Tags, and free space. No region
        touches the next one.
    tags_at : Element or None
        The Tags element.
    seek : SeekHead or None
        The SeekHead that names, or should name, the tags.
    cues : list[Cues]
        Most files have one or none.
    first_cluster : int
        The start of the sound; the Segment's end if there is none.
    audio_uids : list[int]
        Numbers that tags use for the tracks that are music.
    addressed : bool
        Whether a position is stored somewhere that a move does not correct.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        header = _header(source)
        assert header is not None  # noqa: S101 - or there would be another parser
        segment = ebml.element_at(source, header.end, source.size)
        if segment.id != _SEGMENT:
            raise source.refuse("its EBML structure is damaged: there is no Segment")
        self.live = segment.end < 0
        end = source.size if self.live else segment.end
        self.segment = Element(_SEGMENT, segment.start, segment.body, end)
        self.first_cluster = end
        self.tags_at: Element | None = None
        self.seek: SeekHead | None = None
        self.cues: list[Cues] = []
        self.audio_uids: list[int] = []
        self.addressed = False
        self._starts, self._ends = array("Q"), array("Q")  # of parts that are never rewritten
        self.regions = self._look_through()

    def _elements(self) -> Iterator[Element]:
        """Yield the elements of the Segment; a Cluster of unknown size includes its contents."""
        source, end, count = self._source, self.segment.end, 0
        position = self.segment.body
        while position < end:
            it = ebml.element_at(source, position, end)
            position, inside = it.end, it.end < 0
            if inside and it.id != _CLUSTER:
                raise source.refuse("its EBML structure is damaged: a size is missing")
            if inside:
                position = it.body
            while inside and position < end:
                inner = ebml.element_at(source, position, end)
                inside = inner.id not in _LEVEL_1
                if inside and inner.end < 0:
                    raise source.refuse("its EBML structure is damaged: a size is missing")
                position = inner.end if inside else position
                count = self._counted(count)
            count = self._counted(count)
            yield Element(it.id, it.start, it.body, position)

    def _counted(self, count: int) -> int:
        if count >= _MOST_ELEMENTS:
            raise self._source.refuse("it has too many parts; nothing was written")
        return count + 1

    def _look_through(self) -> list[Span]:
        """Find the relevant parts; return those that may be rewritten."""
        free, seeks = list[Span](), list[SeekHead]()
        for it in self._elements():
            if it.id in (TAGS, VOID):
                _add(free, Span(it.start, it.end))
            elif it.id == SEEK_HEAD:
                seeks.append(SeekHead(self._source, it))
            else:
                self._starts.append(it.start)
                self._ends.append(it.end)
            self._look_at(it)
        self.seek = self._one_of(seeks)
        free += [Span(seek.at.start, seek.at.end) for seek in seeks if seek is self.seek]
        regions: list[Span] = []
        for span in sorted(free):
            _add(regions, span)
        return regions

    def _one_of(self, seeks: list[SeekHead]) -> SeekHead | None:
        """Return the SeekHead that names, or should name, the tags; the others do not change."""
        telling = [seek for seek in seeks if seek.tells_of_tags]
        if len(telling) > 1:
            raise self._source.refuse("it has two tables of contents that name its tags")
        chosen = next(iter([*telling, *seeks]), None)
        for seek in seeks:
            if seek is not chosen:
                self.addressed = True
                index = bisect_right(self._starts, seek.at.start)
                self._starts.insert(index, seek.at.start)
                self._ends.insert(index, seek.at.end)
        return chosen

    def _look_at(self, it: Element) -> None:
        if it.id == CRC:
            raise self._source.refuse(
                "it has a checksum over everything, which writing would break"
            )
        if it.id == TAGS and self.tags_at:
            raise self._source.refuse(
                "it has more than one Tags element, and players read different ones"
            )
        if it.id == TAGS:
            self.tags_at = it
        elif it.id == _CLUSTER:
            self.first_cluster = min(self.first_cluster, it.start)
            self.addressed = self.addressed or self._says_where_it_is(it)
        elif it.id == _TRACKS:
            self.audio_uids += self._uids(it)
        elif it.id == CUES:
            self.cues.append(Cues(self._source, it))

    def _says_where_it_is(self, cluster: Element) -> bool:
        position = cluster.body
        while position < cluster.end:
            it = ebml.element_at(self._source, position, cluster.end)
            if it.id == _CLUSTER_POSITION:
                return True
            if it.id in _BLOCKS or it.end < 0:
                return False
            position = it.end
        return False

    def _uids(self, tracks: Element) -> Iterator[int]:
        """Yield the numbers that tags use for the tracks that are music."""
        data = self._loaded(tracks)
        for track in ebml.children(data):
            if track.id == _TRACK:
                inside = ebml.children(data, track.body, track.end)
                said = {it.id: int.from_bytes(data[it.body : it.end], "big") for it in inside}
                if said.get(_TRACK_TYPE) == _AUDIO:
                    yield said.get(_TRACK_UID, 0)

    def tags_data(self) -> bytes:
        """Return the content of Tags, empty if there is no such element."""
        return self._loaded(self.tags_at) if self.tags_at else b""

    def _loaded(self, it: Element) -> bytes:
        if it.end - it.body > _LARGEST_LOADED_BYTES:
            raise self._source.refuse("its tags or tracks are too large to be edited safely")
        return self._source.at(it.body, it.end - it.body)

    def fixed(self) -> Iterator[Span]:
        """Yield each element that keeps its bytes; not the Cues, which hold positions."""
        cues = {it.at.start for it in self.cues}
        for start, end in zip(self._starts, self._ends, strict=True):
            if start not in cues:
                yield Span(start, end)

    def place_of(self, place: int) -> bytes:
        """Return a position in a form that does not change when something moves."""
        position = self.segment.body + place
        index = bisect_right(self._starts, position) - 1
        return b"%d+%d" % (index, position - self._starts[index] if index >= 0 else place)


def _add(spans: list[Span], span: Span) -> None:
    """Append a span; join it with the last one if they touch."""
    if spans and spans[-1].end == span.start:
        spans[-1] = Span(spans[-1].start, span.end)
    else:
        spans.append(span)
