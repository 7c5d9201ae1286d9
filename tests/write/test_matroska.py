"""Tags of Matroska files: nothing that is addressed moves, and readers find what they found."""

import itertools
import json
import random
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import av
import pytest
from audiofiles import make
from matroskafiles import (
    CLUSTER,
    MASTERS,
    PICTURE,
    RICH_TAGS,
    SEGMENT,
    TAGS,
    TRACK_UID,
    Layout,
    audio_md5,
    build,
    check,
    fixed,
    of,
    simple,
    tag,
    walk,
)
from secondreader import by_ffmpeg, simple_tags
from thinned import thinned

from lean_tagger import write
from lean_tagger.errors import DecodeError, FileError, WriteError
from lean_tagger.listen.decode import fingerprint

VALUES = {
    "genre": ("Hip-Hop", "Progressive Rock", "Électro"),
    "mood": ("mellow", "sad"),
    "leantag": ("msd-musicnn 1; " + "Rock=0.52 " * 30,),
}
NOTHING = dict.fromkeys(VALUES, ())
OURS = {field.upper() for field in VALUES}


def others(path: Path) -> dict[str, str]:
    return {
        key: text for key, text in by_ffmpeg(path).items() if re.split("[ -]", key)[0] not in OURS
    }


def others_of(path: Path, data: bytes) -> dict[str, str]:
    path.write_bytes(data)
    return others(path)


def texts(path: Path) -> list[tuple[str, str]]:
    """Return all names and values; a name in lower case is the same name."""
    return sorted(((name.upper(), text) for name, text in simple_tags(path)), key=lambda it: it[0])


def tags_in_front(data: bytes) -> bool:
    """Tell whether readers may know tags that are no longer in front of the sound if moved."""
    starts = {it.id: it.start for it in reversed(list(walk(data)))}
    return TAGS in starts and starts[TAGS] < starts[CLUSTER]


def written(path: Path, data: bytes) -> None:
    """Write into a file of these bytes, and take it back; check all that can be."""
    path.write_bytes(data)
    live = data[data.index(SEGMENT.to_bytes(4, "big")) + 5] == 0xFF
    seen, heard = others(path), audio_md5(path)
    for changes in (VALUES, {"genre": ("Jazz",)}, {"leantag": ("x" * 3000,)}, NOTHING):
        before = path.read_bytes()
        try:
            write.write(str(path), changes, fingerprint=fingerprint)
        except WriteError:
            assert path.read_bytes() == before
            raise
        after = path.read_bytes()
        assert len(after) >= len(before)
        assert others(path) == seen
        assert audio_md5(path) == heard
        if not live:
            check(after)
            places = not tags_in_front(before)
            assert fixed(after, places=places) == fixed(before, places=places)
        shown = by_ffmpeg(path)
        for field, values in changes.items():
            assert write.read(str(path)).get(field, ()) == tuple(values)
            assert shown.get(field.upper()) == (values[0] if values else None)
    assert by_ffmpeg(path) == seen


@pytest.mark.parametrize("crc", [False, True], ids=["", "crc"])
@pytest.mark.parametrize("tags_last", [False, True], ids=["early", "last"])
@pytest.mark.parametrize("tags", [None, RICH_TAGS], ids=["untagged", "tagged"])
@thinned(
    "voids",
    [(40, 0, 0), (5000, 0, 0), (0, 5000, 0), (40, 0, 5000), (3000, 128, 40), (100, 0, 129)],
    fast=3,
)
def test_every_layout_is_written_and_taken_back(
    tmp_path: Path,
    voids: tuple[int, int, int],
    tags: tuple[bytes, ...] | None,
    tags_last: bool,
    crc: bool,
) -> None:
    written(tmp_path / "a.mka", build(Layout(True, voids, tags, tags_last, crc)))


def test_free_space_of_any_length_is_used_to_the_byte(tmp_path: Path) -> None:
    """One byte cannot be left: no element is so short."""
    path = tmp_path / "a.mka"
    for length in range(2, 140):
        path.write_bytes(data := build(Layout(seek_head=False, voids=(0, length, 0))))
        for text in ("x" * 20, "y" * 70):
            try:
                write.write(str(path), {"genre": [text]}, fingerprint=fingerprint)
            except WriteError:
                assert length < 40 + len(text)
                assert path.read_bytes() in (data, path.read_bytes())
            else:
                assert by_ffmpeg(path)["GENRE"] == text
            assert len(path.read_bytes()) == len(data)
            check(path.read_bytes())
            assert fixed(path.read_bytes()) == fixed(data)


