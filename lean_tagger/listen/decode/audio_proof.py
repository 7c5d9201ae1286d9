"""Prove that a copy holds the audio that was heard.

A decoder's output depends only on its input. There are three ways to prove that this is the same:

- FFmpeg sees a file without its tags. All that it sees is hashed while the file is heard, and the
  copy must show the same bytes. Then FFmpeg finds the same packets, times and set-up in it.
- If a write changes what FFmpeg sees (the tables of an MP4, the sizes of an AIFF), `decoder_input`
  hashes the input of the decoder packet by packet, and a few places are decoded: in the original
  while it is heard, or now if it was heard earlier; and in the copy.
- The copy is decoded in full if the packets do not say everything (see `packets_say_all`), if
  libsndfile decodes it, or on request; then its packets and number of samples must be the same as
  before.

After a partial hearing the samples of the original were not counted. Then the packets and the
parts that were heard are compared.
"""

from collections.abc import Callable

from lean_tagger.errors import DecodeError, NoAudioError
from lean_tagger.jobs import PART
from lean_tagger.listen import decode
from lean_tagger.listen.decode import BY_VIEW, DecoderName, ffmpeg_audio, view_hash
from lean_tagger.listen.decode.parts import sampled_digest
from lean_tagger.settings import Verify


def proof(
    path: str,
    digest: str | None,
    *,
    decoder: DecoderName,
    verify: Verify = "packets",
    given: str = "",
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
    given : str
        `Scores.given` of then; empty where there is none.

    Raises
    ------
    FileError
        The file cannot be read any more.
    """
    if given and verify == "packets":
        return _as_when_heard(path, digest, decoder=decoder, given=given), given
    part = digest is not None and digest.startswith(PART)
    seed = digest or path
    now = None
    if verify == "packets" and decoder != "soundfile":
        now = inputs(path, seed=seed, any_format=part)

    def whole(copy: str) -> str:
        return decode.fingerprint(copy, decoder=decoder)

    def by_packets(copy: str) -> str:
        return " ".join(inputs(copy, seed=seed, any_format=True) or ())

    ask = whole if now is None else by_packets
    if not part:
        if now is None:
            return ask, digest
        packets, all_else = now
        return ask, f"{digest.partition('-')[0] if digest else packets} {all_else}"

    def both(copy: str) -> str:
        return f"{sampled_digest(copy, decoder=decoder)} {ask(copy)}"

    return both, f"{digest} {' '.join(now) if now else whole(path)}"


def _as_when_heard(
    path: str, digest: str | None, *, decoder: DecoderName, given: str
) -> Callable[[str], str]:
    """Return what gives `given` of a copy with the same audio, and something else of any other."""
    way, seed, *_ = given.split()

    def by_packets(copy: str) -> str:
        return " ".join((way, seed, *(inputs(copy, seed=seed, any_format=True) or ())))

    def by_view(copy: str) -> str:
        found = f"{way} {view_hash(copy)}"
        if found == given:
            return given
        ask, answer = proof(path, digest, decoder=decoder)
        if answer is None:
            answer = ask(path)
        return given if ask(copy) == answer else found

    return by_view if way == BY_VIEW else by_packets


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
