"""Recognise audio that was heard before by a hash of its packets, without hearing it."""

from collections.abc import Callable, Iterable
from functools import cache

from lean_tagger.errors import FileError
from lean_tagger.jobs import PART, Heard, names_audio
from lean_tagger.listen.decode import DecoderName, fingerprint, packet_hash
from lean_tagger.listen.decode.parts import sampled_digest


def recognise(
    path: str, candidates: Iterable[Iterable[Heard]], *, decoder: DecoderName
) -> list[Heard | None]:
    """Return what each model heard before in a file's audio; None for models without a match.

    Parameters
    ----------
    path : str
        The file; opened only if there is a candidate.
    candidates : iterable of iterable of Heard
        For each model, what it may have heard in this audio.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        Decodes parts of it.

    Raises
    ------
    FileError
        As `decode.open_audio`.
    """
    same = _same_audio(path, decoder)
    return [next(filter(same, mine), None) for mine in candidates]


def _same_audio(path: str, decoder: DecoderName) -> Callable[[Heard], bool]:
    """Return a function that tells whether something was heard in this file's audio."""
    packets = cache(lambda: packet_hash(path))
    sampled = cache(lambda: sampled_digest(path, decoder=decoder))

    def same(heard: Heard) -> bool:
        if heard.digest.startswith(PART):
            return sampled() == heard.digest
        return packets() == heard.digest.split("-")[0]

    return same


def digests(path: str, *, decoder: DecoderName) -> tuple[str, ...]:
    """Return the digests under which a file's audio may be on record; see `jobs.Recognised`.

    Parameters
    ----------
    path : str
        The file. If it cannot be read, there are none.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        With which it is decoded where its packets do not tell.
    """
    try:
        whole = packet_hash(path) or fingerprint(path, decoder=decoder)
        return tuple(it for it in (whole, sampled_digest(path, decoder=decoder)) if it)
    except FileError:
        return ()


def has_audio(path: str, digest: str, *, decoder: DecoderName) -> bool | None:
    """Tell whether a file has the audio of this digest; None if that cannot be known.

    Parameters
    ----------
    path : str
        The file.
    digest : str
        Of a whole track or of a part; empty if it is not known.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        With which it is decoded where its packets do not tell.
    """
    if not digest:
        return None
    try:
        found = digests(path, decoder=decoder)
        if not found:
            return None
        if names_audio(found, digest):
            return True
        if digest.startswith(PART):
            return False
        return fingerprint(path, decoder="soundfile") == digest  # if that is what heard it
    except FileError:
        return False
