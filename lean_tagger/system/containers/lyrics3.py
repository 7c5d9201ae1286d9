"""The end of a Lyrics3v2 tag, which stands in front of an ID3v1 trailer: https://id3.org/Lyrics3v2."""

END_BYTES = 15
START = b"LYRICSBEGIN"
_MARK = b"LYRICS200"


def whole_bytes(end: bytes) -> int | None:
    """Return the bytes of the tag of which these `END_BYTES` are the end; None if of none.

    They are six digits, which count all that stands before them, and a mark.
    """
    digits, mark = end[:6], end[6:]
    if mark != _MARK or not digits.isdigit():
        return None
    return int(digits) + END_BYTES
