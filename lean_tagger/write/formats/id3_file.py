"""A file whose tags are ID3v2: the tag, what hosts it, and what stands in for it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from lean_tagger.errors import WriteError
from lean_tagger.write.formats import id3, older_tags
from lean_tagger.write.formats.ape import ApeFile
from lean_tagger.write.formats.id3_hosts import Host, Leading
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, growth


class Id3File:
    """An MP3, ADTS, TrueAudio, WAV, AIFF, DSDIFF or DSF file.

    Parameters
    ----------
    source : Source
        The file.
    host : Host
        What the tag lives in.
    """

    def __init__(self, source: Source, host: Host) -> None:
        self._source = source
        self._host = host
        room = host.room
        self._tag = id3.parse(source, room.start, room.end) if room else None
        if room and not self._tag:
            raise source.refuse("what should be its ID3 tag is none")
        # Only in front of bare audio are the older trailers a habit.
        self._trailers = isinstance(host, Leading) and self._tag is None

    @property
    def tagged(self) -> bool:
        """Whether there is an ID3v2 tag already."""
        return self._tag is not None

    @property
    def tag(self) -> id3.Id3Tag | None:
        """Its ID3v2 tag, if there is one."""
        return self._tag

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return our fields; where there is no ID3v2 tag, as older tags have them."""
        if self._tag:
            return self._tag.values()
        found: dict[str, tuple[str, ...]] = {}
        if self._trailers:
            with suppress(WriteError):  # it is not going to be touched; only its help is lost
                found = ApeFile(self._source).values()
        if (genre := self._said_elsewhere().get("genre")) is not None:
            found.setdefault("genre", (genre,))
        return found

    def _said_elsewhere(self) -> dict[str, str]:
        """Return what stands in for a tag: the ID3v1 trailer, or RIFF's INFO texts."""
        if self._tag:
            return {}
        said: dict[str, str] = {}
        if self._trailers:
            said = older_tags.id3v1(self._source, self._source.size) or {}
        for span in self._host.lists:
            said = {**older_tags.info(self._source, span), **said}
        return said

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as mutagen reads them: it always does, here."""
        return self.values()

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields."""
        if self._tag:
            return self._edited(self._tag, changes)
        # The new tag comes before the older ones for players, so it takes over what they
        # say, about our fields too.
        changes = {**self.values(), **changes}
        version = self._source.id3_version
        inherited = older_tags.as_id3(self._said_elsewhere(), version, without={"genre"})
        tag = id3.new_tag(changes, inherited, version=version)
        return self._host.place(tag) if tag else []

    def _edited(self, tag: id3.Id3Tag, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        patches = tag.patches(changes)
        return patches + self._host.resized(growth(patches))

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        yield from self._host.others
        if self._tag and self._host.room:
            yield from self._tag.foreign()
            behind = Span(self._tag.span.end, self._host.room.end)
            yield "what stands behind the ID3 tag", behind
