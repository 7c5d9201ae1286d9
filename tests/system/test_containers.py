"""Headers of containers are read as they are written, and as mutagen reads and writes them."""

from io import BytesIO

import mutagen.apev2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import BitPaddedInt
from mutagen.mp3 import HeaderNotFoundError, MPEGFrame
from mutagen.ogg import OggPage

from lean_tagger.system.containers import ape, chunks, flac, id3, lyrics3, mp4, mpeg, ogg

PACKETS = st.lists(st.binary(max_size=600), min_size=1, max_size=8)
U32 = st.integers(0, 2**32 - 1)


# Ogg


def a_page(packets: list[bytes], *, granule: int = 0, number: int = 1) -> bytes:
    lacing = ogg.lacing_of(map(len, packets))
    return ogg.render(ogg.FIRST, granule, b"abcd", number, lacing, b"".join(packets))


@given(packets=PACKETS, granule=st.integers(-1, 2**62), number=U32)
def test_an_ogg_page_is_what_mutagen_reads(packets: list[bytes], granule: int, number: int) -> None:
    data = a_page(packets, granule=granule, number=number)
    page = OggPage(BytesIO(data))
    assert (page.packets, page.position, page.sequence) == (packets, granule, number)
    assert (page.first, page.last, page.continued) == (True, False, False)
    assert page.write() == data, "also the checksum"


@given(packets=PACKETS, number=U32, other=U32)
def test_an_ogg_page_with_another_number_is_as_one_made_with_it(
    packets: list[bytes], number: int, other: int
) -> None:
    data, wanted = a_page(packets, number=number), a_page(packets, number=other)
    assert ogg.is_sound(data)
    assert not ogg.is_sound(data[:-1] + bytes([data[-1] ^ 1]))
    assert data[:18] + ogg.numbered(data, other) + data[26:] == wanted


@given(packets=PACKETS, start=st.integers(0, 2**40), behind=st.binary(max_size=300))
def test_an_ogg_page_is_read_as_it_was_written(
    packets: list[bytes], start: int, behind: bytes
) -> None:
    data = a_page(packets, granule=7, number=3)
    page = ogg.parse((data + behind)[: ogg.LARGEST_HEAD_BYTES], start)
    assert page is not None
    assert (page.flags, page.granule, page.serial, page.number) == (ogg.FIRST, 7, b"abcd", 3)
    assert page.end == start + len(data)
    assert data[page.body - start :] == b"".join(packets)
    assert page.packets_ended == len(packets)


def test_a_page_cut_inside_its_head_is_none() -> None:
    data = a_page([b"x" * 600])
    whole = ogg.HEAD_BYTES + 3
    assert ogg.parse(data[:whole], 0) is not None
    assert [ogg.parse(data[:n], 0) for n in range(whole)] == [None] * whole


# MPEG


@pytest.mark.parametrize("second", range(0xE0, 0x100))
def test_the_length_of_an_mpeg_frame_follows_from_what_mutagen_reads(second: int) -> None:
    """Length is bit rate times duration, in whole slots of one byte, or of four in layer I."""
    for third in range(0, 0x100, 2):
        head = bytes([0xFF, second, third, 0])
        try:
            frame = MPEGFrame(BytesIO(head + bytes(100)))
        except HeaderNotFoundError:
            assert mpeg.frame_bytes(head) == 0
            continue
        samples = {1: 384, 2: 1152, 3: 1152 if frame.version == 1 else 576}[frame.layer]
        slot = 4 if frame.layer == 1 else 1
        slots = samples // 8 * frame.bitrate // slot // frame.sample_rate
        assert mpeg.frame_bytes(head) == (slots + frame.padding) * slot
        assert (mpeg.layer_of(head) == mpeg.LAYER_3) == (frame.layer == 3)


@pytest.mark.parametrize("size", [0, 7, 8, 200, 8191])
def test_the_length_of_an_adts_frame_is_in_its_header(size: int) -> None:
    """Of AAC-LC in stereo at 44.1 kHz; a frame is longer than its header of 7 bytes."""
    bits = 0xFFF1_5080_0000_00 | size << 13
    assert mpeg.adts_bytes(bits.to_bytes(7, "big")) == (size if size > 7 else 0)
    assert mpeg.adts_bytes(bits.to_bytes(7, "big")[:5]) == 0
    assert mpeg.adts_bytes((bits ^ 1 << 51).to_bytes(7, "big")) == 0, "another sync word"


