"""Matroska and WebM: the Tags element of a Segment (RFC 9559).

Cues and SeekHead hold positions as distances from the Segment's start. So tags go into free space
(Void), or after everything else, where the SeekHead must name them; their old place becomes free
space. If tags before the sound do not fit there any more, readers that stop at the sound would
lose them. Only then is room made for them, and all positions are corrected.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from lean_tagger.fields import field_of
from lean_tagger.write.formats import ebml, ffmpeg_check
from lean_tagger.write.formats.ebml import Element
from lean_tagger.write.formats.matroska_layout import MatroskaLayout
from lean_tagger.write.formats.matroska_places import TAGS
from lean_tagger.write.formats.matroska_tags import MatroskaTags
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth

_PADDING_BYTES = 1024
_LARGEST_ZEROS_BYTES = 1 << 20


class MatroskaFile:
    """A Matroska or WebM file (MKA, MKV).

    Parameters
    ----------
    source : Source
        The file.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._layout = MatroskaLayout(source)
        self._data = self._layout.tags_data()
        self._tags = MatroskaTags(source, self._data, self._layout.audio_uids)

    @cached_property
    def _shown(self) -> ffmpeg_check.Shown:
        return ffmpeg_check.shown(self._source)

    @property
    def tagged(self) -> bool:
        """Whether there is a Tags element already."""
        return self._layout.tags_at is not None

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        return self._tags.values()

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's tags, where its values do not tell them."""
        return self._tags.exact(field)

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as FFmpeg reads them, if it finds them in the file."""
        found: dict[str, dict[str, None]] = {}
        raw = [it.raw for it in self._tags.ours()]
        for name, text in reversed(ffmpeg_check.read_simple_tags(self._source, raw)):
            field = field_of(name, "matroska")
            if field is not None and text.strip():
                found.setdefault(field, {})[text] = None
        shown = self._shown.fields
        values = {field: tuple(texts) for field, texts in found.items()}
        return {f: texts for f, texts in values.items() if texts[0] in shown.get(f, ())}

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields."""
        content = self._tags.rendered(changes)
        if content == self._data:
            return []
        ways = self._ways(ebml.element(TAGS, content)) if content else self._removed()
        patches = next((it for it in ways if it is not None), None)
        if patches is None:
            live = "it was recorded live and has no room for tags"
            raise self._source.refuse(live if self._layout.live else "it has no room for tags")
        return patches

    def _removed(self) -> Iterator[list[Patch] | None]:
        yield self._written(b"", self._layout.regions[0], told=False)

    def _ways(self, tags: bytes) -> Iterator[list[Patch] | None]:
        """Yield the patches for each place where the tags could go, best first; None: no room."""
        lay = self._layout
        old, end, sound = lay.tags_at, lay.segment.end, lay.first_cluster
        stay = [it for it in lay.regions if _has(it, old)]
        early = [it for it in lay.regions if it.start < sound]
        for region in (*stay, *early):
            yield from self._tried(tags, region)
        seen = old is not None and old.start < sound and any(self._tags.foreign())
        if seen and not lay.live and not lay.addressed:
            yield self._written(tags, stay[0], told=lay.seek is not None, moves=True)
        for region in lay.regions:
            yield from self._tried(tags, region)
        if not lay.live:
            last = next((it for it in lay.regions if it.end == end), Span(end, end))
            yield from self._tried(tags, last, grows=True)

    def _tried(
        self, tags: bytes, chosen: Span, *, grows: bool = False
    ) -> Iterator[list[Patch] | None]:
        """Yield the patches that put tags into a region and name them in the SeekHead.

        Before the first Cluster, players find them even if it does not.
        """
        lay = self._layout
        if lay.seek:
            yield self._written(tags, chosen, told=True, grows=grows)
        if chosen.start < lay.first_cluster and not (lay.seek and lay.seek.tells_of_tags):
            yield self._written(tags, chosen, told=False, grows=grows)

    def _written(
        self, tags: bytes, chosen: Span, *, told: bool, grows: bool = False, moves: bool = False
    ) -> list[Patch] | None:
        """Return the patches that put tags into a region, or remove them; None: no room.

        Parameters
        ----------
        tags : bytes
            The element; empty to remove it.
        chosen : Span
            The region.
        told : bool
            Whether the SeekHead should name it.
        grows : bool
            Whether the region may become longer, because it is the last one.
        moves : bool
            Whether the region may become longer and move the data after it.
        """
        lay = self._layout
        seek, old = lay.seek, lay.tags_at
        edge = chosen.end - lay.segment.body
        found = self._seek_head(tags, chosen, told=told, moves=moves)
        if found is None:
            return None
        head, grown = found
        patches: list[Patch | None] = []
        for region in {*lay.regions, chosen}:
            parts = [head] if seek and _has(region, seek.at) else []
            if tags and region == chosen:
                parts.append(tags)
            elif not _has(region, old) and (seek is None or not parts or head == seek.raw):
                continue
            patches.append(self._filled(region, parts, grows=(grows or moves) and region == chosen))
        if moves:
            patches += self._cues_moved(_moving(edge, grown))
        made = [it for it in patches if it is not None]
        if len(made) < len(patches) or (moves and growth(made) != grown):
            return None
        return self._grown(made)

    def _seek_head(
        self, tags: bytes, chosen: Span, *, told: bool, moves: bool
    ) -> tuple[bytes, int] | None:
        """Return the SeekHead for tags in a region, and by how much the data after it moves."""
        lay, head, grown = self._layout, b"", 0
        seek = lay.seek
        edge = chosen.end - lay.segment.body
        behind = seek is not None and _has(chosen, seek.at)
        # The first round gives its length, the second the distance of the move, the last is right.
        for _ in range(3):
            taken = len(head) if behind else 0
            if moves:
                grown = taken + len(tags) + _PADDING_BYTES - (chosen.end - chosen.start)
            if seek:
                made = seek.telling(
                    chosen.start - lay.segment.body + taken if told else None,
                    place_bytes=4 if lay.segment.end < 1 << 31 else 8,
                    moved=_moving(edge, grown) if moves else None,
                )
                if made is None:
                    return None
                head = made
        return head, grown

    def _cues_moved(self, moved: Callable[[int], int]) -> list[Patch | None]:
        found: list[Patch | None] = []
        for cues in self._layout.cues:
            data = cues.moved(moved)
            found.append(None if data is None else Patch(cues.at.start, cues.at.end, (data,)))
        return found

    def _filled(self, region: Span, parts: list[bytes], *, grows: bool) -> Patch | None:
        """Return the patch that fills a region with elements and free space after them.

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
        """Correct the size of the Segment."""
        grown, segment = growth(patches), self._layout.segment
        if not grown or self._layout.live:
            return patches
        size_bytes = segment.body - segment.start - 4
        size = segment.end - segment.body + grown
        if size >= (1 << 7 * size_bytes) - 1:
            return None
        new = (1 << 7 * size_bytes | size).to_bytes(size_bytes, "big")
        return [*patches, Patch(segment.start + 4, segment.body, (new,))]

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        lay = self._layout
        yield "the EBML header", Span(0, lay.segment.start)
        for span in lay.fixed():
            yield "its audio, or what describes it", span
        for cues in lay.cues:
            yield from cues.foreign(lay.place_of)
        if lay.seek:
            yield from lay.seek.foreign(lay.place_of)
        yield from self._tags.foreign()
        yield "the data after its Segment", Span(lay.segment.end, self._source.size)
        yield "what FFmpeg shows of it", self._shown.others


def _has(region: Span, element: Element | None) -> bool:
    return element is not None and region.start <= element.start < region.end


def _moving(edge: int, by: int) -> Callable[[int], int]:
    """Return a function from an old to a new position, if all from `edge` on moves."""
    return lambda place: place + by if place >= edge else place
