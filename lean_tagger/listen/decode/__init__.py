"""Decode a file to mono samples, at the file's own rate.

`open_audio` uses one of two decoders: FFmpeg (PyAV) or libsndfile (soundfile). Both give
an `Audio`, an iterator of blocks ``(rate_hz, samples)``:

- ``samples`` is a float32 memoryview of at most `BLOCK_SAMPLES` mono samples, the plain
  average of the file's channels, full scale ±1. It is a view of one buffer that the `Audio`
  owns, valid until the next block is asked for.
- ``rate_hz`` may change between blocks, where a stream changes in the middle.

Samples before timestamp 0 (encoder delay) are not part of a track and are dropped. Damaged
packets are skipped and counted. Nothing here holds more than one block and one packet.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from lean_tagger.errors import DecodeError, FileError, NoAudioError, UnreadableError
from lean_tagger.system.digest import Hash, blake2b
from lean_tagger.system.files import NotRegularError, open_regular
from lean_tagger.system.urls import RemoteFile, Source, is_url

if TYPE_CHECKING:
    from lean_tagger.listen.decode.demux import Demuxer
    from lean_tagger.listen.decode.overs import Overs

BLOCK_SAMPLES = 1 << 16
"""Capacity of a block. Larger than any common codec's frame, small compared with the network."""

LOUDEST = 2.0**20
"""A float sample beyond this, or NaN, is damage, not sound (full scale is 1). There is room for
floats that were stored at the scale of 16-bit integers."""

BY_VIEW, BY_PACKETS, BY_SAMPLES = "view", "packets", "samples"
"""The prefixes of `Audio.given`: the hash of FFmpeg's input, of its packets, or of what it gave."""

DecoderName = Literal["auto", "ffmpeg", "soundfile"]


class AudioPosition(Protocol):
    """Reads a file and knows how far it is.

    Attributes
    ----------
    seconds : float
        Length of what was decoded so far.
    """

    seconds: float

    def progress(self) -> float:
        """Return how much of the file is done, 0 to 1."""
        ...


class Audio(Protocol):
    """One open file, read once from its start to its end.

    Attributes
    ----------
    seconds : float
        Length of what was decoded so far.
    seconds_skipped : float
        Length of the damaged packets skipped so far, as far as it is known.
    overs : Overs or None
        If set, notes samples of an MP3 that are louder than full scale.
    """

    seconds: float
    seconds_skipped: float
    overs: "Overs | None"

    @property
    def repeatable(self) -> bool:
        """Whether the same input always gives the same samples."""
        ...

    def __iter__(self) -> Iterator[tuple[int, memoryview]]:
        """Yield ``(rate_hz, samples)``; raises DecodeError if nothing can be decoded."""
        ...

    def progress(self) -> float:
        """Return how far into the file the reader is, 0 to 1."""
        ...

    def digest(self) -> str:
        """Return a hash of the audio read so far, independent of the file's tags.

        It is made from the compressed packets and the number of decoded samples (FFmpeg), or
        from the decoded samples (libsndfile). The same audio gives the same digest before and
        after its tags are written.
        """
        ...

    def given(self) -> str:
        """Return the proof that a copy gives a decoder the same input; see `audio_proof`.

        Call this once, after everything was read. Empty if there is no proof.
        """
        ...

    def close(self) -> None:
        """Release the decoder."""
        ...


@contextlib.contextmanager
def open_audio(
    path: str, *, decoder: DecoderName = "auto", hashed: bool = False
) -> Iterator[Audio]:
    """Open the audio of a file.

    Parameters
    ----------
    path : str
        A regular file, or a link to one; or an address, which only FFmpeg reads.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        ``auto`` is FFmpeg, or libsndfile if FFmpeg refuses a file that libsndfile can read.
    hashed : bool
        `Audio.given` will be asked for: hash while it is read.

    Yields
    ------
    Audio
        Closed when the context ends.

    Raises
    ------
    UnreadableError
        The file cannot be opened, or is a folder, pipe, socket or device.
    NoAudioError
        The file is empty, or holds no audio stream.
    DecodeError, EncryptedError
        The audio cannot be read.
    """
    with _source(path) as source:
        audio = _open_with(decoder, source, path, hashed=hashed)
        with contextlib.closing(audio):
            yield audio


def fingerprint(path: str, *, decoder: DecoderName = "auto") -> str:
    """Decode a whole file and return its digest.

    Raises
    ------
    FileError
        As `open_audio`, and errors of decoding.
    """
    with open_audio(path, decoder=decoder) as audio:
        for _ in audio:
            pass
        return audio.digest()


def decoded(path: str, *, decoder: DecoderName = "auto") -> str:
    """Decode a whole file; return its digest, a space, and a hash of all its samples.

    Raises
    ------
    FileError
        As `open_audio`, and errors of decoding.
    """
    samples = blake2b()
    with open_audio(path, decoder=decoder) as audio:
        for rate_hz, block in audio:
            if audio.repeatable:
                hash_block(samples, rate_hz, block)
        return f"{audio.digest()} {samples.hexdigest()}"


