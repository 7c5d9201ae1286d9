"""Every kind of file, every place for a genre, every reader: the whole table.

A genre is there if a reader shows it. What is there stays, unless it is to be overwritten; then
every reader shows ours, or none. After undo, each sees what it saw before.
"""

import re
from pathlib import Path

import av
import pytest
import tagbytes as tags
from audiofiles import in_full, make
from genreplaces import PLACES, each
from readers import READERS, Seen, seen

from lean_tagger import write
from lean_tagger.errors import WriteError
from lean_tagger.listen.decode import fingerprint

av.logging.set_level(None)

FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov+default_base_moof+skip_trailer"}
FAST = ("mutagen", "ffmpeg", "taglib")
SOME = [
    *(("mp3", "ID3v2 and APE"), ("aac", "ID3v1"), ("tta", "APE and ID3v1"), ("flac", "comment")),
    *(("wav", "two INFO lists"), ("m4a", "number and item"), ("m4a", "metadata next to moov")),
    *(("mp3", "ID3v2 with a comment"), ("mp3", "a noisy ID3v1"), ("mp3", "ID3v2 behind junk")),
    *(("aac", "ID3v2 between frames"), ("flac", "the same comment twice")),
    *(("wav", "XMP behind ID3v2"), ("m4a", "Windows' list and an item")),
    *(("m4a", "everything at once"), ("mka", "the album's and the track's")),
    *(("wma", "an ID3 tag before the attribute"), ("mka", "APE, behind"), ("dsf", "ID3v1")),
]
_NAMES = re.compile(
    r"(\w+/)?genre|tco|tcon|txxx:genre|©gen|----:.*:genre|(stream( \d+)? )?genre(-\w+)?"
    r"|com\.apple\.quicktime\.genre|[^ ]+:genre(-\w+)?|[^ ]+:track\d+genre",
    re.IGNORECASE,
)
_NOTHING = (
    "None",
    "Unknown",
    "255",
    "250",
    "''",
    "Invalid",
)  # what readers call a number that is no genre
STAYS = {
    # Nobody takes what stands behind the sound, or another program's blocks, before the comments.
    *(("flac", it) for it in ("ID3v1", "comment and ID3v1", "the RIFF file's INFO")),
    ("flac", "a noisy ID3v1"),
    *(("flac", it) for it in ("ID3v1 with a longer one", "ID3v1 behind Lyrics3")),
}
"""Where the old genre stays, besides ours."""
SEVERAL = {("wav", "INFO with two genres"), ("wav", "two INFO lists")}
"""Where readers show different ones of several, so that a new tag cannot please all."""
REFUSED = {
    *(("wma", it) for it in ("an ID3 tag", "an ID3 tag before the attribute")),
}
"""Where a reader would go on showing the old genre, and nothing is overwritten."""


def bare(folder: Path, kind: str) -> bytes:
    """Return sound of a kind without any tag."""
    if kind == "fragments.m4a":
        return make(folder / "bare.m4a", "m4a", 0.3, options=FRAGMENTED).read_bytes()
    options = {"id3v2_version": "0", "write_xing": "0"} if kind == "mp3" else {}
    data = make(folder / f"bare.{kind}", kind, 0.3, options=options).read_bytes()
    if kind == "wav":
        return tags.without_tags(data)
    if kind in ("wv", "tta"):
        return data.split(b"APETAGEX")[0]
    if kind == "flac":
        position, last = 4, 0
        while not last:
            last = data[position] & 0x80
            position += 4 + int.from_bytes(data[position + 1 : position + 4], "big")
        return b"fLaC\x80\0\0\x22" + data[8:42] + data[position:]
    if kind == "m4a":
        at = data.index(b"udta") - 4  # the last in moov, which is the last
        end = at + int.from_bytes(data[at : at + 4], "big")
        moov = data.index(b"moov") - 4
        size = int.from_bytes(data[moov : moov + 4], "big") - (end - at)
        return data[:moov] + size.to_bytes(4, "big") + data[moov + 4 : at] + data[end:]
    return data


def shown(views: dict[str, Seen]) -> dict[str, str]:
    """Return each genre that a reader shows, by reader and key, as one text."""
    found = {}
    for reader, view in views.items():
        for key, values in view.items():
            text = " ".join(values)
            if _NAMES.fullmatch(key) and text and not any(it in text for it in _NOTHING):
                found[f"{reader} {key}"] = text
    return found


def check(path: Path, kind: str, place: str, readers: tuple[str, ...]) -> None:
    content = PLACES[kind][place](bare(path.parent, kind))
    path.write_bytes(content)
    before = seen(path, readers)
    genres = shown(before)
    there = write.read(str(path)).get("genre", ())
    noise = place.startswith("a noisy ID3v1")  # which is the first number, and nothing else
    assert there or noise or not genres, genres
    assert not (there and noise)
    if place.startswith("ID3v1 of a number"):
        assert not there
    heard = (lambda _: "as it was") if kind == "mpc" else fingerprint  # which is no real sound
    for changes in ({"mood": ("Sad",)}, {"genre": ("Techno", "Dub"), "mood": ("Sad",)}):
        path.write_bytes(content)
        _, previous = in_full(path, changes)
        if "genre" in changes and (kind, place) in REFUSED:
            with pytest.raises(WriteError, match="still show"):
                write.write(str(path), changes, fingerprint=heard)
            assert path.read_bytes() == content
            continue
        write.write(str(path), changes, fingerprint=heard)
        after = shown(seen(path, readers))
        if "genre" not in changes and (kind, place) in SEVERAL:
            assert set(genres) <= set(after)
        elif "genre" not in changes:
            assert noise or {key: after.get(key) for key in genres} == genres
        elif (kind, place) not in STAYS:
            ours = ("Techno", "Dub") if kind == "wma" else ("Techno",)  # FFmpeg shows the last
            assert not {k: text for k, text in after.items() if not any(it in text for it in ours)}
            assert after, "nobody shows it"
        write.write(str(path), previous, fingerprint=heard)
        undone = seen(path, readers)
        if "behind the end" not in place:  # there, more readers find the tag than before
            assert undone == before


@pytest.mark.parametrize(("kind", "place"), SOME)
def test_readers_and_we_agree_on_a_genre_in_some_places(
    tmp_path: Path, kind: str, place: str
) -> None:
    check(tmp_path / f"a.{kind}", kind, place, FAST)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "place"), list(each()))
def test_readers_and_we_agree_on_a_genre_in_every_place(
    tmp_path: Path, kind: str, place: str
) -> None:
    check(tmp_path / f"a.{kind}", kind, place, tuple(READERS))
