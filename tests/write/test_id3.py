"""ID3v2 tags keep every byte that is not ours, in each version and each odd variant."""

import random
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen.id3 import ID3
from thinned import thinned

from lean_tagger import write
from lean_tagger.errors import WriteError

# Four frames of silence: MPEG-1 layer III, 128 kbit/s, 44.1 kHz. Nothing here decodes them.
AUDIO = (b"\xff\xfb\x90\x00" + bytes(413)) * 4
VALUES = {
    "genre": ("Hip-Hop", "Progressive Rock"),
    "mood": ("mellow", "sad"),
    "leantag": ("model=1 " + "Rock=0.52 " * 30,),
}


def syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def frame(version: int, name: bytes, data: bytes, flags: bytes = b"\0\0") -> bytes:
    if version == 2:
        return name + struct.pack(">I", len(data))[1:] + data
    size = struct.pack(">I", len(data)) if version == 3 else syncsafe(len(data))
    return name + size + flags + data


def tag(version: int, body: bytes, *, flags: int = 0, padding: int = 0) -> bytes:
    body += bytes(padding)
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(body)) + body


def unsynchronise(data: bytes) -> bytes:
    """An independent, slow rendering of ID3v2.3 section 5."""
    out = bytearray()
    for i, byte in enumerate(data):
        out.append(byte)
        following = data[i + 1] if i + 1 < len(data) else 0xFF
        if byte == 0xFF and (following == 0 or following >= 0xE0):
            out.append(0)
    return bytes(out)


def written(path: Path, content: bytes, changes: dict | None = None) -> bytes:
    path.write_bytes(content)
    changes = VALUES if changes is None else changes
    write.write(str(path), changes, fingerprint=lambda _: "same")
    for field, values in changes.items():
        assert write.read(str(path)).get(field, ()) == tuple(values)
    result = path.read_bytes()
    assert result.endswith(AUDIO)
    return result


def raw_frames(content: bytes) -> list[bytes]:
    """Walk a plain tag a second way: strictly by sizes, up to the padding."""
    version, size = content[3], int("".join(f"{b:07b}" for b in content[6:10]), 2)
    body, head, frames = BytesIO(content[10 : 10 + size]), 6 if version == 2 else 10, []
    while (start := body.read(head)) and start[0]:
        if version == 2:
            length = int.from_bytes(start[3:6], "big")
        elif version == 3:
            length = int.from_bytes(start[4:8], "big")
        else:
            length = int("".join(f"{b:07b}" for b in start[4:8]), 2)
        frames.append(start + body.read(length))
    return frames


OURS = (b"TCO", b"TMOO", b"TXX")


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_version_and_odd_foreign_frames_stay(tmp_path: Path, version: int) -> None:
    """UTF-16BE, trailing NULs, unknown frames, empty ones and flags are not normalised."""
    names = {2: (b"TT2", b"TP1", b"ZZZ", b"PIC"), 3: (b"TIT2", b"TPE1", b"ZZZZ", b"APIC")}
    title, artist, unknown, picture = names[min(version, 3)]
    flags = b"\0\0" if version == 2 else b"\x40\0"
    foreign = [
        frame(version, title, b"\x02\0T\0i\0t", flags),
        frame(version, artist, b"\0Somebody\0\0\0"),
        frame(version, unknown, b"\xff\xfe\xff\0\0\xff"),
        frame(version, picture, random.Random(1).randbytes(5000)),
        frame(version, title, b"\0again"),
    ]
    before = tag(version, b"".join(foreign), padding=50) + AUDIO
    after = written(tmp_path / "a.mp3", before)
    assert after[3] == version
    assert [f for f in raw_frames(after) if not f.startswith(OURS)] == foreign
    assert [f[: 3 if version == 2 else 4] for f in raw_frames(after)[5:]] == {
        2: [b"TCO", b"TXX", b"TXX"],
        3: [b"TCON", b"TXXX", b"TXXX"],
        4: [b"TCON", b"TMOO", b"TXXX"],
    }[version]


