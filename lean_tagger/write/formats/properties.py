"""Names of other fields in each kind of tag, for the contents that a new tag copies.

The common names are TagLib's properties, which are also the names of Vorbis comments
(https://taglib.org/api/p_propertymapping.html). A name that is in no table is the same
everywhere; in ID3v2 it is the label of a TXXX frame.
"""

_FRAMES = {
    "ALBUM": "TALB",
    "ALBUMARTIST": "TPE2",
    "ALBUMARTISTSORT": "TSO2",
    "ALBUMSORT": "TSOA",
    "ARTIST": "TPE1",
    "ARTISTSORT": "TSOP",
    "BPM": "TBPM",
    "COMPILATION": "TCMP",
    "COMPOSER": "TCOM",
    "COMPOSERSORT": "TSOC",
    "CONDUCTOR": "TPE3",
    "COPYRIGHT": "TCOP",
    "DATE": "TDRC",
    "DISCNUMBER": "TPOS",
    "DISCSUBTITLE": "TSST",
    "ENCODEDBY": "TENC",
    "ENCODING": "TSSE",
    "ENCODINGTIME": "TDEN",
    "FILETYPE": "TFLT",
    "GENRE": "TCON",
    "INITIALKEY": "TKEY",
    "ISRC": "TSRC",
    "LABEL": "TPUB",
    "LANGUAGE": "TLAN",
    "LENGTH": "TLEN",
    "LYRICIST": "TEXT",
    "MEDIA": "TMED",
    "MOOD": "TMOO",
    "ORIGINALALBUM": "TOAL",
    "ORIGINALARTIST": "TOPE",
    "ORIGINALDATE": "TDOR",
    "ORIGINALFILENAME": "TOFN",
    "ORIGINALLYRICIST": "TOLY",
    "OWNER": "TOWN",
    "PLAYLISTDELAY": "TDLY",
    "PRODUCEDNOTICE": "TPRO",
    "RADIOSTATION": "TRSN",
    "RADIOSTATIONOWNER": "TRSO",
    "RELEASEDATE": "TDRL",
    "REMIXER": "TPE4",
    "SUBTITLE": "TIT3",
    "TAGGINGDATE": "TDTG",
    "TITLE": "TIT2",
    "TITLESORT": "TSOT",
    "TRACKNUMBER": "TRCK",
    "WORK": "TIT1",
}
_PROPERTIES = {frame: name for name, frame in _FRAMES.items()}
_NEW_IN_4 = {"TDEN", "TDOR", "TDRC", "TDRL", "TDTG", "TMOO", "TPRO", "TSOA", "TSOP", "TSOT", "TSST"}
_IN_3 = {"DATE": "TYER", "ORIGINALDATE": "TORY"}

INFO_NAMES = {
    b"IART": "ARTIST",
    b"IBPM": "BPM",
    b"IBSU": "ARTISTWEBPAGE",
    b"ICMT": "COMMENT",
    b"ICNT": "RELEASECOUNTRY",
    b"ICOP": "COPYRIGHT",
    b"ICRD": "DATE",
    b"IDIT": "ENCODINGTIME",
    b"IEDT": "REMIXER",
    b"IENG": "ARRANGER",
    b"IGNR": "GENRE",
    b"ILNG": "LANGUAGE",
    b"IMED": "MEDIA",
    b"IMUS": "COMPOSER",
    b"INAM": "TITLE",
    b"IPRD": "ALBUM",
    b"IPRT": "TRACKNUMBER",
    b"IPUB": "LABEL",
    b"ISFT": "ENCODING",
    b"ISRC": "ISRC",
    b"ISTR": "PERFORMER",
    b"ITCH": "ENCODEDBY",
    b"ITRK": "TRACKNUMBER",
    b"IWRI": "LYRICIST",
    b"PRT1": "DISCSUBTITLE",
}
"""The chunks of a RIFF file's INFO list that readers show with a name."""

APE_KEYS = {
    "ALBUMARTIST": "Album Artist",
    "DATE": "Year",
    "DISCNUMBER": "Disc",
    "REMIXER": "MixArtist",
    "TRACKNUMBER": "Track",
}
_OF_APE = {key.upper(): name for name, key in APE_KEYS.items()}


def of_frame(frame: str) -> str | None:
    """Return the property that a text frame of ID3v2.4 holds, or None."""
    return _PROPERTIES.get(frame)


def to_frame(name: str, version: int) -> str | None:
    """Return the text frame of ID3v2.3 or v2.4 for a property; None for a TXXX frame."""
    frame = _FRAMES.get(name)
    return _IN_3.get(name) if version == 3 and frame in _NEW_IN_4 else frame


def of_ape(key: str) -> str:
    """Return the property that an item of an APE tag holds."""
    return _OF_APE.get(key.upper(), key)


def to_ape(name: str) -> str:
    """Return the key of a property in an APE tag."""
    return APE_KEYS.get(name, name.capitalize() if name.isalpha() and len(name) < 9 else name)
