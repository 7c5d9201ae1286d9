"""Artist and album, as every format keeps them."""

import shutil
import struct
from pathlib import Path

import mutagen
import mutagen.id3
import pytest
from conftest import DATA, shared
from encode import encode, music

from lean_tagger.jobs import TrackInfo
from lean_tagger.write import track

EXPECTED = TrackInfo(artist="Ana Ñ", albumartist="Various", album="Songs; 1/2")


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "ogg", "opus"])
def test_whose_it_is_stands_in_the_tags(tmp_path: Path, suffix: str) -> None:
    clip = next(DATA.glob(f"*.{suffix}"))
    path = Path(shutil.copy(clip, tmp_path))
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file["artist"], file["albumartist"] = [EXPECTED.artist, "Bea"], [EXPECTED.albumartist]
    file["album"] = [EXPECTED.album]
    file.save()
    assert track(str(path)) == EXPECTED


@pytest.mark.parametrize("suffix", ["wav", "aiff"])
def test_and_in_an_id3_tag_inside_of_a_container(tmp_path: Path, suffix: str) -> None:
    codec = {"wav": "pcm_s16le", "aiff": "pcm_s16be"}[suffix]
    path = encode(tmp_path / f"a.{suffix}", music(1, 44100), 44100, codec)
    file = mutagen.File(path)
    file.add_tags()
    for kind, text in (("TPE1", "artist"), ("TPE2", "albumartist"), ("TALB", "album")):
        file.tags.add(getattr(mutagen.id3, kind)(encoding=3, text=getattr(EXPECTED, text)))
    file.save()
    assert track(str(path)) == EXPECTED


def test_a_file_that_does_not_say_or_is_damaged_is_nobodys(tmp_path: Path) -> None:
    assert track(str(DATA / "farm.wav")) == TrackInfo()
    (tmp_path / "junk.mp3").write_bytes(b"ID3\4\0\0" + struct.pack(">I", 0x7F7F7F7F) + b"x" * 99)
    assert track(str(tmp_path / "junk.mp3")) == TrackInfo()
    assert track(str(tmp_path / "nowhere.mp3")) == TrackInfo()


def test_no_damaged_file_is_a_reason_to_fail() -> None:
    for path in sorted(shared("hostile").rglob("*")):
        if path.is_file():
            assert isinstance(track(str(path)), TrackInfo)
