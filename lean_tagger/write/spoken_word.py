"""Find out whether a file's tags mark it as a podcast or an audiobook."""

from lean_tagger.errors import FileError
from lean_tagger.write.formats.detect import format_of, parse
from lean_tagger.write.source import Span, opened, translated

_PODCAST = frozenset({"the PCST frame", "the PCS frame", "the item pcst"})
_KIND = "the item stik"
_KINDS = {2: "an audiobook", 21: "a podcast"}
"""Values of iTunes' media kind (mp4v2 documents the numbers of the atom stik)."""


def marked(path: str) -> str:
    """Return the kind of spoken word by a file's marks; empty without marks or readable tags."""
    try:
        with opened(path) as source, translated(path):
            if format_of(source) is None:
                return ""
            for name, pieces in parse(source).foreign():
                if name in _PODCAST:
                    return "a podcast"
                if name == _KIND and isinstance(pieces[-1], Span):
                    last = pieces[-1].end
                    kind = source.at(last - 1, 1)[0]
                    if kind in _KINDS:
                        return _KINDS[kind]
    except FileError:  # reading its tags reports what is wrong with them
        return ""
    return ""
