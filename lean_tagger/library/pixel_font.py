"""Letters of five by eight pixels, for pictures made without a text library."""

import re
from collections.abc import Sequence

HEIGHT = 8
_WIDTH, _GAP = 5, 1

# Five columns for each letter, from the left; the lowest bit is the top pixel.
_FORMS = """
0 3e5149453e 1 00427f4000 2 4261514946 3 2141454b31 4 1814127f10 5 2745454539 6 3c4a494930
7 0171090503 8 3649494936 9 064949291e - 0808080808 . 0060600000 / 2010080402 : 0036360000
' 0005030000 & 3649552250 ( 001c224100 ) 0041221c00 , 0050300000 + 08083e0808 ! 00005f0000
# 147f147f14 % 2313086462 _ 4040404040
A 7e1111117e B 7f49494936 C 3e41414122 D 7f4141221c E 7f49494941 F 7f09090901 G 3e4149497a
H 7f0808087f I 00417f4100 J 2040413f01 K 7f08142241 L 7f40404040 M 7f020c027f N 7f0408107f
O 3e4141413e P 7f09090906 Q 3e4151215e R 7f09192946 S 4649494931 T 01017f0101 U 3f4040403f
V 1f2040201f W 3f4038403f X 6314081463 Y 0708700807 Z 6151494543
a 2054545478 b 7f48444438 c 3844444420 d 384444487f e 3854545418 f 087e090102 g 18a4a4a47c
h 7f08040478 i 00447d4000 j 2040443d00 k 7f10284400 l 00417f4000 m 7c04180478 n 7c08040478
o 3844444438 p f828282810 q 10282830f8 r 7c08040408 s 4854545420 t 043f444020 u 3c4040207c
v 1c2040201c w 3c4030403c x 4428102844 y 18a0a0a078 z 4464544c44
"""

_LETTERS = {
    letter: bytes.fromhex(form) for letter, form in re.findall(r"(\S) ([0-9a-f]{10})", _FORMS)
} | {" ": bytes(_WIDTH)}
_OTHER = bytes.fromhex("7f4141417f")
"""A box for letters without a form here."""


def width(text: str) -> int:
    """Return the width of a text in pixels."""
    return len(text) * (_WIDTH + _GAP)


def write(lines: Sequence[bytearray], text: str, left: int, top: int, ink: int) -> None:
    """Write a text into lines of pixels; parts outside are cut off.

    Parameters
    ----------
    lines : sequence of bytearray
        A byte for each pixel, changed in place.
    text : str
        The text, on one line.
    left, top : int
        Its first pixel.
    ink : int
        The value of its pixels.
    """
    for number, letter in enumerate(text):
        for column, bits in enumerate(_LETTERS.get(letter, _OTHER)):
            x = left + number * (_WIDTH + _GAP) + column
            for row in range(HEIGHT):
                y = top + row
                if bits >> row & 1 and 0 <= y < len(lines) and 0 <= x < len(lines[y]):
                    lines[y][x] = ink
