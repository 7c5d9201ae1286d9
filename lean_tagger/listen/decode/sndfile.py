"""The second decoder: libsndfile, through soundfile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soundfile

from lean_tagger.errors import DecodeError
from lean_tagger.listen.decode import BLOCK_SAMPLES, is_rate, silence_nonsense
from lean_tagger.listen.decode.overs import Overs
from lean_tagger.system.digest import blake2b


@contextmanager
def _sndfile_errors(path: str) -> Iterator[None]:
    """Translate soundfile's exceptions; nothing else knows them."""
    try:
        yield
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise DecodeError(path, f"libsndfile cannot read the file: {reason}") from error


class SndfileAudio:
    """An `Audio` over libsndfile; see `lean_tagger.listen.decode.Audio`.

    Parameters
    ----------
    fd : int
        An open regular file at position 0; the caller closes it, after this object.
    path : str
        For messages.

    Attributes
    ----------
    file : soundfile.SoundFile
        The open file, for `sndfile_parts`.
    overs : Overs or None
        If set, notes samples of an MP3 that are louder than full scale.
    """

    def __init__(self, fd: int, path: str) -> None:
        self.path = path
        self.seconds = 0.0
        self.seconds_skipped = 0.0
        self._hash = blake2b()
        with _sndfile_errors(path):
            # A copy: libsndfile closes the descriptor that it gets; the position is shared.
            self.file = soundfile.SoundFile(os.dup(fd), closefd=True)
        channels = self.file.channels
        self._planes = np.empty((BLOCK_SAMPLES // 8, channels), np.float32)
        self._mono = np.empty(len(self._planes), np.float32)
        self._samples = 0
        self.overs: Overs | None = None
        self.repeatable = True
        self._mp3 = self.file.format in {"MPEG", "MP3"}

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def progress(self) -> float:
        """Return how far into the file the reader is, 0 to 1."""
        return min(1.0, self._samples / max(1, int(self.file.frames)))

    def digest(self) -> str:
        """Return the hash of the mono samples read so far."""
        return f"{self._hash.hexdigest()}-{self._samples}"

    def given(self) -> str:
        """Return nothing: libsndfile sees the whole file, which a write changes."""
        return ""

    def __iter__(self) -> Iterator[tuple[int, memoryview]]:
        """Yield ``(rate_hz, samples)`` blocks of averaged channels."""
        rate_hz = int(self.file.samplerate)
        if not is_rate(rate_hz):
            raise DecodeError(self.path, f"{rate_hz} Hz is not a sample rate of music")
        while True:
            with _sndfile_errors(self.path):
                count = len(self.file.read(out=self._planes))
            if count == 0:
                break
            block = self._mono[:count]
            np.mean(self._planes[:count], axis=1, dtype=np.float32, out=block)
            self.seconds_skipped += silence_nonsense(block) / rate_hz
            self._hash.update(block.data)
            loud = self._mp3 and np.abs(self._planes[:count]).max() > 1.0
            if loud and self.overs is not None:
                quiet = np.nan_to_num(np.clip(self._planes[:count], -1.0, 1.0))
                self.overs.note(self._samples, quiet.mean(axis=1, dtype=np.float32))
            self._samples += count
            self.seconds += count / rate_hz
            yield rate_hz, block.data
        if self._samples == 0:
            raise DecodeError(self.path, "no sample of its audio could be decoded")
