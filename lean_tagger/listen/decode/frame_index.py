"""Find the compressed frames of a raw stream: MP3, AAC in ADTS, FLAC.

These streams have no table, and a demuxer only guesses when it seeks: it may find another frame
than it says. So the frames are searched here. An MP3 or ADTS stream is walked from header to
header, which takes a fraction of a percent of the decoding time, and some offsets are kept. A
FLAC frame contains its own number, so it is found by interpolation.

If anything does not fit exactly, such as junk between frames, the result is `None` or the end:
FFmpeg then decodes such a file as a whole.

Sources: ISO/IEC 11172-3, 2.4.1.3 and 13818-3 (MPEG audio header); ISO/IEC 14496-3, 1.A.3 (ADTS);
RFC 9639, section 9 (FLAC).
"""

import os
from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

from lean_tagger.system.containers import ape, id3, lyrics3, mpeg

BLOCK_BYTES = 1 << 20
MOST_NOTES = 8192
"""Number of kept offsets, 64 KiB; when there are more, every other one is dropped."""

_TAGS = (id3.TRAILER_MARK, ape.MARK, lyrics3.START, id3.MARK)
_LONGEST_PROBE = 16


class AudioFrame(NamedTuple):
    """One frame: its number and its bytes."""

    number: int
    data: bytes


class Walk(Protocol):
    """How the frames of a format follow each other."""

    def steps(self, block: bytes, at: int, most: int) -> list[int]:
        """Return where up to `most` frames from `at` on begin, and the end of the last one.

        There are fewer if the block ends or no frame follows; the last end may lie after the
        block.
        """
        ...


