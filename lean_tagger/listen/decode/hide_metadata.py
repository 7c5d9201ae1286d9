"""A bounded look at a file's beginning, before FFmpeg reads it.

Demuxers read headers whole, pictures and all, and believe the sizes that stand in them. The
music needs none of that, so here every part that is none is left out of the `MaskedFile` that
FFmpeg gets. Every size is held against the file's own. What is damaged is shown as it is,
and judged by FFmpeg; the worker's memory limit stands behind that.
"""

import os
import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

from lean_tagger.listen.decode import mp4_packets
from lean_tagger.listen.decode.masked_file import Mask, MaskedFile

__all__ = ["look"]

LARGE_COMMENT_BYTES = 1 << 16
"""A larger comment header of an Ogg stream holds pictures, and is replaced by an empty one."""

LARGEST_SETUP_BYTES = 1 << 20
_MOST_CHUNKS = 10_000
_TEXT_CHUNKS = {b"id3 ", b"ID3 ", b"LIST", b"NAME", b"AUTH", b"ANNO", b"(c) "}
_EMPTY_COMMENTS = {
    b"\x01vorbis": b"\x03vorbis" + bytes(8) + b"\x01",  # no vendor, no comment, framing bit
    b"OpusHead": b"OpusTags" + bytes(8),
}


Order = Literal["big", "little"]


def look(fd: int) -> tuple[MaskedFile, mp4_packets.Mp4Track | None]:
    """Return what FFmpeg is to see of a file; and for a plain MP4, where its packets are.

    Parameters
    ----------
    fd : int
        An open regular file; its position stays as it is.
    """
    size_bytes = os.fstat(fd).st_size
    start = _behind_id3(fd, size_bytes)
    magic = os.pread(fd, 12, start)
    if magic[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide") and not start:
        track, patches = mp4_packets.scan(fd, size_bytes)
        return MaskedFile(fd, patches=patches), track
    if magic[:4] == b"fLaC":
        return _without_blocks(fd, start, size_bytes), None
    if magic[:4] == b"OggS":
        return _without_comments(fd, start), None
    if magic[:4] in (b"RIFF", b"RF64", b"FORM"):
        order: Order = "big" if magic[:4] == b"FORM" else "little"
        texts = list(_text_chunks(fd, start, size_bytes, order))
        return MaskedFile(fd, start=start, patches=texts), None
    # In DSF, bytes 20 to 28 say where its ID3 tag begins; 0 for none.
    patches = [Mask(start + 20, bytes(8))] if magic[:4] == b"DSD " else []
    end = _before_ape(fd, size_bytes)
    return MaskedFile(fd, start=start, patches=patches, end=end), None


def _before_ape(fd: int, size_bytes: int) -> int | None:
    """Return where an APE tag at the file's end begins; None if there is none.

    FFmpeg takes it for frames: a cover comes out as packets of noise. Its footer of 32 bytes
    says how long it is, without the header that one flag tells of; an ID3v1 trailer may follow.
    """
    for end in (size_bytes, size_bytes - 128):
        footer = os.pread(fd, 32, end - 32) if end >= 32 else b""
        if footer[:8] == b"APETAGEX":
            size, flags = (int.from_bytes(footer[i : i + 4], "little") for i in (12, 20))
            start = end - size - (32 if flags & 1 << 31 else 0)
            return start if size >= 32 and start > 0 else None
    return None


def _behind_id3(fd: int, size_bytes: int) -> int:
    """Return where the audio begins behind any ID3v2 tags.

    FFmpeg would hold their pictures in memory and unpack their compressed frames: 250 MiB
    for a large cover, 1.5 GiB for half a megabyte of zeros.
    """
    offset = 0
    while (head := os.pread(fd, 10, offset))[:3] == b"ID3" and len(head) == 10:
        # Four bytes of seven bits; a footer of ten bytes where flag 0x10 says so (ID3v2.4).
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)
        )
        offset += 10 + size + (10 if head[5] & 0x10 else 0)
    return offset if offset < size_bytes else 0


