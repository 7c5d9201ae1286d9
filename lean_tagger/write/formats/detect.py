"""Detect a file's format by its content, and choose the module for its tags.

==========================================  ==========================================
format                                      genre, mood, leantag
==========================================  ==========================================
MP3, ADTS, WAV, AIFF, DSF, DFF, TrueAudio   TCON, TMOO or TXXX:MOOD, TXXX:LEANTAG
FLAC, Ogg Vorbis, Opus, Speex, Ogg FLAC     GENRE, MOOD, LEANTAG
MP4                                         ©gen, ----:com.apple.iTunes:MOOD, …:LEANTAG
Matroska, WebM                              GENRE, MOOD, LEANTAG
ASF                                         WM/Genre, WM/Mood, LEANTAG
WavPack, Musepack, Monkey's, OptimFROG, TAK Genre, Mood, LEANTAG
TrueAudio with an APEv2 tag and no ID3v2    Genre, Mood, LEANTAG
==========================================  ==========================================
"""

from collections.abc import Callable
from contextlib import suppress

from lean_tagger.errors import WriteError
from lean_tagger.system.containers import chunks, mp4
from lean_tagger.write.formats import id3, matroska_layout, mpeg
from lean_tagger.write.formats.all_tags import AllTags
from lean_tagger.write.formats.ape import ApeFile
from lean_tagger.write.formats.asf import HEADER as ASF_HEADER
from lean_tagger.write.formats.asf import AsfFile
from lean_tagger.write.formats.flac import FlacFile
from lean_tagger.write.formats.id3_file import Id3File
from lean_tagger.write.formats.id3_hosts import Chunked, Dsf, Host, Leading
from lean_tagger.write.formats.matroska import MatroskaFile
from lean_tagger.write.formats.mp4 import Mp4File
from lean_tagger.write.formats.ogg import OggFile, codec_of
from lean_tagger.write.formats.older_tags import Id3v1, InfoList
from lean_tagger.write.formats.other_tags import (
    BuriedId3,
    OnlyRead,
    buried,
    inside,
    leading,
    trailing,
)
from lean_tagger.write.source import Source


def _true_audio(source: Source) -> AllTags:
    """Return the tag that is there: TrueAudio may have either kind, and readers take one.

    If an ID3v1 trailer follows it, no reader finds an APE tag. Then ours go into an ID3v2 tag,
    unless an earlier version wrote into the APE tag.
    """
    trailer = trailing(source, ape=False, shown_first=True)
    if id3.span_of(source, 0, source.size) is None:
        ape = ApeFile(source)
        if ape.tagged and (not trailer or "leantag" in ape.values()):
            return AllTags(source, ape, trailer)
    others = trailing(source, ape=True, shown_first=True)
    others.sort(key=lambda tag: isinstance(tag, ApeFile))  # the trailer first, as readers take it
    file = Id3File(source, Leading(source))
    return AllTags(source, file, [*others, *file.xmp()])


def _mpeg(source: Source) -> AllTags:
    """Return the tag that describes the music: a new ID3 tag would hide an APE tag.

    A tag with only replay gain does not describe the music.
    """
    file = Id3File(source, Leading(source))
    if not file.room:
        with suppress(WriteError):  # an older version or damaged; it is only examined here
            ape = ApeFile(source)
            if ape.describes and not buried(source, 0, shown=True):
                return AllTags(source, ape, trailing(source, ape=False, shown_first=True))
    start, tagged = (file.room.end, True) if file.room else (0, False)
    hidden = inside(source, start) or buried(source, start, shown=not file.tagged)
    adts = bool(Id3v1.find(source)) and mpeg.is_adts(source, start, after_tag=tagged)
    behind = trailing(source, ape=True, shown_first=adts)
    return AllTags(source, file, [*hidden, *behind, *file.xmp()])


def _wav(source: Source) -> AllTags:
    file = Id3File(source, Chunked(source, chunks.RIFF))
    return AllTags(source, file, [*file.info_lists, *file.xmp()])


def _aiff(source: Source) -> AllTags:
    file = Id3File(source, Chunked(source, chunks.AIFF))
    return AllTags(source, file, file.xmp())


def _dsd(host: Callable[[Source], Host]) -> Callable[[Source], AllTags]:
    """Return what parses a file of DSD; exiftool shows an ID3v1 trailer behind it."""

    def parse(source: Source) -> AllTags:
        file = Id3File(source, host(source))
        return AllTags(source, file, [*trailing(source, ape=False), *file.xmp()])

    return parse