@given(st.binary(max_size=3))
def test_an_mpeg_header_that_is_cut_short_has_no_length(head: bytes) -> None:
    assert mpeg.frame_bytes(head) == 0


# MP4, FLAC, ID3, chunks


@given(name=st.binary(min_size=4, max_size=4), data=st.binary(max_size=300))
def test_an_atom_is_read_as_it_was_written(name: bytes, data: bytes) -> None:
    atom = mp4.render(name, data)
    head = mp4.parse(atom[: mp4.LARGEST_HEAD_BYTES])
    assert head == (name, len(atom), 8)
    assert atom[8:] == data


def test_an_atom_may_have_a_long_size_or_none() -> None:
    long = b"\0\0\0\1mdat" + (1 << 33).to_bytes(8, "big")
    assert mp4.parse(long) == (b"mdat", 1 << 33, 16)
    assert mp4.parse(long[:15]) is None
    assert mp4.parse(b"\0\0\0\0mdat") == (b"mdat", 0, 8)
    assert mp4.parse(b"\0\0\0\0mda") is None


@given(kind=st.integers(0, flac.INVALID), size=st.integers(0, (1 << 24) - 1), last=st.booleans())
def test_a_flac_block_is_read_as_it_was_written(kind: int, size: int, last: bool) -> None:
    assert flac.parse(flac.render(kind, size, last=last)) == (kind, last, size)


@given(number=st.integers(0, (1 << 28) - 1))
def test_syncsafe_numbers_are_mutagens(number: int) -> None:
    data = id3.syncsafe(number)
    assert data == BitPaddedInt.to_str(number, width=4)
    assert id3.from_syncsafe(data) == number
    assert id3.from_syncsafe(bytes(byte | 0x80 for byte in data)) == number


@given(version=st.integers(0, 254), flags=st.integers(0, 255), size=st.integers(0, (1 << 28) - 1))
def test_an_id3_header_is_read_as_it_was_written(version: int, flags: int, size: int) -> None:
    data = id3.render(version, flags, size)
    assert id3.parse(data) == (version, 0, flags, size, True)
    assert id3.parse(data[:9]) is None
    assert id3.parse(b"3DI" + data[3:]) is None


@pytest.mark.parametrize("position", [3, 4, 6, 9])
def test_an_id3_header_with_a_byte_that_may_not_be_is_not_sound(position: int) -> None:
    data = bytearray(id3.render(4, 0, 1000))
    data[position] = 0xFF
    head = id3.parse(bytes(data))
    assert head is not None
    assert not head.sound


@given(
    form=st.sampled_from([chunks.RIFF, chunks.AIFF, chunks.DSDIFF]),
    contents=st.lists(st.binary(max_size=40), min_size=1, max_size=5),
)
def test_chunks_follow_each_other_at_even_offsets(form: chunks.Form, contents: list[bytes]) -> None:
    file = bytes(form.first) + b"".join(chunks.render(b"LIST", data, form) for data in contents)
    position, found = form.first, []
    while chunk := chunks.parse(file[position : position + form.head_bytes], position, form):
        assert chunk.name == b"LIST"
        assert chunk.head % 2 == 0
        found.append(file[chunk.start : chunk.end])
        position = chunk.following
    assert found == contents
    assert position == len(file)


@given(st.integers(0, 1 << 20), st.integers(0, 99), st.booleans())
def test_what_an_ape_tag_says_at_one_end_is_read_there(size: int, items: int, whole: bool) -> None:
    end = ape.TagEnd(2000, size, items, ape.HAS_HEADER if whole else 0)
    data = ape.render(end)
    assert len(data) == ape.END_BYTES
    assert ape.parse(data) == end
    assert end.whole_bytes == size + ape.END_BYTES * whole
    assert ape.parse(data[:-1]) is None


def test_an_ape_tag_of_mutagen_is_as_long_as_its_footer_says() -> None:
    file = BytesIO()
    tag = mutagen.apev2.APEv2()
    tag["Title"] = "A title"
    tag.save(file)
    footer = ape.parse(file.getvalue()[-ape.END_BYTES :])
    assert footer is not None
    assert (footer.whole_bytes, footer.items) == (len(file.getvalue()), 1)


@pytest.mark.parametrize(
    ("end", "whole"),
    [
        (b"000123LYRICS200", 138),
        (b"12345xLYRICS200", None),
        (b"000123LYRICSEND", None),
        (b"LYRICS200", None),
    ],
)
def test_a_lyrics3_tag_counts_what_stands_before_its_end(end: bytes, whole: int | None) -> None:
    assert lyrics3.whole_bytes(end) == whole
