"""Every place in every kind of file where a common reader may show a genre.

`PLACES` has, for each kind, functions from the bytes of a file without tags to those of one with
a genre. It is Zouk where a text can be put, Reggae where there is room for a number only.

None of the readers shows these as the genre, so they do not count: MP4's geID and ASF's WM/GenreID
(numbers of a shop's list), MP4's ID32, RIFF's ISGN (exiftool: SecondaryGenre), GENRE in iXML
(exiftool: BwfxmlGenre), GRE in Lyrics3, ID3v2 at the end of an MP3 or behind much of an ADTS file.
"""

import io
from collections.abc import Callable, Iterator
from functools import partial
from uuid import UUID

import matroskafiles as mkv
import tagbytes as tags
from mp4files import of as atom
from mutagen.asf import ASF, ASFByteArrayAttribute

Build = Callable[[bytes], bytes]
TITLE = tags.text("TIT2", "Title")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description rdf:about="" xmlns:xmpDM="http://ns.adobe.com/xmp/1.0/'
    b'DynamicMedia/" xmpDM:genre="Zouk"/></rdf:RDF></x:xmpmeta>'
)
XMP_FRAME = tags.id3(TITLE, tags.frame("PRIV", b"XMP\0" + XMP))
ID3 = tags.id3(TITLE, tags.text("TCON", "Zouk"))
ID3_22 = tags.id3(tags.text("TT2", "Title", 2), tags.text("TCO", "Zouk", 2), version=2)
ID3_23 = tags.id3(tags.text("TIT2", "Title", 3), tags.text("TCON", "(4)Zouk", 3), version=3)
UTF16 = tags.id3(TITLE, tags.frame("TCON", b"\1" + "Zouk".encode("utf-16")))
TWO_FRAMES = tags.id3(TITLE, tags.text("TCON", "Zouk"), tags.text("TCON", "Salsa"))
COMMENT = tags.id3(TITLE, tags.frame("COMM", b"\0engGenre\0Zouk"))
COMMENT_22 = tags.id3(
    tags.text("TT2", "Title", 2), tags.frame("COM", b"\0engGENRE\0Zouk", 2), version=2
)
USER_TEXT = tags.id3(TITLE, tags.frame("TXXX", b"\0GENRE\0Zouk"))
APE = tags.ape({"Title": b"Title", "GENRE": b"Zouk"})
BARE_APE = tags.ape({"Title": b"Title"})
SAID = b"LYRICSBEGININD0000210LYR00008la la la"
LYRICS3 = SAID + b"%06dLYRICS200" % len(SAID)
TAG_PLUS = b"TAG+" + b"more".ljust(180, b"\0") + b"\1" + b"Zouk".ljust(30) + b"000:00" * 2


def in_front(tag: bytes, data: bytes) -> bytes:
    return tag + data


def behind(tag: bytes, data: bytes) -> bytes:
    return data + tag


def around(first: bytes, last: bytes, data: bytes) -> bytes:
    return first + data + last


