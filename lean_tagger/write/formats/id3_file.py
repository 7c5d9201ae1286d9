"""A file with ID3v2 tags: the tag, and its host."""

from collections.abc import Iterator, Mapping, Sequence

from lean_tagger.write.formats import id3
from lean_tagger.write.formats.carried import Carried
from lean_tagger.write.formats.id3_hosts import Host
from lean_tagger.write.formats.older_tags import InfoList
from lean_tagger.write.formats.xmp import Xmp
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth, length

_MOST_LISTS = 9  # each has a number of one digit in the journal


class Id3File:
    """An MP3, ADTS, TrueAudio, WAV, AIFF, DSDIFF or DSF file.

    Parameters
    ----------
    source : Source
        The file.
    host : Host
        The structure that holds the tag.
    """

    def __init__(self, source: Source, host: Host) -> None:
        self._source = source
        self._host = host
        room = host.room
        self._tag = id3.parse(source, room.start, room.end) if room else None
        if room and not self._tag:
            raise source.refuse("the data in the place of its ID3 tag is not one")

    @property
    def room(self) -> Span | None:
        """The span of the tag; None if there is none."""
        return self._host.room

    @property
    def unpacks(self) -> bool:
        """Whether its tag has compressed frames."""
        return bool(self._tag and self._tag.unpacks())

    @property
    def mends(self) -> bool:
        """Whether a write corrects sizes that kept some readers from finding the tag."""
        return self._host.mends

    @property
    def tagged(self) -> bool:
        """Whether there is a non-empty ID3v2 tag already."""
        return bool(self._tag and self._tag.frames)

    @property
    def info_lists(self) -> list[InfoList]:
        """RIFF's INFO lists."""
        if len(self._host.lists) > _MOST_LISTS:
            raise self._source.refuse("it has too many INFO lists")
        lists = enumerate(self._host.lists, 1)
        return [InfoList(self._source, span, number) for number, span in lists]

    def xmp(self) -> list[Xmp]:
        """Return XMP packets: in the tag, or in a chunk of their own."""
        spans = [*self._host.named(b"_PMX"), *(self._tag.xmp() if self._tag else ())]
        return Xmp.all_of(self._source, spans, plain=self._tag is None or self._tag.plain)

    @property
    def tag(self) -> id3.Id3Tag | None:
        """Its ID3v2 tag, if there is one."""
        return self._tag

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        return self._tag.values() if self._tag else {}

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's frames, if its values do not determine them."""
        return self._tag.exact(field) if self._tag else ()

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as mutagen reads them; here it always does."""
        return self.values()

    def patches(
        self, changes: Mapping[str, Sequence[str]], carried: Carried | None = None
    ) -> list[Patch]:
        """As `Document.patches`, with what an empty tag takes over from others."""
        carried = carried if carried and any(changes.values()) else Carried()
        inherited = self.inherited(carried)
        if self._tag:
            patches = self._tag.patches(changes, inherited)
            return patches + self._host.resized(growth(patches))
        tag = id3.new_tag(changes, inherited, version=self._version(carried))
        return self._host.place(tag) if tag else []

    def _version(self, carried: Carried) -> int:
        if self._tag:
            return self._tag.version
        return carried.frames_version or self._source.id3_version

    def inherited(self, carried: Carried) -> list[Piece]:
        """Return the frames that a new tag copies from other tags.

        Raises
        ------
        WriteError
            If there is a tag without frames in a form that cannot hold them.
        """
        version = self._version(carried)
        tag = self._tag
        copied = not carried.frames or carried.frames_version == version
        fits = tag is None or (version > 2 and not tag.flags & 0x80 and copied)
        if carried and not fits:
            raise self._source.refuse(
                "it has an ID3 tag without frames, and new frames would hide its other tags"
            )
        return carried.as_id3(version) if carried else []

    def settled(self, patches: Sequence[Patch]) -> list[Patch]:
        """Return all patches to the file, with those that correct its size."""
        return self._host.settled(patches)

    def removal(self) -> list[Patch]:
        """Return the patches that remove the tag."""
        return self._host.removal()

    def emptied(self) -> list[Patch]:
        """Return the patches that leave an empty tag."""
        return self._tag.emptied() if self._tag else []

    def inside(self) -> list[Piece]:
        """Return the parts of the tag that are not ours, and the data after it in its room."""
        return [piece for _, piece in self._of_tag()]

    def _of_tag(self) -> Iterator[tuple[str, Piece]]:
        if self._tag and self._host.room:
            yield from self._tag.foreign()
            behind = Span(self._tag.span.end, self._host.room.end)
            yield "the data after the ID3 tag", behind

    def kept(self) -> list[Piece]:
        """Return the frames that are not ours, and other data after them."""
        return [
            piece
            for name, piece in self._of_tag()
            if name.endswith(" frame") or (name.startswith("the data") and length([piece]))
        ]

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        yield from self._host.others
        yield from self._of_tag()