class WalkedFrames:
    """The frames of a stream with frame lengths in its headers.

    Parameters
    ----------
    fd : int
        An open file; the caller's.
    start : int
        Offset of the first frame.
    walk : Walk
        The format's.

    Attributes
    ----------
    count : int
        Frames in the stream; 0 if it is not whole.
    """

    def __init__(self, fd: int, start: int, walk: Walk) -> None:
        self._fd, self._walk = fd, walk
        self._notes = array("q")
        self._step = 16
        self.count = self._count(start)

    def _count(self, start: int) -> int:
        count, base = 0, start
        size_bytes = os.fstat(self._fd).st_size
        while base < size_bytes:
            block, at = os.pread(self._fd, BLOCK_BYTES, base), 0
            while True:
                steps = self._walk.steps(block, at, self._step)
                if len(steps) <= self._step:  # the block, or the stream, has no more
                    break
                self._notes.append(base + at)
                count, at = count + self._step, steps[-1]
                if len(self._notes) > MOST_NOTES and not count % (2 * self._step):
                    self._notes = self._notes[::2]
                    self._step *= 2
            if not at:  # too few frames in a whole block: the end, or junk
                self._notes.append(base)
                end = base + steps[-1]
                rest = os.pread(self._fd, _LONGEST_PROBE, end)
                ended = end == size_bytes or rest.startswith(_TAGS) or not rest.strip(b"\0")
                return count + len(steps) - 1 if ended and end <= size_bytes else 0
            base += at
        return count if base == size_bytes else 0

    def read(self, first: int) -> Iterator[AudioFrame]:
        """Yield the frames from number `first` on."""
        note = min(first // self._step, len(self._notes) - 1)
        number, base = note * self._step, self._notes[note]
        while number < self.count:
            block = os.pread(self._fd, BLOCK_BYTES >> 3, base)
            steps = self._walk.steps(block, 0, self.count - number)
            if len(steps) < 2 or steps[1] > len(block):
                return
            for at, end in pairwise(steps):
                if end > len(block):
                    break
                if number >= first:
                    yield AudioFrame(number, block[at:end])
                number, past = number + 1, end
            base += past


class Mp3Walk:
    """From frame to frame of an MP3; see `Walk`.

    All frames must have the version, layer (III), rate and number of channels of the first;
    others belong to another stream, or to none.

    Parameters
    ----------
    first : bytes
        The first frame's header.
    """

    def __init__(self, first: bytes) -> None:
        self._sizes = _Mp3Sizes(first)

    def steps(self, block: bytes, at: int, most: int) -> list[int]:
        """See `Walk`."""
        sizes, found = self._sizes, [at]
        append = found.append
        for _ in range(most):
            size = sizes[block[at : at + 4]]
            if not size:
                break
            at += size
            append(at)
        return found


class AdtsWalk:
    """From frame to frame of AAC in ADTS; see `Walk` and `Mp3Walk`."""

    def __init__(self, first: bytes) -> None:
        # Sync word, version, layer, profile, rate and channels; and that the frame has one block.
        self._mask = 0xFFF6_FDC0_0000_03
        self._wanted = int.from_bytes(first[:7], "big") & self._mask & ~3

    def steps(self, block: bytes, at: int, most: int) -> list[int]:
        """See `Walk`."""
        mask, wanted, number, found = self._mask, self._wanted, int.from_bytes, [at]
        for _ in range(most):
            head = number(block[at : at + 7], "big")
            if head & mask != wanted:
                break
            size = head >> 13 & 0x1FFF
            if size < 7:
                break
            at += size
            found.append(at)
        return found


_MONO = 0xC0


class _Mp3Sizes(dict[bytes, int]):
    """Frame lengths by header; a stream has few different ones, so each is computed once."""

    def __init__(self, first: bytes) -> None:
        super().__init__()
        self._first = first

    def __missing__(self, head: bytes) -> int:
        size = mpeg.frame_bytes(head) if _alike(head, self._first) else 0
        if len(self) < _MOST_HEADERS:
            self[head] = size
        return size


_MOST_HEADERS = 4096


def _alike(head: bytes, first: bytes) -> bool:
    return (
        len(head) == 4
        and mpeg.layer_of(head) == mpeg.LAYER_3
        and head[0] == first[0]
        and head[1] & 0xFE == first[1] & 0xFE
        and head[2] & 0x0C == first[2] & 0x0C
        and (head[3] & _MONO == _MONO) == (first[3] & _MONO == _MONO)
    )


class FlacFrames:
    """The frames of a FLAC stream with equal blocks, each found by its own number.

    Parameters
    ----------
    fd : int
        An open file; the caller's.
    start : int
        Offset of the first frame.
    block_samples : int
        Samples of every frame but the last.
    samples : int
        Of the whole stream.
    """

    def __init__(self, fd: int, start: int, *, block_samples: int, samples: int) -> None:
        self._fd, self._start = fd, start
        self._end = os.fstat(fd).st_size
        self.count = -(-samples // block_samples)
        self._head = os.pread(fd, 4, start)

    def read(self, first: int) -> Iterator[AudioFrame]:
        """Yield the frames from number `first` on, until one is not found."""
        at = self._find(first)
        if at is None:
            return
        block, number = os.pread(self._fd, BLOCK_BYTES, at), first
        offset = 0
        while number < self.count:
            following = self._next(block, offset + 4, number + 1)
            if following is None:
                at, offset = at + offset, 0
                block = os.pread(self._fd, BLOCK_BYTES, at)
                following = self._next(block, 4, number + 1)
            if following is None:
                if number == self.count - 1:
                    yield AudioFrame(number, block[offset:])
                return
            yield AudioFrame(number, block[offset:following])
            offset = following
            number += 1

    def _find(self, wanted: int) -> int | None:
        """Return the offset of a frame: guess by its number, look, guess better."""
        low, low_at, high, high_at = 0, self._start, self.count, self._end
        for _ in range(40):
            if wanted == low:
                return low_at
            share = (wanted - low) / (high - low)
            guess = low_at + int((high_at - low_at) * share)
            guess = max(low_at, guess - (high_at - low_at) // max(1, high - low))
            found = self._first(guess, high_at)
            if found is None:
                if guess == low_at:
                    return None
                high_at = guess
                continue
            number, at = found
            if low < number <= wanted:
                low, low_at = number, at
                if wanted - number <= 16:
                    return self._step_on(number, at, wanted)
            elif number > wanted:
                if guess == low_at:
                    return None
                high, high_at = number, guess
            else:  # the same frame again: step on from it
                return self._step_on(low, low_at, wanted)
        return None

    def _step_on(self, number: int, at: int, wanted: int) -> int | None:
        block, base, offset = os.pread(self._fd, BLOCK_BYTES, at), at, 0
        while number < wanted:
            following = self._next(block, offset + 4, number + 1)
            if following is None:
                base, offset = base + offset, 0
                block = os.pread(self._fd, BLOCK_BYTES, base)
                following = self._next(block, 4, number + 1)
                if following is None:
                    return None
            offset, number = following, number + 1
        return base + offset

    def _first(self, start: int, end: int) -> tuple[int, int] | None:
        """Return number and offset of the first frame in a span."""
        step = 1 << 16
        while start < end:
            block = os.pread(self._fd, step + _LONGEST_PROBE, start)
            at = -1
            while 0 <= (at := block.find(self._head[:2], at + 1)) < step:
                number = self._number(block[at : at + _LONGEST_PROBE])
                if number is not None:
                    return number, start + at
            start += step
        return None

    def _next(self, block: bytes, start: int, wanted: int) -> int | None:
        """Return where in a block the frame with this number begins."""
        at = start - 1
        while (at := block.find(self._head[:2], at + 1)) >= 0:
            if self._number(block[at : at + _LONGEST_PROBE]) == wanted:
                return at
        return None

    def _number(self, head: bytes) -> int | None:
        """Return the number in a frame's header, or None if it is not a header."""
        if len(head) < _LONGEST_PROBE or head[3] & 0x0F != self._head[3] & 0x0F:
            return None
        if head[2] & 0x0F != self._head[2] & 0x0F:
            return None  # another rate
        lead = head[4]
        extra = 0 if lead < 0x80 else 7 - (lead ^ 0xFF).bit_length()
        if extra > 5 or 0x80 <= lead < 0xC0:
            return None
        number = lead if not extra else lead & (0x3F >> extra)
        for byte in head[5 : 5 + extra]:
            number = number << 6 | byte & 0x3F
        length = 5 + extra + {6: 1, 7: 2}.get(head[2] >> 4, 0)
        length += {12: 1, 13: 2, 14: 2}.get(head[2] & 0x0F, 0)
        return number if _crc8(head[:length]) == head[length] and number < self.count else None


def _crc8_table() -> bytes:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = (crc << 1) ^ (0x107 if crc & 0x80 else 0)  # noqa: PLW2901 - shifted out
        table.append(crc & 0xFF)
    return bytes(table)


_CRC8 = _crc8_table()


def _crc8(data: bytes) -> int:
    """Return the checksum of a FLAC frame's header: x^8 + x^2 + x + 1, from 0."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc
