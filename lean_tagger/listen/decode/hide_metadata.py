"""Hide metadata from FFmpeg, after a short look at the start of a file.

Demuxers read whole headers with all pictures, and trust the sizes in them. The music needs none
of that, so the `MaskedFile` that FFmpeg gets leaves out every part that is not music. So in most
formats it is the same before and after a write (see `audio_proof`). Every size is compared with
the file's own. Damaged parts are left for FFmpeg to judge, under the worker's memory limit.
"""

from lean_tagger.listen.decode import mp4_packets
from lean_tagger.listen.decode.masked_file import Mask, MaskedFile
from lean_tagger.system.containers import ape, chunks, flac, id3, lyrics3, mp4, ogg
from lean_tagger.system.urls import Source, read_at, size_of

LARGE_COMMENT_BYTES = 1 << 16
"""Larger headers of an Ogg stream hold pictures: they are not even read."""

LARGEST_SETUP_BYTES = 1 << 20
_MOST_CHUNKS = 10_000
_LARGEST_SKIP_BYTES = 1 << 30
_LARGEST_WAV_HEAD_BYTES = 1 << 12
_UNKNOWN_SIZES = {0, 0xFFFFFFFF}
_TEXT_CHUNKS = {b"id3 ", b"ID3 ", b"LIST", b"NAME", b"AUTH", b"ANNO", b"(c) ", b"COMT", b"DIIN"}
_NO_GENRE = b"\xff"
_EMPTY_COMMENTS = {
    b"\x01vorbis": b"\x03vorbis" + bytes(8) + b"\x01",  # no vendor, no comment, framing bit
    b"OpusHead": b"OpusTags" + bytes(8),
}


def look(fd: int | Source) -> tuple[MaskedFile, mp4_packets.Mp4Track | None]:
    """Return a file as FFmpeg should see it, and for a plain MP4, where its packets are.

    Parameters
    ----------
    fd : int
        An open regular file; its position stays as it is.
    """
    size_bytes = size_of(fd)
    start = _behind_id3(fd, size_bytes)
    magic = read_at(fd, 12, start)
    if magic[4:8] in mp4.FIRST_ATOMS and not start:
        track, patches = mp4_packets.scan(fd, size_bytes)
        return MaskedFile(fd, patches=patches), track
    if magic[:4] == flac.MARK:
        return _without_blocks(fd, start, size_bytes), None
    if magic[:4] == b"OggS":
        return _without_comments(fd, start), None
    if magic[:4] in chunks.FORMS:
        return _music_chunks(fd, start, chunks.FORMS[magic[:4]]), None
    end = _before_trailers(fd, size_bytes)
    if magic[:4] == b"DSD ":
        # Bytes 20 to 28 say where the ID3 tag begins; 0 for none.
        patches = [Mask(start + 20, bytes(8))]
    else:
        trailer = _before(fd, size_bytes, id3.TRAILER_BYTES)
        has_one = trailer.startswith(id3.TRAILER_MARK)
        patches = [Mask(size_bytes - 1, _NO_GENRE)] if has_one else []
    return MaskedFile(fd, start=start, patches=patches, end=end), None


def _before_trailers(fd: int | Source, size_bytes: int) -> int | None:
    """Return where APE and Lyrics3 tags at the file's end begin; None if there are none.

    FFmpeg takes them for frames, so a cover becomes packets of noise. An ID3v1 trailer may
    follow each of them.
    """
    lyrics = None
    trailer = size_bytes - id3.TRAILER_BYTES
    tail = _before(fd, trailer, lyrics3.END_BYTES)
    if (whole := lyrics3.whole_bytes(tail)) is not None and whole < trailer:
        start = trailer - whole
        if read_at(fd, len(lyrics3.START), start) == lyrics3.START:
            lyrics = start
    for end in (size_bytes, trailer, lyrics or 0):
        if footer := ape.parse(_before(fd, end, ape.END_BYTES)):
            start = end - footer.whole_bytes
            return start if footer.size >= ape.END_BYTES and start > 0 else lyrics
    return lyrics


def _before(fd: int | Source, end: int, count: int) -> bytes:
    """Return so many bytes before an offset; none if there are fewer."""
    return read_at(fd, count, end - count) if end >= count else b""


def _behind_id3(fd: int | Source, size_bytes: int) -> int:
    """Return where the audio begins after any ID3v2 tags.

    FFmpeg would hold their pictures in memory and unpack their compressed frames: 250 MiB
    for a large cover, 1.5 GiB for half a megabyte of zeros.
    """
    offset = 0
    while tag := id3.parse(read_at(fd, id3.HEAD_BYTES, offset)):
        offset += id3.HEAD_BYTES * (2 if tag.has_footer else 1) + tag.size
    return offset if offset < size_bytes else 0


def _without_blocks(fd: int | Source, start: int, size_bytes: int) -> MaskedFile:
    """Return a FLAC file with only its first metadata block, which describes the audio."""
    position, last, described = start + 4, False, b""
    while not last:
        head = read_at(fd, flac.HEAD_BYTES, position)
        if len(head) < flac.HEAD_BYTES or position > size_bytes:
            return MaskedFile(fd, start=start)
        kind, last, length = flac.parse(head)
        position += flac.HEAD_BYTES
        if not described:
            if kind != flac.STREAMINFO or length != flac.STREAMINFO_BYTES:
                return MaskedFile(fd, start=start)
            described = flac.render(kind, length, last=True) + read_at(fd, length, position)
        position += length
    sync = read_at(fd, 2, position)
    if len(sync) < 2 or sync[0] != 0xFF or sync[1] & 0xFC != 0xF8:
        return MaskedFile(fd, start=start)  # a wrong size: let FFmpeg look for the audio
    return MaskedFile(fd, head=flac.MARK + described, start=position)


