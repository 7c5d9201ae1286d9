"""Decode parts of a track, each at its exact place, and nothing between them.

`open_parts` gives a `Parts` where the places can be trusted, and raises `Unsteady`
where they cannot: such a file is heard from its start to its end. It never guesses. There are
four ways to a place:

- the frames of MP3, ADTS and FLAC are found by `frame_index`;
- the packets of a plain MP4 stand in its table (`mp4_packets.Mp4Track`);
- FFmpeg seeks in Ogg, Matroska, WAV and AIFF, where packets carry exact times;
- libsndfile seeks by sample.

The first three are `ffmpeg_parts`, the last is `sndfile_parts`.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol

from lean_tagger.errors import FileError
from lean_tagger.listen.decode import DecoderName, _open_regular
from lean_tagger.listen.decode.ffmpeg_parts import FfmpegParts
from lean_tagger.listen.decode.packet_finders import Unsteady

__all__ = ["Parts", "Unsteady", "open_parts", "sampled_digest"]


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
def open_parts(
    path: str, *, decoder: DecoderName = "auto", clipped: bool = False
) -> Iterator[Parts]:
    """Open a file to decode parts of it.

    Parameters
    ----------
    path : str
        A regular file, or a link to one.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        ``auto`` is FFmpeg.
    clipped : bool
        Of an MP3, cut off in each channel what is louder than full scale.

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
        segments = _open_with(decoder, fd, path, clipped=clipped)
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


def _open_with(decoder: DecoderName, fd: int, path: str, *, clipped: bool) -> Parts:
    if decoder != "soundfile":
        return FfmpegParts(fd, path, clipped=clipped)
    if clipped:
        raise Unsteady("libsndfile's parts are not cut off at full scale")
    # Late: it is seldom needed.
    from lean_tagger.listen.decode.sndfile_parts import SndfileParts

    return SndfileParts(fd, path)
