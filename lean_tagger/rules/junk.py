"""Genres that say nothing, which other programs left in files.

A number stands for a name on ID3v1's list with Winamp's additions: "12" is Other, which says
nothing, but 127 is Drum & Bass.
"""

import re

WORDS = (
    "other",
    "others",
    "unknown",
    "unknown genre",
    "misc",
    "misc.",
    "miscellaneous",
    "none",
    "undefined",
    "unclassifiable",
    "unclassified",
    "uncategorized",
    "genre",
    "no genre",
    "default",
    "n/a",
    "<unknown>",
    "(none)",
)
"""Genres that say nothing, unless the rules have another list."""

_NUMBER = re.compile(r"\(?(\d+)\)?")
_URL = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+|[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|ru|info)/?\S*"
)

ID3V1 = tuple(
    """\
Blues|Classic Rock|Country|Dance|Disco|Funk|Grunge|Hip-Hop|Jazz|Metal|New Age|Oldies|
Other|Pop|R&B|Rap|Reggae|Rock|Techno|Industrial|Alternative|Ska|Death Metal|Pranks|
Soundtrack|Euro-Techno|Ambient|Trip-Hop|Vocal|Jazz+Funk|Fusion|Trance|Classical|
Instrumental|Acid|House|Game|Sound Clip|Gospel|Noise|Alt. Rock|Bass|Soul|Punk|Space|
Meditative|Instrumental Pop|Instrumental Rock|Ethnic|Gothic|Darkwave|Techno-Industrial|
Electronic|Pop-Folk|Eurodance|Dream|Southern Rock|Comedy|Cult|Gangsta Rap|Top 40|
Christian Rap|Pop/Funk|Jungle|Native American|Cabaret|New Wave|Psychedelic|Rave|
Showtunes|Trailer|Lo-Fi|Tribal|Acid Punk|Acid Jazz|Polka|Retro|Musical|Rock & Roll|
Hard Rock|Folk|Folk-Rock|National Folk|Swing|Fast-Fusion|Bebop|Latin|Revival|Celtic|
Bluegrass|Avantgarde|Gothic Rock|Progressive Rock|Psychedelic Rock|Symphonic Rock|
Slow Rock|Big Band|Chorus|Easy Listening|Acoustic|Humour|Speech|Chanson|Opera|
Chamber Music|Sonata|Symphony|Booty Bass|Primus|Porn Groove|Satire|Slow Jam|Club|Tango|
Samba|Folklore|Ballad|Power Ballad|Rhythmic Soul|Freestyle|Duet|Punk Rock|Drum Solo|
A Cappella|Euro-House|Dance Hall|Goa|Drum & Bass|Club-House|Hardcore|Terror|Indie|
BritPop|Afro-Punk|Polsk Punk|Beat|Christian Gangsta Rap|Heavy Metal|Black Metal|
Crossover|Contemporary Christian|Christian Rock|Merengue|Salsa|Thrash Metal|Anime|JPop|
Synthpop|Abstract|Art Rock|Baroque|Bhangra|Big Beat|Breakbeat|Chillout|Downtempo|Dub|
EBM|Eclectic|Electro|Electroclash|Emo|Experimental|Garage|Global|IDM|Illbient|
Industro-Goth|Jam Band|Krautrock|Leftfield|Lounge|Math Rock|New Romantic|Nu-Breakz|Post-
Punk|Post-Rock|Psytrance|Shoegaze|Space Rock|Trop Rock|World Music|Neoclassical|
Audiobook|Audio Theatre|Neue Deutsche Welle|Podcast|Indie Rock|G-Funk|Dubstep|
Garage Rock|Psybient""".replace("\n", "").split("|")
)
"""The genres that have numbers."""


def meaning(value: str) -> str:
    """Return the genre that a value stands for; a number on the list stands for its name."""
    text = value.strip()
    found = _NUMBER.fullmatch(text)
    # Python refuses very long numbers.
    if found is None or len(found[1]) > 9 or int(found[1]) >= len(ID3V1):
        return text
    return ID3V1[int(found[1])]


def is_junk(value: str, words: tuple[str, ...] = WORDS) -> bool:
    """Tell whether a genre says nothing.

    Parameters
    ----------
    value : str
        A value of a file.
    words : tuple of str
        Values that say nothing; compared as a whole, without regard to case.
    """
    text = meaning(value).casefold()
    if not any(letter.isalnum() for letter in text) or _NUMBER.fullmatch(text):
        return True
    return text in map(str.casefold, words) or _URL.fullmatch(text) is not None
