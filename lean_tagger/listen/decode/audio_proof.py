"""Show that a copy holds the audio that was heard, also where only parts of it were.

After a full pass that is `fingerprint`: the copy is decoded, and packets and number of samples
are what they were. After a partial one the samples of the original were never counted, and to
decode both files would cost more than the hearing did. A decoder is a function of what it is
given; so `inputs` hashes all of that, in the original and in the copy: how the stream is set
up, and every packet's bytes, times and side data. The first packets are decoded, too, which
shows that the decoder starts.
"""

from collections.abc import Callable

from lean_tagger.errors import DecodeError, NoAudioError
from lean_tagger.listen import decode
from lean_tagger.listen.decode import DecoderName, ffmpeg_audio
from lean_tagger.listen.decode.parts import sampled_digest

PART = "part"
"""How the digest of a partial hearing begins; see `Parts.digest`."""

DECODED_PACKETS = 32


def proof(
    path: str, digest: str | None, *, decoder: DecoderName
) -> tuple[Callable[[str], str], str | None]:
    """Return what to ask of a copy, and what it must answer: if None, what the file does.

    Parameters
    ----------
    path : str
        The file that was heard.
    digest : str or None
        `Scores.digest` of then; None where nothing was heard.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        That heard it.

    Raises
    ------
    FileError
        The file cannot be read any more.
    """
    if digest is None or not digest.startswith(PART):
        return lambda copy: decode.fingerprint(copy, decoder=decoder), digest

    def both(copy: str) -> str:
        return f"{sampled_digest(copy, decoder=decoder)} {inputs(copy, decoder=decoder)}"

    return both, f"{digest} {inputs(path, decoder=decoder)}"


def proof_unheard(
    path: str, digest: str | None, *, decoder: DecoderName
) -> tuple[Callable[[str], str], str | None]:
    """Return the same for a file that nobody has heard just now; no original is decoded.

    Parameters
    ----------
    path : str
        The file.
    digest : str or None
        On record for it. By another decoder, or of what the file once was, it is not used.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        With which to look.

    Raises
    ------
    FileError
        The file cannot be read.
    """

    def whole(copy: str) -> str:
        return decode.fingerprint(copy, decoder=decoder)

    packets = None if decoder == "soundfile" else decode.packet_hash(path)
    if packets is None:  # only decoding tells
        return whole, None
    if digest is not None and packets == digest.partition("-")[0]:
        return whole, digest
    try:
        return lambda copy: inputs(copy, decoder=decoder), inputs(path, decoder=decoder)
    except (DecodeError, NoAudioError):
        return whole, None


def inputs(path: str, *, decoder: DecoderName = "auto") -> str:
    """Return a hash of everything that the decoder of a file is given.

    libsndfile does not show that: there it is `fingerprint`, of the decoded samples.

    Raises
    ------
    FileError
        As `decode.open_audio`.
    """
    if decoder == "soundfile":
        return decode.fingerprint(path, decoder=decoder)
    with ffmpeg_audio(path) as audio:
        return audio.inputs(decoded=DECODED_PACKETS)
