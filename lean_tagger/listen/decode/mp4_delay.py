"""Samples of an MP4 before its start, for networks whose makers used them as music.

An encoder needs some samples before the first one, and an edit list says how many. The makers'
decoder did not read edit lists.
"""

from itertools import islice
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt

from lean_tagger.errors import FileError
from lean_tagger.listen.decode import ffmpeg_audio, is_rate
from lean_tagger.listen.decode.mixdown import SAMPLE_FORMATS, sum_channels

Floats: TypeAlias = npt.NDArray[np.float32]

_DELAY_PACKETS = 16
"""A delay is a few thousand samples at most, and a packet has 960 or more."""


def mp4_delay(path: str) -> tuple[int, Floats] | None:
    """Return the samples of an MP4 before the start in its edit list.

    Returns
    -------
    (int, (n,) float32) or None
        Their rate in Hz, and the average of the channels; None for all other files, and if there
        are no such samples.
    """
    try:
        with ffmpeg_audio(path) as audio:
            if not audio.container.format.name.startswith("mov"):
                return None
            decoder = audio.decoder
            if decoder is not audio.stream.codec_context:
                return None
            decoder.options = {"flags2": "+skip_manual"}
            packets = islice(audio.packets(), _DELAY_PACKETS)
            frames = [frame for packet in packets for frame in decoder.decode(packet)]
            tick_seconds = float(audio.stream.time_base or 0)
            return _before_zero(frames, tick_seconds)
    except (FileError, av.error.FFmpegError, ValueError, LookupError):
        return None  # the full pass reports what is wrong with it


def _before_zero(frames: list[av.AudioFrame], tick_seconds: float) -> tuple[int, Floats] | None:
    parts: list[Floats] = []
    rate_hz = 0
    for frame in frames:
        kind = SAMPLE_FORMATS.get(frame.format.name)
        if kind is None or frame.pts is None or not is_rate(frame.sample_rate):
            break
        if parts and frame.sample_rate != rate_hz:
            break
        rate_hz = frame.sample_rate
        count = min(frame.samples, round(-frame.pts * tick_seconds * rate_hz))
        if count <= 0:
            break
        part = np.empty(count, np.float32)
        channels = frame.layout.nb_channels
        sum_channels(frame, kind, channels, 0, part)
        parts.append(part * np.float32(kind.scale / channels))
    return (rate_hz, np.concatenate(parts)) if parts else None