def _mp4(source: Source) -> AllTags:
    file = Mp4File(source)
    return AllTags(source, file, [file.shown, *file.xmp()])


def _asf(source: Source) -> AllTags:
    file = AsfFile(source)
    tags = [BuriedId3(source, it, shown=True) for it in file.id3_tags()]
    return AllTags(source, file, [*tags, *file.xmp()])


def _matroska(source: Source) -> AllTags:
    """Return Matroska's tags; mutagen and TagLib only see tags after the file."""
    return AllTags(source, MatroskaFile(source), trailing(source, ape=True))


def _flac(source: Source) -> AllTags:
    """Return FLAC's comments; to FFmpeg, data after the audio is part of the audio.

    TagLib reads an ID3v1 trailer there, but no APE tag.
    """
    behind = [OnlyRead(tag) for tag in reversed(trailing(source, ape=True))]
    file = FlacFile(source)
    within = [
        OnlyRead(InfoList(source, span, number), hideable=False)
        for number, span in enumerate(file.foreign_info(), 1)
    ]
    return AllTags(source, file, [*leading(source), *behind, *within])


def _ape(source: Source) -> AllTags:
    behind = trailing(source, ape=False, shown_first=True)
    return AllTags(source, ApeFile(source), [*leading(source), *behind])


def _ogg(source: Source) -> AllTags:
    """Return Ogg's comments; exiftool shows an ID3v1 trailer behind them."""
    return AllTags(source, OggFile(source), trailing(source, ape=False))


_PARSERS: dict[str, Callable[[Source], AllTags]] = {
    "mpeg": _mpeg,
    "tta": _true_audio,
    "wav": _wav,
    "aiff": _aiff,
    "dsdiff": _dsd(lambda source: Chunked(source, chunks.DSDIFF)),
    "dsf": _dsd(Dsf),
    "flac": _flac,
    "ogg": _ogg,
    "mp4": _mp4,
    "asf": _asf,
    "matroska": _matroska,
    "ape": _ape,
}
# Formats that carry APEv2 tags: WavPack, Musepack (SV7, SV8), Monkey's Audio, OptimFROG, TAK.
_APE_MAGIC = (b"wvpk", b"MP+", b"MPCK", b"MAC ", b"OFR ", b"tBaK")
# Other magic numbers: these are not MPEG audio, even if frames seem to be inside.
_OTHER_MAGIC = (
    *(b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"FRM8", b"riff", b"caff", b".snd", b"dns."),
    *(b"OggS", b"\x1a\x45\xdf\xa3", b"FLV", b".RMF", b".ra\xfd", b"\x30\x26\xb2\x75"),
    *(b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"),  # MPEG program streams and video
    *(b"#!", b"ADIF", b"MThd", b"Creative Voice File", b"TWIN", b"EA3", b"NIST", b"ajkg"),
    *(b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"\x1f\xff\xe8\x00", b"\xff\x1f\x00\xe8"),  # DTS
    *(b"IMPM", b"Extended Module", b"PSID", b"NESM"),
    *(b"PK\x03\x04", b"\x1f\x8b\x08", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ"),
    *(b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF", b"SQLite format 3"),
)


def format_of(source: Source) -> str | None:
    """Return the name of a file's format; None if it has no parser."""
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
    if head.startswith(_OTHER_MAGIC) or head[4:8] == b"ftyp":
        return None
    return "mpeg" if mpeg.found(source, start, after_tag=leading is not None) else None


def _format_by_head(source: Source, head: bytes) -> str | None:
    """Return the format of a file that may not have an ID3 tag in front."""
    found: str | None = None
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        found = "wav"
    elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        found = "aiff"
    elif head[:4] == b"FRM8" and head[12:16] == b"DSD ":
        found = "dsdiff"
    elif head[:4] == b"DSD ":
        found = "dsf"
    elif head[:4] == b"OggS":
        found = "ogg" if codec_of(source) else None
    elif head == ASF_HEADER:
        found = "asf"
    elif head[:4] == matroska_layout.MAGIC:
        found = "matroska" if matroska_layout.found(source) else None
    elif head[4:8] in mp4.FIRST_ATOMS and head[4:12] != b"ftypqt  ":
        found = "mp4"
    return found


def parse(source: Source) -> AllTags:
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