TRAILERS: dict[str, Build] = {
    "ID3v1": partial(behind, tags.id3v1(16)),
    "ID3v1 with a longer one": partial(behind, TAG_PLUS + tags.id3v1(255)),
    "ID3v1 behind Lyrics3": partial(behind, LYRICS3 + tags.id3v1(16)),
    "ID3v1 of a number that nobody knows": partial(behind, tags.id3v1(250)),
    "a noisy ID3v1": partial(behind, tags.id3v1(0, title="", artist="")),
}
APES: dict[str, Build] = {
    "APE": partial(behind, APE),
    "APE without a header": partial(
        behind, tags.ape({"Title": b"T", "Genre": b"Zouk"}, header=False)
    ),
    "APE with two genres": partial(behind, tags.ape({"Title": b"T", "genre": b"Zouk\0Salsa"})),
    "APE and ID3v1": partial(behind, BARE_APE + tags.id3v1(16)),
    "APE before Lyrics3 and ID3v1": partial(behind, APE + LYRICS3 + tags.id3v1(255)),
    "APE against ID3v1": partial(behind, APE + tags.id3v1(16)),
}
FRONTS: dict[str, Build] = {
    "ID3v2.4": partial(in_front, ID3),
    "ID3v2.3 with a number and a text": partial(in_front, ID3_23),
    "ID3v2.2": partial(in_front, ID3_22),
    "ID3v2 in UTF-16": partial(in_front, UTF16),
    "ID3v2 with two frames": partial(in_front, TWO_FRAMES),
    "ID3v2 with a text for users": partial(in_front, USER_TEXT),
    "ID3v2 with a text called like a frame": partial(
        in_front, tags.id3(TITLE, tags.frame("TXXX", b"\0TCON\0Zouk"))
    ),
    "ID3v2 with a comment": partial(in_front, COMMENT),
    "ID3v2.2 with a comment": partial(in_front, COMMENT_22),
    "ID3v2 with XMP": partial(in_front, XMP_FRAME),
}
MIXES: dict[str, Build] = {
    "ID3v2 and ID3v1": partial(around, tags.id3(TITLE), tags.id3v1(16)),
    "ID3v2 and a noisy ID3v1": partial(around, ID3, tags.id3v1(0, title="", artist="")),
    "ID3v2 and APE": partial(around, tags.id3(TITLE), APE),
    "ID3v2, APE and ID3v1": partial(around, tags.id3(TITLE), APE + tags.id3v1(16)),
    "ID3v2 without frames and APE": partial(around, tags.id3(), APE),
}


def after_frames(count: int, tag: bytes, data: bytes) -> bytes:
    """Put a tag between frames of ADTS."""
    position = 0
    for _ in range(count):
        position += (
            (data[position + 3] & 3) << 11 | data[position + 4] << 3 | data[position + 5] >> 5
        )
    return data[:position] + tag + data[position:]


ADTS: dict[str, Build] = {
    "ID3v2 between frames": partial(after_frames, 9, ID3),
    "ID3v2 after two frames": partial(after_frames, 2, ID3),
    "ID3v2 in front and between frames": lambda data: (
        tags.id3(TITLE) + after_frames(4, ID3, after_frames(8, ID3, data))
    ),
}


def wav(chunks: bytes, data: bytes) -> bytes:
    return tags.riff(data + chunks)


def first_in_wav(chunks: bytes, data: bytes) -> bytes:
    return tags.riff(data[:12] + chunks + data[12:])


def info(*chunks: tuple[bytes, bytes], name: bytes = b"LIST") -> bytes:
    return tags.chunk(name, b"INFO" + b"".join(tags.chunk(*it) for it in chunks))


INFO = info((b"INAM", b"Title\0"), (b"IGNR", b"Zouk\0"))
ID3_CHUNK = tags.chunk(b"id3 ", ID3)
WAV: dict[str, Build] = {
    "ID3v2": partial(wav, ID3_CHUNK),
    "ID3v2 in a chunk in capitals": partial(wav, tags.chunk(b"ID3 ", ID3)),
    "INFO": partial(wav, INFO),
    "INFO before the sound": partial(first_in_wav, INFO),
    "INFO in Latin-1": partial(wav, info((b"IGNR", b"Zouk\xe9\0"))),
    "INFO without a NUL": partial(wav, info((b"IGNR", b"Zouk"), (b"INAM", b"Title\0"))),
    "INFO in small letters": partial(wav, info((b"ignr", b"Zouk\0"))),
    "INFO in a list in small letters": partial(wav, info((b"IGNR", b"Zouk\0"), name=b"list")),
    "INFO with an empty genre first": partial(wav, info((b"IGNR", b""), (b"IGNR", b"Zouk\0"))),
    "INFO with two genres": partial(
        wav, info((b"IGNR", b"Zouk\0"), (b"INAM", b"T\0"), (b"IGNR", b"Salsa\0"))
    ),
    "INFO with another name": partial(wav, info((b"GENR", b"Zouk\0"))),
    "two INFO lists": partial(
        wav, info((b"IGNR", b"Zouk\0")) + info((b"INAM", b"T\0"), (b"IGNR", b"Salsa\0"))
    ),
    "two INFO lists, the first without": partial(
        wav, info((b"INAM", b"T\0")) + info((b"IGNR", b"Zouk\0"))
    ),
    "INFO and ID3v2": partial(wav, INFO + tags.chunk(b"id3 ", tags.id3(TITLE))),
    "ID3v2 and an INFO list without": partial(wav, info((b"INAM", b"T\0")) + ID3_CHUNK),
    "XMP": partial(wav, tags.chunk(b"_PMX", XMP)),
    "XMP behind ID3v2": partial(
        wav, tags.chunk(b"id3 ", tags.id3(TITLE)) + tags.chunk(b"_PMX", XMP)
    ),
    "INFO behind the end": partial(behind, INFO),
}


