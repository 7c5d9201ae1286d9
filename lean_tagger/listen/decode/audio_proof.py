"""Show that a copy holds the audio that was heard.

A decoder is a function of what it is given. There are three ways to show that this is the same,
the first that does:

- All that FFmpeg is shown of the file, its tags hidden, was hashed while it was heard; the copy
  shows the same bytes. So FFmpeg would find the same packets, times and set-up in it.
- Where a write changes what FFmpeg is shown (the tables of an MP4, the sizes of an AIFF), or the
  file was not heard just now: original and copy are read packet by packet, `decoder_input` hashes
  all that a decoder is given, and a few places are decoded.
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
from lean_tagger.listen.decode import DecoderName, ffmpeg_audio, view_hash
from lean_tagger.listen.decode.parts import sampled_digest
from lean_tagger.settings import Verify


def proof(
    path: str,
    digest: str | None,
    *,
    decoder: DecoderName,
    verify: Verify = "packets",
    shown: str = "",
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
    shown : str
        `Scores.view_hash` of then; empty where there is none.

    Raises
    ------
    FileError
        The file cannot be read any more.
    """
    if shown and verify == "packets":
        return _by_view(path, digest, decoder=decoder, shown=shown), shown
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


def _by_view(
    path: str, digest: str | None, *, decoder: DecoderName, shown: str
) -> Callable[[str], str]:
    """Return what gives `shown` of a copy with the same audio, and something else of any other."""

    def ask(copy: str) -> str:
        found = view_hash(copy)
        if found == shown:
            return shown
        by_packets, answer = proof(path, digest, decoder=decoder)
        if answer is None:
            answer = by_packets(path)
        return shown if by_packets(copy) == answer else found

    return ask


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
