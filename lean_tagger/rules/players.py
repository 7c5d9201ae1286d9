"""How values are laid out in a field, for the player that reads them.

A layout says whether a field gets several values or one joined value, what separates
joined values, at which strings a player splits values, and the ID3 version of a
*new* tag (an existing tag keeps its version; see `write.id3`).

What each player does, with the sources:

navidrome
    Reads several values, and splits each of them again at ``;``, ``/`` and ``,``
    (navidrome/navidrome pull request 1251: "default is ``;/,``"; ``SplitTagValue`` of its
    model/tag_mappings.go). Moods: no source says that they are split too; assumed.
jellyfin
    Reads several values since 10.9. A library may be told to split them again, at ``/``,
    ``|``, ``;`` and a backslash unless other characters are chosen
    (jellyfin/jellyfin pull request 12385; ``_defaultTagDelimiters`` of its
    LibraryOptions.cs). In ID3v2.3 it takes several values for a mistake of the tag editor
    (``ID3v2_separatev2v3Values = false`` and the comment on null characters in
    AudioFileProber.cs), so a new tag is v2.4.
plex
    Closed source. It reads tags with FFmpeg, which gave trouble with several genres (the
    reason for github.com/thlayli/plex-genres-from-tags), and its music agent splits
    "fiction;literature" (seanap/Audiobooks.bundle issue 45). Hence one value, joined by
    ``;``. No source was found for other characters, for moods or for the ID3 version; v2.4
    is ours.
kodi
    Takes several values as they are, and splits a single one at `` / ``, with the spaces
    (``m_musicItemSeparator`` in xbmc's AdvancedSettings.cpp, ``SetGenre`` in its
    TagLoaderTagLib.cpp and MusicInfoTag.cpp). It reads v2.4; no source for v2.3.
lyrion
    Splits at a list of separators that the user chooses (``splitTag`` of slimserver's
    Slim/Music/Info.pm, the setting ``splitList``), and takes several values as they are.
    No source was found for the list's default; ``;`` is what people set.
foobar2000
    Reads both ID3 versions and writes v2.4 (wiki.hydrogenaud.io, "Foobar2000:ID3 Tag
    Mapping"). Several values are several values; its dialogs show and take ``;`` between
    them (winyl-player/winyl issue 23), so that a value with ``;`` would not survive being
    edited there.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLayout:
    """How values become what a field holds, and back.

    Attributes
    ----------
    player : str or None
        Name of the preset, for people.
    separator : str or None
        Joins all values into one; None writes several values.
    splits : tuple of str
        Strings at which the player would split a value, so none may be inside a value.
    replacement : str
        The character that replaces them.
    id3_version : {3, 4}
        Version of a new ID3v2 tag: 2.3 or 2.4.
    """

    player: str | None = None
    separator: str | None = None
    splits: tuple[str, ...] = ()
    replacement: str = "-"
    id3_version: Literal[3, 4] = 4

    def clean(self, value: str) -> str:
        """Return a value without strings at which the player would split it.

        If there is a space on either side, the replacement gets one on both: "Rock, Pop"
        becomes "Rock - Pop" and "Hip-Hop/Rap" becomes "Hip-Hop-Rap".
        """
        ends = _ends(self.splits, self.separator)
        if ends is None:
            return value.strip()

        def replace(found: re.Match[str]) -> str:
            spaced = any(character.isspace() for character in found[0])
            return f" {self.replacement} " if spaced else self.replacement

        return re.sub(rf"\s*(?:{ends}\s*)+", replace, value.strip()).strip()

    def values(self, values: Iterable[str]) -> tuple[str, ...]:
        """Return cleaned values without repetitions; case does not matter."""
        kept: dict[str, str] = {}
        for value in map(self.clean, values):
            kept.setdefault(value.casefold(), value)
        return tuple(kept.values())

    def render(self, values: Iterable[str]) -> tuple[str, ...]:
        """Return values as they go into the file: several, or one joined."""
        cleaned = self.values(values)
        if self.separator is None or not cleaned:
            return cleaned
        return (self.separator.join(cleaned),)

    def parse(self, held: Sequence[str]) -> tuple[str, ...]:
        """Return the values that the player sees in a field."""
        return _split(held, _ends(self.splits, self.separator))

    def extend(self, held: Sequence[str], values: Iterable[str]) -> tuple[str, ...]:
        """Return the content of a field after adding the values that it lacks.

        Present values keep their spelling, but a joined layout makes one value of several. If
        nothing is lacking, nothing changes.
        """
        known = {value.casefold() for value in (*self.parse(held), *held)}
        new = [value for value in self.values(values) if value.casefold() not in known]
        if not new:
            return tuple(held)
        if self.separator is None:
            return (*held, *new)
        there = _split(held, _ends((), self.separator))
        return (self.separator.join([*there, *new]),)


def _split(held: Sequence[str], ends: str | None) -> tuple[str, ...]:
    parts = held if ends is None else [part for value in held for part in re.split(ends, value)]
    return tuple(part.strip() for part in parts if part.strip())


@lru_cache(maxsize=64)
def _ends(splits: tuple[str, ...], separator: str | None) -> str | None:
    """Return an expression for everything that ends a value; None for nothing.

    A separator with spaces on both sides, such as " / ", counts only with the spaces: there are
    values that contain the bare character. "; " is different: a semicolon without a space
    splits as well.
    """
    spaced = {end.strip() for end in splits if end != end.strip()}
    bare = {end for end in splits if end == end.strip()}
    if separator is not None:
        (spaced if separator[0].isspace() else bare).add(separator.strip())
    if not spaced | bare:
        return None
    ends = [(end, rf"(?<!\S){re.escape(end)}(?!\S)") for end in spaced]
    ends += [(end, re.escape(end)) for end in bare]
    longest_first = sorted(ends, key=lambda item: (-len(item[0]), item))
    return f"(?:{'|'.join(expression for _, expression in longest_first)})"


PLAIN = FieldLayout()
"""For no player in particular: several values, nothing replaced."""

PLAYERS: Mapping[str, FieldLayout] = {
    "navidrome": FieldLayout(player="navidrome", splits=(";", "/", ",")),
    "jellyfin": FieldLayout(player="jellyfin", splits=("/", "|", ";", "\\")),
    "plex": FieldLayout(player="plex", separator=";", splits=(";",)),
    "kodi": FieldLayout(player="kodi", splits=(" / ",)),
    "lyrion": FieldLayout(player="lyrion", splits=(";",)),
    "foobar2000": FieldLayout(player="foobar2000", splits=(";",)),
}
"""The presets; the module's docstring says what is known about each player."""
