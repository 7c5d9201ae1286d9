"""The other tags of a file, apart from the one that ours go into.

Readers differ in which tag they read. So a genre that any of them shows counts as present; our
values go into each tag that has the field; and a new tag copies the contents of the others.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from lean_tagger.errors import WriteError
from lean_tagger.write.formats import id3, mpeg, mutagen_check, properties
from lean_tagger.write.formats.ape import ApeFile
from lean_tagger.write.formats.carried import Carried, Picture
from lean_tagger.write.formats.id3 import Id3Tag
from lean_tagger.write.formats.older_tags import Id3v1, Id3v1Extension
from lean_tagger.write.formats.read_only_tag import ReadOnlyTag
from lean_tagger.write.formats.xmp import Xmp
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch

_LARGEST_FRAME_BYTES = 1 << 20
_MOST_INSIDE = 9  # each has a number of one digit in the journal
_LARGEST_PICTURE_HEAD = 512


class OtherTag(Protocol):
    """A tag other than the one that ours go into."""

    @property
    def name(self) -> str:
        """The kind of tag, for the journal."""

    @property
    def shown_first(self) -> bool:
        """Whether a reader shows it instead of ours, even if it lacks a field."""

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return its values of our fields."""

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's items, if its values do not determine them."""

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return the new values that it can hold."""

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change for new values of our fields."""

    def holes(self) -> list[Span]:
        """Return the spans that a change of our fields may change."""

    def carried(self) -> Carried:
        """Return its contents for a new tag."""


class Unreadable(ReadOnlyTag):
    """A tag that does not parse; no new tag may hide it.

    Parameters
    ----------
    name : str
        The kind of tag.
    reason : str
        What cannot be copied from it, for a message.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self._reason = reason

    def carried(self) -> Carried:
        """Return the obstacle."""
        return Carried(obstacle=self._reason)


class OnlyRead(ReadOnlyTag):
    """A tag that no reader prefers to the one that ours go into; it does not change.

    Parameters
    ----------
    tag : OtherTag
        The tag.
    hideable : bool
        Whether another tag would hide it from a reader that shows it.
    """

    def __init__(self, tag: OtherTag, *, hideable: bool = True) -> None:
        self.name = tag.name
        self._tag = tag
        self._hideable = hideable

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return its values of our fields."""
        return self._tag.values()

    def carried(self) -> Carried:
        """Return its contents for a new tag."""
        return self._tag.carried() if self._hideable else Carried()


class OtherId3:
    """An ID3v2 tag before a format that has its own tags.

    Parameters
    ----------
    source : Source
        The file.
    tag : Id3Tag
        The tag.
    """

    name = "id3v2"
    shown_first = False

    def __init__(self, source: Source, tag: Id3Tag) -> None:
        self._source = source
        self._tag = tag

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return its values of our fields; none if it does not parse."""
        with suppress(WriteError):
            return self._tag.values()
        return {}

    def unpacks(self) -> bool:
        """Tell whether it has compressed frames."""
        return self._tag.unpacks()

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's frames, if its values do not determine them."""
        return self._tag.exact(field)

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return the new values that it can hold: all."""
        del field
        return tuple(values)

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change for new values of our fields."""
        return self._tag.patches(changes)

    def holes(self) -> list[Span]:
        """Return the spans that a change of our fields may change."""
        return self._tag.holes()

    def carried(self) -> Carried:
        """Return its contents for a new tag."""
        source, tag = self._source, self._tag
        texts: list[bytes] = []
        pictures: list[Picture] = []
        for frame in tag.frames:
            name, size = frame.name.rstrip(" \0"), frame.span.end - frame.span.start
            picture = _picture(source, tag, frame.span) if name == "APIC" else None
            if picture:
                pictures.append(picture)
            elif name.startswith(("T", "W", "COM", "ULT", "USLT")) and size < _LARGEST_FRAME_BYTES:
                texts.append(tag.decoded(frame))
            else:
                return Carried(obstacle=f"the {name} frame of its ID3 tag")
        said, obstacle = _texts(texts, tag.version, unsynchronised=bool(tag.flags & 0x80))
        return Carried(texts=said, pictures=pictures, obstacle=obstacle)


class InnerId3(OtherId3):
    """An ID3v2 tag between frames of ADTS, as streams have them: FFmpeg shows it on top.

    Parameters
    ----------
    source, tag
        As for `OtherId3`.
    number : int
        Which of these tags it is, from one on.
    """

    def __init__(self, source: Source, tag: Id3Tag, number: int) -> None:
        super().__init__(source, tag)
        self.name = f"inside{number}" if number > 1 else "inside"

    def carried(self) -> Carried:
        """Return nothing: no other tag hides it."""
        return Carried()


