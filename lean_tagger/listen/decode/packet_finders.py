"""Find the packets in a file for a position in the track; see `parts`.

A `Way` finds them by the frames of a raw stream, by the table of an MP4, or by FFmpeg's own
seeking. Each knows the sample of the track with which a packet begins.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

import av

from lean_tagger.listen.decode import mp4_packets, ogg_pages
from lean_tagger.listen.decode.demux import Demuxer
from lean_tagger.listen.decode.frame_index import AdtsWalk, FlacFrames, Mp3Walk, WalkedFrames

SEEKABLE = frozenset({"aiff", "matroska,webm", "ogg", "w64", "wav"})
"""Containers in which FFmpeg finds packets by time, with exact times."""

DIGEST_PACKETS = 16
DIGEST_PAGES = 2


class Unsteady(Exception):  # noqa: N818 - not an error: the file is heard in another way
    """A position in the file could not be found with certainty."""


class Packet(NamedTuple):
    """A packet to decode, and the sample of the track with which it begins."""

    packet: Any
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Facts from the first packets of a track.

    Attributes
    ----------
    rate_hz, samples : int
        Rate of the decoded frames, and samples in one frame before anything is cut off.
    missing : int
        Samples that were cut off the first frame with samples.
    origin : int
        Samples from the start of the packets' clock to sample 0 of the track.
    offset : int
        Offset of the first packet in the file.
    first_pts : int
        The first packet's time, in ticks.
    dropped : int
        Samples from the start of the first packet to sample 0 of the track.
    """

    rate_hz: int
    samples: int
    missing: int
    origin: int
    offset: int
    first_pts: int
    dropped: int


class Way(Protocol):
    """How packets are found."""

    samples: int

    def packets(self, start: int) -> Iterator[Packet]:
        """Yield packets, beginning at or before the one with the track's sample `start`."""
        ...

    def content(self, start: int) -> Iterator[Any]:
        """Yield the bytes of some packets near a sample, always the same ones."""
        ...


def choose(audio: Demuxer, fd: int, begin: Beginning) -> Way:
    """Return the way to find positions in a track.

    Raises
    ------
    Unsteady
        There is no reliable way.
    """
    form, stream = audio.container.format.name, audio.stream
    if audio.mp4_track is not None:
        return _Table(audio.mp4_track, fd, begin)
    seconds = float((stream.duration or 0) * (stream.time_base or 0))
    if not seconds:
        seconds = (audio.container.duration or 0) / av.time_base
    samples = round(seconds * begin.rate_hz)
    if form in ("mp3", "aac"):
        head = os.pread(fd, 7, begin.offset)
        walk = Mp3Walk(head[:4]) if form == "mp3" else AdtsWalk(head)
        frames = WalkedFrames(fd, begin.offset, walk)
        whole = frames.count * begin.samples - begin.dropped
        # The first frame of an MP3 may say how much of the last one is padding.
        known = form == "mp3" and 0 <= whole - samples <= 2 * begin.samples
        return _Frames(frames, begin, samples=samples if known else whole)
    if form == "flac":
        flac = FlacFrames(fd, begin.offset, block_samples=begin.samples, samples=samples)
        if next(flac.read(flac.count - 1), None) is None:
            raise Unsteady("it is shorter than its header says")
        return _Frames(flac, begin, samples=samples)
    name = stream.codec_context.name
    if form not in SEEKABLE or (form, name) == ("ogg", "flac"):
        raise Unsteady(f"positions cannot be found for {name} in {form}")
    return _Container(audio, fd, begin, samples=samples - begin.missing)


class _Frames:
    """By the frames of a raw stream, which all have the same number of samples."""

    def __init__(
        self, frames: WalkedFrames | FlacFrames, begin: Beginning, *, samples: int
    ) -> None:
        self._frames, self._size = frames, begin.samples
        self._origin = begin.dropped
        self.samples = samples

    def packets(self, start: int) -> Iterator[Packet]:
        """See `Way`."""
        number = max(0, (start + self._origin) // self._size)
        for frame in self._frames.read(number):
            yield Packet(av.Packet(frame.data), frame.number * self._size - self._origin)

    def content(self, start: int) -> Iterator[Any]:
        """See `Way`."""
        return (it.packet for it in islice(self.packets(start), DIGEST_PACKETS))


class _Table:
    """By the table of an MP4."""

    def __init__(self, track: mp4_packets.Mp4Track, fd: int, begin: Beginning) -> None:
        self._track, self._fd = track, fd
        self._scale = begin.rate_hz / track.timescale
        first = next(iter(track.samples()), None)
        if first is None:
            raise Unsteady("its table is empty")
        self._shift_ticks = begin.first_pts - first.start_ticks
        self._origin = begin.origin
        self._samples: Iterator[mp4_packets.Sample] = iter(())
        self._next: mp4_packets.Sample | None = None
        table_ticks = sum(count * ticks for count, ticks in track.tables[b"stts"])
        end_ticks = min(first.start_ticks + table_ticks, track.edit_seconds() * track.timescale)
        self.samples = self._place(int(end_ticks))

    def _place(self, ticks: int) -> int:
        return round((ticks + self._shift_ticks) * self._scale) - self._origin

    def packets(self, start: int) -> Iterator[Packet]:
        """See `Way`; a later position is found from the last one."""
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
        """See `Way`."""
        return (it.packet for it in islice(self.packets(start), DIGEST_PACKETS))


class _Container:
    """By FFmpeg's own seeking."""

    def __init__(self, audio: Demuxer, fd: int, begin: Beginning, *, samples: int) -> None:
        self._container, self._stream, self._fd = audio.container, audio.stream, fd
        self._begin, self.samples = begin, samples
        self._samples_a_tick = float(self._stream.time_base or 0) * begin.rate_hz
        self._check_end()

    def _check_end(self) -> None:
        """Check that there is music where the header says that it ends."""
        rate_hz = self._begin.rate_hz
        starts = (it.start for it in self.packets(max(0, self.samples - rate_hz // 2)))
        if self.samples - max(starts, default=0) > rate_hz // 4:
            raise Unsteady("it is shorter than its header says")

    def packets(self, start: int) -> Iterator[Packet]:
        """See `Way`."""
        begin = self._begin
        self._container.seek(
            int((start + begin.origin) / self._samples_a_tick), stream=self._stream
        )
        late = True
        for packet in self._container.demux(self._stream):
            if not packet.size:
                return
            if packet.pts is None:
                raise Unsteady("its packets have no times")
            place = round(packet.pts * self._samples_a_tick) - begin.origin
            if late and place > max(start, 0) + begin.samples:
                raise Unsteady("its index is wrong")
            late = False
            if packet.duration and place + packet.duration * self._samples_a_tick <= start:
                continue
            yield Packet(packet, place)

    def content(self, start: int) -> Iterator[Any]:
        """See `Way`."""
        if self._container.format.name == "ogg":
            return ogg_pages.bodies(self._fd, start, count=DIGEST_PAGES)
        behind = (it.packet for it in self.packets(start) if it.start >= start)
        return islice(behind, DIGEST_PACKETS)
