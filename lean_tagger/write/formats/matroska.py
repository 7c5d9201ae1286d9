"""Matroska and WebM: the Tags element of a Segment (RFC 9559).

Nothing that is addressed ever moves: Cues, SeekHead and many players know places by their
distance from the Segment's start. So tags go into free space (Void), or behind everything,
where the SeekHead has to tell of them; and what they leave becomes free space.
"""

from collections.abc import Iterator, Mapping, Sequence

from lean_tagger.write.formats import ebml, ffmpeg_check
from lean_tagger.write.formats.ebml import CRC, VOID, Element
from lean_tagger.write.formats.fields import field_of
from lean_tagger.write.formats.matroska_seek import SEEK_HEAD, TAGS, SeekHead
from lean_tagger.write.formats.matroska_tags import MatroskaTags
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth

MAGIC = b"\x1a\x45\xdf\xa3"
_SEGMENT, _DOC_TYPE = 0x18538067, 0x4282
_TRACKS, _TRACK, _TRACK_UID, _TRACK_TYPE, _AUDIO = 0x1654AE6B, 0xAE, 0x73C5, 0x83, 2
_CLUSTER = 0x1F43B675
# What ends a Cluster of unknown size: SeekHead, Info, Tracks, Cluster, Cues, Attachments,
# Chapters, Tags.
_LEVEL_1 = (*(SEEK_HEAD, 0x1549A966, _TRACKS, _CLUSTER, 0x1C53BB6B, 0x1941A469, 0x1043A770, TAGS),)
_PADDING_BYTES = 1024
_MOST_ELEMENTS = 2_000_000
_LARGEST_LOADED_BYTES = 16 << 20
_LARGEST_ZEROS_BYTES = 1 << 20


def _header(source: Source) -> Element | None:
    """Return the EBML header of a Matroska or WebM file; None if it is none."""
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


