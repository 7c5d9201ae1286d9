"""Decode parts of a track, each at its exact place, and nothing between them.

`open_parts` gives a `Parts` where the places can be trusted, and raises `Unsteady`
where they cannot: such a file is heard from its start to its end. It never guesses. There are
four ways to a place:

- the frames of MP3, ADTS and FLAC are found by `frame_index`, and made into packets here;
- the packets of a plain MP4 stand in its table (`mp4_packets.Mp4Track`);
- FFmpeg seeks in Ogg, Matroska, WAV and AIFF, where packets carry exact times;
- libsndfile seeks by sample.

A decoder that starts in the middle lacks what the packets before left in it (the bit
reservoir of MP3, the overlap of transforms), so it is given a few packets more, and what comes
of those is dropped; `PREROLL` says how many seconds. Sample 0 is where the full pass begins:
the first packets are decoded as that does it, and compared with where their packets lie.
"""

import contextlib
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import av
import numpy as np

from lean_tagger.errors import FileError
from lean_tagger.listen.decode import (
    BLOCK_SAMPLES,
    DecoderName,
    _open_regular,
    is_rate,
    silence_nonsense,
)
from lean_tagger.listen.decode.ffmpeg import FfmpegAudio
from lean_tagger.listen.decode.mixdown import SAMPLE_FORMATS, Piece, joined, sum_channels
from lean_tagger.listen.decode.packet_finders import Beginning, Unsteady, choose
from lean_tagger.system.digest import blake2b

__all__ = ["PREROLL", "Parts", "Unsteady", "open_parts", "sampled_digest"]

PREROLL = {
    "aac": 0.1,
    "alac": 0.0,
    "flac": 0.0,
    "mp3": 0.3,
    "mp3float": 0.3,
    "opus": 0.16,
    "vorbis": 0.2,
}
"""Seconds decoded before a part and dropped, by codec; PCM needs none, and a codec that is not
here is heard whole. Opus converges within 80 ms (RFC 7845, section 4.6). The reservoir of MP3
reaches back 511 bytes, which is 9 frames at its lowest rates, and the transform one frame more.
AAC overlaps one frame; its band replication looks back another one or two."""

PROBE_BYTES = 1 << 17
"""FFmpeg reads 5 MB of a WAV file to see whether it holds something else than PCM: 20 ms."""

DIGEST_POINTS = 4

STRAY_SECONDS = 0.03
"""Packets whose times jump by more have something missing between them. FFmpeg's times in Ogg
are off by half a block in some pages: 10 ms, twice that from one such page to another."""


class Parts(Protocol):
    """A track of which parts can be decoded.

    Attributes
    ----------
    rate_hz : int
        Of its samples.
    samples : int
        How many it has.
    """

    rate_hz: int
    samples: int

    def read(self, first: int, count: int) -> Iterator[tuple[int, memoryview]]:
        """Yield ``(rate_hz, samples)`` blocks, as `Audio` does, from sample `first` on.

        Exactly `count` samples in all; raises `Unsteady` where they cannot be had. Not from
        the first half second on, where a decoder cannot be warmed up.
        """
        ...

    def digest(self) -> str:
        """Return a hash of the length and of packets at a few places, decoding none.

        It stands for the audio as `Audio.digest` does, and does not depend on the tags
        either, but it sees a part only. It begins with "part".
        """
        ...

    def close(self) -> None:
        """Release the decoder."""
        ...


@contextlib.contextmanager
def open_parts(path: str, *, decoder: DecoderName = "auto") -> Iterator[Parts]:
    """Open a file to decode parts of it.

    Parameters
    ----------
    path : str
        A regular file, or a link to one.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        ``auto`` is FFmpeg.

    Raises
    ------
    Unsteady
        Only the whole of it can be decoded, if anything; also within the context, from
        `Parts.read`.
    """
    try:
        fd = _open_regular(path)
    except FileError as error:
        raise Unsteady(str(error)) from error
    try:
        segments = _open_with(decoder, fd, path)
        with contextlib.closing(segments):
            yield segments
    finally:
        os.close(fd)


def sampled_digest(path: str, *, decoder: DecoderName = "auto") -> str | None:
    """Return what `Parts.digest` says of a file, or None where there is no such thing."""
    try:
        with open_parts(path, decoder=decoder) as segments:
            return segments.digest()
    except Unsteady:
        return None


def _open_with(decoder: DecoderName, fd: int, path: str) -> Parts:
    if decoder == "soundfile":
        from lean_tagger.listen.decode.sndfile_parts import SndfileParts

        return SndfileParts(fd, path)
    try:
        audio = FfmpegAudio(fd, path, probe_bytes=PROBE_BYTES)
    except FileError as error:
        raise Unsteady(str(error)) from error
    try:
        with _unsteady():
            return FfmpegParts(audio, fd)
    except BaseException:
        audio.close()
        raise


@contextlib.contextmanager
def _unsteady() -> Iterator[None]:
    """Whatever FFmpeg has to complain of: the full pass knows what to do about it."""
    try:
        yield
    except MemoryError:
        raise
    except (
        *(av.error.FFmpegError, FileError, OSError),
        *(ArithmeticError, LookupError, ValueError),
    ) as error:
        raise Unsteady(str(error)) from error


