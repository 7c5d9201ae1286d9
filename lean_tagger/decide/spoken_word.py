"""Recognise podcasts and audiobooks by name and tags; they are left alone unless asked for."""

from lean_tagger.decide import leantag_field
from lean_tagger.jobs import Values

_GENRES = frozenset(
    {
        *("podcast", "podcasts", "audiobook", "audiobooks", "audio book", "audio books"),
        *("speech", "spoken", "spoken word", "spoken & audio", "books & spoken"),
    }
)
"""Genres of speech: ID3v1's and those of iTunes, in lower case."""

MESSAGE = "it is left alone; --spoken-word tags these too"


def reason(path: str, fields: Values) -> str:
    """Return why a file is spoken word, by its name and genre; empty if nothing says so.

    A genre that we wrote does not count.
    """
    if path.lower().endswith(".m4b"):
        return "an audiobook (.m4b)"
    there = fields.get("genre", ())
    ours = leantag_field.ours_in(fields).get("genre")
    if ours is not None and ours.written == there:
        there = ours.before
    found = next((value for value in there if value.strip().casefold() in _GENRES), None)
    return f"spoken word (genre {found})" if found is not None else ""