class MatroskaFile:
    """A Matroska or WebM file (MKA, MKV).

    Parameters
    ----------
    source : Source
        The file.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        header = _header(source)
        assert header is not None  # noqa: S101 - or there would be another parser
        segment = ebml.element_at(source, header.end, source.size)
        if segment.id != _SEGMENT:
            raise source.refuse("its EBML structure is damaged: there is no Segment")
        self._live = segment.end < 0
        self._segment = Element(
            _SEGMENT, segment.start, segment.body, source.size if self._live else segment.end
        )
        self._first_cluster = self._segment.end
        self._tags_at: Element | None = None
        self._seek: SeekHead | None = None
        self._audio_uids: list[int] = []
        # What may be written anew, in order: neither of these touches the next one.
        self._regions = self._look_through()
        self._data = self._tags_data()
        self._tags = MatroskaTags(source, self._data, self._audio_uids)

    @property
    def tagged(self) -> bool:
        """Whether there is a Tags element already."""
        return self._tags_at is not None

    # --- reading

    def _elements(self) -> Iterator[Element]:
        """Yield what is in the Segment; a Cluster of unknown size with all that is in it."""
        source, end, count = self._source, self._segment.end, 0
        position = self._segment.body
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
            raise self._source.refuse("it has more parts than any music has; nothing was written")
        return count + 1

    def _look_through(self) -> list[Span]:
        """Find the parts that matter; return what may be written anew."""
        source, free, seeks = self._source, list[Span](), list[SeekHead]()
        for it in self._elements():
            if it.id == CRC:
                raise source.refuse("it has a checksum over everything, which writing would break")
            if it.id == _CLUSTER:
                self._first_cluster = min(self._first_cluster, it.start)
            elif it.id == _TRACKS:
                self._audio_uids += self._uids(it)
            elif it.id == SEEK_HEAD:
                seeks.append(SeekHead(source, it))
            elif it.id == TAGS:
                if self._tags_at:
                    raise source.refuse(
                        "it has more than one Tags element, of which players read different ones"
                    )
                self._tags_at = it
            if it.id in (TAGS, VOID):
                _add(free, Span(it.start, it.end))
        self._seek = self._one_of(seeks)
        if self._seek:
            free.append(Span(self._seek.at.start, self._seek.at.end))
        return _joined(free)

    def _one_of(self, seeks: list[SeekHead]) -> SeekHead | None:
        """Return the table of contents that tells of the tags, or is to."""
        telling = [seek for seek in seeks if seek.tells_of_tags]
        if len(telling) > 1:
            raise self._source.refuse("it has two tables of contents that name its tags")
        return next(iter([*telling, *seeks]), None)

    def _uids(self, tracks: Element) -> Iterator[int]:
        """Yield the numbers by which tags know the tracks that are music."""
        data = self._loaded(tracks)
        for track in ebml.children(data):
            if track.id == _TRACK:
                inside = ebml.children(data, track.body, track.end)
                said = {it.id: int.from_bytes(data[it.body : it.end], "big") for it in inside}
                if said.get(_TRACK_TYPE) == _AUDIO:
                    yield said.get(_TRACK_UID, 0)

    def _tags_data(self) -> bytes:
        return self._loaded(self._tags_at) if self._tags_at else b""

    def _loaded(self, it: Element) -> bytes:
        if it.end - it.body > _LARGEST_LOADED_BYTES:
            raise self._source.refuse("its tags or tracks are too large to be edited safely")
        return self._source.at(it.body, it.end - it.body)

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        return self._tags.values()

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as FFmpeg reads them, if it finds them in the file."""
        found: dict[str, dict[str, None]] = {}
        raw = [it.raw for it in self._tags.ours()]
        for name, text in reversed(ffmpeg_check.read_simple_tags(self._source, raw)):
            field = field_of(name, "matroska")
            if field is not None and text.strip():
                found.setdefault(field, {})[text] = None
        shown = ffmpeg_check.shown(self._source).fields
        values = {field: tuple(texts) for field, texts in found.items()}
        return {f: texts for f, texts in values.items() if texts[0] in shown.get(f, ())}

    # --- writing

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields."""
        content = self._tags.rendered(changes)
        if content == self._data:
            return []
        if not content:
            patches = self._placed(b"", self._regions[0])
        else:
            tags = ebml.element(TAGS, content)
            ways = (self._placed(tags, region) for region in self._candidates())
            patches = next((it for it in ways if it is not None), None)
            patches = patches or self._placed(tags, self._last(), grows=not self._live)
        if patches is None:
            reason = " (it was recorded live)" if self._live else ""
            raise self._source.refuse(f"there is no room in it for tags{reason}")
        return patches

    def _candidates(self) -> list[Span]:
        """Return where tags may find room, best first."""
        old = self._tags_at
        stay = [it for it in self._regions if old and it.start <= old.start < it.end]
        return [*stay, *self._regions]

    def _last(self) -> Span:
        """Return the region that the Segment ends with, or an empty one."""
        end = self._segment.end
        return next((it for it in self._regions if it.end == end), Span(end, end))

    def _placed(self, tags: bytes, chosen: Span, *, grows: bool = False) -> list[Patch] | None:
        """Return the patches that put the tags into a region, None if there is no room.

        Players that read from the start on find tags in front of the first Cluster; others
        the SeekHead has to name.
        """
        found = chosen.start < self._first_cluster
        if self._seek is None or (not tags and not self._seek.tells_of_tags):
            return (
                self._written(tags, chosen, told=False, grows=grows) if found or not tags else None
            )
        patches = self._written(tags, chosen, told=bool(tags), grows=grows)
        if patches is None and found and not self._seek.tells_of_tags:
            patches = self._written(tags, chosen, told=False, grows=grows)
        return patches

    def _written(self, tags: bytes, chosen: Span, *, told: bool, grows: bool) -> list[Patch] | None:
        seek, old = self._seek, self._tags_at
        position_bytes = 4 if self._segment.end < 1 << 31 else 8
        where = chosen.start - self._segment.body
        head = b""
        if seek:
            head = seek.telling(where if told else None, position_bytes=position_bytes)
            behind = chosen.start <= seek.at.start < chosen.end
            for _ in range(2 if told and behind else 0):  # the first round shows its length
                head = seek.telling(where + len(head), position_bytes=position_bytes)
        patches = []
        for region in {*self._regions, chosen}:
            parts = [head] if seek and region.start <= seek.at.start < region.end else []
            had_tags = old is not None and region.start <= old.start < region.end
            if tags and region == chosen:
                parts.append(tags)
            elif not had_tags and (seek is None or not parts or head == seek.raw):
                continue
            patch = self._filled(region, parts, grows=grows and region == chosen)
            if patch is None:
                return None
            patches.append(patch)
        return self._grown(patches)

    def _filled(self, region: Span, parts: list[bytes], *, grows: bool) -> Patch | None:
        """Return the patch that fills a region with elements and free space behind them.

        None if they do not fit and it may not grow.
        """
        left = region.end - region.start - sum(map(len, parts))
        if left == 1:
            parts[-1] = ebml.widened(parts[-1])
            left = 0
        if left < 0 and grows:
            return Patch(*region, (*parts, ebml.void(_PADDING_BYTES), bytes(_PADDING_BYTES - 9)))
        if left < 0:
            return None
        pieces: list[Piece] = [*parts]
        if left:
            head = ebml.void(left)
            rest = left - len(head)
            zeros = bytes(rest) if rest <= _LARGEST_ZEROS_BYTES else None
            pieces += [head, Span(region.end - rest, region.end) if zeros is None else zeros]
        return Patch(*region, tuple(pieces))

    def _grown(self, patches: list[Patch]) -> list[Patch] | None:
        """Mend the size of the Segment."""
        grown, segment = growth(patches), self._segment
        if not grown:
            return patches
        size_bytes = segment.body - segment.start - 4
        size = segment.end - segment.body + grown
        if size >= (1 << 7 * size_bytes) - 1:
            return None
        new = (1 << 7 * size_bytes | size).to_bytes(size_bytes, "big")
        return [*patches, Patch(segment.start + 4, segment.body, (new,))]

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        yield "the EBML header", Span(0, self._segment.start)
        ends = [self._segment.body, *(it.end for it in self._regions)]
        starts = [*(it.start for it in self._regions), self._segment.end]
        for start, end in zip(ends, starts, strict=True):
            if start < end:
                yield "where its audio lies", b"%d" % start
                yield "its audio, or what describes it", Span(start, end)
        if self._seek:
            yield from self._seek.foreign()
        yield from self._tags.foreign()
        yield "what stands behind its Segment", Span(self._segment.end, self._source.size)
        yield "what FFmpeg shows of it", ffmpeg_check.shown(self._source).others


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Return spans in order, those that touch as one."""
    regions: list[Span] = []
    for span in sorted(spans):
        _add(regions, span)
    return regions


def _add(spans: list[Span], span: Span) -> None:
    """Append a span; where it touches the last one, make one of both."""
    if spans and spans[-1].end == span.start:
        spans[-1] = Span(spans[-1].start, span.end)
    else:
        spans.append(span)
