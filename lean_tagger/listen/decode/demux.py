"""Open a file with FFmpeg, through PyAV, and read the packets of its audio."""

from __future__ import annotations  # av.Packet is generic for type checkers only

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import PurePath
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition

from lean_tagger.errors import DecodeError, EncryptedError, FileError, NoAudioError
from lean_tagger.listen.decode import hide_metadata, mp4_packets
from lean_tagger.listen.decode.ffmpeg_errors import SLIPS, ffmpeg_errors
from lean_tagger.listen.decode.masked_file import MaskedFile
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

READ_BYTES = 1 << 16
"""Bytes that FFmpeg reads at a time."""

MAX_BAD_READS = 64
"""Reads that may fail in a row at the same position before we search further on."""

UNTOUCHED = {"flac", "mp3", "ogg", "tta", "wav", "wv"}
"""Containers in which FFmpeg, for nearly all files, reads nothing that a write changes."""

RESYNC_MARKS = {"ogg": b"OggS\0\2", "wv": b"wvpk"}
"""Marks where a new stream may begin, for formats with a demuxer that stops for good: at a
damaged WavPack block, and at a chained Ogg stream with another number of channels."""

_UNREPEATABLE = frozenset({"als", "mp4als"})
"""FFmpeg's decoders that read memory which they have not written: MPEG-4 ALS, in some files."""


class Demuxer:
    """A file as packets, and the decoder for them.

    Parameters
    ----------
    fd : int
        An open regular file; the caller closes it, after this object.
    path : str
        For messages and for the extension.
    probe_bytes : int
        How much FFmpeg may read to recognise the format; 0 is FFmpeg's default (5 MB).
    hashed : bool
        Hash what FFmpeg is shown while it is read, for `view_hash`.

    Attributes
    ----------
    container, stream, decoder
        PyAV's objects; they change when a chained stream is reached.
    view : MaskedFile
        The file as FFmpeg sees it.
    tick_seconds : float
        The unit of the stream's times.
    end_seconds : float
        End of the music by the frames' clock; padding follows it.
    mp4_track : Mp4Track or None
        The packets of a plain MP4, which are found by its table.
    packets_hold_tags : bool
        Whether a packet may hold more than audio.
    """

    def __init__(
        self, fd: int | Source, path: str, *, probe_bytes: int = 0, hashed: bool = False
    ) -> None:
        self.path = path
        self._probe = {"probesize": str(probe_bytes)} if probe_bytes else {}
        self._fd = fd
        self._size_bytes = size_of(fd)
        self.end_seconds = math.inf
        self._packet_offset = 0
        with ffmpeg_errors(path):
            self._whole, self.mp4_track = hide_metadata.look(fd)
            self.view = self._whole
            if hashed:
                self._whole.hash_reads()
            self.container = self._open(self._whole)
            try:
                self.stream, self.decoder = self._choose_stream()
                self._refuse_free_format()
            except FileError:
                self.container.close()
                raise
        self.packets_hold_tags = self.container.format.name in TAG_IN_LAST_PACKET

    @property
    def repeatable(self) -> bool:
        """See `Audio.repeatable`."""
        return self.decoder.name not in _UNREPEATABLE

    def close(self) -> None:
        """Close the container."""
        self.container.close()

    def progress(self) -> float:
        """Return how far into the file the reader is, 0 to 1."""
        return min(1.0, max(self.view.offset, self._packet_offset) / self._size_bytes)

    def view_hash(self) -> str:
        """Return the hash of all that FFmpeg read; empty if a write may change that.

        It is also empty for a chained stream, since FFmpeg read a part of that twice.
        """
        if self.container.format.name not in UNTOUCHED or self.view is not self._whole:
            return ""
        with ffmpeg_errors(self.path):
            return self._whole.hash()

    def packet_hash(self) -> str | None:
        """Read all packets without decoding; return the first part of `digest`."""
        if self.packets_hold_tags:
            return None
        hasher = blake2b()
        with ffmpeg_errors(self.path):
            for packet in self.packets():
                if packet.size:
                    hasher.update(packet)
        return hasher.hexdigest()

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
        """Open the file again at the next place after `offset` where a stream may begin.

        Not in the tags behind the music, which may hold a whole file.
        """
        name = self.container.format.name
        mark, end = RESYNC_MARKS.get(name), self._whole.end
        while mark and (offset := _find(self._fd, mark, offset + 1, end)) >= 0:
            view = self.view
            try:
                container = self._open(
                    MaskedFile(self._fd, start=offset, end=end), format_name=name
                )
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
            return True
        return False

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
        """Refuse MPEG audio without frame lengths, since some of it would be guessed.

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
        self.tick_seconds = float(stream.time_base or 0)
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


def _find(fd: int | Source, mark: bytes, start: int, end: int) -> int:
    """Return the offset of the first `mark` from `start` on and before `end`, or -1."""
    step = 1 << 16
    while start < end and (piece := read_at(fd, step + len(mark) - 1, start)):
        if (found := piece.find(mark)) >= 0:
            return start + found if start + found < end else -1
        start += step
    return -1