def test_mutagen_reads_the_same_values_from_the_whole_tag(tmp_path: Path) -> None:
    for version in (2, 3, 4):
        title = frame(version, b"TT2" if version == 2 else b"TIT2", b"\0title")
        written(tmp_path / "a.mp3", tag(version, title) + AUDIO)
        tags = ID3(tmp_path / "a.mp3")
        mood = tags["TMOO"] if version == 4 else tags["TXXX:MOOD"]
        assert tuple(tags["TCON"].genres) == VALUES["genre"]
        assert tuple(mood.text) == VALUES["mood"]
        assert tuple(tags["TXXX:LEANTAG"].text) == VALUES["leantag"]
        assert tags["TIT2"].text == ["title"]


def test_values_that_fit_take_the_padding_and_the_audio_stays_where_it_was(tmp_path: Path) -> None:
    before = tag(4, frame(4, b"TIT2", b"\3x"), padding=2000) + AUDIO
    assert len(written(tmp_path / "a.mp3", before)) == len(before)


def test_a_field_is_replaced_where_it_stands(tmp_path: Path) -> None:
    frames = [
        frame(4, b"TIT2", b"\3x"),
        frame(4, b"TCON", b"\3Old"),
        frame(4, b"TPE1", b"\3y"),
        frame(4, b"TCON", b"\3Second"),
        frame(4, b"TXXX", b"\1\xff\xfeM\0o\0o\0d\0\0\0\xff\xfeo\0"),
    ]
    before = tag(4, b"".join(frames)) + AUDIO
    path = tmp_path / "a.mp3"
    path.write_bytes(before)
    assert write.read(str(path)) == {"genre": ("Old", "Second"), "mood": ("o",)}
    names = [f[:4] for f in raw_frames(written(path, before, {"genre": ["New"], "mood": ["m"]}))]
    assert names == [b"TIT2", b"TCON", b"TPE1", b"TXXX"]


def test_removing_leaves_what_was_there_before_us(tmp_path: Path) -> None:
    before = tag(3, frame(3, b"TIT2", b"\0x"), padding=4000) + AUDIO
    after = written(tmp_path / "a.mp3", before)
    assert written(tmp_path / "a.mp3", after, {"genre": (), "mood": (), "leantag": ()}) == before


@pytest.mark.parametrize("version", [2, 3])
def test_whole_tag_unsynchronisation_stays_correct(tmp_path: Path, version: int) -> None:
    names = (b"ZZZ", b"TT2") if version == 2 else (b"ZZZZ", b"TIT2")
    foreign = [
        frame(version, names[0], b"\xff\xe0\xff\0\xff\xff"),
        frame(version, names[1], b"\1\xff\xfet\0"),
    ]
    body = unsynchronise(b"".join(foreign) + bytes(20))
    before = tag(version, body, flags=0x80) + AUDIO
    values = {**VALUES, "mood": ("żółty", "ÿ")}
    after = written(tmp_path / "a.mp3", before, values)
    tags = ID3(tmp_path / "a.mp3")
    assert tags["TIT2"].text == ["t"]
    assert tags["TXXX:MOOD"].text == ["żółty", "ÿ"]
    assert after[5] == 0x80
    raw = unsynchronise(b"".join(foreign))
    assert raw in after
    size = int("".join(f"{b:07b}" for b in after[6:10]), 2)
    assert b"\xff\xe0" not in after[10 : 10 + size]
    assert b"\xff\xff" not in after[10 : 10 + size]


def test_frame_flags_of_v24_are_left_alone(tmp_path: Path) -> None:
    packed = zlib.compress(b"\3" + b"long " * 999)
    foreign = [
        frame(4, b"TIT2", b"\x01\xff\x00\xfet\0", b"\0\x02"),
        frame(4, b"TPE1", syncsafe(4996) + packed, b"\0\x09"),
        frame(4, b"TALB", b"secret", b"\0\x04"),
        frame(4, b"TPUB", b"g\3label", b"\0\x40"),
    ]
    after = written(tmp_path / "a.mp3", tag(4, b"".join(foreign), flags=0x80) + AUDIO)
    assert raw_frames(after)[:4] == foreign