def test_what_grows_at_the_end_leaves_room_for_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    path.write_bytes(build(Layout(voids=(40, 0, 0))))
    write.write(str(path), VALUES, fingerprint=fingerprint)
    size = path.stat().st_size
    for changes in ({"leantag": ("x" * 1000,)}, NOTHING, VALUES):
        write.write(str(path), changes, fingerprint=fingerprint)
        assert path.stat().st_size == size


def test_what_is_recorded_live_is_written_where_there_is_room(tmp_path: Path) -> None:
    written(tmp_path / "a.webm", build(Layout(live=True, voids=(0, 6000, 0))))
    for voids in ((0, 0, 0), (100, 40, 0)):
        with pytest.raises(WriteError, match="recorded live"):
            written(tmp_path / "b.webm", build(Layout(live=True, voids=voids)))


def test_without_a_table_of_contents_tags_at_the_end_would_not_be_found(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no room for tags"):
        written(tmp_path / "a.mka", build(Layout(seek_head=False, voids=(0, 9, 5000))))


@pytest.mark.parametrize(
    "targets",
    [
        b"",
        of(0x68CA, 30),
        of(0x68CA, 70),
        of(0x63CA, "ALBUM") + of(0x68CA, 50),
        of(0x63C5, TRACK_UID),
    ],
    ids=["none", "track", "collection", "album", "one track"],
)
def test_a_genre_of_the_music_is_there_at_any_level(tmp_path: Path, targets: bytes) -> None:
    path = tmp_path / "a.mka"
    there = tag(simple("Genre", "Weak"), simple("genre", "Polka"), targets=targets)
    path.write_bytes(build(Layout(tags=(*RICH_TAGS, there), voids=(9, 900, 0))))
    assert write.read(str(path)) == {"genre": ("Polka", "Weak")}
    before = texts(path)
    write.write(str(path), {"genre": ["Rock"], "mood": ["sad"]}, fingerprint=fingerprint)
    assert write.read(str(path)) == {"genre": ("Rock",), "mood": ("sad",)}
    assert "Polka" not in by_ffmpeg(path).values()
    undone = {"genre": ("Polka", "Weak"), "mood": ()}
    write.write(str(path), undone, fingerprint=fingerprint)
    assert texts(path) == before


def test_a_genre_of_something_else_is_none_of_the_music(tmp_path: Path) -> None:
    """Of a chapter, of a picture, of another track, or of what a song is a version of."""
    path = tmp_path / "a.mka"
    tags = [tag(simple("GENRE", "x"), targets=of(it, 9)) for it in (0x63C4, 0x63C6, 0x63C9, 0x63C5)]
    tags.append(tag(simple("ORIGINAL", "", simple("GENRE", "x"))))
    path.write_bytes(build(Layout(tags=tuple(tags), voids=(40, 2000, 0))))
    assert write.read(str(path)) == {}
    write.write(str(path), {"genre": ["Rock"]}, fingerprint=fingerprint)
    assert sorted(simple_tags(path)) == sorted(
        [*[("GENRE", "x")] * 5, ("GENRE", "Rock"), ("ORIGINAL", "")]
    )


def test_what_would_be_lost_with_a_genre_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    there = tag(simple("GENRE", "Polka", simple("URL", "polka.example")))
    path.write_bytes(data := build(Layout(tags=(there,), voids=(40, 2000, 0))))
    assert write.read(str(path)) == {"genre": ("Polka",)}
    with pytest.raises(WriteError, match="more than a text"):
        write.write(str(path), {"genre": ["Rock"]}, fingerprint=fingerprint)
    assert path.read_bytes() == data


def test_structures_that_readers_see_differently_are_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.mka", build(Layout(tags=RICH_TAGS, voids=(0, 99, 99)))
    segment = whole.index(SEGMENT.to_bytes(4, "big"))
    head, content = whole[:segment], whole[segment + 12 :]

    def with_content(data: bytes) -> bytes:
        return head + whole[segment : segment + 4] + (1 << 56 | len(data)).to_bytes(8, "big") + data

    cases = {
        "more than one Tags": with_content(content + of(TAGS, *RICH_TAGS)),
        "checksum over everything": with_content(of(0xBF, bytes(4)) + content),
        "cut short": whole[:-150],
        "between elements": with_content(content + bytes(3)),
        "two tables": with_content(
            content + next(content[it.start : it.end] for it in walk(content))
        ),
    }
    for match, data in cases.items():
        path.write_bytes(data)
        with pytest.raises(WriteError, match=match):
            write.write(str(path), VALUES, fingerprint=fingerprint)
        assert path.read_bytes() == data


def test_other_ebml_is_no_matroska(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    data = build(Layout())
    for content in (
        data.replace(b"matroska", b"notes123"),
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\xff" + data,
        b"\x1a\x45\xdf\xa3\x88\x42\x82\xff\xff\xff\xff\xff\xff",
    ):
        path.write_bytes(content)
        assert not write.supported(str(path))


# --- readers that are not built on FFmpeg


def mkvtoolnix(*command: str | Path) -> str:
    if not shutil.which(str(command[0])):
        pytest.skip("mkvtoolnix is not installed")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("kind", ["by hand", "mkvmerge", "mka", "webm"])
def test_mkvtoolnix_finds_all_values_and_everything_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mka"
    if kind == "by hand":
        path.write_bytes(build(Layout(tags=RICH_TAGS, crc=True, voids=(40, 0, 0))))
    elif kind == "mkvmerge":
        (tmp_path / "cover.png").write_bytes(PICTURE)
        flac = make(tmp_path / "a.flac", "flac")
        mkvtoolnix("mkvmerge", "-o", path, "--attach-file", tmp_path / "cover.png", flac)
    else:
        make(path, kind)

    def found() -> tuple[list[tuple[str, str]], str, bytes]:
        said = mkvtoolnix("mkvextract", path, "tags", tmp_path / "tags.xml")
        assert "rror" not in said
        tags = (tmp_path / "tags.xml").read_text() if (tmp_path / "tags.xml").exists() else ""
        pairs = [
            (it.findtext("Name") or "", it.findtext("String") or "")
            for it in (ET.fromstring(tags).iter("Simple") if tags else ())
        ]
        about = json.loads(mkvtoolnix("mkvmerge", "-J", path))
        kept = {key: about[key] for key in ("attachments", "chapters", "tracks", "errors")}
        if about["attachments"]:
            mkvtoolnix("mkvextract", path, "attachments", f"1:{tmp_path / 'out'}")
        picture = (tmp_path / "out").read_bytes() if about["attachments"] else b""
        (tmp_path / "tags.xml").unlink(missing_ok=True)
        return pairs, json.dumps(kept), picture

    before = found()
    write.write(str(path), VALUES, fingerprint=fingerprint)
    pairs, kept, picture = found()
    assert (kept, picture) == before[1:]
    assert [it for it in pairs if it not in before[0]] == [
        (field.upper(), value) for field, values in VALUES.items() for value in reversed(values)
    ]
    assert [it for it in pairs if it in before[0]] == before[0]
    assert "rror" not in mkvtoolnix("mkvinfo", "-a", path)
    write.write(str(path), NOTHING, fingerprint=fingerprint)
    assert found() == before


@pytest.mark.parametrize("kind", ["mka", "webm", "by hand"])
def test_exiftool_which_reads_up_to_the_sound_loses_sight_of_nothing(
    tmp_path: Path, kind: str
) -> None:
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed")
    path = tmp_path / "a.mka"
    if kind == "by hand":
        path.write_bytes(build(Layout(tags=RICH_TAGS, voids=(40, 0, 0))))
    else:
        make(path, kind)

    def found() -> list[str]:
        command = ["exiftool", "-a", "-G1", "-s", "-Matroska:all", path]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return shown.splitlines()

    before = found()
    assert len(before) > 5
    write.write(str(path), VALUES, fingerprint=fingerprint)
    after = found()
    assert any("Hip-Hop" in line for line in after)
    assert [line for line in after if line in before] == before
    write.write(str(path), NOTHING, fingerprint=fingerprint)
    assert found() == before


def test_where_a_place_would_need_more_bytes_nothing_moves(tmp_path: Path) -> None:
    """Then the tags go behind everything, where all but exiftool find them."""
    path, moved = tmp_path / "a.mka", set[bool]()
    for more in range(48_000, 50_600, 200):  # up to a file of 65,536 bytes
        picture = PICTURE + bytes(more)
        data = build(Layout(tags=RICH_TAGS, voids=(90, 0, 0), place_bytes=2, picture=picture))
        seen = others_of(path, data)
        write.write(str(path), VALUES, fingerprint=fingerprint)
        after = path.read_bytes()
        check(after)
        assert others(path) == seen
        assert by_ffmpeg(path)["GENRE"] == VALUES["genre"][0]
        moved.add(tags_in_front(after))
        places = not tags_in_front(after)
        assert fixed(after, places=places) == fixed(data, places=places)
    assert moved == {True, False}


# --- damage


def seeds() -> list[bytes]:
    layouts = itertools.product(
        (True, False), ((40, 0, 0), (0, 3000, 90)), (None, RICH_TAGS), (False, True), (False, True)
    )
    made = [build(Layout(*it)) for it in layouts]
    theirs = tag(simple("GENRE", "Polka"), simple("MOOD", "x"), targets=of(0x68CA, 30))
    return [
        *made,
        build(Layout(tags=(*RICH_TAGS, theirs), voids=(60, 900, 0), crc=True)),
        build(Layout(live=True, voids=(40, 4000, 0), tags=RICH_TAGS)),
    ]


def mutant(chance: random.Random, data: bytes) -> bytes:
    """Damage one to three places: where structure is, since in the sound nothing can go wrong."""
    changed = bytearray(data)
    heads = [it for it in walk(data) if it.id != 0xA3]
    if chance.random() < 0.5:  # what elements say, and not how they stand together
        leaves = [it for it in heads if it.id not in MASTERS and it.start < it.body < it.end]
        for it in chance.sample(leaves, 3):
            changed[chance.randrange(it.body, it.end)] = chance.choice([0, 0x20, 0x41, 0xC3, 0xFF])
        return bytes(changed)
    for _ in range(chance.randint(1, 3)):
        it = chance.choice(heads)
        at = min(chance.choice([it.start, it.body - 1, it.body, it.start + 4]), len(changed) - 1)
        match chance.randrange(7):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at] = chance.choice([0, 0x80, 0xEC, 0xFF, 0xBF, 0x01])
            case 2:
                del changed[at : at + chance.randint(1, 9)]
            case 3:
                changed[at:at] = chance.randbytes(chance.randint(1, 9))
            case 4:
                other = chance.choice(heads)
                changed[at:at] = data[other.start : other.end][:5000]
            case 5:
                del changed[it.start : it.end]
            case _:
                del changed[max(40, at) :]
        changed = changed or bytearray(data[:50])
    return bytes(changed)


def survives(path: Path, data: bytes) -> str:
    """Write into a damaged file, or have that refused; return which."""
    path.write_bytes(data)
    try:
        if not write.supported(str(path)):
            return "unsupported"
        heard, fields, seen = fingerprint(str(path)), write.read(str(path)), others(path)
        write.write(str(path), VALUES, fingerprint=fingerprint, expected=heard)
    except DecodeError:
        assert path.read_bytes() == data
        return "undecodable"
    except FileError:
        assert path.read_bytes() == data
        return "refused"
    assert write.read(str(path)) == VALUES
    assert others(path) == seen
    assert fingerprint(str(path)) == heard
    write.write(str(path), {f: fields.get(f, ()) for f in VALUES}, fingerprint=fingerprint)
    assert write.read(str(path)) == fields
    assert others(path) == seen
    assert fingerprint(str(path)) == heard
    return "written"


def fuzz(path: Path, numbers: range) -> None:
    av.logging.set_level(None)
    originals, outcomes = seeds(), dict[str, int]()
    for number in numbers:
        chance = random.Random(number)
        try:
            outcome = survives(path, mutant(chance, chance.choice(originals)))
        except Exception as error:
            raise AssertionError(f"mutant {number}") from error
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    print(outcomes)
    assert outcomes["written"] >= len(numbers) / 20
    assert outcomes["refused"] >= len(numbers) / 20


def test_damaged_files_are_written_whole_or_left_alone(tmp_path: Path) -> None:
    fuzz(tmp_path / "a.mka", range(100))


@pytest.mark.slow
def test_thousands_of_damaged_files_are_written_whole_or_left_alone(tmp_path: Path) -> None:
    fuzz(tmp_path / "a.mka", range(100, 5000))
