"""Decode parts of a track, each at its exact place, and nothing between them.

`open_segments` gives a `Segments` where the places can be trusted, and raises `Unsteady`
where they cannot: such a file is heard from its start to its end. It never guesses. There are
four ways to a place:

- the frames of MP3, ADTS and FLAC are found by `frames`, and made into packets here;
- the packets of a plain MP4 stand in its table (`mp4.Track`);
- FFmpeg seeks in Ogg, Matroska, WAV and AIFF, where packets carry exact times;
- libsndfile seeks by sample.

A decoder that starts in the middle lacks what the packets before left in it (the bit
reservoir of MP3, the overlap of transforms), so it is given a few packets more, and what comes
of those is dropped; `PREROLL` says how many seconds. Sample 0 is where the full pass begins:
the first packets are decoded as that does it, and compared with where their packets lie.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

import av
import numpy as np

from lean_tagger.decode import (
    BLOCK_SAMPLES,
    DecoderName,
    _open_regular,
    is_rate,
    mp4,
    ogg,
    silence_nonsense,
)
from lean_tagger.decode.ffmpeg import SAMPLE_FORMATS, FfmpegAudio, _sum_channels
from lean_tagger.decode.frames import AdtsWalk, FlacFrames, Mp3Walk, WalkedFrames
from lean_tagger.errors import FileError

__all__ = ["PREROLL", "Segments", "Unsteady", "open_segments", "sampled_digest"]

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

SEEKABLE = frozenset({"aiff", "matroska,webm", "ogg", "w64", "wav"})
"""Containers in which FFmpeg finds packets by time, and their times are exact."""

PROBE_BYTES = 1 << 17
"""FFmpeg reads 5 MB of a WAV file to see whether it holds something else than PCM: 20 ms."""

DIGEST_POINTS = 4
DIGEST_PACKETS = 16
DIGEST_PAGES = 2

STRAY_SECONDS = 0.03
"""Packets whose times jump by more have something missing between them. FFmpeg's times in Ogg
are off by half a block in some pages: 10 ms, twice that from one such page to another."""


class Unsteady(Exception):  # noqa: N818 - no error: the file is heard in another way
    """A place in the file could not be found for certain."""


class Segments(Protocol):
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
def open_segments(path: str, *, decoder: DecoderName = "auto") -> Iterator[Segments]:
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
        `Segments.read`.
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
    """Return what `Segments.digest` says of a file, or None where there is no such thing."""
    try:
        with open_segments(path, decoder=decoder) as segments:
            return segments.digest()
    except Unsteady:
        return None


def _open_with(decoder: DecoderName, fd: int, path: str) -> Segments:
    if decoder == "soundfile":
        from lean_tagger.decode.sndsegments import SndfileSegments

        return SndfileSegments(fd, path)
    try:
        audio = FfmpegAudio(fd, path, probe_bytes=PROBE_BYTES)
    except FileError as error:
        raise Unsteady(str(error)) from error
    try:
        with _unsteady():
            return FfmpegSegments(audio, fd)
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
    except (av.error.FFmpegError, FileError, ValueError, OSError, IndexError) as error:
        raise Unsteady(str(error)) from error


class Packet(NamedTuple):
    """A packet to be decoded, and the track's sample with which it begins."""

    packet: Any
    start: int


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What the first packets of a track show.

    Attributes
    ----------
    rate_hz, samples : int
        Of the decoded frames; `samples` in one of them, with nothing cut off.
    missing : int
        Samples that were cut off the first one that gave any.
    origin : int
        Samples from the beginning of the packets' clock to sample 0 of the track.
    offset : int
        Of the first packet, in the file.
    first_pts : int
        The first packet's time, in ticks.
    """

    rate_hz: int
    samples: int
    missing: int
    origin: int
    offset: int
    first_pts: int


class FfmpegSegments:
    """`Segments` over FFmpeg; takes the audio over, and closes it."""

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
        self._way = self._choose_way(name)
        self.samples = self._way.samples
        if self.samples <= 0:
            raise Unsteady("its length is not known")

    def close(self) -> None:
        """Close the container."""
        self._audio.close()

    def digest(self) -> str:
        """See `Segments.digest`."""
        update = (hasher := hashlib.blake2b(digest_size=16)).update
        update(f"{self.rate_hz} {self.samples}".encode())
        with _unsteady():
            for point in range(DIGEST_POINTS):
                start = self.samples * (2 * point + 1) // (2 * DIGEST_POINTS)
                for data in self._way.content(start):
                    update(data)
        return f"part{hasher.hexdigest()}"

    def read(self, first: int, count: int) -> Iterator[tuple[int, memoryview]]:
        """See `Segments.read`."""
        fill, wanted = 0, count
        for av_frame, start in self._frames(first):
            kind = SAMPLE_FORMATS[av_frame.format.name]
            channels = av_frame.layout.nb_channels
            at, stop = max(0, first - start), av_frame.samples
            while at < stop and wanted:
                taken = min(stop - at, wanted, BLOCK_SAMPLES - fill)
                out = self._buffer[fill : fill + taken]
                _sum_channels(av_frame, kind, channels, at, out)
                out *= np.float32(kind.scale / channels)
                at, fill, wanted = at + taken, fill + taken, wanted - taken
                if fill == BLOCK_SAMPLES or not wanted:
                    silence_nonsense(self._buffer[:fill])
                    yield self.rate_hz, self._buffer[:fill].data
                    fill = 0
            if not wanted:
                return
        raise Unsteady("it ends before its end")

    def _frames(self, first: int) -> Iterator[tuple[Any, int]]:
        """Yield decoded frames and their places, from the one that holds sample `first` on."""
        self._decoder.flush_buffers()
        expected: int | None = None
        warm = not self._preroll
        stray = round(STRAY_SECONDS * self.rate_hz)
        with _unsteady():
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

    def _look_at_beginning(self) -> _Beginning:
        """Decode the first packets as the full pass does, and see where that begins."""
        done = shown = 0
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
                    missing = av_frame.samples - done if done < av_frame.samples else 0
                    return _Beginning(
                        rate_hz, av_frame.samples, missing, at - done, offset or 0, first_pts
                    )
                cut = max(0, -at) if self._decoder is self._stream.codec_context else 0
                if av_frame.samples > cut:
                    shown, done = shown + 1, av_frame.samples - cut
        raise Unsteady("it is too short")

    def _choose_way(self, name: str) -> "_Way":
        form, begin, fd = self._audio._container.format.name, self._begin, self._fd
        if self._audio._track is not None:
            return _Table(self, self._audio._track, fd)
        if form in ("mp3", "aac"):
            head = os.pread(fd, 7, begin.offset)
            walk = Mp3Walk(head[:4]) if form == "mp3" else AdtsWalk(head)
            return _Frames(self, WalkedFrames(fd, begin.offset, walk))
        duration = self._stream.duration
        seconds = (
            duration * self._tick_seconds
            if duration is not None
            else (self._audio._container.duration or 0) / av.time_base
        )
        samples = round(seconds * self.rate_hz)
        if form == "flac":
            return _Frames(
                self,
                FlacFrames(fd, begin.offset, block_samples=begin.samples, samples=samples),
                samples=samples,
            )
        if form not in SEEKABLE:
            raise Unsteady(f"no place can be found in {form}")
        return _Container(self, samples - (begin.missing if name == "opus" else 0))


class _Way(Protocol):
    """How packets are found."""

    samples: int

    def packets(self, start: int) -> Iterator[Packet]:
        """Yield packets from the one that holds the track's sample `start`, or before."""
        ...

    def content(self, start: int) -> Iterator[Any]:
        """Yield the bytes of some packets near a sample, the same ones every time."""
        ...


