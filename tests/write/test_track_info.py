"""Artist and album, as every format keeps them."""

import shutil
import struct
import tracemalloc
import zlib
from pathlib import Path

import mutagen
import mutagen.id3
import pytest
from conftest import DATA, shared
from encode import encode, music
from mutagen.flac import FLAC, Picture

from lean_tagger.jobs import TrackInfo
from lean_tagger.write import track
from lean_tagger.write.track_info import track_at_hand

EXPECTED = TrackInfo(
    artist="Ana Ñ", albumartist="Various", album="Songs; 1/2", year="1999", title="A title"
)


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "ogg", "opus"])
def test_whose_it_is_stands_in_the_tags(tmp_path: Path, suffix: str) -> None:
    clip = next(DATA.glob(f"*.{suffix}"))
    path = Path(shutil.copy(clip, tmp_path))
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file["artist"], file["albumartist"] = [EXPECTED.artist, "Bea"], [EXPECTED.albumartist]
    file["album"], file["date"], file["title"] = [EXPECTED.album], ["1999"], [EXPECTED.title]
    file.save()
    assert track(str(path)) == EXPECTED
    assert track_at_hand(str(path)) == EXPECTED


@pytest.mark.parametrize("suffix", ["wav", "aiff"])
def test_and_in_an_id3_tag_inside_of_a_container(tmp_path: Path, suffix: str) -> None:
    codec = {"wav": "pcm_s16le", "aiff": "pcm_s16be"}[suffix]
    path = encode(tmp_path / f"a.{suffix}", music(1, 44100), 44100, codec)
    file = mutagen.File(path)
    file.add_tags()
    for kind, text in (
        *(("TPE1", "artist"), ("TPE2", "albumartist"), ("TALB", "album")),
        *(("TDRC", "year"), ("TIT2", "title")),
    ):
        file.tags.add(getattr(mutagen.id3, kind)(encoding=3, text=getattr(EXPECTED, text)))
    file.save()
    assert track(str(path)) == EXPECTED
    assert track_at_hand(str(path)) == EXPECTED


def test_a_file_that_does_not_say_or_is_damaged_is_nobodys(tmp_path: Path) -> None:
    assert track(str(DATA / "farm.wav")) == TrackInfo()
    (tmp_path / "junk.mp3").write_bytes(b"ID3\4\0\0" + struct.pack(">I", 0x7F7F7F7F) + b"x" * 99)
    assert track(str(tmp_path / "junk.mp3")) == TrackInfo()
    assert track(str(tmp_path / "nowhere.mp3")) == TrackInfo()
    assert track_at_hand(str(DATA / "farm.wav")) == TrackInfo()
    assert track_at_hand(str(tmp_path / "junk.mp3")) is None
    assert track_at_hand(str(tmp_path / "nowhere.mp3")) is None


@pytest.mark.parametrize("version", [3, 4])
def test_what_is_at_hand_is_the_same_in_older_tags_and_is_not_long(
    tmp_path: Path, version: int
) -> None:
    path = Path(shutil.copy(next(DATA.glob("*.mp3")), tmp_path))
    tags = mutagen.id3.ID3()
    tags.add(mutagen.id3.TDRC(encoding=3, text="1999-12-31T10:11"))
    tags.add(mutagen.id3.TIT2(encoding=3, text="x" * 500))
    tags.save(path, v2_version=version)
    found = track_at_hand(str(path))
    assert found is not None
    assert (found.year[:4], found.title) == ("1999", "x" * 100)
    assert len(found.year) <= 10


def test_large_tags_are_not_read_for_later_questions(tmp_path: Path) -> None:
    """Nor are zipped frames inflated: 50 MB of them take what the rest of the tag does."""
    flac = Path(shutil.copy(next(DATA.glob("*.flac")), tmp_path))
    file = FLAC(flac)
    picture = Picture()
    picture.data = bytes(3 << 20)
    file.add_picture(picture)
    file.save()
    assert track_at_hand(str(flac)) is None
    assert track(str(flac)).artist

    zipped = zlib.compress(b"\0" + bytes(50 << 20))
    frame = b"TXXX" + _syncsafe(len(zipped) + 4) + b"\0\x09" + _syncsafe(50 << 20) + zipped
    name = b"\3Ana"
    frame += b"TPE1" + _syncsafe(len(name)) + b"\0\0" + name
    mp3 = Path(shutil.copy(next(DATA.glob("*.mp3")), tmp_path))
    mutagen.id3.ID3(mp3).delete()
    mp3.write_bytes(b"ID3\4\0\0" + _syncsafe(len(frame)) + frame + mp3.read_bytes())
    tracemalloc.start()
    found = track_at_hand(str(mp3))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == TrackInfo(artist="Ana")
    assert peak_bytes < 2 << 20


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_no_damaged_file_is_a_reason_to_fail(every: int) -> None:
    for path in sorted(shared("hostile").rglob("*"))[::every]:
        if path.is_file():
            assert isinstance(track(str(path)), TrackInfo)
            assert isinstance(track_at_hand(str(path)), TrackInfo | None)