class BuriedId3(OtherId3):
    """An ID3v2 tag after some junk at the start of an MP3, where not all readers find it.

    If there is a tag at the start, no reader finds this one. It does not change.

    Parameters
    ----------
    source, tag
        As for `OtherId3`.
    shown : bool
        Whether any reader finds it.
    """

    name = "buried"

    def __init__(self, source: Source, tag: Id3Tag, *, shown: bool) -> None:
        super().__init__(source, tag)
        self._shown = shown

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return what it says about our fields, if anybody finds it."""
        return self.hidden_values() if self._shown else {}

    def hidden_values(self) -> dict[str, tuple[str, ...]]:
        """Return what it says, also where nobody finds it."""
        return super().values()

    def exact(self, field: str) -> tuple[str, ...]:
        """Return nothing: it does not change."""
        del field
        return ()

    def held(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return its present values."""
        del values
        return self.values().get(field, ())

    def holes(self) -> list[Span]:
        """Return no spans."""
        return []

    def carried(self) -> Carried:
        """Return its frames, which a tag of the same version can copy unchanged."""
        tag = self._tag
        if tag.version == 2 or tag.flags & 0x80 or tag.plain_sizes or not tag.frames:
            return super().carried()
        frames: list[Piece] = [frame.span for frame in tag.frames if frame.field is None]
        return Carried(frames=frames, frames_version=tag.version)


def _texts(
    frames: Sequence[bytes], version: int, *, unsynchronised: bool
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Return the texts of frames by property, and the first frame without a property."""
    said: dict[str, tuple[str, ...]] = {}
    for frame_id, label, values in mutagen_check.read_texts(
        frames, version, unsynchronised=unsynchronised
    ):
        name: str | None = label
        if frame_id == "COMM":
            name = label if label and label != "ID3v1 Comment" else "COMMENT"
        elif frame_id == "USLT":
            name = "LYRICS"
        elif frame_id == "WXXX":
            name = f"URL:{label}" if label else "URL"
        elif frame_id != "TXXX":
            name = properties.of_frame(frame_id)
        if not name:
            return said, f"the {frame_id} frame of its ID3 tag"
        said[name] = (*said.get(name, ()), *values)
    return said, ""


def _picture(source: Source, tag: Id3Tag, span: Span) -> Picture | None:
    """Return the picture of an APIC frame in plain form: encoding, type, kind, description."""
    head = source.peek(span.start, min(_LARGEST_PICTURE_HEAD, span.end - span.start))
    if tag.version == 2 or tag.flags & 0x80 or any(head[8:10]):
        return None
    encoding, position = head[10], head.find(b"\0", 11)
    if encoding not in (0, 3) or position < 0:
        return None
    mime, kind = head[11:position].decode("latin-1"), head[position + 1]
    end = head.find(b"\0", position + 2)
    if end < 0 or "/" not in mime:
        return None
    description = head[position + 2 : end].decode("latin-1" if encoding == 0 else "utf-8")
    return Picture(kind, mime, description, Span(span.start + end + 1, span.end))


def leading(source: Source) -> list[OtherTag]:
    """Return the ID3v2 tag at a file's start, if there is one."""
    try:
        tag = id3.parse(source, 0, source.size)
    except WriteError:
        return [Unreadable("id3v2", "what is in its ID3 tag, which does not parse")]
    return [OtherId3(source, tag), *Xmp.all_of(source, tag.xmp(), plain=tag.plain)] if tag else []


def buried(source: Source, start: int, *, shown: bool) -> list[OtherTag]:
    """Return the ID3v2 tag between some junk and the first frame of an MP3, if there is one.

    Parameters
    ----------
    source : Source
        The file.
    start : int
        Where junk could begin: after a tag at the start.
    shown : bool
        Whether any reader finds it.
    """
    end = mpeg.first_frame(source, start, after_tag=start > 0) or start
    position = source.peek(start, end - start).find(b"ID3")
    if position <= 0:
        return []
    with suppress(WriteError):
        tag = id3.parse(source, start + position, source.size)
        return [BuriedId3(source, tag, shown=shown)] if tag else []
    return [Unreadable("buried", "what is in its ID3 tag, which does not parse")]


def inside(source: Source, start: int) -> list[OtherTag]:
    """Return the ID3v2 tags between the first frames of an ADTS file that starts at `start`.

    FFmpeg shows those that it meets while it finds out what the sound is; a few kB, so far.
    """
    found: list[OtherTag] = []
    for position in mpeg.between_adts_frames(source, start):
        with suppress(WriteError):  # what does not parse is no reader's
            tag = id3.parse(source, position, source.size)
            found += [InnerId3(source, tag, len(found) + 1)] if tag else []
    return found[:_MOST_INSIDE]


def trailing(source: Source, *, ape: bool, shown_first: bool = False) -> list[OtherTag]:
    """Return the tags at a file's end: an APE tag, if asked for, and an ID3v1 trailer.

    Parameters
    ----------
    source : Source
        The file.
    ape : bool
        Whether to look for an APE tag.
    shown_first : bool
        Whether FFmpeg shows an ID3v1 trailer instead of the tag that ours go into.
    """
    found: list[OtherTag] = []
    if ape:
        try:
            tag = ApeFile(source, any_version=True)
            found += [tag] if tag.tagged else []
        except WriteError as error:
            found.append(Unreadable("ape", f"what is in its APE tag ({error.message})"))
    trailer: tuple[OtherTag | None, ...] = (
        Id3v1.find(source, shown_first=shown_first),
        Id3v1Extension.find(source),
    )
    return [*found, *(tag for tag in trailer if tag)]
