"""The ID3v1 trailer and what else may stand at the end of a file; read, never written.

RIFF's own INFO texts are the same to a WAV file.

Why it is read at all: most players look at ID3v1 only where there is no newer tag. A new
tag with nothing but a genre would hide the title that they showed until then. So the
first newer tag that a file gets from us starts with what its ID3v1 trailer says.
"""

from lean_tagger.system.containers import chunks
from lean_tagger.system.containers.id3 import syncsafe
from lean_tagger.write.formats.id3_frames import text_frame
from lean_tagger.write.formats.mutagen_check import GENRES
from lean_tagger.write.source import Source, Span

_ID3V1_BYTES = 128
_APE_END_BYTES = 32  # its header, and its footer
_EXTENSION_BYTES = 227  # longer names, by some editors of old
# field, start and end inside the trailer (ID3v1; the track of 1.1 lies in the comment)
_TEXTS = (("title", 3, 33), ("artist", 33, 63), ("album", 63, 93), ("year", 93, 97))
_ID3_NAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "year": "TDRC",
    "track": "TRCK",
    "genre": "TCON",
}


def id3v1(source: Source, end: int) -> dict[str, str] | None:
    """Return what an ID3v1 trailer that ends at `end` says; None if there is none."""
    if end < _ID3V1_BYTES:
        return None
    data = source.at(end - _ID3V1_BYTES, _ID3V1_BYTES)
    if data[:3] != b"TAG":
        return None
    if data[:5] == b"TAGEX" and source.at(max(0, end - _ID3V1_BYTES - 3), 3) == b"APE":
        return None  # the middle of "APETAGEX", in an APEv2 tag of just this length
    said = {name: _text(data[start:stop]) for name, start, stop in _TEXTS}
    comment = data[97:127]
    if comment[28] == 0 and comment[29] != 0:
        said["track"] = str(comment[29])
        comment = comment[:28]
    said["comment"] = _text(comment)
    if data[127] < len(GENRES):
        said["genre"] = GENRES[data[127]]
    return {name: text for name, text in said.items() if text}


_INFO_NAMES = {
    b"INAM": "title",
    b"IART": "artist",
    b"IPRD": "album",
    b"ICRD": "year",
    b"ITRK": "track",
    b"IPRT": "track",
    b"ICMT": "comment",
    b"IGNR": "genre",
}
_LARGEST_INFO_BYTES = 1 << 20


def info(source: Source, span: Span) -> dict[str, str]:
    """Return what a LIST chunk of RIFF says, if it is one of type INFO; by the same names."""
    data = source.peek(span.start, min(span.end - span.start, _LARGEST_INFO_BYTES))
    said: dict[str, str] = {}
    position = 4 if data[:4] == b"INFO" else len(data)
    while chunk := chunks.parse(
        data[position : position + chunks.RIFF.head_bytes], position, chunks.RIFF
    ):
        name = _INFO_NAMES.get(chunk.name)
        value = data[chunk.start : chunk.end].split(b"\0")[0]
        try:
            text = value.decode("utf-8").strip()
        except UnicodeDecodeError:
            text = value.decode("latin-1").strip()
        if name and text:
            said.setdefault(name, text)
        position = chunk.following
    return said


def _text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("latin-1").strip()


def as_id3(said: dict[str, str], version: int, without: set[str]) -> list[bytes]:
    """Return the same as ID3v2.3 or v2.4 frames, without the named fields."""
    names = _ID3_NAMES if version == 4 else {**_ID3_NAMES, "year": "TYER"}
    frames = [
        text_frame(names[name], [text], version)
        for name, text in said.items()
        if name in names and name not in without
    ]
    if "comment" in said:
        # As a text frame, with the language and an empty description behind the encoding.
        whole = text_frame("COMM", ["", said["comment"]], version)
        data = whole[10:11] + b"XXX" + whole[11:]
        size = len(data).to_bytes(4, "big") if version == 3 else syncsafe(len(data))
        frames.append(b"COMM" + size + b"\0\0" + data)
    return frames


def as_ape(said: dict[str, str], without: set[str]) -> list[tuple[str, str]]:
    """Return the same as APEv2 keys and values, without the named fields."""
    return [(name.capitalize(), text) for name, text in said.items() if name not in without]


def find_ape(source: Source) -> int:
    """Return where the APEv2 tag at the end of a file ends, or where one would go.

    Behind it there may be a Lyrics3 tag and an ID3v1 trailer, in this order.
    """
    end = source.size
    if id3v1(source, end) is None:
        return end
    end -= _ID3V1_BYTES
    if end >= _EXTENSION_BYTES and source.at(end - _EXTENSION_BYTES, 4) == b"TAG+":
        end -= _EXTENSION_BYTES
    # Lyrics3v2 ends in its size (six digits) and a mark, and starts with another mark.
    tail = source.at(end - 15, 15) if end >= 15 else b""
    if tail[6:] == b"LYRICS200" and tail[:6].isdigit():
        start = end - 15 - int(tail[:6])
        if start >= 0 and source.at(start, 11) == b"LYRICSBEGIN":
            end = start
    return end


def trailer_start(source: Source) -> int:
    """Return where the tags at the end of a file start: APE, Lyrics3, ID3v1; or its size."""
    start = find_ape(source)
    footer = source.at(start - _APE_END_BYTES, _APE_END_BYTES) if start >= _APE_END_BYTES else b""
    if footer[:8] == b"APETAGEX":
        size, flags = (int.from_bytes(footer[i : i + 4], "little") for i in (12, 20))
        # The size counts the items and this end; a header is told of by the highest bit.
        before = start - size - _APE_END_BYTES * (flags >> 31)
        return before if size >= _APE_END_BYTES and before >= 0 else start
    return start
