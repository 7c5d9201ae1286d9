"""Keep texts and scores in the journal small.

The journal has each LEANTAG up to three times: as the present value, as a written value and, after
an undo, as the previous value. It is compressed to less than half of its size with a dictionary
of common parts. zlib's checksum shows when a page of the journal was damaged.
"""

import array
import sys
import zlib

from lean_tagger.jobs import to_uint16

DAMAGE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, zlib.error)
"""What reading a row may raise if its bytes have changed."""

_WINDOW_BITS = 12  # 4 KiB: longer than any text here, and little memory
_MEMORY_LEVEL = 5

_DICTIONARY = (
    b'"overwrite": "Soundtrack"Classical"Experimental"Alternative Rock"Hard Rock"Heavy Metal'
    b'"Progressive Rock"Punk"Ambient"Country"Blues"Reggae"Hip-Hop"House"Techno"Dance"Folk"Soul'
    b'"Instrumental"Acoustic"Jazz"Indie"Metal"Alternative"Electronica"Electronic"Pop"Rock"'
    b'{}}, "], "mood": ["Chill"Mellow"Sad"Happy"Party"Chillout"Relaxing"Energetic"'
    b'\\"others\\":{\\"mtt-musicnn\\":{\\"model\\":\\"mtt-musicnn\\",\\"identity\\":'
    b'\\"865ab44c111c5d1c\\",\\"effort\\":\\"balanced\\",\\"of_windows\\":,\\"confidence\\":0.9'
    b'\\"skipped\\":0.0,\\"repeated\\":false,\\"sha256\\":\\"\\"scores\\":{'
    b'"],\\"mood\\":[\\"\\"]},\\"over\\":{\\"genre\\":[\\"\\"]}}"]}'
    b'{"genre": ["", ""], "leantag": ["{\\"lean-tag\\":\\"0.1.0\\",\\"model\\":\\"msd-musicnn\\",'
    b'\\"identity\\":\\"12a1defc2fd6d257\\",\\"pool\\":\\"logit-mean\\",\\"hop\\":187,'
    b'\\"audio\\":\\"-44100\\",\\"windows\\":,\\"seconds\\":,\\"uint16\\":\\"AAAA=\\",'
    b'\\"wrote\\":{\\"genre\\":[\\""]},\\"over\\":{}}"]}'
)
"""Must never change: texts that were compressed with it could not be read any more."""


def shortened(text: str | None) -> str | bytes | None:
    """Return a text as it is kept: as it is, or as bytes if they are fewer."""
    if text is None or len(text) < 40:
        return text
    packer = zlib.compressobj(
        9, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY
    )
    data = text.encode()
    packed = packer.compress(data) + packer.flush()
    return packed if len(packed) < len(data) else text


def whole(kept: str | bytes) -> str:
    """Return the original text of `shortened`.

    Raises
    ------
    zlib.error, UnicodeDecodeError
        The bytes are damaged.
    """
    if isinstance(kept, str):
        return kept
    unpacker = zlib.decompressobj(_WINDOW_BITS, _DICTIONARY)
    text = unpacker.decompress(kept) + unpacker.flush()
    if not unpacker.eof:
        raise zlib.error("the text is cut short")
    return text.decode()


def float64_to_uint16(data: bytes) -> bytes | None:
    """Convert scores from 0.1.0, little-endian float64, to today's form.

    Decisions already used the rounded numbers. None if they cannot be scores; then the file is
    heard again.
    """
    try:
        numbers = array.array("d", data)
        if sys.byteorder == "big":
            numbers.byteswap()
        return to_uint16(numbers)
    except (ValueError, OverflowError):  # bytes are missing; not a number; not from 0 to 1
        return None
