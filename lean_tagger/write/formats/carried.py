"""What a new tag copies from the other tags of a file, which it would hide.

Players stop at the first kind of tag that is not empty: ID3v2 before APE before ID3v1, Vorbis
comments before an ID3v2 tag in front of them, ID3v2 before INFO in TagLib and the other way
round in FFmpeg. So a new tag starts with the contents of all others, or is not made.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lean_tagger.fields import Column, field_of
from lean_tagger.write.formats import properties
from lean_tagger.write.formats.id3_frames import sized, text_frame
from lean_tagger.write.source import Piece, Span
from lean_tagger.write.splice import length

# A year, a month, a day: v2.3 has them in two frames.
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_YEAR = re.compile(r"[0-9]{4}")
# In v2.4 a time of day may follow; TagLib shows a space for every T, also in "UTC".
_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}( [0-9]{2}(:[0-9]{2}){0,2})?)?)?")
_TIMES = ("TDEN", "TDOR", "TDRC", "TDRL", "TDTG")


class Picture(NamedTuple):
    """A picture, with its kind as a number of ID3v2."""

    kind: int
    mime: str
    description: str
    data: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The contents of one or several tags, independent of their format.

    Attributes
    ----------
    texts : mapping of str to sequence of str
        By property (see `properties`).
    pictures : sequence of Picture
        They refer to bytes in the file.
    frames : sequence of bytes or Span
        Whole ID3v2 frames that can only be copied into a tag of version `frames_version`.
    obstacle : str
        What cannot be copied, for a message; empty if everything can.
    """

    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()
    frames: Sequence[Piece] = ()
    frames_version: int = 0
    obstacle: str = ""

    def __bool__(self) -> bool:
        return bool(self.texts or self.pictures or self.frames or self.obstacle)

    def and_then(self, other: "Carried") -> "Carried":
        """Return both; if both have a property or pictures, this one's are used."""
        names = {name.upper() for name in self.texts}
        more = {name: it for name, it in other.texts.items() if name.upper() not in names}
        return Carried(
            texts={**self.texts, **more},
            pictures=self.pictures or other.pictures,
            frames=self.frames or other.frames,
            frames_version=self.frames_version or other.frames_version,
            obstacle=self.obstacle or other.obstacle,
        )

    def without_ours(self) -> "Carried":
        """Return the same without our fields, which the new tag gets anyway."""
        columns: tuple[Column, ...] = ("vorbis", "ape", "asf")
        texts = {name: it for name, it in self.texts.items() if field_of(name, *columns) is None}
        return Carried(
            texts=texts,
            pictures=self.pictures,
            frames=self.frames,
            frames_version=self.frames_version,
            obstacle=self.obstacle,
        )

    def as_id3(self, version: int) -> list[Piece]:
        """Return ID3v2.3 or v2.4 frames, the copied ones first."""
        pieces: list[Piece] = list(self.frames)
        for name, values in self.texts.items():
            pieces.append(_id3_text(name, values, version))
        for picture in self.pictures:
            head = b"\0" + picture.mime.encode("latin-1") + b"\0" + bytes([picture.kind])
            head += picture.description.encode("latin-1", "replace") + b"\0"
            size = len(head) + length([picture.data])
            pieces += [b"APIC" + sized(size, version) + b"\0\0" + head, picture.data]
        return pieces

    def as_vorbis(self) -> list[tuple[str, str]]:
        """Return names and values of a Vorbis comment."""
        return [(name.upper(), value) for name, values in self.texts.items() for value in values]

    def as_ape(self) -> list[tuple[str, bytes]]:
        """Return keys and values of APEv2 items."""
        return [
            (properties.to_ape(name), "\0".join(values).encode("utf-8"))
            for name, values in self.texts.items()
        ]


def _id3_text(name: str, values: Sequence[str], version: int) -> bytes:
    """Return the frame for a property."""
    upper = name.upper()
    if upper in ("COMMENT", "LYRICS", "UNSYNCEDLYRICS"):
        # As a text frame, with the language and an empty description after the encoding.
        frame = b"COMM" if upper == "COMMENT" else b"USLT"
        whole = text_frame(frame.decode("ascii"), ["", "\n".join(values)], version)
        data = whole[10:11] + b"XXX" + whole[11:]
        return frame + sized(len(data), version) + b"\0\0" + data
    frame_name = properties.to_frame(upper, version)
    if frame_name == "TYER" and (day := _DAY.fullmatch(values[0])):
        year, month, date = day.groups()
        return text_frame("TYER", [year], version) + text_frame("TDAT", [date + month], version)
    plain = _YEAR if frame_name in ("TYER", "TORY") else _TIME if frame_name in _TIMES else None
    if frame_name is None or (plain and not all(plain.fullmatch(it) for it in values)):
        return text_frame("TXXX", [name, *values], version)
    return text_frame(frame_name, values, version)
