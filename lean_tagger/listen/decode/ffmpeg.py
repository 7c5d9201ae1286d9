"""The first decoder: FFmpeg, packet by packet, through PyAV."""

from __future__ import annotations  # av.Packet is generic for type checkers only

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import PurePath
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition

from lean_tagger.errors import (
    DecodeError,
    EncryptedError,
    FileError,
    NoAudioError,
    OverBudgetError,
    UnreadableError,
)
from lean_tagger.listen.decode import (
    BLOCK_SAMPLES,
    hide_metadata,
    is_rate,
    mp4_packets,
    silence_nonsense,
)
from lean_tagger.listen.decode.masked_file import MaskedFile
from lean_tagger.listen.decode.mixdown import (
    SAMPLE_FORMATS,
    Piece,
    joined,
    sum_channels,
    sum_clipped,
)
from lean_tagger.listen.decode.overs import Overs
from lean_tagger.system.digest import blake2b
from lean_tagger.system.urls import Source, read_at, size_of

FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,caf,dsf,dts,eac3,flac,iff,matroska,mov,mp3,mpc,mpc8,"
    "mpegts,mpeg,avi,flv,ogg,oma,rm,tak,tta,voc,w64,wav,wv"
)
"""Containers that hold their own audio. Playlists, SDP, concat scripts and the like are
left out, because they make FFmpeg open other files and sockets. DSDIFF is "iff"."""

PYAV = int(av.__version__.split(".")[0])
OPTIONS: dict[str, Any] = {"metadata_errors": "replace"} if PYAV < 19 else {}
"""PyAV 18 decodes all metadata at once and strictly, and would raise on old, non-UTF-8 tags;
PyAV 19 does not, and has no such option any more."""

TAG_IN_LAST_PACKET = {"ape", "tak"}
"""Demuxers with a last packet that runs to the end of the file, tags included."""

EXTENSION_FORMATS = {
    ".aac": "aac",
    ".ac3": "ac3",
    ".flac": "flac",
    ".mp1": "mp3",
    ".mp2": "mp3",
    ".mp3": "mp3",
}
"""Raw streams without a magic number; FFmpeg gets their name if guessing fails."""

PROTECTED_TAGS = {"drms", "enca", "aavd"}
"""Codec tags of FairPlay, Common Encryption and Audible files."""

BETTER_DECODERS = {"opus": ("libopus", {"request_sample_fmt": "flt"})}
"""Decoders to use instead of FFmpeg's own. FFmpeg's Opus differs from the reference by 0.007 in
a sample, enough to move a score by 6e-5; libopus agrees with libsndfile to 2e-7."""

MP3_DECODERS = {"mp3", "mp3float"}

READ_BYTES = 1 << 16
"""Bytes that FFmpeg reads at a time."""

MAX_BAD_READS = 64
"""Reads that may fail in a row at the same position before we search further on."""

RESYNC_MARKS = {"ogg": b"OggS\0\2", "wv": b"wvpk"}
"""Marks where a new stream may begin, for formats with a demuxer that stops for good: at a
damaged WavPack block, and at a chained Ogg stream with another number of channels."""

GAP_SECONDS = 0.015
"""A larger jump of timestamps means lost audio; less is rounding (Matroska counts in ms)."""

LONGEST_GAP_SECONDS = 600.0
"""An even larger jump is a broken or new clock, and says nothing about lost audio."""


SLIPS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError)
"""Errors of PyAV itself on odd files, not of FFmpeg. Seen: IndexError at the end of a chained Ogg
with a cover in each link, for a stream that was not there before."""


