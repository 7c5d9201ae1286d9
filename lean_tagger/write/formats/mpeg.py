"""Recognise bare MPEG audio and ADTS, which have no magic, only frames that follow on.

Frame headers: ISO/IEC 11172-3 and 13818-7.
"""

from lean_tagger.write.source import Source

__all__ = ["first_frame", "found"]

# Cut from a stream, a file starts in the middle of a frame; after a tag there may be padding.
_SEARCHED_BYTES = 4096
_SEARCHED_AFTER_TAG_BYTES = 1 << 17
_CHAIN = 4
# Random bytes hold chains of two or three frames, of which one may reach the file's end.
_CHAIN_AFTER_JUNK = 10
_KBPS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HZ = (44100, 48000, 32000)
# Formats that hold MPEG audio in packets, where frames follow on as well; and others with a
# magic of their own, in which something may look like a few frames.
_OTHERS = (
    b"#!AMR",
    b"#!SILK",
    b".snd",
    b".ra\xfd",
    b"ADIF",
    b"AIFF",
    b"Creative Voice File",
    b"FRM8",
    b"Extended Module: ",
    b"IMPM",
    b"LA0",
    b"MThd",
    b"RKA",
    b"TWIN",
    b"ajkg",
    b"ea3\x03",
    b"\x7fELF",
    b"\x0b\x77",
    b"\x7f\xfe\x80\x01",
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
    b"caff",
)


def found(source: Source, start: int, *, after_tag: bool) -> bool:
    """Tell whether MPEG audio, or ADTS behind a tag, starts at `start` or soon after.

    As `first_frame`.
    """
    return first_frame(source, start, after_tag=after_tag) is not None


def first_frame(source: Source, start: int, *, after_tag: bool) -> int | None:
    """Return where MPEG audio, or ADTS behind a tag, starts at `start` or soon after.

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
        return None
    position = data.find(b"\xff")
    while position >= 0:
        # Bare ADTS has no tags by any standard, and mutagen cannot read it behind one.
        adts = data[position + 1 : position + 2] and data[position + 1] & 0x06 == 0
        needed = _CHAIN if not data[:position].strip(b"\0") else _CHAIN_AFTER_JUNK
        if (after_tag or not adts) and _chain(source, start + position, needed):
            return start + position
        position = data.find(b"\xff", position + 1)
    return None


def _chain(source: Source, position: int, needed: int) -> bool:
    """Tell whether so many frames follow on, or a few and then the file's end."""
    kind = -1
    for n in range(needed):
        head = source.peek(position, 6)
        if n and len(head) < 6:  # the file ended with a whole frame, or inside one
            return n >= min(needed, _CHAIN) - 1 or needed == _CHAIN
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
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:  # ADTS
        if head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
            return 0
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return length if length > 7 else 0
    rate, bitrate, pad = head[2] >> 2 & 3, head[2] >> 4, head[2] >> 1 & 1
    if version == 1 or rate == 3 or bitrate in (0, 15):
        return 0
    table = (3, layer) if version == 3 else (2, max(layer, 2))
    bits = _KBPS[table if table in _KBPS else (2, 2)][bitrate - 1] * 1000
    hz = _HZ[rate] >> (3 - version if version else 2)
    if layer == 3:
        return (12 * bits // hz + pad) * 4
    samples = 144 if version == 3 or layer == 2 else 72
    return samples * bits // hz + pad
