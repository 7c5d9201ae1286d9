"""Prove that a copy holds the audio that was heard.

A decoder's output depends only on its input. There are three ways to prove that this is the same:

- FFmpeg sees a file without its tags. All that it sees is hashed while the file is heard, and the
  copy must show the same bytes. Then FFmpeg finds the same packets, times and set-up in it.
- If a write changes what FFmpeg sees (the tables of an MP4, the sizes of an AIFF), `decoder_input`
  hashes the input of the decoder packet by packet, and a few places are decoded: in the original
  while it is heard, or now if it was heard earlier; and in the copy.
- The copy is decoded in full if the packets do not say everything (see `packets_say_all`), if
  libsndfile decodes it, or on request; then its packets and all its samples must be the same as
  when the original was heard, or as they are now.

After a partial hearing the samples of the original were not counted. Then the packets and the
parts that were heard are compared.
"""

from collections.abc import Callable

from lean_tagger.errors import DecodeError, NoAudioError
from lean_tagger.jobs import PART
from lean_tagger.listen import decode
from lean_tagger.listen.decode import (
    BY_PACKETS,
    BY_SAMPLES,
    BY_VIEW,
    DecoderName,
    ffmpeg_audio,
    view_hash,
)
from lean_tagger.listen.decode.parts import sampled_digest
from lean_tagger.settings import Verify


def proof(
    path: str,
    digest: str | None,
    *,
    decoder: DecoderName,
    verify: Verify = "packets",
    given: str = "",
) -> tuple[Callable[[str], str], str]:
    """Return a function to call with a copy, and its right answer.

    Parameters
    ----------
    path : str
        The file that was heard.
    digest : str or None
        `Scores.digest` from that time; None if nothing was heard.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        The decoder that heard it.
    verify : {'packets', 'full'}
        By the decoder's input if that says everything, or always by decoding everything, too.
    given : str
        `Scores.given` of then; empty where there is none.

    Raises
    ------
    FileError
        The file cannot be read any more.
    """

    def whole(copy: str) -> str:
        return decode.decoded(copy, decoder=decoder)

    if given:
        same = _as_when_heard(path, digest, decoder=decoder, given=given)
        if verify == "packets" or given.startswith(BY_SAMPLES):
            return same, given
        samples = whole(path).split()[1]  # only their number was noted when they were heard
        return lambda copy: f"{same(copy)} {whole(copy)}", f"{given} {digest} {samples}"
    part = digest is not None and digest.startswith(PART)
    seed = digest or path
    now = None
    if verify == "packets" and decoder != "soundfile":
        now = inputs(path, seed=seed, any_format=part)

    def by_packets(copy: str) -> str:
        return " ".join(inputs(copy, seed=seed, any_format=True) or ())

    ask = whole if now is None else by_packets
    if not part:
        first, all_else = whole(path).split() if now is None else now
        if digest is not None:  # that of the packets, or that and the number of samples
            first = digest if now is None else digest.partition("-")[0]
        return ask, f"{first} {all_else}"

    def both(copy: str) -> str:
        return f"{sampled_digest(copy, decoder=decoder)} {ask(copy)}"

    return both, f"{digest} {' '.join(now) if now else whole(path)}"


def _as_when_heard(
    path: str, digest: str | None, *, decoder: DecoderName, given: str
) -> Callable[[str], str]:
    """Return what gives `given` of a copy with the same audio, and something else of any other."""
    way, seed, *_ = given.split()

    def by_samples(copy: str) -> str:
        return f"{way} {decode.decoded(copy, decoder=decoder)}"

    def by_packets(copy: str) -> str:
        return " ".join((way, seed, *(inputs(copy, seed=seed, any_format=True) or ())))

    def by_view(copy: str) -> str:
        found = f"{way} {view_hash(copy)}"
        if found == given:
            return given
        ask, answer = proof(path, digest, decoder=decoder)
        return given if ask(copy) == answer else found

    return {BY_VIEW: by_view, BY_PACKETS: by_packets, BY_SAMPLES: by_samples}[way]


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