def hash_block(hasher: Hash, rate_hz: int, block: memoryview) -> None:
    """Add a block, as an `Audio` yields it, to a hash."""
    hasher.update(b"%d " % rate_hz)
    hasher.update(block)


def packet_hash(path: str) -> str | None:
    """Return the part of a file's digest that needs no decoding.

    Returns
    -------
    str or None
        The part of `Audio.digest` before the hyphen; ``None`` if only decoding gives it, as for
        all files that libsndfile reads instead of FFmpeg.

    Raises
    ------
    FileError
        As `open_audio`.
    """
    try:
        with ffmpeg_audio(path) as audio:
            return audio.packet_hash()
    except (DecodeError, NoAudioError):
        return None


def view_hash(path: str) -> str:
    """Return a hash of all that FFmpeg would be shown of a file, without opening it.

    Raises
    ------
    FileError
        As `open_audio`.
    """
    # Late, as what it needs of this package comes later.
    from lean_tagger.listen.decode import hide_metadata

    with _source(path) as source:
        try:
            return hide_metadata.look(source)[0].hash()
        except OSError as error:
            raise UnreadableError(path, f"reading failed: {error.strerror}") from error


@contextlib.contextmanager
def ffmpeg_audio(path: str) -> "Iterator[Demuxer]":
    """Open a file with FFmpeg, to read its packets.

    Raises
    ------
    FileError
        As `open_audio`.
    """
    from lean_tagger.listen.decode.demux import Demuxer

    with _source(path) as source, contextlib.closing(Demuxer(source, path)) as audio:
        yield audio


_DSD_RATES_HZ = {base * factor for base in (44_100, 48_000) for factor in (16, 32, 64)}


def is_rate(rate_hz: int) -> bool:
    """Tell whether music has this sample rate: telephone to 384 kHz, and DSD's up to DSD512.

    Anything else is a damaged header; resampling it could take any amount of time.
    """
    return 1_000 <= rate_hz <= 384_000 or rate_hz in _DSD_RATES_HZ


def silence_nonsense(block: npt.NDArray[np.float32]) -> int:
    """Set samples that are not sound to 0, in place, and return how many there were.

    One NaN would otherwise make every score of the track a NaN.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        # One product instead of three passes: if all samples together have less energy than one
        # sample may have, nothing is wrong. Half of it: the sum is rounded. NaN fails the test.
        if np.dot(block, block) < LOUDEST**2 / 2:
            return 0
        bad = ~(np.abs(block) <= LOUDEST)
    if not bad.any():
        return 0
    block[bad] = 0
    return int(bad.sum())


@contextlib.contextmanager
def _source(path: str) -> Iterator[int | Source]:
    """Open the file with this name or address, and close it afterwards."""
    if is_url(path):
        yield _open_remote(path)
        return
    fd = open_file(path)
    try:
        yield fd
    finally:
        os.close(fd)


def _open_remote(url: str) -> RemoteFile:
    try:
        file = RemoteFile(url)
    except OSError as error:
        raise UnreadableError(url, f"cannot open the file: {error.strerror}") from error
    if file.size_bytes == 0:
        raise NoAudioError(url, "the file is empty")
    return file


def open_file(path: str) -> int:
    """Open a regular file that is not empty, and return its descriptor."""
    try:
        fd = open_regular(path)
    except NotRegularError as error:
        raise UnreadableError(path, "not a regular file") from error
    except OSError as error:
        raise UnreadableError(path, f"cannot open the file: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise UnreadableError(path, "a file cannot have this name") from error
    if os.fstat(fd).st_size == 0:
        os.close(fd)
        raise NoAudioError(path, "the file is empty")
    return fd


def _open_with(decoder: DecoderName, source: int | Source, path: str, *, hashed: bool) -> Audio:
    """Open it with the chosen decoder; if both refuse, raise FFmpeg's error."""
    if decoder == "soundfile":
        return _open_sndfile(source, path)
    from lean_tagger.listen.decode.ffmpeg import FfmpegAudio

    try:
        return FfmpegAudio(source, path, hashed=hashed)
    except (DecodeError, NoAudioError) as refusal:
        if decoder == "ffmpeg":
            raise
        try:
            return _open_sndfile(source, path)
        except FileError:
            raise refusal from None


def _open_sndfile(source: int | Source, path: str) -> Audio:
    if not isinstance(source, int):
        raise DecodeError(path, "libsndfile only reads files, and this is an address")
    # Late: it costs 4 MiB and is seldom needed.
    from lean_tagger.listen.decode.sndfile import SndfileAudio

    os.lseek(source, 0, os.SEEK_SET)
    return SndfileAudio(source, path)
