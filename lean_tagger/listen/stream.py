"""A file's audio at any rate, chunk by chunk."""

import os
from collections.abc import Iterator

from lean_tagger.card import AnyResampler, load_card
from lean_tagger.listen.decode import DecoderName, open_audio
from lean_tagger.listen.resample import resample
from lean_tagger.settings import DEFAULT_MODEL


def stream(
    path: str | os.PathLike[str],
    rate: int = 16000,
    chunk_seconds: float = 1.0,
    *,
    resampler: AnyResampler | None = None,
    decoder: DecoderName = "auto",
) -> Iterator[memoryview]:
    """Yield a file's audio as mono chunks of fixed size, in constant memory.

    Parameters
    ----------
    path : str
        Any file that FFmpeg or libsndfile plays.
    rate : int
        Sample rate of the chunks, in Hz.
    chunk_seconds : float
        Length of a chunk; only the last one is shorter.
    resampler : AnyResampler, optional
        By default that of the default model's card (kaiser_best of resampy 0.2).
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        See `decode.open_audio`.

    Yields
    ------
    memoryview
        float32, ±1 at full scale, ``round(rate · chunk_seconds)`` samples. A view of one
        buffer, valid until the next chunk is asked for: copy what you keep, for instance
        with ``numpy.array(chunk)``.

    Raises
    ------
    FileError
        The file cannot be read.
    ValueError
        A chunk would hold no sample.

    Examples
    --------
    >>> from lean_tagger import stream
    >>> loudest = max(max(abs(sample) for sample in chunk) for chunk in stream("song.mp3"))
    >>> print(f"{loudest:.2f} of full scale")
    1.15 of full scale
    """
    resampler = resampler or load_card(DEFAULT_MODEL).resampler
    chunk_samples = round(rate * chunk_seconds)
    with open_audio(os.fsdecode(path), decoder=decoder) as audio:
        yield from resample(audio, resampler, rate_hz=rate, chunk_samples=chunk_samples)
