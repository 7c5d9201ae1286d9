"""Decode parts of a track with libsndfile, which finds every sample itself."""

from collections.abc import Iterator

import numpy as np
import soundfile

from lean_tagger.errors import FileError
from lean_tagger.jobs import PART
from lean_tagger.listen.decode import BLOCK_SAMPLES, is_rate, silence_nonsense
from lean_tagger.listen.decode.packet_finders import Unsteady
from lean_tagger.listen.decode.sndfile import SndfileAudio
from lean_tagger.system.digest import blake2b

_SEEKABLE = {"AIFF", "FLAC", "OGG", "W64", "WAV", "WAVEX"}
_DIGEST_POINTS, _DIGEST_SAMPLES = 4, 4096


class SndfileParts:
    """`Parts` over libsndfile; see `parts.Parts`."""

    def __init__(self, fd: int, path: str) -> None:
        try:
            self._audio = SndfileAudio(fd, path)
        except FileError as error:
            raise Unsteady(str(error)) from error
        self._file = self._audio.file
        self.rate_hz, self.samples = int(self._file.samplerate), int(self._file.frames)
        known = self._file.format in _SEEKABLE and self._file.seekable()
        if not known or not is_rate(self.rate_hz) or self.samples <= 0:
            self.close()
            raise Unsteady("positions cannot be found in it")
        self._planes = np.empty((BLOCK_SAMPLES // 8, self._file.channels), np.float32)
        self._mono = np.empty(len(self._planes), np.float32)

    def close(self) -> None:
        """Close the file."""
        self._audio.close()

    def digest(self) -> str:
        """See `Parts.digest`; of decoded samples, since there are no packets."""
        update = (hasher := blake2b()).update
        update(f"{self.rate_hz} {self.samples}".encode())
        for point in range(_DIGEST_POINTS):
            start = self.samples * (2 * point + 1) // (2 * _DIGEST_POINTS)
            for _, block in self.read(start, min(_DIGEST_SAMPLES, self.samples - start)):
                update(block)
        return f"{PART}{hasher.hexdigest()}"

    def read(self, first: int, count: int) -> Iterator[tuple[int, memoryview]]:
        """See `Parts.read`."""
        try:
            self._file.seek(first)
            while count:
                planes = self._file.read(out=self._planes[: min(count, len(self._planes))])
                if not len(planes):
                    raise Unsteady("it ends before its end")
                block = self._mono[: len(planes)]
                np.mean(planes, axis=1, dtype=np.float32, out=block)
                if silence_nonsense(block):
                    raise Unsteady("some of its samples are not sound")
                yield self.rate_hz, block.data
                count -= len(planes)
        except (soundfile.SoundFileError, ValueError, TypeError) as error:
            raise Unsteady(str(error)) from error