@contextmanager
def ffmpeg_errors(path: str) -> Iterator[None]:
    """Translate PyAV's exceptions; nothing else knows them.

    PyAV's errors also derive from the builtin that they resemble (ValueError, OSError …), and
    a sample rate or layout that it cannot represent raises a plain ValueError.
    """
    try:
        yield
    except FileError:
        raise
    except (av.error.DecoderNotFoundError, NotImplementedError) as error:
        raise DecodeError(path, "FFmpeg has no decoder for this audio") from error
    except (av.error.InvalidDataError, av.error.ArgumentError) as error:
        raise DecodeError(path, "not an audio file, or damaged beyond reading") from error
    except MemoryError as error:  # PyAV's own derives from it
        message = "decoding it takes more memory than the budget allows"
        raise OverBudgetError(path, message) from error
    except (av.error.FFmpegError, ValueError, LookupError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DecodeError(path, f"FFmpeg cannot read the file: {reason}") from error
    except OSError as error:  # our own reading, from behind FFmpeg's
        raise UnreadableError(path, f"reading failed: {error.strerror}") from error


class FfmpegAudio:
    """An `Audio` over FFmpeg; see `lean_tagger.listen.decode.Audio`.

    Parameters
    ----------
    fd : int
        An open regular file; the caller closes it, after this object.
    path : str
        For messages and for the extension.
    probe_bytes : int
        How much FFmpeg may read to recognise the format; 0 is FFmpeg's default (5 MB).

    Attributes
    ----------
    container, stream, decoder
        PyAV's objects, for `ffmpeg_parts`; they change when a chained stream is reached.
    view : MaskedFile
        The file as FFmpeg sees it.
    end_seconds : float
        End of the music by the frames' clock; padding follows it.
    mp4_track : Mp4Track or None
        The packets of a plain MP4, which are found by its table.
    overs : Overs or None
        If set, notes samples of an MP3 that are louder than full scale.
    """

    def __init__(self, fd: int | Source, path: str, *, probe_bytes: int = 0) -> None:
        self.path = path
        self._probe = {"probesize": str(probe_bytes)} if probe_bytes else {}
        self.seconds = 0.0
        self.seconds_skipped = 0.0
        self._fd = fd
        self._size_bytes = size_of(fd)
        self._hash = blake2b()
        self._samples = 0
        self.overs: Overs | None = None
        self._buffer = np.empty(BLOCK_SAMPLES, np.float32)
        self._good_bytes = 0
        self._damaged_seconds = 0.0  # packets that failed since the last good one
        self._next_seconds: float | None = None  # timestamp that the next frame should have
        self.end_seconds = math.inf
        self._packet_offset = 0
        with ffmpeg_errors(path):
            view, self.mp4_track = hide_metadata.look(fd)
            self.container = self._open(view)
            try:
                self.stream, self.decoder = self._choose_stream()
                self._refuse_free_format()
            except FileError:
                self.container.close()
                raise
        self._hash_samples = self.container.format.name in TAG_IN_LAST_PACKET

    def close(self) -> None:
        """Close the container."""
        self.container.close()

    def progress(self) -> float:
        """Return how far into the file the reader is, 0 to 1."""
        return min(1.0, max(self.view.offset, self._packet_offset) / self._size_bytes)

    def digest(self) -> str:
        """Return a hash of what was read so far, with the number of samples.

        The packets are hashed, which is cheap: the same packets give the same samples. If a
        packet may hold tags, the samples are hashed.
        """
        return f"{self._hash.hexdigest()}-{self._samples}"

    def packet_hash(self) -> str | None:
        """Read all packets without decoding; return the first part of `digest`."""
        if self._hash_samples:
            return None
        with ffmpeg_errors(self.path):
            for packet in self.packets():
                if packet.size:
                    self._hash.update(packet)
        return self._hash.hexdigest()

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
        if self._hash_samples:
            self._hash.update(block.data)
        self._samples += count
        self.seconds += count / rate_hz
        return rate_hz, block.data

    def _open(self, view: MaskedFile, *, format_name: str | None = None) -> InputContainer:
        """Open a view of our file, and nothing else: no name, no protocol."""
        options = {"protocol_whitelist": "none", "format_whitelist": FORMATS, **self._probe}
        view.seek(0)
        self.view = view
        try:
            container: InputContainer = av.open(
                view, format=format_name, options=options, buffer_size=READ_BYTES, **OPTIONS
            )
            return container
        except av.error.InvalidDataError:
            by_name = EXTENSION_FORMATS.get(PurePath(self.path).suffix.lower())
            if format_name is not None or by_name is None:
                raise
            return self._open(view, format_name=by_name)

    def _refuse_free_format(self) -> None:
        """Refuse MPEG audio of which no frame says how long it is: some of it would be guessed.

        ISO/IEC 11172-3, 2.4.2.3: a bit rate index of 0 (bits 16 to 19) in every header.
        """
        head = read_at(self._fd, 4, self.view.in_file(0))
        if self.container.format.name != "mp3" or len(head) < 4:
            return
        if head[0] == 0xFF and head[1] >= 0xE0 and not head[2] & 0xF0:
            raise DecodeError(self.path, "FFmpeg does not decode free-format MPEG audio")

    def _choose_stream(self) -> tuple[AudioStream, AudioCodecContext]:
        """Return the default audio stream, else the first, and its decoder."""
        streams = self.container.streams.audio
        if not streams:
            raise NoAudioError(self.path, "there is no audio in this file")
        marked = (s for s in streams if s.disposition & Disposition.default)
        stream = next(marked, streams[0])
        for other in self.container.streams:
            if other is not stream:
                other.discard = Discard.all  # e.g. the pictures of a video: not even read
        self._tick_seconds = float(stream.time_base or 0)
        context = stream.codec_context
        if context is None:
            raise DecodeError(self.path, "FFmpeg has no decoder for this audio")
        if context.codec_tag in PROTECTED_TAGS:
            raise EncryptedError(self.path, "the audio is encrypted (DRM)")
        if context.name in BETTER_DECODERS:
            context = _better_decoder(context)
        # Audio decoders gain nothing from threads, and each would cost memory.
        context.thread_count = 1
        return stream, context

    def _av_frames(self) -> Iterator[Piece]:
        """Yield each decoded frame, its sample format, and which of its samples count.

        A packet that does not decode is counted and skipped. (Iterating ``container.decode()``
        would end for good at the first one.)
        """
        update_hash = self._hash.update
        for packet in self.packets():
            if packet.size and not self._hash_samples:
                update_hash(packet)
            try:
                av_frames = self.decoder.decode(packet)
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
        at = pts * self._tick_seconds
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

    def packets(self) -> Iterator[av.Packet[AudioStream]]:
        """Yield the stream's packets; after a failed read, go on where reading works again."""
        if self.mp4_track is not None:
            yield from self._track_packets(self.mp4_track)
            return
        bad_reads, last_offset = 0, -1
        while True:
            try:
                in_file = self.view.in_file
                for packet in self.container.demux(self.stream):
                    offset = in_file(packet.pos or 0)
                    self._packet_offset = max(self._packet_offset, offset)
                    yield packet
            except av.error.PatchWelcomeError:
                pass  # a chained stream with another layout: only reopening can read it
            except (av.error.FFmpegError, ValueError, *SLIPS):
                bad_reads = bad_reads + 1 if self.view.offset == last_offset else 0
                last_offset = self.view.offset
                if bad_reads < MAX_BAD_READS:
                    continue
            bad_reads = 0
            # Also after a regular end: to FFmpeg, a chained stream of another codec is another
            # stream, and we do not get its packets.
            if not self._reopen_behind(self._packet_offset):
                return

    def _track_packets(self, track: mp4_packets.Mp4Track) -> Iterator[Any]:
        """Yield the packets from an MP4's tables, then an empty one for the end.

        The first one comes from FFmpeg: it says how much of the encoder's delay to cut off, and
        its time follows from the edit list.
        """
        time_base = Fraction(1, track.timescale)
        first = next(iter(self.container.demux(self.stream)))
        shift_ticks = 0
        for number, sample in enumerate(track.samples()):
            if not sample.size:  # an empty packet would end decoding
                continue
            self._packet_offset = sample.offset
            if number == 0 and first.size == sample.size and first.pts is not None:
                shift_ticks = first.pts - sample.start_ticks
                self.end_seconds = track.edit_seconds() + float(shift_ticks * time_base)
                yield first
                continue
            data = read_at(self._fd, min(sample.size, self._size_bytes), sample.offset)
            if not data:
                break  # the file was cut short
            packet = av.Packet(data)
            packet.pts = packet.dts = sample.start_ticks + shift_ticks
            packet.duration, packet.time_base = sample.duration_ticks, time_base
            yield packet
        yield av.Packet()

    def _reopen_behind(self, offset: int) -> bool:
        """Open the file again at the next place after `offset` where a stream may begin."""
        name = self.container.format.name
        mark = RESYNC_MARKS.get(name)
        while mark and (offset := _find(self._fd, mark, offset + 1)) >= 0:
            view = self.view
            try:
                container = self._open(MaskedFile(self._fd, start=offset), format_name=name)
            except (av.error.FFmpegError, ValueError):
                self.view = view
                continue
            previous, self.container = self.container, container
            try:
                self.stream, self.decoder = self._choose_stream()
            except FileError:  # pictures or text, chained after the music
                self.container, self.view = previous, view
                container.close()
                continue
            previous.close()
            if self.decoder is not self.stream.codec_context:
                self._next_seconds = None  # the new stream's delay must be cut off too
            return True
        return False

    def _packet_seconds(self, packet: av.Packet[AudioStream]) -> float:
        """Estimate the length of a damaged packet.

        By its own duration; or, if junk between frames was taken for one long packet (raw MP3
        and AAC), by its size at the bit rate of the good packets so far.
        """
        said = float(packet.duration * packet.time_base) if packet.duration else 0.0
        sized = self.seconds * packet.size / self._good_bytes if self._good_bytes else 0.0
        return max(said, sized)


def _better_decoder(context: AudioCodecContext) -> AudioCodecContext:
    """Return a decoder from `BETTER_DECODERS`, or the given one if this build has none."""
    name, options = BETTER_DECODERS[context.name]
    try:
        better = av.CodecContext.create(name, "r")
    except av.codec.codec.UnknownCodecError:
        return context
    assert isinstance(better, AudioCodecContext)  # noqa: S101 - narrows the type for mypy
    better.options = options
    better.extradata = context.extradata
    better.sample_rate = context.sample_rate
    better.layout = context.layout
    return better


def _find(fd: int | Source, mark: bytes, start: int) -> int:
    """Return the offset of the first `mark` at or after `start`, or -1."""
    step = 1 << 16
    while piece := read_at(fd, step + len(mark) - 1, start):
        if (found := piece.find(mark)) >= 0:
            return start + found
        start += step
    return -1