class FfmpegParts:
    """`Parts` over FFmpeg; takes the audio over, and closes it."""

    def __init__(self, audio: FfmpegAudio, fd: int) -> None:
        self._audio, self._fd = audio, fd
        self._decoder, self._stream = audio._decoder, audio._stream
        self._tick_seconds = float(self._stream.time_base or 0)
        name = self._stream.codec_context.name
        if name not in PREROLL and not name.startswith("pcm_"):
            raise Unsteady(f"no part of {name} can be decoded alone")
        self._buffer = np.empty(BLOCK_SAMPLES, np.float32)
        self._begin = begin = self._look_at_beginning()
        self.rate_hz = begin.rate_hz
        self._preroll = round(PREROLL.get(name, 0.0) * self.rate_hz)
        self._way = choose(audio, fd, begin)
        self.samples = self._way.samples
        if self.samples <= 0:
            raise Unsteady("its length is not known")

    def close(self) -> None:
        """Close the container."""
        self._audio.close()

    def digest(self) -> str:
        """See `Parts.digest`."""
        update = (hasher := blake2b()).update
        update(f"{self.rate_hz} {self.samples}".encode())
        with _unsteady():
            for point in range(DIGEST_POINTS):
                start = self.samples * (2 * point + 1) // (2 * DIGEST_POINTS)
                for data in self._way.content(start):
                    update(data)
        return f"part{hasher.hexdigest()}"

    def read(self, first: int, count: int) -> Iterator[tuple[int, memoryview]]:
        """See `Parts.read`."""
        with _unsteady():
            yield from self._read(first, count)

    def _read(self, first: int, count: int) -> Iterator[tuple[int, memoryview]]:
        fill = 0
        for av_frame, kind, start, stop in joined(self._pieces(first, count)):
            channels, at = av_frame.layout.nb_channels, start
            while at < stop:
                taken = min(stop - at, BLOCK_SAMPLES - fill)
                out = self._buffer[fill : fill + taken]
                sum_channels(av_frame, kind, channels, at, out)
                out *= np.float32(kind.scale / channels)
                at, fill = at + taken, fill + taken
                if fill == BLOCK_SAMPLES:
                    yield self._block(fill)
                    fill = 0
        if fill:
            yield self._block(fill)

    def _block(self, count: int) -> tuple[int, memoryview]:
        if silence_nonsense(self._buffer[:count]):
            raise Unsteady("some of its samples are no sound")
        return self.rate_hz, self._buffer[:count].data

    def _pieces(self, first: int, count: int) -> Iterator[Piece]:
        """Yield what of each frame belongs to `count` samples from `first` on."""
        for av_frame, start in self._frames(first):
            at = max(0, first - start)
            stop = min(av_frame.samples, at + count)
            if at < stop:
                count -= stop - at
                yield av_frame, SAMPLE_FORMATS[av_frame.format.name], at, stop
            if not count:
                return
        raise Unsteady("it ends before its end")

    def _frames(self, first: int) -> Iterator[tuple[Any, int]]:
        """Yield decoded frames and their places, from the one that holds sample `first` on."""
        self._decoder.flush_buffers()
        expected: int | None = None
        warm = not self._preroll
        stray = round(STRAY_SECONDS * self.rate_hz)
        for packet, start in self._way.packets(first - self._preroll):
            try:
                frames = self._decoder.decode(packet)
            except av.error.InvalidDataError:
                if warm or start + self._begin.samples >= first:
                    raise
                frames = []  # it needs what lies before it
            for av_frame in frames:
                if av_frame.sample_rate != self.rate_hz:
                    raise Unsteady("its rate changes")
                place = start
                if expected is None and av_frame.samples < self._begin.samples:
                    place += self._begin.missing  # its beginning was cut off again
                if expected is not None and abs(place - expected) > stray:
                    raise Unsteady("something is missing in it")
                # What was rounded in a clock of milliseconds is continuous nevertheless.
                place = place if expected is None else expected
                expected = place + av_frame.samples
                if not warm:
                    warm = True  # the first one has nothing before it
                elif expected > first:
                    if place > first:
                        raise Unsteady("its packets begin too late")
                    yield av_frame, place
                    first = expected

    def _look_at_beginning(self) -> Beginning:
        """Decode the first packets as the full pass does, and see where that begins."""
        shown = origin = 0
        offset = first_pts = None
        missing = 0
        for packet in islice(self._audio._packets(), 16):
            if not packet.size:
                break
            if offset is None:
                offset, first_pts = self._audio._view.in_file(packet.pos or 0), packet.pts
            for av_frame in self._decoder.decode(packet):
                rate_hz, pts = av_frame.sample_rate, av_frame.pts
                if pts is None or first_pts is None or not is_rate(rate_hz):
                    raise Unsteady("it has no clock")
                at = round(pts * self._tick_seconds * rate_hz)
                if shown:
                    dropped = origin - round(first_pts * self._tick_seconds * rate_hz)
                    return Beginning(
                        rate_hz=rate_hz,
                        samples=av_frame.samples,
                        missing=missing,
                        origin=origin,
                        offset=offset or 0,
                        first_pts=first_pts,
                        dropped=dropped,
                    )
                cut = max(0, -at) if self._decoder is self._stream.codec_context else 0
                if av_frame.samples > cut:
                    shown += 1
                    whole = round((packet.duration or 0) * self._tick_seconds * rate_hz)
                    missing = max(0, whole - av_frame.samples)
                    # By the packet's time: of a frame that was cut, some decoders tell the
                    # time before that and some behind.
                    origin = round((packet.pts or 0) * self._tick_seconds * rate_hz) + cut + missing
        raise Unsteady("it is too short")
