"""A taggram as a picture: time from left to right, a row for each label, light for high scores.

It needs no imaging library: a PNG is a header, a palette and zlib's stream. An SVG contains the
same PNG, and its words as text.
"""

import base64
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from lean_tagger.library import pixel_font
from lean_tagger.library.markup import escaped

ROW = 14
"""Height of a row in pixels; a label has 7."""

LEAST_WIDTH, MOST_WIDTH = 480, 1200
"""Width of the map itself in pixels."""

_GAP, _BELOW = 8, 24
_LEVELS = 240
_BACK, _INK = 254, 255  # indices in the palette, after the levels
_ANCHORS = bytes.fromhex("440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725")
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """The picture of one track.

    Attributes
    ----------
    title : str
        Of the track.
    labels : tuple of str
        Labels of the rows, from the top.
    rows : tuple of bytes
        A value for each column: the square root of the label's probability, 0 to 255.
    seconds : float
        Length of the track.
    """

    title: str
    labels: tuple[str, ...]
    rows: tuple[bytes, ...]
    seconds: float


def png(picture: HeatMap) -> bytes:
    """Return a PNG with labels and times."""
    map_only, width = _pixels(picture)
    words = max((pixel_font.width(label) for label in picture.labels), default=0)
    left = words + 2 * _GAP
    lines = [bytearray([_BACK]) * (left + width + 2 * _GAP) for _ in range(_GAP)]
    for number, label in enumerate(picture.labels):
        block = [bytearray([_BACK]) * left for _ in range(ROW)]
        pixel_font.write(block, label, left - _GAP - pixel_font.width(label), 3, _INK)
        for line, values in zip(block, map_only[number * ROW :], strict=False):
            lines.append(line + values + bytearray([_BACK]) * (2 * _GAP))
    below = [bytearray([_BACK]) * (left + width + 2 * _GAP) for _ in range(_BELOW)]
    for second in ticks(picture.seconds):
        at = left + _place(second, picture, width)
        for line in below[:4]:
            line[at] = _INK
        pixel_font.write(below, clock(second), at - pixel_font.width(clock(second)) // 2, 8, _INK)
    return _encode(lines + below)


def svg(picture: HeatMap) -> str:
    """Return an SVG; its text is text, and it needs no other file."""
    map_only, width = _pixels(picture)
    left, height = 9 * max((len(label) for label in picture.labels), default=0), len(map_only)
    inner = base64.b64encode(_encode([_levels(row) for row in picture.rows])).decode()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 24} {height + 28}" '
        f'width="{left + width + 24}" role="img" font-family="system-ui, sans-serif" '
        f'font-size="11" fill="currentColor"><title>{escaped(picture.title)}</title>'
        "<metadata>lean-tag</metadata>",
        f'<image x="{left}" y="4" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'image-rendering="pixelated" href="data:image/png;base64,{inner}"/>'
        if picture.rows
        else "",
    ]
    parts += [
        f'<text x="{left - 6}" y="{number * ROW + 15}" text-anchor="end">{escaped(label)}</text>'
        for number, label in enumerate(picture.labels)
    ]
    for second in ticks(picture.seconds):
        at = left + _place(second, picture, width)
        parts.append(
            f'<path d="M{at} {height + 5}v4" stroke="currentColor"/>'
            f'<text x="{at}" y="{height + 21}" text-anchor="middle">{clock(second)}</text>'
        )
    return "".join([*parts, "</svg>\n"])


def ticks(seconds: float) -> list[int]:
    """Return round times for an axis, at most ten."""
    step = next((it for it in _TICKS if seconds / it <= _MOST_TICKS), _TICKS[-1])
    step *= 1 + int(seconds / step) // _MOST_TICKS if seconds / step > _MOST_TICKS else 1
    return list(range(0, int(seconds) + 1, step))


def clock(second: int) -> str:
    """Return a time in the form of players: ``3:05``, ``1:02:03``."""
    minutes, rest = divmod(second, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _place(second: float, picture: HeatMap, width: int) -> int:
    return min(width - 1, round(second / max(picture.seconds, 1e-9) * width))


def _pixels(picture: HeatMap) -> tuple[list[bytearray], int]:
    """Return the map, each value as a block of pixels, and its width."""
    columns = len(picture.rows[0]) if picture.rows else 0
    width = min(max(LEAST_WIDTH, columns * max(1, LEAST_WIDTH // max(columns, 1))), MOST_WIDTH)
    lines: list[bytearray] = []
    for row in picture.rows:
        lines += [_levels(row[at * columns // width] for at in range(width))] * ROW
    return lines, width


def _levels(values: Iterable[int]) -> bytearray:
    return bytearray(value * (_LEVELS - 1) // 255 for value in values)


def _encode(lines: list[bytearray]) -> bytes:
    """Return a PNG from indices in the palette."""
    height, width = len(lines), len(lines[0]) if lines else 0
    header = struct.pack(">IIBBBBB", max(width, 1), max(height, 1), 8, 3, 0, 0, 0)
    data = b"".join(b"\0" + bytes(line) for line in lines) or b"\0\0"
    chunks = (
        (b"IHDR", header),
        (b"tEXt", b"Software\0lean-tag"),
        (b"PLTE", _PALETTE),
        (b"IDAT", zlib.compress(data, 9)),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (*chunks, (b"IEND", b""))
    )


def _palette() -> bytes:
    """Return 256 colours: the levels from dark to light, then background and ink."""
    anchors = [_ANCHORS[at : at + 3] for at in range(0, len(_ANCHORS), 3)]
    levels: list[Iterable[int]] = []
    for number in range(_LEVELS):
        at = number / (_LEVELS - 1) * (len(anchors) - 1)
        low, high = list(pairwise(anchors))[min(int(at), len(anchors) - 2)]
        share = at - min(int(at), len(anchors) - 2)
        levels.append([round(a + share * (b - a)) for a, b in zip(low, high, strict=True)])
    rest = [(255, 255, 255)] * (_INK - _LEVELS) + [(26, 26, 26)]
    return b"".join(bytes(it) for it in (*levels, *rest))


_PALETTE = _palette()
