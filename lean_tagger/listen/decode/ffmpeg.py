"""The first decoder: FFmpeg, packet by packet."""

from __future__ import annotations  # PyAV's classes are generic for type checkers only

import math
import os
from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from lean_tagger.errors import DecodeError
from lean_tagger.listen.decode import (
    BLOCK_SAMPLES,
    BY_PACKETS,
    BY_SAMPLES,
    BY_VIEW,
    hash_block,
    is_rate,
    silence_nonsense,
)
from lean_tagger.listen.decode.decoder_input import Given, packets_say_all
from lean_tagger.listen.decode.demux import UNTOUCHED, Demuxer
from lean_tagger.listen.decode.ffmpeg_errors import ffmpeg_errors
from lean_tagger.listen.decode.mixdown import (
    SAMPLE_FORMATS,
    Piece,
    joined,
    sum_channels,
    sum_clipped,
)
from lean_tagger.listen.decode.overs import Overs
from lean_tagger.system.digest import Hash, blake2b
from lean_tagger.system.urls import Source

MP3_DECODERS = {"mp3", "mp3float"}

GAP_SECONDS = 0.015
"""A larger jump of timestamps means lost audio; less is rounding (Matroska counts in ms)."""

LONGEST_GAP_SECONDS = 600.0
"""An even larger jump is a broken or new clock, and says nothing about lost audio."""