def _without_blocks(fd: int, start: int, size_bytes: int) -> MaskedFile:
    """Return a FLAC file with its first metadata block, which describes it, as the only one.

    RFC 9639, section 8: one byte of type, its top bit set in the last; three of length.
    """
    position, last, described = start + 4, False, b""
    while not last:
        head = os.pread(fd, 4, position)
        if len(head) < 4 or position > size_bytes:
            return MaskedFile(fd, start=start)
        last = bool(head[0] & 0x80)
        length = int.from_bytes(head[1:], "big")
        if not described:
            described = b"\x80" + head[1:] + os.pread(fd, length, position + 4)
            if head[0] & 0x7F or length != 34:
                return MaskedFile(fd, start=start)
        position += 4 + length
    sync = os.pread(fd, 2, position)
    if len(sync) < 2 or sync[0] != 0xFF or sync[1] & 0xFC != 0xF8:
        return MaskedFile(fd, start=start)  # a wrong size: let FFmpeg look for the audio
    return MaskedFile(fd, head=b"fLaC" + described, start=position)


def _without_comments(fd: int, start: int) -> MaskedFile:
    """Return an Ogg stream whose large comment packet is replaced by an empty one.

    RFC 3533. The headers of Vorbis and Opus end with a page, so what follows stays as it is.
    """
    plain = MaskedFile(fd, start=start)
    first = _page(fd, start)
    if first is None:
        return plain
    identification = os.pread(fd, 8, first.body)
    magic = next((m for m in _EMPTY_COMMENTS if identification.startswith(m)), None)
    if magic is None or first.packets_ended != 1:
        return plain
    # Behind the first packet come the comments and, for Vorbis, the set-up.
    missing = 2 if magic == b"\x01vorbis" else 1
    comment_bytes, setup, position = 0, bytearray(), first.end
    in_comments = True
    while missing:
        page = _page(fd, position)
        if page is None or page.serial != first.serial or len(setup) > LARGEST_SETUP_BYTES:
            return plain
        at, position = page.body, page.end
        for lace in page.lacing:
            if in_comments:
                comment_bytes += lace
            else:
                setup += os.pread(fd, lace, at)
            at += lace
            if lace < 255:
                in_comments, missing = False, missing - 1
        if missing < 0:  # music on the page of a header: no stream that we know
            return plain
    if comment_bytes <= LARGE_COMMENT_BYTES:
        return plain
    packets = [_EMPTY_COMMENTS[magic], bytes(setup)] if setup else [_EMPTY_COMMENTS[magic]]
    head = os.pread(fd, first.end - start, start) + _as_pages(packets, first.serial)
    return MaskedFile(fd, head=head, start=position)


class _Page(NamedTuple):
    """The head of an Ogg page: 27 bytes, then the lengths of its segments."""

    serial: bytes
    lacing: bytes
    body: int
    end: int

    @property
    def packets_ended(self) -> int:
        return sum(lace < 255 for lace in self.lacing)


def _page(fd: int, position: int) -> _Page | None:
    head = os.pread(fd, 27 + 255, position)
    if len(head) < 27 or head[:5] != b"OggS\0" or len(head) < 27 + head[26]:
        return None
    lacing = head[27 : 27 + head[26]]
    body = position + 27 + len(lacing)
    return _Page(head[14:18], lacing, body, body + sum(lacing))


def _as_pages(packets: list[bytes], serial: bytes) -> bytes:
    """Return packets as Ogg pages, the second and following of a stream."""
    body = b"".join(packets)
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    pages = bytearray()
    for number, first in enumerate(range(0, len(lacing), 255), 1):
        part = lacing[first : first + 255]
        content, body = body[: sum(part)], body[sum(part) :]
        continued = bool(first) and lacing[first - 1] == 255
        head = b"OggS\0" + bytes([continued]) + bytes(8) + serial + number.to_bytes(4, "little")
        page = head + bytes(4) + bytes([len(part)]) + part + content
        pages += page[:22] + _checksum(page) + page[26:]
    return bytes(pages)


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _checksum(page: bytes) -> bytes:
    """Return a page's CRC: zlib's polynomial, bits in the other order, no inversion."""
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2).to_bytes(4, "little")


def _text_chunks(fd: int, start: int, size_bytes: int, order: Order) -> Iterator[Mask]:
    """Yield a patch over the name of each chunk of a WAV or AIFF file that holds text.

    A chunk: four bytes of name, four of length; the next one begins at an even offset.
    """
    position = start + 12
    for _ in range(_MOST_CHUNKS):
        head = os.pread(fd, 8, position)
        if len(head) < 8 or position >= size_bytes:
            return
        if head[:4] in _TEXT_CHUNKS:
            yield Mask(position, b"JUNK")
        length = int.from_bytes(head[4:], order)
        if head[:4] == b"data" and not length:
            return  # a stream of unknown length: to FFmpeg, all that follows is music
        position += 8 + length + length % 2