def aiff(name: bytes, data: bytes, tag: bytes = ID3) -> bytes:
    whole = data + tags.chunk(name, tag, "big")
    return whole[:4] + (len(whole) - 8).to_bytes(4, "big") + whole[8:]


def dff(name: bytes, data: bytes) -> bytes:
    whole = data + name + len(ID3).to_bytes(8, "big") + ID3 + bytes(len(ID3) % 2)
    return whole[:4] + (len(whole) - 12).to_bytes(8, "big") + whole[12:]


def dsf(data: bytes) -> bytes:
    size = len(data) + len(ID3)
    return (
        data[:12] + size.to_bytes(8, "little") + len(data).to_bytes(8, "little") + data[28:] + ID3
    )


def flac(*comments: bytes, more: bytes = b"") -> Build:
    """Return what puts a comment block, and other blocks, behind the first one."""
    sized = b"".join(len(it).to_bytes(4, "little") + it for it in comments)
    block = bytes(4) + len(comments).to_bytes(4, "little") + sized

    def build(data: bytes) -> bytes:
        head = b"\x84" + len(block).to_bytes(3, "big")
        return data[:4] + b"\0" + data[5:42] + more + head + block + data[42:]

    return build


def application(data: bytes) -> bytes:
    return b"\2" + len(data).to_bytes(3, "big") + data


FLAC: dict[str, Build] = {
    "comment": flac(b"GENRE=Zouk"),
    "the same comment twice": flac(b"GENRE=Zouk", b"TITLE=T", b"GENRE=Zouk"),
    "comments in two cases": flac(b"genre=Zouk", b"TITLE=T", b"Genre=Salsa"),
    "comment that is not UTF-8": flac(b"TITLE=T", b"GENRE=Zouk\xe9"),
    "comment and ID3v2": lambda data: ID3 + flac(b"TITLE=T")(data),
    "comment and ID3v1": lambda data: flac(b"TITLE=T")(data) + tags.id3v1(16),
    "the RIFF file's INFO": flac(b"TITLE=T", more=application(b"riff" + INFO)),
}


def item(name: bytes, *values: bytes, kind: int = 1) -> bytes:
    data = (atom(b"data", kind.to_bytes(4, "big"), bytes(4), value) for value in values)
    return atom(name, *data)


def freeform(mean: bytes, name: bytes, value: bytes) -> bytes:
    data = atom(b"data", b"\0\0\0\1", bytes(4), value)
    return atom(b"----", atom(b"mean", bytes(4), mean), atom(b"name", bytes(4), name), data)


def meta(*items: bytes, handler: bytes = b"mdirappl", keys: bytes = b"") -> bytes:
    hdlr = atom(b"hdlr", bytes(8), handler, bytes(9))
    return atom(b"meta", bytes(4), hdlr, keys, atom(b"ilst", *items))


def keyed(key: bytes) -> bytes:
    keys = atom(b"keys", bytes(4), b"\0\0\0\1", atom(b"mdta", key))
    return meta(item(b"\0\0\0\1", b"Zouk"), handler=b"mdta", keys=keys)


GEN = item(b"\xa9gen", b"Zouk")
GNRE = item(b"gnre", b"\0\x11", kind=0)  # Reggae, plus one
USER_DATA = atom(b"\xa9gen", b"\0\4\0\0Zouk")
THREE_GPP = atom(b"gnre", bytes(4), b"\x15\xc7", b"Zouk\0")


def into(path: tuple[bytes, ...], new: bytes, data: bytes) -> bytes:
    """Append an atom to that at a path; the file's sound stands in front of it."""
    if not path:
        return data + new
    at = 0
    while data[at + 4 : at + 8] != path[0]:
        at += int.from_bytes(data[at : at + 4], "big")
    end = at + int.from_bytes(data[at : at + 4], "big")
    inner = into(path[1:], new, data[at + 8 : end])
    return data[:at] + atom(path[0], inner) + data[end:]


