"""A taggram's picture is a PNG or SVG that others read, with words and times in it."""

import struct
import xml.etree.ElementTree as ET
import zlib

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.library import pixel_font
from lean_tagger.library.heat_map import MOST_WIDTH, ROW, HeatMap, clock, png, svg, ticks


def picture(columns: int = 12, *, labels: tuple[str, ...] = ("rock", "jazz")) -> HeatMap:
    rows = tuple(bytes((n * 40 + c * 9) % 256 for c in range(columns)) for n in range(len(labels)))
    return HeatMap(title="<a> & b", labels=labels, rows=rows, seconds=3.0 * columns)


def decoded(data: bytes, path: str) -> av.VideoFrame:
    with open(path, "wb") as file:
        file.write(data)
    with av.open(path) as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize("columns", [1, 2, 479, 1200])
def test_others_read_the_png(columns: int, tmp_path: str) -> None:
    frame = decoded(png(picture(columns)), f"{tmp_path}/a.png")
    assert frame.height >= 2 * ROW
    assert columns <= frame.width <= MOST_WIDTH + 200


def test_a_pixel_is_as_light_as_its_value(tmp_path: str) -> None:
    one = HeatMap(title="", labels=("", ""), rows=(bytes([0] * 4), bytes([255] * 4)), seconds=9)
    grey = decoded(png(one), f"{tmp_path}/a.png").to_ndarray(format="gray")
    middle = grey.shape[1] // 2
    assert grey[8 + ROW // 2, middle] < 60
    assert grey[8 + ROW + ROW // 2, middle] > 180


def test_every_chunk_of_the_png_has_its_sum() -> None:
    data = png(picture())[8:]
    names = []
    while data:
        (length,) = struct.unpack(">I", data[:4])
        (crc,) = struct.unpack(">I", data[8 + length : 12 + length])
        assert crc == zlib.crc32(data[4 : 8 + length])
        names.append(data[4:8])
        data = data[12 + length :]
    assert names == [b"IHDR", b"tEXt", b"PLTE", b"IDAT", b"IEND"]


@given(labels=st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_whatever_labels_are_called_svg_is_xml(labels: list[str]) -> None:
    root = ET.fromstring(svg(picture(labels=tuple(labels))))
    texts = [it.text or "" for it in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len(texts) >= len(labels)
    assert png(picture(labels=tuple(labels)))


def test_a_title_cannot_leave_its_element() -> None:
    assert "<a>" not in svg(picture())
    assert "&lt;a&gt; &amp; b" in svg(picture())


@given(seconds=st.floats(0, 400_000))
def test_an_axis_has_few_ticks_from_zero(seconds: float) -> None:
    found = ticks(seconds)
    assert found[0] == 0
    assert len(found) <= 12
    assert found[-1] <= seconds


def test_times_are_told_as_players_do() -> None:
    assert [clock(it) for it in (0, 65, 3723)] == ["0:00", "1:05", "1:02:03"]


def test_letters_without_a_form_are_boxes_and_edges_cut() -> None:
    lines = [bytearray(12) for _ in range(8)]
    pixel_font.write(lines, "aé", 0, 0, 1)
    assert sum(map(sum, lines)) > 20
    pixel_font.write(lines, "wide", 9, 5, 1)
    assert all(len(line) == 12 for line in lines)