def test_plain_frame_sizes_of_itunes_are_understood_and_kept(tmp_path: Path) -> None:
    data = b"\3" + b"x" * 300
    foreign = b"COMM" + struct.pack(">I", len(data)) + b"\0\0" + data
    foreign += b"TIT2" + struct.pack(">I", 2) + b"\0\0" + b"\3t"
    after = written(tmp_path / "a.mp3", tag(4, foreign, padding=10) + AUDIO)
    assert after[10 : 10 + len(foreign)] == foreign
    leantag = after.index(b"TXXX")
    size = struct.unpack(">I", after[leantag + 4 : leantag + 8])[0]
    assert after[leantag + 10 : leantag + 10 + size].endswith(VALUES["leantag"][0].encode())


@pytest.mark.parametrize("version", [3, 4])
def test_a_zero_inside_a_frame_of_the_other_kind_of_size_is_not_taken_for_padding(
    tmp_path: Path, version: int
) -> None:
    """Read the wrong way, 257 is 129, and 129 is 257."""
    data, behind = b"\1\xff\xfe" + b"x\0" * 126 + bytes(2), frame(version, b"TIT2", b"\3t")
    wrong = struct.pack(">I", 257) if version == 4 else syncsafe(257)
    foreign = b"COMM" + wrong + b"\0\0" + data + behind
    assert len(data) == 257
    before = tag(version, foreign, padding=40) + AUDIO
    if version == 4:
        after = written(tmp_path / "a.mp3", before)
        assert after[10 : 10 + len(foreign)] == foreign
    else:
        (tmp_path / "a.mp3").write_bytes(before)
        with pytest.raises(WriteError):
            write.write(str(tmp_path / "a.mp3"), VALUES, fingerprint=lambda _: "same")


def test_extended_headers_stay_and_their_padding_size_stays_true(tmp_path: Path) -> None:
    title = frame(3, b"TIT2", b"\0x")
    extended = struct.pack(">IHI", 6, 0, 7)
    after = written(tmp_path / "a.mp3", tag(3, extended + title, flags=0x40, padding=7) + AUDIO)
    size = int("".join(f"{b:07b}" for b in after[6:10]), 2)
    padding = struct.unpack(">I", after[16:20])[0]
    assert after[10:16] == extended[:6]
    assert not any(after[10 + size - padding : 10 + size])
    assert after[10 + size - padding - 1]
    title = frame(4, b"TIT2", b"\0x")
    extended = syncsafe(8) + b"\1\x50\0\1\0"[:4]
    after = written(tmp_path / "a.mp3", tag(4, extended + title, flags=0x40) + AUDIO)
    assert after[10:18] == extended


def crc_of(content: bytes) -> tuple[int, bytes]:
    """Return the CRC-32 that a tag's extended header gives, and what it is of."""
    end = 10 + int("".join(f"{b:07b}" for b in content[6:10]), 2)
    if content[3] == 3:  # size, flags, padding, CRC of the frames
        padding, crc = struct.unpack(">II", content[16:24])
        return crc, content[24 : end - padding]
    assert content[10:17] == syncsafe(12) + b"\1\x20\5"
    return int("".join(f"{b:07b}" for b in content[17:22]), 2), content[22:end]


@pytest.mark.parametrize("padding", [0, 9, 5000])
@pytest.mark.parametrize("version", [3, 4])
def test_a_checksum_of_the_frames_is_made_true_again(
    tmp_path: Path, version: int, padding: int
) -> None:
    body = frame(version, b"TIT2", b"\0x") + frame(version, b"TPE1", b"\0y")
    if version == 3:
        extended = struct.pack(">IHII", 10, 0x8000, padding, zlib.crc32(body))
    else:
        crc = zlib.crc32(body + bytes(padding))
        extended = syncsafe(12) + b"\1\x20\5" + bytes([crc >> 28]) + syncsafe(crc & 0xFFFFFFF)
    before = tag(version, extended + body, flags=0x40, padding=padding) + AUDIO
    assert zlib.crc32(crc_of(before)[1]) == crc_of(before)[0]
    after = written(tmp_path / "a.mp3", before)
    crc, data = crc_of(after)
    assert zlib.crc32(data) == crc
    assert {"TIT2", "TPE1", "TCON"} <= set(ID3(tmp_path / "a.mp3", translate=False))


