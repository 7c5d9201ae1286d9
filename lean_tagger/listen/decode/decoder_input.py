"""Hash a decoder's input: the same input gives the same samples.

Decoding a whole file again would prove no more and take five times as long. The hash includes
the set-up of the stream, and for every packet its bytes, its times, and what will be cut off
(skip samples, delay, edit lists as FFmpeg applies them). PyAV does not show all of the set-up,
so a few packets are decoded too: the first ones, some between each power of two packets and the
next, and the last.
"""

import os
from collections import deque
from typing import Any, NamedTuple

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from lean_tagger.listen.decode.demux import Demuxer
from lean_tagger.listen.decode.ffmpeg_errors import ffmpeg_errors
from lean_tagger.listen.decode.mixdown import SAMPLE_FORMATS, sum_channels
from lean_tagger.system.digest import Hash, blake2b

FORMATS = {"aiff", "asf", "dsf", "flac", "mov", "mp3", "ogg", "tta", "wav", "wv"}
"""Containers in which the packets are known to say everything. In the others a tag may reach the
decoder, or no test has shown that a wrong copy is detected."""

FIRST_PACKETS, PLACE_PACKETS, LAST_PACKETS = 16, 4, 2


class DecoderInput(NamedTuple):
    """Two hashes of a decoder's input.

    Attributes
    ----------
    packets : str
        Of the packets' bytes: the part of `Audio.digest` before the hyphen.
    all_else : str
        Of the set-up, the times, what is cut off, and the samples at a few places.
    """

    packets: str
    all_else: str


def packets_say_all(audio: Demuxer) -> bool:
    """Tell whether the same packets and times mean the same audio in a file of this kind.

    For MP4 this needs a table of packets; a fragmented file has none.
    """
    name = audio.container.format.name.partition(",")[0]
    return name in FORMATS and (name != "mov" or audio.mp4_track is not None)


def decoder_input(audio: Demuxer, *, seed: str) -> DecoderInput:
    """Read all packets and decode a few.

    Parameters
    ----------
    audio : Demuxer
        Just opened.
    seed : str
        Chooses the places that are decoded.

    Raises
    ------
    FileError
        It cannot be read. A packet that does not decode is not an error.
    """
    given = Given(audio, audio.decoder, seed=seed)
    with ffmpeg_errors(audio.path):
        for packet in audio.packets():
            given.take(packet)
        return given.hashes()


class Given:
    """Hashes all that a decoder is given, packet by packet, and decodes a few.

    Parameters
    ----------
    audio : Demuxer
        Where the packets come from.
    decoder : AudioCodecContext
        Of the same set-up as `audio.decoder`, or this itself where it decodes nothing else.
    seed : str
        Says which places are decoded.
    """

    def __init__(self, audio: Demuxer, decoder: AudioCodecContext, *, seed: str) -> None:
        self._audio, self._decoder = audio, decoder
        self._own = decoder is audio.decoder
        self._stream: Any = None
        self._packets, self._all_else = blake2b(), blake2b()
        self._last = deque[Any](maxlen=LAST_PACKETS)
        self._places = _Places(seed)
        self._number = 0

    def take(self, packet: Any) -> None:
        """Take the next packet, before any other decoder gets it."""
        if self._stream is not self._audio.stream:  # the first one, or the next one of a chain
            self._last.clear()
            self._stream = self._audio.stream
            if self._own:
                self._decoder = self._audio.decoder
            self._all_else.update(_setting(self._audio))
        self._all_else.update(_times(packet))
        if packet.size:
            self._packets.update(packet)
            self._last.append(packet)
        if place := self._places.at(self._number):
            if place == "begin":
                self._decoder.flush_buffers()
            self._decode(packet)
        self._number += 1

    def hashes(self) -> DecoderInput:
        """Return the hashes; to be asked for once, behind the last packet."""
        if self._stream is not None:
            self._decoder.flush_buffers()
            for packet in (*self._last, None):  # None makes it give what it still holds
                self._decode(packet)
        self._all_else.update(repr(self._audio.end_seconds).encode())
        return DecoderInput(self._packets.hexdigest(), self._all_else.hexdigest())

    def _decode(self, packet: Any) -> None:
        if self._audio.repeatable:
            _decode(self._decoder, packet, self._all_else)


class _Places:
    """Chooses the packets to decode, without knowing how many there are."""

    def __init__(self, seed: str) -> None:
        self._seed = os.fsencode(seed)
        self._octave, self._first = FIRST_PACKETS, 0
        self._stop = FIRST_PACKETS

    def at(self, number: int) -> str:
        """Return ``begin`` or ``go on`` for a packet to decode; call it for each packet in turn."""
        if number >= self._stop:
            (draw := blake2b()).update(b"%d %b" % (self._octave, self._seed))
            self._first = self._octave + int.from_bytes(draw.digest(), "big") % self._octave
            self._stop = self._first + PLACE_PACKETS
            self._octave *= 2
        if number == self._first:
            return "begin"
        return "go on" if self._first < number < self._stop else ""


def _setting(audio: Demuxer) -> bytes:
    """Return the set-up of a stream, as far as PyAV shows it."""
    stream, decoder, track = audio.stream, audio.decoder, audio.mp4_track
    context = stream.codec_context
    shown = (
        *(audio.container.format.name, decoder.name, context.name, context.codec_tag),
        *(context.extradata, decoder.extradata),
        *(decoder.sample_rate, decoder.layout.name, context.format and context.format.name),
        *(stream.time_base, stream.start_time, context.delay, track and track.timescale),
    )
    return repr(shown).encode()


def _times(packet: Any) -> bytes:
    """Return a packet's times, whether it will be dropped, and its side data."""
    # Not `is_corrupt`: no decoder uses it, and correcting a wrong size changes it.
    told = b"%d %a %a %a %d " % (
        *(packet.size, packet.pts, packet.dts, packet.duration),
        packet.is_discard,
    )
    for item in packet.iter_sidedata():
        if item.data_type != "strings_metadata":  # tags, which may change
            told += b"%a " % item.data_type + bytes(item)
    return told


def _decode(decoder: Any, packet: Any, samples: Hash) -> None:
    """Hash a packet's samples; a damaged packet, or the middle of an MP3, gives an error."""
    try:
        frames = decoder.decode(packet)
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        samples.update(type(error).__name__.encode())
        return
    for av_frame in frames:
        name, channels = av_frame.format.name, av_frame.layout.nb_channels
        shape = (name, av_frame.layout.name, av_frame.sample_rate, av_frame.pts, av_frame.samples)
        samples.update(repr(shape).encode())
        if (kind := SAMPLE_FORMATS.get(name)) is not None:
            sums = np.empty(av_frame.samples, np.float32)
            sum_channels(av_frame, kind, channels, 0, sums)
            samples.update(sums)