class FfmpegAudio(Demuxer):
    """An `Audio` over FFmpeg; see `lean_tagger.listen.decode.Audio`.

    Parameters
    ----------
    fd, path
        As for `Demuxer`.
    hashed : bool
        `given` will be asked for.

    Attributes
    ----------
    overs : Overs or None
        If set, notes samples of an MP3 that are louder than full scale.
    """

    def __init__(self, fd: int | Source, path: str, *, hashed: bool = False) -> None:
        super().__init__(fd, path, hashed=hashed)
        self.seconds = 0.0
        self.seconds_skipped = 0.0
        self._hash = blake2b()
        self._samples = 0
        self.overs: Overs | None = None
        self._buffer = np.empty(BLOCK_SAMPLES, np.float32)
        self._good_bytes = 0
        self._damaged_seconds = 0.0  # packets that failed since the last good one
        self._next_seconds: float | None = None  # timestamp that the next frame should have
        self._second: Demuxer | None = None
        self._given: Given | None = None
        self._heard: Hash | None = None  # of the samples, where the packets do not say all
        if not hashed or self.container.format.name in UNTOUCHED:
            pass  # the view is hashed, or nothing
        elif not packets_say_all(self):
            self._heard = blake2b()
        else:
            self._second = Demuxer(fd, path)  # for a decoder that hears a few places only
            self._seed = os.urandom(8).hex()
            self._given = Given(self, self._second.decoder, seed=self._seed)

    def close(self) -> None:
        """Close the container."""
        super().close()
        if self._second is not None:
            self._second.close()

    def given(self) -> str:
        """See `Audio.given`."""
        if self._given is not None:
            with ffmpeg_errors(self.path):
                return " ".join((BY_PACKETS, self._seed, *self._given.hashes()))
        if self._heard is not None:
            return f"{BY_SAMPLES} {self.digest()} {self._heard.hexdigest()}"
        shown = self.view_hash()
        return f"{BY_VIEW} {shown}" if shown else ""

    def digest(self) -> str:
        """Return a hash of what was read so far, with the number of samples.

        The packets are hashed, which is cheap: the same packets give the same samples. If a
        packet may hold tags, the samples are hashed.
        """
        return f"{self._hash.hexdigest()}-{self._samples}"

    def __iter__(self) -> Iterator[tuple[int, memoryview]]:
        """Yield ``(rate_hz, samples)`` blocks of averaged channels."""
        with ffmpeg_errors(self.path):
            yield from self._blocks()

    def _blocks(self) -> Iterator[tuple[int, memoryview]]:
        buffer, fill, rate_hz, scale = self._buffer, 0, 0, 0.0
        for av_frame, kind, first, stop in joined(self._av_frames()):
            channels = av_frame.layout.nb_channels
            frame_scale = kind.scale / channels
            same = av_frame.sample_rate == rate_hz and frame_scale == scale
            start = first
            while start < stop:
                if fill and (not same or fill == BLOCK_SAMPLES):
                    yield self._block(rate_hz, fill, scale)
                    fill = 0
                rate_hz, scale, same = av_frame.sample_rate, frame_scale, True
                count = min(stop - start, BLOCK_SAMPLES - fill)
                sum_channels(av_frame, kind, channels, start, buffer[fill : fill + count])
                if self.overs is not None and self.decoder.name in MP3_DECODERS:
                    quiet = sum_clipped(av_frame, kind, channels, start, count)
                    if quiet is not None:
                        self.overs.note(self._samples + fill, quiet * np.float32(scale))
                fill += count
                start += count
        if fill:
            yield self._block(rate_hz, fill, scale)
        self.seconds_skipped += self._damaged_seconds
        if self._samples == 0:
            raise DecodeError(self.path, "no packet of its audio could be decoded")

    def _block(self, rate_hz: int, count: int, scale: float) -> tuple[int, memoryview]:
        """Finish a block: turn the sums of the channels into their average at ±1."""
        block = self._buffer[:count]
        np.multiply(block, np.float32(scale), out=block)
        self.seconds_skipped += silence_nonsense(block) / rate_hz
        if self.packets_hold_tags:
            self._hash.update(block.data)
        if self._heard is not None and self.repeatable:
            hash_block(self._heard, rate_hz, block.data)
        self._samples += count
        self.seconds += count / rate_hz
        return rate_hz, block.data

    def _av_frames(self) -> Iterator[Piece]:
        """Yield each decoded frame, its sample format, and which of its samples count.

        A packet that does not decode is counted and skipped. (Iterating ``container.decode()``
        would end for good at the first one.)
        """
        decoder = self.decoder
        for packet in self.packets():
            if decoder is not self.decoder:  # the next stream of a chain
                decoder = self.decoder
                if decoder is not self.stream.codec_context:
                    self._next_seconds = None  # the new stream's delay must be cut off too
            self._hash_packet(packet)
            try:
                av_frames = decoder.decode(packet)
            except MemoryError:
                raise
            except (av.error.FFmpegError, ValueError):
                self._damaged_seconds += self._packet_seconds(packet)
                continue
            self._good_bytes += packet.size
            for av_frame in av_frames:
                kind = SAMPLE_FORMATS.get(av_frame.format.name)
                if kind is None:
                    name = av_frame.format.name
                    raise DecodeError(self.path, f"unknown sample format {name!r}")
                if not is_rate(av_frame.sample_rate):
                    raise DecodeError(
                        self.path, f"{av_frame.sample_rate} Hz is not a sample rate of music"
                    )
                yield av_frame, kind, *self._follow_clock(av_frame)

    def _hash_packet(self, packet: av.Packet[AudioStream]) -> None:
        if packet.size and not self.packets_hold_tags:
            self._hash.update(packet)
        if self._given is not None:
            self._given.take(packet)

    def _follow_clock(self, av_frame: AudioFrame) -> tuple[int, int]:
        """Count what was lost before this frame; return which of its samples are music.

        They lie between time 0 and the edit's end.

        A decoder may silently skip damage that only the timestamps show. If a packet failed and
        the clock jumped, it is the same damage and counts once.
        """
        if self._next_seconds is None and self.decoder is not self.stream.codec_context:
            # It cuts off the encoder's delay itself, but still gives the time before the cut.
            self._next_seconds = -math.inf
            return 0, av_frame.samples
        samples, rate_hz, pts = av_frame.samples, av_frame.sample_rate, av_frame.pts
        lost, self._damaged_seconds = self._damaged_seconds, 0.0
        if pts is None:
            self._next_seconds = None
            self.seconds_skipped += lost
            return 0, samples
        # Runs once per frame, 140,000 times per hour of music: floats, since a Fraction takes 4 µs.
        at = pts * self.tick_seconds
        if self._next_seconds is not None:
            gap = at - self._next_seconds
            if GAP_SECONDS < gap < LONGEST_GAP_SECONDS:
                lost = max(lost, gap)
        self.seconds_skipped += lost
        self._next_seconds = at + samples / rate_hz
        first = min(samples, round(-at * rate_hz)) if at < 0 else 0
        if self._next_seconds > self.end_seconds:
            return first, max(0, min(samples, round((self.end_seconds - at) * rate_hz)))
        return first, samples

    def _packet_seconds(self, packet: av.Packet[AudioStream]) -> float:
        """Estimate the length of a damaged packet.

        By its own duration; or, if junk between frames was taken for one long packet (raw MP3
        and AAC), by its size at the bit rate of the good packets so far.
        """
        said = float(packet.duration * packet.time_base) if packet.duration else 0.0
        sized = self.seconds * packet.size / self._good_bytes if self._good_bytes else 0.0
        return max(said, sized)
