"""The end of a Lyrics3v2 tag, which comes before an ID3v1 trailer: https://id3.org/Lyrics3v2."""

END_BYTES = 15
START = b"LYRICSBEGIN"
_MARK = b"LYRICS200"


def whole_bytes(end: bytes) -> int | None:
    """Return the length of the tag that ends with these `END_BYTES`; None if they end no tag.

    The end is six digits, which count the bytes before them, and a mark.
    """
    digits, mark = end[:6], end[6:]
    if mark != _MARK or not digits.isdigit():
        return None
    return int(digits) + END_BYTES
