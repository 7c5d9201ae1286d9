"""Turn FFmpeg's frames into sums of the channels: sample formats, joined short frames."""

from __future__ import annotations  # PyAV's classes are generic for type checkers only

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane

JOINED_SAMPLES = 1 << 13
"""Samples of joined frames; an MP3 has 140,000 frames in an hour."""


class SampleFormat(NamedTuple):
    """How one sample is stored, and the factor that scales it to ±1."""

    dtype: type[np.generic]
    scale: float
    offset: float = 0.0
    planar: bool = False


PACKED_FORMATS = {
    "u8": SampleFormat(np.uint8, 2.0**-7, 128.0),
    "s16": SampleFormat(np.int16, 2.0**-15),
    "s32": SampleFormat(np.int32, 2.0**-31),
    "s64": SampleFormat(np.int64, 2.0**-63),
    "flt": SampleFormat(np.float32, 1.0),
    "dbl": SampleFormat(np.float64, 1.0),
}
SAMPLE_FORMATS = PACKED_FORMATS | {
    f"{name}p": it._replace(planar=True) for name, it in PACKED_FORMATS.items()
}
"""FFmpeg's sample formats, packed and planar."""


Piece: TypeAlias = tuple[AudioFrame, SampleFormat, int, int]
"""A decoded frame, its sample format, and the first and end of its samples that count."""


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join short frames to longer ones, inside FFmpeg, since later steps cost the same for each."""
    queue, queued = av.AudioFifo(), None
    for piece in pieces:
        av_frame, kind, first, stop = piece
        short = first == 0 and stop == av_frame.samples < JOINED_SAMPLES
        # The queue takes anything, even mono after stereo.
        shape = kind, av_frame.sample_rate, av_frame.layout.nb_channels
        if short and shape == queued and _enqueued(queue, av_frame):
            if queue.samples >= JOINED_SAMPLES:
                yield _dequeued(queue, kind)
            continue
        if queued is not None and queue.samples:
            yield _dequeued(queue, queued[0])
        queue, queued = av.AudioFifo(), shape
        if not (short and _enqueued(queue, av_frame)):
            yield piece
    if queued is not None and queue.samples:
        yield _dequeued(queue, queued[0])


def _enqueued(queue: av.AudioFifo, av_frame: AudioFrame) -> bool:
    """Append a frame, unless the queue refuses it."""
    av_frame.pts = None  # or the queue would compare it with its own count
    try:
        queue.write(av_frame)
    except ValueError:
        return False
    return True


def _dequeued(queue: av.AudioFifo, kind: SampleFormat) -> Piece:
    av_frame = queue.read()
    assert av_frame is not None  # noqa: S101 - there are samples in it
    return av_frame, kind, 0, av_frame.samples


@np.errstate(invalid="ignore", over="ignore")  # values that are not numbers are silenced later
def sum_channels(
    av_frame: AudioFrame,
    kind: SampleFormat,
    channels: int,
    start: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Write the sum of the channels into `out`, (n,) float32, from sample `start` on."""
    planes = _planes(av_frame, kind, channels, start, start + len(out))
    if len(planes) == 1:
        np.copyto(out, planes[0], casting="unsafe")
    else:
        np.add(planes[0], planes[1], out=out, dtype=np.float32, casting="unsafe")
        for plane in planes[2:]:
            np.add(out, plane, out=out, dtype=np.float32, casting="unsafe")
    if kind.offset:
        out -= np.float32(kind.offset * channels)


@np.errstate(invalid="ignore")
def sum_clipped(
    av_frame: AudioFrame, kind: SampleFormat, channels: int, start: int, count: int
) -> npt.NDArray[np.float32] | None:
    """Return the sum of the channels, each clipped at full scale; None if nothing is louder.

    Integer samples cannot be louder.
    """
    if not np.issubdtype(kind.dtype, np.floating):
        return None
    planes = _planes(av_frame, kind, channels, start, start + count)
    if all(np.abs(plane).max(initial=0.0) <= 1.0 for plane in planes):
        return None
    total = np.zeros(count, np.float32)
    for plane in planes:
        total += np.nan_to_num(np.clip(plane, -1.0, 1.0)).astype(np.float32, copy=False)
    return total


def _planes(
    av_frame: AudioFrame, kind: SampleFormat, channels: int, start: int, stop: int
) -> list[npt.NDArray[Any]]:
    """Return views of the channels' samples from `start` to `stop` in FFmpeg's memory.

    The planes are *padded*, so only the samples that the frame counts are used. The views are
    made one by one, because ``av_frame.planes`` gives a ninth plane after eight (PyAV 18) or
    raises there (19).
    """
    if kind.planar:
        # A plane has the buffer protocol, but its type hints do not say so.
        buffers: Any = (AudioPlane(av_frame, i) for i in range(channels))
        return [np.frombuffer(b, kind.dtype, stop)[start:] for b in buffers]
    buffer: Any = AudioPlane(av_frame, 0)
    packed = np.frombuffer(buffer, kind.dtype, stop * channels)
    return list(packed.reshape(-1, channels)[start:].T)