class _Frames:
    """By the frames of a raw stream, all of which have as many samples."""

    def __init__(
        self, of: FfmpegSegments, frames: WalkedFrames | FlacFrames, *, samples: int = 0
    ) -> None:
        begin = of._begin
        self._frames, self._size = frames, begin.samples
        # The first packet gave what is left of it, and the second one began behind that.
        self._origin = begin.missing
        self.samples = samples or frames.count * self._size - self._origin
        duration = of._stream.duration
        if not samples and duration is not None and of._audio._container.format.name == "mp3":
            clocked = round(duration * of._tick_seconds * of.rate_hz)
            if 0 <= self.samples - clocked <= 2 * self._size:
                self.samples = clocked  # its first frame says how much of the last is padding

    def packets(self, start: int) -> Iterator[Packet]:
        """See `_Way`."""
        number = max(0, (start + self._origin) // self._size)
        for frame in self._frames.read(number):
            yield Packet(av.Packet(frame.data), frame.number * self._size - self._origin)

    def content(self, start: int) -> Iterator[Any]:
        """See `_Way`."""
        return (it.packet for it in islice(self.packets(start), DIGEST_PACKETS))


class _Table:
    """By the table of an MP4."""

    def __init__(self, of: FfmpegSegments, track: mp4.Track, fd: int) -> None:
        self._track, self._fd = track, fd
        self._scale: float = of.rate_hz / track.timescale
        first = next(iter(track.samples()), None)
        if first is None:
            raise Unsteady("its table is empty")
        self._shift_ticks = of._begin.first_pts - first.start_ticks
        self._origin = of._begin.origin
        self._samples: Iterator[mp4.Sample] = iter(())
        self._next: mp4.Sample | None = None
        table_ticks = sum(count * ticks for count, ticks in track.tables[b"stts"])
        end_ticks = min(first.start_ticks + table_ticks, track.edit_seconds() * track.timescale)
        self.samples = self._place(int(end_ticks))

    def _place(self, ticks: int) -> int:
        return round((ticks + self._shift_ticks) * self._scale) - self._origin

    def packets(self, start: int) -> Iterator[Packet]:
        """See `_Way`; going forwards goes on where it was."""
        start_ticks = (start + self._origin) / self._scale - self._shift_ticks
        if self._next is None or self._next.start_ticks > start_ticks:
            self._samples = iter(self._track.samples())
            self._next = next(self._samples, None)
        while self._next is not None:
            sample = self._next
            self._next = next(self._samples, None)
            if sample.start_ticks + sample.duration_ticks <= start_ticks or not sample.size:
                continue
            data = os.pread(self._fd, sample.size, sample.offset)
            if len(data) < sample.size:
                raise Unsteady("it was cut short")
            yield Packet(av.Packet(data), self._place(sample.start_ticks))

    def content(self, start: int) -> Iterator[Any]:
        """See `_Way`."""
        return (it.packet for it in islice(self.packets(start), DIGEST_PACKETS))


class _Container:
    """By FFmpeg's own seeking."""

    def __init__(self, of: FfmpegSegments, samples: int) -> None:
        self._of, self.samples = of, samples
        self._container = of._audio._container
        self._check_end()

    def _check_end(self) -> None:
        """See that there is music where the header says that it ends."""
        starts = (it.start for it in self.packets(max(0, self.samples - self._of.rate_hz // 2)))
        if self.samples - max(starts, default=0) > self._of.rate_hz // 4:
            raise Unsteady("it is shorter than its header says")

    def packets(self, start: int) -> Iterator[Packet]:
        """See `_Way`."""
        of = self._of
        ticks_of_sample = of._tick_seconds * of.rate_hz
        at = int((start + of._begin.origin) / ticks_of_sample)
        self._container.seek(at, stream=of._stream)
        late = True
        for packet in self._container.demux(of._stream):
            if not packet.size:
                return
            if packet.pts is None:
                raise Unsteady("its packets have no times")
            place = round(packet.pts * ticks_of_sample) - of._begin.origin
            if late and place > max(start, 0) + of._begin.samples:
                raise Unsteady("its index is wrong")
            late = False
            if packet.duration and place + packet.duration * ticks_of_sample <= start:
                continue
            yield Packet(packet, place)

    def content(self, start: int) -> Iterator[Any]:
        """See `_Way`."""
        if self._container.format.name == "ogg":
            return ogg.bodies(self._of._fd, start, count=DIGEST_PAGES)
        behind = (it.packet for it in self.packets(start) if it.start >= start)
        return islice(behind, DIGEST_PACKETS)