@pytest.mark.parametrize("pad", [b" ", b"\0"])
def test_ids_of_version_2_padded_by_itunes_are_frames_like_others(
    tmp_path: Path, pad: bytes
) -> None:
    path = tmp_path / "a.mp3"
    body = frame(3, b"TP1" + pad, b"\0Artist") + frame(3, b"TCO" + pad, b"\0Polka")
    path.write_bytes(tag(3, body, padding=30) + AUDIO)
    assert write.read(str(path)) == {"genre": ("Polka",)}
    after = written(path, path.read_bytes())
    assert frame(3, b"TP1" + pad, b"\0Artist") in after
    assert b"TCO" + pad not in after


def test_a_stray_byte_before_the_padding_does_not_turn_sizes_into_plain_ones(
    tmp_path: Path,
) -> None:
    """Read as plain numbers, the sizes lead into the picture, where zeros look like padding."""
    lyrics = frame(4, b"USLT", b"\3eng\0" + b"la la la. " * 100)
    picture = b"\0image/jpeg\0\3\0" + b"\xff\xd8\xff\xe1" + bytes(3000) + b"\x99" * 3000
    content = tag(4, lyrics + frame(4, b"APIC", picture) + b"\x82", padding=600) + AUDIO
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    with pytest.raises(WriteError, match="do not add up"):
        write.write(str(path), VALUES, fingerprint=lambda _: "same")
    assert path.read_bytes() == content


def test_a_footer_follows_the_header(tmp_path: Path) -> None:
    head = tag(4, frame(4, b"TIT2", b"\3x"), flags=0x10)
    after = written(tmp_path / "a.mp3", head + b"3DI" + head[3:10] + AUDIO)
    size = int("".join(f"{b:07b}" for b in after[6:10]), 2)
    assert after[10 + size : 20 + size] == b"3DI" + after[3:10]
    assert len(after) == 20 + size + len(AUDIO)


def test_what_stands_behind_the_padding_stays(tmp_path: Path) -> None:
    title = frame(3, b"TIT2", b"\0x")
    behind = bytes(20) + b"left over by some editor"
    after = written(tmp_path / "a.mp3", tag(3, title + behind) + AUDIO)
    assert behind + AUDIO in after


BROKEN = {
    "size beyond the file": b"ID3\4\0\0\0\x7f\x7f\x7f" + AUDIO,
    "frame beyond the tag": tag(3, b"TIT2\0\0\x10\0\0\0abc") + AUDIO,
    "junk between frames": tag(4, frame(4, b"TIT2", b"\3x") + b"junkjunkjunk") + AUDIO,
    "version 5": tag(5, b"") + AUDIO,
    "compression of v2.2": tag(2, frame(2, b"TT2", b"\0x"), flags=0x40) + AUDIO,
    "two tags": tag(3, frame(3, b"TIT2", b"\0a")) + tag(3, frame(3, b"TIT2", b"\0b")) + AUDIO,
    "an encrypted genre": tag(4, frame(4, b"TCON", b"\3Rock", b"\0\4")) + AUDIO,
    "a huge genre": tag(4, frame(4, b"TCON", b"\3" + b"x" * (1 << 20))) + AUDIO,
}


