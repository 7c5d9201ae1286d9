"""Recognise bare MPEG audio and ADTS, which have no magic number, only a chain of frames."""

from collections.abc import Iterator

from lean_tagger.system.containers import ape, id3, lyrics3, mpeg
from lean_tagger.write.source import Source

# Cut from a stream, a file starts in the middle of a frame; after a tag there may be padding.
_SEARCHED_BYTES = 4096
_SEARCHED_AFTER_TAG_BYTES = 1 << 17
_CHAIN = 4
# Random bytes hold chains of two or three frames; the last one may reach the file's end.
_CHAIN_AFTER_JUNK = 10
_BEHIND = tuple(mark[:6] for mark in (id3.TRAILER_MARK, ape.MARK, lyrics3.START))


def found(source: Source, start: int, *, after_tag: bool) -> bool:
    """Tell whether MPEG audio or ADTS starts at `start` or soon after; as `first_frame`."""
    return first_frame(source, start, after_tag=after_tag) is not None


def is_adts(source: Source, start: int, *, after_tag: bool) -> bool:
    """Tell whether ADTS starts there; as `first_frame`."""
    position = first_frame(source, start, after_tag=after_tag)
    return position is not None and mpeg.layer_of(source.at(position, 4)) == 0


def first_frame(source: Source, start: int, *, after_tag: bool) -> int | None:
    """Return where MPEG audio or ADTS starts, at `start` or soon after.

    Parameters
    ----------
    source : Source
        The file.
    start : int
        Where the ID3v2 tag ends, or 0.
    after_tag : bool
        Whether there is a tag; after one, more padding is accepted.
    """
    data = source.peek(start, _SEARCHED_AFTER_TAG_BYTES if after_tag else _SEARCHED_BYTES)
    position = data.find(b"\xff")
    while position >= 0:
        alone = position == 0
        needed = _CHAIN if not data[:position].strip(b"\0") else _CHAIN_AFTER_JUNK
        if _chain(source, start + position, needed, alone=alone):
            return start + position
        position = data.find(b"\xff", position + 1)
    return None


def between_adts_frames(source: Source, start: int) -> Iterator[int]:
    """Yield where ID3v2 tags stand between frames of ADTS, near the start of the sound.

    Parameters
    ----------
    source : Source
        The file.
    start : int
        Where the first frame is, or the first tag.
    """
    position, seen = start, False
    while position < start + _SEARCHED_AFTER_TAG_BYTES:
        head = source.peek(position, id3.HEAD_BYTES)
        tag = id3.parse(head)
        if tag and tag.sound:
            if seen:
                yield position
            footer = id3.HEAD_BYTES if tag.version == 4 and tag.has_footer else 0
            position += id3.HEAD_BYTES + tag.size + footer
        elif size := mpeg.adts_bytes(head):
            position, seen = position + size, True
        else:
            return


def _chain(source: Source, position: int, needed: int, *, alone: bool) -> bool:
    """Tell whether so many frames follow each other, or all up to the end.

    A single frame is accepted only if it is `alone`, with nothing before it. Otherwise a random
    header may give any length, often one beyond the file's end.
    """
    kind = -1
    for n in range(needed):
        head = source.peek(position, 6)
        if len(head) < 6:  # the file ended with a whole frame, or inside one
            return n > 0 and (n >= min(needed, _CHAIN) - 1 or alone)
        length = mpeg.frame_bytes(head) or mpeg.adts_bytes(head)
        if not length or (n and head[1] & 0xFE != kind):
            return n >= 2 and head.startswith(_BEHIND)
        kind = head[1] & 0xFE
        position += length
    return True
