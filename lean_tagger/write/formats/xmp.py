"""Adobe's XMP packets, from which exiftool shows a genre; read, never written.

"XMP Specification", part 2: dynamic media. Audition and Premiere keep one in a chunk of a WAV
file, in a private frame of ID3v2, and in an atom of MP4.
"""

import re
from html import unescape

from lean_tagger.write.formats.read_only_tag import ReadOnlyTag
from lean_tagger.write.source import Source, Span

_LARGEST_BYTES = 1 << 20
_GENRE = re.compile(
    rb"xmpDM:genre\s*=\s*(?:\"([^\"<]+)\"|'([^'<]+)')|<xmpDM:genre>([^<]+)</xmpDM:genre>"
)


class Xmp(ReadOnlyTag):
    """An XMP packet.

    Parameters
    ----------
    source : Source
        The file.
    span : Span
        The packet's span.
    """

    name = "xmp"

    def __init__(self, source: Source, span: Span) -> None:
        data = source.at(span.start, min(span.end - span.start, _LARGEST_BYTES))
        found = _GENRE.search(data)
        raw = b"".join(found.groups(b"")) if found else b""
        self._genre = unescape(raw.decode("utf-8", "replace")).strip()

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the genre."""
        return {"genre": (self._genre,)} if self._genre else {}
