"""Which format a file has, by its content, and who edits the tags of that format.

==========================================  ==========================================
format                                      genre, mood, leantag
==========================================  ==========================================
MP3, ADTS, WAV, AIFF, DSF, TrueAudio        TCON, TMOO or TXXX:MOOD, TXXX:LEANTAG
FLAC, Ogg Vorbis, Opus, Speex, Ogg FLAC     GENRE, MOOD, LEANTAG
MP4                                         ©gen, ----:com.apple.iTunes:MOOD, …:LEANTAG
ASF                                         WM/Genre, WM/Mood, LEANTAG
WavPack, Musepack, Monkey's, OptimFROG, TAK Genre, Mood, LEANTAG
TrueAudio with an APEv2 tag and no ID3v2    Genre, Mood, LEANTAG
==========================================  ==========================================
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from lean_tagger.errors import WriteError
from lean_tagger.write.formats import id3, mpeg
from lean_tagger.write.formats.ape import ApeFile
from lean_tagger.write.formats.asf import HEADER as ASF_HEADER
from lean_tagger.write.formats.asf import AsfFile
from lean_tagger.write.formats.flac import FlacFile
from lean_tagger.write.formats.id3_file import Id3File
from lean_tagger.write.formats.id3_hosts import Chunked, Dsf, Leading
from lean_tagger.write.formats.mp4 import Mp4File
from lean_tagger.write.formats.ogg import OggFile, codec_of
from lean_tagger.write.source import Piece, Source
from lean_tagger.write.splice import Patch


class Document(Protocol):
    """A file's tags, parsed."""

    @property
    def tagged(self) -> bool:
        """Whether the file has tags of the kind that ours go into."""

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields, as this package reads them."""

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields, as mutagen reads them."""

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields."""

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours, each with a name for messages."""


def _true_audio(source: Source) -> Document:
    """TrueAudio has both kinds of tags, and readers take one: stay with what is there."""
    ape = ApeFile(source) if id3.span_of(source, 0, source.size) is None else None
    return ape if ape and ape.tagged else Id3File(source, Leading(source))


def _mpeg(source: Source) -> Document:
    """Return the tag that describes the music: a new ID3 tag would hide an APE tag.

    One that holds no more than replay gain describes nothing.
    """
    if id3.span_of(source, 0, source.size) is None:
        with suppress(WriteError):  # of an older version, or damaged: only looked at here
            ape = ApeFile(source)
            if ape.describes:
                return ape
    return Id3File(source, Leading(source))


_PARSERS: dict[str, Callable[[Source], Document]] = {
    "mpeg": _mpeg,
    "tta": _true_audio,
    "wav": lambda source: Id3File(source, Chunked(source, "little")),
    "aiff": lambda source: Id3File(source, Chunked(source, "big")),
    "dsf": lambda source: Id3File(source, Dsf(source)),
    "flac": FlacFile,
    "ogg": OggFile,
    "mp4": Mp4File,
    "asf": AsfFile,
    "ape": ApeFile,
}
# Formats that carry APEv2 tags: WavPack, Musepack (SV7, SV8), Monkey's Audio, OptimFROG, TAK.
_APE_MAGIC = (b"wvpk", b"MP+", b"MPCK", b"MAC ", b"OFR ", b"tBaK")
# What an MP4 or a QuickTime file without a type atom starts with.
_MP4_ATOMS = (b"moov", b"mdat", b"free", b"skip", b"wide")


def format_of(source: Source) -> str | None:
    """Return which parser a file needs; None if there is none for its format."""
    leading = id3.span_of(source, 0, source.size)
    start = leading.end if leading else 0
    head = source.peek(start, 16)
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(_APE_MAGIC):
        return "ape"
    if head[:4] in (b"TTA1", b"TTA2"):
        return "tta"
    if leading is None:
        name = _format_by_head(source, head)
        if name is not None:
            return name
    return "mpeg" if mpeg.found(source, start, after_tag=leading is not None) else None


def _format_by_head(source: Source, head: bytes) -> str | None:
    """Return the format of a file that may not have an ID3 tag in front."""
    found: str | None = None
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        found = "wav"
    elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        found = "aiff"
    elif head[:4] == b"DSD ":
        found = "dsf"
    elif head[:4] == b"OggS":
        found = "ogg" if codec_of(source) else None
    elif head == ASF_HEADER:
        found = "asf"
    elif head[4:8] in _MP4_ATOMS or (head[4:8] == b"ftyp" and head[8:12] != b"qt  "):
        found = "mp4"
    return found


def parse(source: Source) -> Document:
    """Parse a file's tags.

    Raises
    ------
    WriteError
        If its format has no place for our fields, or its tags are damaged.
    """
    name = format_of(source)
    if name is None:
        raise source.refuse("its format is not one that lean-tag can write tags into")
    return _PARSERS[name](source)