@pytest.mark.parametrize("what", BROKEN)
def test_tags_that_do_not_parse_are_refused_and_left_alone(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(BROKEN[what])
    with pytest.raises(WriteError):
        write.write(str(path), VALUES, fingerprint=lambda _: "same")
    assert path.read_bytes() == BROKEN[what]
    assert list(tmp_path.iterdir()) == [path]


def test_references_to_numbered_genres_are_read_as_their_names(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    for text, names in {
        b"(17)": ("Rock",),
        b"17": ("Rock",),
        b"(4)Eurodisco": ("Disco", "Eurodisco"),
        b"(RX)": ("Remix",),
        b"CR": ("Cover",),
        b"((odd": ("(odd",),
        b"Pop\0Jazz": ("Pop", "Jazz"),
    }.items():
        path.write_bytes(tag(3, frame(3, b"TCON", b"\0" + text)) + AUDIO)
        assert write.read(str(path)) == {"genre": names}


def test_a_genre_that_would_be_read_as_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(AUDIO)
    with pytest.raises(WriteError, match="cannot hold"):
        write.write(str(path), {"genre": ["17"]}, fingerprint=lambda _: "same")
    assert path.read_bytes() == AUDIO


def test_an_id3v1_trailer_stays_and_its_content_is_not_hidden_by_the_new_tag(
    tmp_path: Path,
) -> None:
    """Players that find an ID3v2 tag no longer look at ID3v1."""
    v1 = b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30, b" ") + b"Album".ljust(30, b"\0")
    v1 += b"1999" + b"caf\xe9".ljust(28, b"\0") + b"\0\7" + bytes([17])
    path = tmp_path / "a.mp3"
    path.write_bytes(AUDIO + v1)
    assert write.read(str(path)) == {"genre": ("Rock",)}
    write.write(str(path), {"leantag": ["x"]}, fingerprint=lambda _: "same")
    assert path.read_bytes().endswith(AUDIO + v1)
    tags = ID3(path, load_v1=False)
    texts = {key: str(tags[key]) for key in tags}
    assert texts == {
        "TIT2": "Title",
        "TPE1": "Artist",
        "TALB": "Album",
        "TDRC": "1999",
        "TRCK": "7",
        "COMM::XXX": "café",
        "TCON": "Rock",
        "TXXX:LEANTAG": "x",
    }


def test_a_picture_of_tens_of_megabytes_is_not_loaded(tmp_path: Path) -> None:
    import tracemalloc

    picture = frame(3, b"APIC", b"\0image/png\0\3\0" + random.Random(2).randbytes(24 << 20))
    (tmp_path / "a.mp3").write_bytes(tag(3, picture) + AUDIO)
    tracemalloc.start()
    write.write(str(tmp_path / "a.mp3"), VALUES, fingerprint=lambda _: "same")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 << 20
    assert picture in (tmp_path / "a.mp3").read_bytes()


def frames_of(version: int) -> st.SearchStrategy[list[bytes]]:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    length = 2 if version == 2 else 3
    names = st.builds(
        lambda first, rest: (first + rest).encode(),
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        st.text(alphabet, min_size=length, max_size=length),
    ).filter(lambda name: not name.startswith((b"TCO", b"TMOO", b"TXX")))
    # Data with many FF and 00, where sizes and unsynchronisation go wrong.
    data = st.lists(st.sampled_from([b"\xff", b"\0", b"\xe0", b"A", b"ID3"]), max_size=200)
    flags = st.just(b"\0\0") if version == 2 else st.binary(min_size=2, max_size=2)
    return st.lists(
        st.builds(lambda n, d, f: frame(version, n, b"".join(d), f), names, data, flags),
        max_size=6,
    )


@thinned("unsynchronised", [False, True], fast=1)
@pytest.mark.parametrize("version", [2, 3, 4])
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_arbitrary_foreign_frames_stay_byte_identical(
    tmp_path: Path, version: int, unsynchronised: bool, data: st.DataObject
) -> None:
    foreign = data.draw(frames_of(version))
    padding = data.draw(st.integers(0, 600))
    body, flags = b"".join(foreign) + bytes(padding), 0
    if unsynchronised:
        body, flags = (unsynchronise(body) if version < 4 else body), 0x80
    after = written(tmp_path / "a.mp3", tag(version, body, flags=flags) + AUDIO)
    if unsynchronised and version < 4:
        size = int("".join(f"{b:07b}" for b in after[6:10]), 2)
        body = after[10 : 10 + size].replace(b"\xff\0", b"\xff")
        after = tag(version, body)
    assert [f for f in raw_frames(after) if not f.startswith(OURS)] == foreign
