"""Recognise bare MPEG audio and ADTS, which have no magic, only frames that follow on.

ADTS: ISO/IEC 13818-7.
"""

from lean_tagger.system.containers import mpeg
from lean_tagger.write.source import Source

__all__ = ["found"]

# Cut from a stream, a file starts in the middle of a frame; after a tag there may be padding.
_SEARCHED_BYTES = 4096
_SEARCHED_AFTER_TAG_BYTES = 1 << 17
_CHAIN = 4
# Formats that hold MPEG audio in packets, where frames follow on as well.
_OTHERS = (
    b"RIFF",
    b"RIFX",
    b"RF64",
    b"FORM",
    b"OggS",
    b"\x1a\x45\xdf\xa3",
    b"FLV",
    b"\x00\x00\x01\xba",
    b"\x00\x00\x01\xb3",
    b".RMF",
    b"PK",
    b"riff",
    b"\x30\x26\xb2\x75",
    b"MThd",
    b"caff",
)


def found(source: Source, start: int, *, after_tag: bool) -> bool:
    """Tell whether MPEG audio, or ADTS behind a tag, starts at `start` or soon after.

    Parameters
    ----------
    source : Source
        The file.
    start : int
        Where the ID3v2 tag ends, or 0.
    after_tag : bool
        Whether there is a tag, after which more is let pass.
    """
    data = source.peek(start, _SEARCHED_AFTER_TAG_BYTES if after_tag else _SEARCHED_BYTES)
    if data.startswith(_OTHERS) or data[4:8] == b"ftyp":
        return False
    position = data.find(b"\xff")
    while position >= 0:
        # Bare ADTS has no tags by any standard, and mutagen cannot read it behind one.
        adts = data[position + 1 : position + 2] and data[position + 1] & 0x06 == 0
        if (after_tag or not adts) and _chain(source, start + position):
            return True
        position = data.find(b"\xff", position + 1)
    return False


def _chain(source: Source, position: int) -> bool:
    """Tell whether a few frames follow on, or all that there are."""
    kind = -1
    for n in range(_CHAIN):
        head = source.peek(position, 6)
        if n and len(head) < 6:  # the file ended with a whole frame, or inside one
            return True
        length = _frame_bytes(head)
        if not length or (n and head[1] & 0xFE != kind):
            return n >= 2 and head[:3] in (b"TAG", b"APE", b"LYR")
        kind = head[1] & 0xFE
        position += length
    return True


def _frame_bytes(head: bytes) -> int:
    """Return the length of the frame with this header, 0 if it is none."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    if mpeg.layer_of(head) == 0:  # ADTS
        if head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
            return 0
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return length if length > 7 else 0
    return mpeg.frame_bytes(head)
