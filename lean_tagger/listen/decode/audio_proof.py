"""Show that a copy holds the audio that was heard.

A decoder is a function of what it is given. That this is the same is shown in one of three ways:

- All that FFmpeg is shown of the file, its tags hidden, is hashed while it is heard; the copy shows
  the same bytes. So FFmpeg finds the same packets, times and set-up in it.
- Where a write changes what FFmpeg is shown (the tables of an MP4, the sizes of an AIFF),
  `decoder_input` hashes all that a decoder is given, packet by packet, and a few places are
  decoded: of the original while it is heard, or now, if it was not heard just now; and of the copy.
- Where the packets do not say all (see `packets_say_all`), where libsndfile decodes, or where it is
  asked for, the copy is decoded from its start to its end, and packets and number of samples must
  be what they were.

After a partial hearing the samples of the original were never counted. Then the packets are
compared in any case, and whether the parts that were heard are the same.
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
    """Return what to ask of a copy, and what it must answer: if None, what the file does.

    Parameters
    ----------
    path : str
        The file that was heard.
    digest : str or None
        `Scores.digest` of then; None where nothing was heard.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        That heard it.
    verify : {'packets', 'full'}
        By what the decoder is given where that says all, or by decoding all in any case.
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
    """Return `decoder_input` of a file, None where that does not say all.

    Parameters
    ----------
    path : str
        The file.
    seed : str
        Says which places are decoded.
    any_format : bool
        Also where a decoder may be given more than it shows.

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
