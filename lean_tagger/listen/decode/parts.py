"""Decode parts of a track at exact positions, without what lies between them.

`open_parts` gives a `Parts` if the positions are reliable, and raises `Unsteady` if not; such a
file is heard as a whole. It never guesses. There are four ways to find a position:

- the frames of MP3, ADTS and FLAC are found by `frame_index`;
- the packets of a plain MP4 are in its table (`mp4_packets.Mp4Track`);
- FFmpeg seeks in Ogg, Matroska, WAV and AIFF, where packets carry exact times;
- libsndfile seeks by sample.

The first three are `ffmpeg_parts`, the last is `sndfile_parts`.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol

from lean_tagger.errors import FileError
from lean_tagger.listen.decode import DecoderName, open_file
from lean_tagger.listen.decode.ffmpeg_parts import FfmpegParts
from lean_tagger.listen.decode.packet_finders import Unsteady


class Parts(Protocol):
    """A track that can be decoded in parts.

    Attributes
    ----------
    rate_hz : int
        Of its samples.
    samples : int
        Number of samples.
    """

    rate_hz: int
    samples: int

    def read(self, first: int, count: int) -> Iterator[tuple[int, memoryview]]:
        """Yield ``(rate_hz, samples)`` blocks, as `Audio` does, from sample `first` on.

        There are exactly `count` samples; raises `Unsteady` if they cannot be decoded. `first`
        must not be in the first half second, where a decoder has no earlier packets.
        """
        ...

    def digest(self) -> str:
        """Return a hash of the length and of packets at a few positions, without decoding.

        Like `Audio.digest` it identifies the audio and does not depend on the tags, but it
        covers only a part. It begins with "part".
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
        Clip each channel of an MP3 at full scale.

    Raises
    ------
    Unsteady
        The track can only be decoded as a whole, if at all; `Parts.read` may raise it too.
    """
    try:
        fd = open_file(path)
    except FileError as error:
        raise Unsteady(str(error)) from error
    try:
        segments = _open_with(decoder, fd, path, clipped=clipped)
        with contextlib.closing(segments):
            yield segments
    finally:
        os.close(fd)


def sampled_digest(path: str, *, decoder: DecoderName = "auto") -> str | None:
    """Return `Parts.digest` of a file, or None if it cannot be decoded in parts."""
    try:
        with open_parts(path, decoder=decoder) as segments:
            return segments.digest()
    except Unsteady:
        return None


def _open_with(decoder: DecoderName, fd: int, path: str, *, clipped: bool) -> Parts:
    if decoder != "soundfile":
        return FfmpegParts(fd, path, clipped=clipped)
    if clipped:
        raise Unsteady("libsndfile's parts are not clipped at full scale")
    # Late: it is rarely needed.
    from lean_tagger.listen.decode.sndfile_parts import SndfileParts

    return SndfileParts(fd, path)
