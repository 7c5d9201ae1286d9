"""Decode parts of a track with FFmpeg, from the packets that `packet_finders` finds.

A decoder that starts in the middle lacks state from earlier packets (the bit reservoir of MP3,
the overlap of transforms). So it gets a few earlier packets, and their samples are dropped;
`PREROLL` says how many seconds. Sample 0 is where the full pass begins: the first packets are
decoded as in the full pass, and compared with the positions of their packets.
"""

import contextlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import av
import numpy as np

from lean_tagger.errors import FileError
from lean_tagger.jobs import PART
from lean_tagger.listen.decode import BLOCK_SAMPLES, is_rate, silence_nonsense
from lean_tagger.listen.decode.demux import Demuxer
from lean_tagger.listen.decode.ffmpeg import MP3_DECODERS
from lean_tagger.listen.decode.mixdown import (
    SAMPLE_FORMATS,
    Piece,
    joined,
    sum_channels,
    sum_clipped,
)
from lean_tagger.listen.decode.packet_finders import Beginning, Unsteady, choose
from lean_tagger.system.digest import blake2b

PREROLL = {
    "aac": 0.1,
    "alac": 0.0,
    "flac": 0.0,
    "mp3": 0.3,
    "mp3float": 0.3,
    "opus": 0.16,
    "vorbis": 0.2,
}
"""Seconds decoded before a part and dropped, by codec. PCM needs none; tracks in other codecs are
heard whole. Opus converges within 80 ms (RFC 7845, section 4.6). The reservoir of MP3
reaches back 511 bytes, which is 9 frames at its lowest rates, and the transform one frame more.
AAC overlaps one frame; its band replication looks back another one or two."""

PROBE_BYTES = 1 << 17
"""By default FFmpeg reads 5 MB of a WAV file to look for other codecs than PCM, for 20 ms."""

DIGEST_POINTS = 4

STRAY_SECONDS = 0.03
"""If packet times jump by more, something is missing. FFmpeg's times in Ogg are wrong by half a
block in some pages: 10 ms, and twice that from one such page to another."""


@contextlib.contextmanager
def _unsteady() -> Iterator[None]:
    """Turn any error of FFmpeg into `Unsteady`: the full pass can handle it."""
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
    """`Parts` over FFmpeg; see `parts.Parts`.

    Parameters
    ----------
    fd : int
        An open regular file; stays the caller's, and must outlive this object.
    path : str
        For messages, and for the extension.
    clipped : bool
        As for `parts.open_parts`.

    Raises
    ------
    Unsteady
        The track can only be decoded as a whole, if at all.
    """

    def __init__(self, fd: int, path: str, *, clipped: bool = False) -> None:
        self._clipped = clipped
        with _unsteady():
            self._audio = Demuxer(fd, path, probe_bytes=PROBE_BYTES)
        try:
            with _unsteady():
                self._find_places(fd)
        except BaseException:
            self.close()
            raise

    def _find_places(self, fd: int) -> None:
        audio = self._audio
        self._decoder, self._stream = audio.decoder, audio.stream
        self._tick_seconds = float(self._stream.time_base or 0)
        name = self._stream.codec_context.name
        if name not in PREROLL and not name.startswith("pcm_"):
            raise Unsteady(f"parts of {name} cannot be decoded alone")
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
        return f"{PART}{hasher.hexdigest()}"

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
                if self._clipped and self._decoder.name in MP3_DECODERS:
                    quiet = sum_clipped(av_frame, kind, channels, at, taken)
                    out[:] = out if quiet is None else quiet
                out *= np.float32(kind.scale / channels)
                at, fill = at + taken, fill + taken
                if fill == BLOCK_SAMPLES:
                    yield self._block(fill)
                    fill = 0
        if fill:
            yield self._block(fill)

    def _block(self, count: int) -> tuple[int, memoryview]:
        if silence_nonsense(self._buffer[:count]):
            raise Unsteady("some of its samples are not sound")
        return self.rate_hz, self._buffer[:count].data

    def _pieces(self, first: int, count: int) -> Iterator[Piece]:
        """Yield the part of each frame that belongs to `count` samples from `first` on."""
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
        for packet, start in self._way.packets(first - self._preroll):
            try:
                frames = self._decoder.decode(packet)
            except av.error.InvalidDataError:
                if warm or start + self._begin.samples >= first:
                    raise
                frames = []  # it needs earlier packets
            for av_frame in frames:
                place = self._place(av_frame, start, expected)
                expected = place + av_frame.samples
                if not warm:
                    warm = True  # there is nothing before the first one
                elif expected > first:
                    if place > first:
                        raise Unsteady("its packets begin too late")
                    yield av_frame, place
                    first = expected

    def _place(self, av_frame: Any, start: int, expected: int | None) -> int:
        """Return a frame's position: by its packet's clock, or after the previous frame."""
        if av_frame.sample_rate != self.rate_hz:
            raise Unsteady("its rate changes")
        if expected is None:
            cut_off_again = av_frame.samples < self._begin.samples
            return start + (self._begin.missing if cut_off_again else 0)
        if abs(start - expected) > round(STRAY_SECONDS * self.rate_hz):
            raise Unsteady("something is missing in it")
        return expected  # a clock in milliseconds is rounded, but the frames are continuous

    def _look_at_beginning(self) -> Beginning:
        """Decode the first packets as the full pass does, and find where the music begins."""
        shown = origin = 0
        offset = first_pts = None
        missing = 0
        for packet in islice(self._audio.packets(), 16):
            if not packet.size:
                break
            if offset is None:
                offset, first_pts = self._audio.view.in_file(packet.pos or 0), packet.pts
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
                    # By the packet's time: for a frame that was cut, some decoders give the time
                    # before the cut and some the time after it.
                    origin = round((packet.pts or 0) * self._tick_seconds * rate_hz) + cut + missing
        raise Unsteady("it is too short")