def _without_comments(fd: int | Source, start: int) -> MaskedFile:
    """Return an Ogg stream with an empty comment packet instead of its own.

    RFC 3533. The headers of Vorbis and Opus end with a page, so what follows stays as it is.
    """
    plain = MaskedFile(fd, start=start)
    first = _page(fd, start)
    if first is None:
        return plain
    identification = read_at(fd, 8, first.body)
    magic = next((m for m in _EMPTY_COMMENTS if identification.startswith(m)), None)
    if magic is None or first.packets_ended != 1:
        return plain
    # After the first packet come the comments and, for Vorbis, the set-up.
    missing = 2 if magic == b"\x01vorbis" else 1
    setup, position = bytearray(), first.end
    in_comments = True
    while missing:
        page = _page(fd, position)
        if page is None or page.serial != first.serial or len(setup) > LARGEST_SETUP_BYTES:
            return plain
        at, position = page.body, page.end
        for lace in page.lacing:
            if not in_comments:
                setup += read_at(fd, lace, at)
            at += lace
            if lace < 255:
                in_comments, missing = False, missing - 1
        if missing < 0:  # music on a header's page: not a stream that we know
            return plain
    if not _are_sound(fd, first.end, position):
        return plain
    packets = [_EMPTY_COMMENTS[magic], bytes(setup)] if setup else [_EMPTY_COMMENTS[magic]]
    head = read_at(fd, first.end - start, start) + _as_pages(packets, first.serial)
    return MaskedFile(fd, head=head, start=position)


def _are_sound(fd: int | Source, start: int, end: int) -> bool:
    """Tell whether the checksums of pages are right, as far as they are looked at."""
    if end - start > LARGE_COMMENT_BYTES:
        return True
    while start < end:
        page = _page(fd, start)
        if page is None:
            return False
        if not ogg.is_sound(read_at(fd, page.end - start, start)):
            return False
        start = page.end
    return True


def _page(fd: int | Source, position: int) -> ogg.Page | None:
    return ogg.parse(read_at(fd, ogg.LARGEST_HEAD_BYTES, position), position)


def _as_pages(packets: list[bytes], serial: bytes) -> bytes:
    """Return packets as Ogg pages, from the second page of a stream on."""
    body = b"".join(packets)
    lacing = ogg.lacing_of(map(len, packets))
    pages = bytearray()
    for number, first in enumerate(range(0, len(lacing), ogg.MOST_SEGMENTS), 1):
        part = lacing[first : first + ogg.MOST_SEGMENTS]
        content, body = body[: sum(part)], body[sum(part) :]
        continued = bool(first) and lacing[first - 1] == 255
        pages += ogg.render(ogg.CONTINUED * continued, 0, serial, number, part, content)
    return bytes(pages)


def _music_chunks(fd: int | Source, start: int, form: chunks.Form) -> MaskedFile:
    """Return a WAV, AIFF or DSDIFF file without its texts and without false chunks.

    Nothing after the last piece of music in a WAV is about the music. To FFmpeg, zeros are
    chunks without name and size; a million of them take 10 s.
    """
    size_bytes, patches, end = size_of(fd), [], None
    position = start + form.first
    of_music: list[chunks.Chunk] = []  # of a WAV, what stands in front of its music
    first: chunks.Chunk | None = None
    for _ in range(_MOST_CHUNKS):
        if position >= size_bytes:  # a length of 64 bits may be any number, too large to read
            break
        chunk = chunks.parse(read_at(fd, form.head_bytes, position), position, form)
        if chunk is None:
            break
        if chunk.name in _TEXT_CHUNKS:
            patches.append(Mask(position, b"JUNK"))
        elif first is None and form is chunks.RIFF and chunk.name not in (b"data", bytes(4)):
            of_music.append(chunk)
        if chunk.name == b"data" and form is chunks.RIFF:
            first = first or chunk
            if chunk.size in _UNKNOWN_SIZES:
                end = None
                break  # to FFmpeg, all that follows is music
            end = chunk.following
        position = chunk.following
        if chunk.name == bytes(4) and not chunk.size:
            heads = _zeros(fd, position) // form.head_bytes
            skipped = min(heads * form.head_bytes, _LARGEST_SKIP_BYTES)
            patches.append(Mask(chunk.head, b"JUNK" + form.written(skipped)))
            position += skipped
    head = _wav_head(fd, start, of_music) if first else b""
    if first and head:
        return MaskedFile(fd, head=head, start=first.head, end=end, patches=patches)
    return MaskedFile(fd, start=start, end=end, patches=patches)


def _wav_head(fd: int | Source, start: int, kept: list[chunks.Chunk]) -> bytes:
    """Return the beginning of a WAV with these chunks alone; empty where they are large.

    How long it says that all of it is, tags included, is left out: FFmpeg does not ask.
    """
    if sum(chunk.following - chunk.head for chunk in kept) > _LARGEST_WAV_HEAD_BYTES:
        return b""
    parts = [read_at(fd, 4, start), b"\xff" * 4, read_at(fd, 4, start + 8)]
    parts += (read_at(fd, chunk.following - chunk.head, chunk.head) for chunk in kept)
    return b"".join(parts)


def _zeros(fd: int | Source, position: int) -> int:
    """Count the zero bytes from a position on, at least up to `_LARGEST_SKIP_BYTES`."""
    block, found = bytes(1 << 16), 0
    while found < _LARGEST_SKIP_BYTES:
        data = read_at(fd, len(block), position + found)
        if not data or data != block:
            return found + len(data) - len(data.lstrip(b"\0"))
        found += len(data)
    return found
