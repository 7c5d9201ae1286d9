"""Recognise audio that was heard before, without hearing it: by a hash of its packets."""

from collections.abc import Callable, Iterable
from functools import cache

from lean_tagger.jobs import Heard
from lean_tagger.listen.decode import DecoderName, packet_hash
from lean_tagger.listen.decode.audio_proof import PART
from lean_tagger.listen.decode.parts import sampled_digest


def recognise(
    path: str, candidates: Iterable[Iterable[Heard]], *, decoder: DecoderName
) -> list[Heard | None]:
    """Return what each model heard in the audio of a file, None where that is not among these.

    Parameters
    ----------
    path : str
        The file; opened only if there is a candidate.
    candidates : iterable of iterable of Heard
        For each model, what it may have heard in it.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        With which parts of it are decoded.

    Raises
    ------
    FileError
        As `decode.open_audio`.
    """
    same = _same_audio(path, decoder)
    return [next(filter(same, mine), None) for mine in candidates]


def _same_audio(path: str, decoder: DecoderName) -> Callable[[Heard], bool]:
    """Return what tells whether something was heard in the audio of this file."""
    packets = cache(lambda: packet_hash(path))
    sampled = cache(lambda: sampled_digest(path, decoder=decoder))

    def same(heard: Heard) -> bool:
        if heard.digest.startswith(PART):
            return sampled() == heard.digest
        return packets() == heard.digest.split("-")[0]

    return same
