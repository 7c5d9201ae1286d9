"""Tell other versions of a song from other songs, by their tags."""

import re
import unicodedata

from lean_tagger.store.tracks import Track

_BRACKETED = re.compile(r"\s*[(\[{][^)\]}]*[)\]}]")
_BEHIND_DASH = re.compile(
    r"\s+[-–—]\s+(?:[^-–—]*\b)?(?:live|remaster(?:ed)?|remix|mix|edit|version|demo|mono|stereo|"  # noqa: RUF001 - dashes as they are in titles
    r"acoustic|instrumental|session|take \d+)\b.*$",
    re.IGNORECASE,
)


def bare_title(title: str) -> str:
    """Return a title without the mark of a version: ``(Live)``, ``- 2009 Remaster``."""
    plain = unicodedata.normalize("NFKC", title).casefold()
    bare = _BEHIND_DASH.sub("", _BRACKETED.sub("", plain)).strip()
    return bare or plain.strip()


def same_song(one: Track, other: Track) -> bool:
    """Tell whether two tracks are versions of one song, by performer and title.

    If one of these is missing, the answer is False.
    """
    if not (one.title and other.title and one.performer and other.performer):
        return False
    names = {one.artist.casefold(), one.performer} & {other.artist.casefold(), other.performer}
    return bool(names - {""}) and bare_title(one.title) == bare_title(other.title)