MEDIA = (b"moov", b"trak", b"mdia")


def xtra(name: bytes, value: str) -> bytes:
    """Return Windows' list with one entry."""
    text = value.encode("utf-16-le") + b"\0\0"
    sized = (len(text) + 6).to_bytes(4, "big") + b"\0\x08" + text
    named = len(name).to_bytes(4, "big") + name + b"\0\0\0\1" + sized
    return atom(b"Xtra", (len(named) + 4).to_bytes(4, "big"), named)


XMP_ID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
MOOV, TRAK = (b"moov",), (b"moov", b"trak")
MP4: dict[str, Build] = {
    "item": partial(into, MOOV, atom(b"udta", meta(GEN))),
    "item with two values": partial(
        into, MOOV, atom(b"udta", meta(item(b"\xa9gen", b"Zouk", b"X")))
    ),
    "number": partial(into, MOOV, atom(b"udta", meta(GNRE))),
    "number and item": partial(into, MOOV, atom(b"udta", meta(GNRE, GEN))),
    "item and number": partial(into, MOOV, atom(b"udta", meta(GEN, item(b"\xa9nam", b"T"), GNRE))),
    "freeform": partial(
        into, MOOV, atom(b"udta", meta(freeform(b"com.apple.iTunes", b"GENRE", b"Zouk")))
    ),
    "freeform of another maker": partial(
        into, MOOV, atom(b"udta", meta(freeform(b"org.example", b"Genre", b"Zouk")))
    ),
    "moov's own metadata": partial(into, MOOV, meta(GEN)),
    "metadata next to moov": partial(into, (), meta(GEN)),
    "user data next to moov": partial(into, (), atom(b"udta", USER_DATA)),
    "metadata in user data next to moov": partial(into, (), atom(b"udta", meta(GEN))),
    "a track's metadata": partial(into, TRAK, meta(GEN)),
    "a track's user data": partial(into, TRAK, atom(b"udta", meta(GEN))),
    "a track's QuickTime text": partial(into, TRAK, atom(b"udta", USER_DATA)),
    "a track's 3GPP text": partial(into, TRAK, atom(b"udta", THREE_GPP)),
    "QuickTime's keys": partial(into, MOOV, keyed(b"com.apple.quicktime.genre")),
    "QuickTime's keys next to moov": partial(into, (), keyed(b"com.apple.quicktime.genre")),
    "a plain key": partial(into, MOOV, keyed(b"genre")),
    "QuickTime's keys in user data": partial(
        into, MOOV, atom(b"udta", keyed(b"com.apple.quicktime.genre"))
    ),
    "Windows' list": partial(into, MOOV, atom(b"udta", xtra(b"WM/Genre", "Zouk"))),
    "Windows' list and an item": partial(
        into, MOOV, atom(b"udta", meta(GEN), xtra(b"WM/Genre", "Salsa"))
    ),
    "a track's media": partial(into, MEDIA, meta(GEN)),
    "user data in user data": partial(into, MOOV, atom(b"udta", atom(b"udta", USER_DATA))),
    "everything at once": lambda data: into(
        MOOV,
        atom(b"udta", meta(GEN, freeform(b"x", b"GENRE", b"Zouk")), USER_DATA, THREE_GPP),
        into(TRAK, atom(b"udta", USER_DATA, meta(GEN)), into((), meta(GEN), data)),
    ),
    "QuickTime's text": partial(into, MOOV, atom(b"udta", USER_DATA)),
    "XMP": partial(into, (), atom(b"uuid", XMP_ID, XMP)),
    "XMP in user data": partial(into, MOOV, atom(b"udta", atom(b"XMP_", XMP))),
    "3GPP's text": partial(into, MOOV, atom(b"udta", THREE_GPP)),
}


def asf(attributes: dict[str, list[object]], data: bytes) -> bytes:
    file = io.BytesIO(data)
    tagged = ASF(file)
    for name, values in attributes.items():
        tagged[name] = values
    file.seek(0)
    tagged.save(file)
    return file.getvalue()


