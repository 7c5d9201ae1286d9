"""The fields that lean-tag writes: one row each, with the keys in every kind of tag.

A new field is a new row here: `write` takes all keys from it, and `rules` the fields that hold
numbers.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

Column = Literal["id3v22", "id3v23", "id3v24", "vorbis", "mp4", "matroska", "asf", "ape"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldKeys:
    """The keys of one field in each kind of tag.

    Attributes
    ----------
    id3v22, id3v23, id3v24 : str
        A text frame, or ``TXX:`` (v2.2) or ``TXXX:`` with the label of a frame for user text.
    vorbis, asf, ape : str
        The name of a comment, an attribute, an item.
    matroska : str
        The name of a SimpleTag.
    mp4 : str
        An atom, or ``----:com.apple.iTunes:`` and the name of a freeform item.
    number : bool
        Whether its values are decimal numbers. All formats store them as text, except MP4 atoms
        that are not freeform: those store one whole number in binary.
    also : tuple of str
        Other keys that common readers show as this field; they are read but never written.
    """

    id3v22: str
    id3v23: str
    id3v24: str
    vorbis: str
    mp4: str
    matroska: str
    asf: str
    ape: str
    number: bool = False
    also: tuple[str, ...] = ()


def _user_text(name: str, *, number: bool = False) -> FieldKeys:
    """Return the keys of a field that has no key of its own in any format."""
    key = name.upper()
    return FieldKeys(
        id3v22=f"TXX:{key}",
        id3v23=f"TXXX:{key}",
        id3v24=f"TXXX:{key}",
        vorbis=key,
        mp4=f"----:com.apple.iTunes:{key}",
        matroska=key,
        asf=key,
        ape=name,
        number=number,
    )


FIELDS: dict[str, FieldKeys] = {
    "genre": FieldKeys(
        id3v22="TCO",
        id3v23="TCON",
        id3v24="TCON",
        vorbis="GENRE",
        mp4="\xa9gen",
        matroska="GENRE",
        asf="WM/Genre",
        ape="Genre",
        # FFmpeg and TagLib show texts for users by their labels; FFmpeg also comments, which it
        # takes for a frame where they are called like one, and ASF's attributes.
        also=(
            *("TXXX:GENRE", "TXXX:TCON", "TXXX:TCO", "COMM:GENRE", "COMM:TCON", "COMM:TCO"),
            *("----:com.apple.iTunes:GENRE", "Genre"),
        ),
    ),
    "mood": FieldKeys(
        id3v22="TXX:MOOD",
        id3v23="TXXX:MOOD",
        id3v24="TMOO",
        vorbis="MOOD",
        mp4="----:com.apple.iTunes:MOOD",
        matroska="MOOD",
        asf="WM/Mood",
        ape="Mood",
    ),
    "valence": _user_text("Valence", number=True),
    "arousal": _user_text("Arousal", number=True),
    "leantag": _user_text("LEANTAG"),
}
"""The rows by field, in the order of writing."""

NUMBERS = tuple(field for field, keys in FIELDS.items() if keys.number)
"""The fields that hold one number each: the number of the label with the field's name."""


def field_of(key: str, *columns: Column) -> str | None:
    """Return the field that readers show for this key in one of the columns; None if none.

    Case is ignored, as in all formats except for the names of MP4 atoms; there the caller
    compares it.
    """
    return _by_key(columns, tuple(FIELDS)).get(key.casefold())


@cache
def _by_key(columns: tuple[Column, ...], fields: tuple[str, ...]) -> dict[str, str]:
    """Return fields by their keys in columns, without case."""
    found: dict[str, str] = {}
    for field in fields:
        keys = FIELDS[field]
        for key in (*(getattr(keys, column) for column in columns), *keys.also):
            found.setdefault(key.casefold(), field)
    return found
