"""Prove that a copy holds the audio that was heard.

A decoder's output depends only on its input. So the original and the copy are read packet by
packet, `decoder_input` hashes both, and a few places are decoded. The copy is decoded in full
if the packets do not say everything (see `packets_say_all`), if libsndfile decodes it, or on
request; then its packets and number of samples must be the same as before.

After a partial hearing the samples of the original were not counted. Then the packets and the
parts that were heard are compared.
"""

from collections.abc import Callable

from lean_tagger.errors import DecodeError, NoAudioError
from lean_tagger.jobs import PART
from lean_tagger.listen import decode
from lean_tagger.listen.decode import DecoderName, ffmpeg_audio
from lean_tagger.listen.decode.parts import sampled_digest
from lean_tagger.settings import Verify


def proof(
    path: str, digest: str | None, *, decoder: DecoderName, verify: Verify = "packets"
) -> tuple[Callable[[str], str], str | None]:
    """Return a function to call with a copy, and its right answer; None is the file's own answer.

    Parameters
    ----------
    path : str
        The file that was heard.
    digest : str or None
        `Scores.digest` from that time; None if nothing was heard.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        The decoder that heard it.
    verify : {'packets', 'full'}
        By the decoder's input if that says everything, or always by decoding everything.

    Raises
    ------
    FileError
        The file cannot be read any more.
    """
    part = digest is not None and digest.startswith(PART)
    seed = digest or path
    given = None
    if verify == "packets" and decoder != "soundfile":
        given = inputs(path, seed=seed, any_format=part)

    def whole(copy: str) -> str:
        return decode.fingerprint(copy, decoder=decoder)

    def by_packets(copy: str) -> str:
        return " ".join(inputs(copy, seed=seed, any_format=True) or ())

    ask = whole if given is None else by_packets
    if not part:
        if given is None:
            return ask, digest
        packets, all_else = given
        return ask, f"{digest.partition('-')[0] if digest else packets} {all_else}"

    def both(copy: str) -> str:
        return f"{sampled_digest(copy, decoder=decoder)} {ask(copy)}"

    return both, f"{digest} {' '.join(given) if given else whole(path)}"


def inputs(path: str, *, seed: str, any_format: bool) -> tuple[str, str] | None:
    """Return `decoder_input` of a file; None if that does not say everything.

    Parameters
    ----------
    path : str
        The file.
    seed : str
        Chooses which places are decoded.
    any_format : bool
        Also for formats in which it may not show all of the decoder's input.

    Raises
    ------
    FileError
        As `decode.open_audio`.
    """
    # Late: it loads FFmpeg.
    from lean_tagger.listen.decode.decoder_input import decoder_input, packets_say_all

    try:
        with ffmpeg_audio(path) as audio:
            return decoder_input(audio, seed=seed) if any_format or packets_say_all(audio) else None
    except (DecodeError, NoAudioError):
        if any_format:
            raise
        return None  # libsndfile may read it