ASF_XMP = UUID("BE7ACFCB-97A9-42E8-9C71-999491E3AFAC").bytes_le + (len(XMP) + 24).to_bytes(
    8, "little"
)
ASF_XMP += XMP
ID3_ATTRIBUTE = ASFByteArrayAttribute(data=ID3)
WMA: dict[str, Build] = {
    "attribute": partial(asf, {"WM/Genre": ["Zouk"]}),
    "two attributes": partial(asf, {"WM/Genre": ["Zouk", "Salsa"]}),
    "another name": partial(asf, {"Genre": ["Zouk"]}),
    "a name in small letters": partial(asf, {"wm/genre": ["Zouk"]}),
    "an ID3 tag": partial(asf, {"Title": ["T"], "ID3": [ID3_ATTRIBUTE]}),
    "XMP": partial(behind, ASF_XMP),
    "an ID3 tag before the attribute": partial(
        asf, {"ID3": [ID3_ATTRIBUTE], "WM/Genre": ["Salsa"]}
    ),
}


def matroska(*genres: tuple[str, bytes]) -> Build:
    """Return what makes a file with genres of such levels, in another file's place."""
    each = [mkv.tag(mkv.simple("GENRE", text), targets=targets) for text, targets in genres]
    title = mkv.tag(mkv.simple("TITLE", "Title"))
    return lambda _: mkv.build(mkv.Layout(tags=(title, *each), voids=(60, 900, 0)))


LEVEL_30 = mkv.of(0x68CA, 30) + mkv.of(0x63CA, "TRACK")
MATROSKA: dict[str, Build] = {
    "a tag": matroska(("Zouk", b"")),
    "a tag of the track's level": matroska(("Zouk", LEVEL_30)),
    "a tag of the album": matroska(("Zouk", mkv.of(0x68CA, 50))),
    "a tag of a track": matroska(("Zouk", mkv.of(0x63C5, mkv.TRACK_UID))),
    "two tags": matroska(("Salsa", b""), ("Zouk", b"")),
    "the album's and the track's": matroska(("Zouk", mkv.of(0x68CA, 50)), ("Salsa", LEVEL_30)),
    "the track's and the album's": matroska(("Salsa", LEVEL_30), ("Zouk", mkv.of(0x68CA, 50))),
}
ID3_HOSTS = {**FRONTS, **TRAILERS, **APES, **MIXES}
APE_HOSTS = {
    **APES,
    **TRAILERS,
    "ID3v2": FRONTS["ID3v2.4"],
    "APE and ID3v2": MIXES["ID3v2 and APE"],
}
PLACES: dict[str, dict[str, Build]] = {
    "mp3": {**ID3_HOSTS, "ID3v2 behind junk": partial(in_front, bytes(40) + ID3)},
    "aac": {**ID3_HOSTS, **ADTS},
    "tta": ID3_HOSTS,
    "wv": APE_HOSTS,
    "mpc": APE_HOSTS,
    "ape": APE_HOSTS,
    "flac": {**FLAC, **TRAILERS, "ID3v2": FRONTS["ID3v2.4"]},
    "ogg": TRAILERS,
    "opus": TRAILERS,
    "oga": TRAILERS,
    "spx": TRAILERS,
    "wav": {**WAV, **TRAILERS},
    "aiff": {
        "ID3v2": partial(aiff, b"ID3 "),
        "in small letters": partial(aiff, b"id3 "),
        "ID3v2 with XMP": partial(aiff, b"ID3 ", tag=XMP_FRAME),
        **TRAILERS,
    },
    "dff": {"ID3v2": partial(dff, b"ID3 "), "in small letters": partial(dff, b"id3 "), **TRAILERS},
    "dsf": {"ID3v2": dsf, **TRAILERS},
    "m4a": {**MP4, **TRAILERS},
    "fragments.m4a": {
        "a track's user data": partial(into, TRAK, atom(b"udta", USER_DATA)),
    },
    "wma": {**WMA, **TRAILERS},
    "mka": {
        **MATROSKA,
        **{f"{name}, behind": build for name, build in {**TRAILERS, **APES}.items()},
    },
    "webm": {f"{name}, behind": build for name, build in {**TRAILERS, **APES}.items()},
}


def each() -> Iterator[tuple[str, str]]:
    """Yield every kind of file with every place."""
    for kind, places in PLACES.items():
        for place in places:
            yield kind, place
