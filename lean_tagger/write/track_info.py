"""Whose music a file is, by its tags: for rules about an artist, and for albums.

mutagen reads here, and loads whatever it meets, pictures too: so only where somebody needs to
know, and under the worker's memory limit. A file that does not say is nobody's.
"""

from typing import Any

import mutagen

from lean_tagger.errors import FileError
from lean_tagger.jobs import TrackInfo
from lean_tagger.write.source import translated

# mutagen has no types for its constructors.
# mypy: disable-error-code="no-untyped-call"

_KEYS = {
    # As Vorbis comments and mutagen's "easy" tags have them, APEv2, ASF, ID3 in WAV and AIFF.
    "artist": ("artist", "Artist", "Author", "TPE1"),
    "albumartist": ("albumartist", "album artist", "Album Artist", "WM/AlbumArtist", "TPE2"),
    "album": ("album", "Album", "WM/AlbumTitle", "TALB"),
}


def track(path: str) -> TrackInfo:
    """Return artist, album artist and album of a file, each empty where it does not say."""
    try:
        with translated(path):
            file = mutagen.File(path, easy=True)
            tags = file.tags if file is not None else None
            return TrackInfo(**{name: _first(tags, keys) for name, keys in _KEYS.items()})
    except FileError:
        return TrackInfo()


def _first(tags: Any, keys: tuple[str, ...]) -> str:
    for key in keys:
        try:
            values = tags[key] if tags is not None else []
        except (KeyError, ValueError):  # some of mutagen's refuse a key that they do not know
            continue
        values = getattr(values, "text", values)
        text = str(values[0] if isinstance(values, list) and values else values or "")
        if text.strip():
            return text.strip()
    return ""
