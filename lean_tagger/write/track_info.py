"""Read artist and album from a file's tags, for rules about artists and for albums.

mutagen reads here and loads everything, pictures too. So `track` runs only if it is needed, under
the worker's memory limit. `track_at_hand` is for later queries, and its result is kept for every
file that is opened anyway. A field that is missing is empty.
"""

import io
from dataclasses import replace
from typing import Any

import mutagen

from lean_tagger.errors import FileError
from lean_tagger.jobs import TrackInfo
from lean_tagger.write.formats.all_tags import AllTags
from lean_tagger.write.formats.detect import format_of, parse
from lean_tagger.write.formats.id3 import Id3Tag
from lean_tagger.write.source import opened, translated

# mutagen has no types for its constructors.
# mypy: disable-error-code="no-untyped-call"

_KEYS = {
    # Keys in Vorbis comments and mutagen's "easy" tags, APEv2, ASF, ID3 in WAV and AIFF.
    "artist": ("artist", "Artist", "Author", "TPE1"),
    "albumartist": ("albumartist", "album artist", "Album Artist", "WM/AlbumArtist", "TPE2"),
    "album": ("album", "Album", "WM/AlbumTitle", "TALB"),
    "year": ("date", "year", "Year", "WM/Year", "TDRC"),
    "title": ("title", "Title", "TIT2"),
}

_FRAMES = {
    "artist": ("TPE1", "TP1"),
    "albumartist": ("TPE2", "TP2"),
    "album": ("TALB", "TAL"),
    "year": ("TDRC", "TYER", "TYE"),
    "title": ("TIT2", "TT2"),
}

_COMPILATION = ("compilation", "Compilation", "WM/IsCompilation", "TCMP")
_COMPILATION_FRAMES = ("TCMP", "TCP")

_AT_HAND_BYTES = 1 << 20
"""Reading so much of the tags takes less than a millisecond and little memory."""

_LONGEST = {"year": 10, "title": 100}
"""Characters kept of these; the other fields tell albums apart and are kept whole."""


def track(path: str) -> TrackInfo:
    """Return artist, album and so on; fields that the tags lack are empty."""
    try:
        with translated(path):
            return _read(path)
    except FileError:
        return TrackInfo()


def track_at_hand(path: str, tags: AllTags | None = None) -> TrackInfo | None:
    """Return the same if it is cheap to read; None if the tags are large or damaged.

    mutagen would inflate all frames of an ID3 tag, so it only gets the frames we need, one by
    one.

    Parameters
    ----------
    path : str
        The file.
    tags : AllTags or None
        Its tags, if they are parsed already and the file is still open.
    """
    try:
        if tags is None:
            with opened(path) as source, translated(path):
                return track_at_hand(path, parse(source)) if format_of(source) else None
        with translated(path):
            if tags.id3 is not None:
                return _of_id3(tags.id3)
            with _Sparing(io.FileIO(path)) as file:
                of_file = _read(file)
                return of_file if file.left_bytes >= 0 else None
    except FileError:
        return None


def _of_id3(tag: Id3Tag) -> TrackInfo:
    found = _short({name: tag.text(of) for name, of in _FRAMES.items()})
    return replace(found, compilation=_is_set(tag.text(_COMPILATION_FRAMES)))


class _Sparing(io.BufferedReader):
    """A file that allows only so many bytes to be read."""

    left_bytes = _AT_HAND_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        most = self.left_bytes + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        self.left_bytes -= len(data)
        if self.left_bytes < 0:
            raise mutagen.MutagenError("its tags are large")
        return data


def _read(file: str | _Sparing) -> TrackInfo:
    found = mutagen.File(file, easy=True)
    tags = found.tags if found is not None else None
    texts = {name: _first(tags, keys) for name, keys in _KEYS.items()}
    plain = getattr(tags, "_EasyMP4Tags__mp4", tags)  # "easy" tags of MP4 do not know cpil
    flag = _first(tags, _COMPILATION) or _first(plain, ("cpil",))
    return replace(_short(texts), compilation=_is_set(flag))


def _is_set(text: str) -> bool:
    return text.strip().casefold() in {"1", "true", "yes"}


def _short(texts: dict[str, str]) -> TrackInfo:
    short = {name: text[: _LONGEST.get(name)] for name, text in texts.items()}
    return TrackInfo(
        artist=short["artist"],
        albumartist=short["albumartist"],
        album=short["album"],
        year=short["year"],
        title=short["title"],
    )


def _first(tags: Any, keys: tuple[str, ...]) -> str:
    for key in keys:
        try:
            values = tags[key] if tags is not None else []
        except (KeyError, ValueError):  # some of mutagen's tags refuse unknown keys
            continue
        values = getattr(values, "text", values)
        text = str(values[0] if isinstance(values, list) and values else values or "")
        if text.strip():
            return text.strip()
    return ""
