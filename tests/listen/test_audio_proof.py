"""The proof of a copy's audio, tried against a writer that lies.

Each lie is told in a tagged copy of a file. What a decode of the whole copy would refuse, the
proof by packets must refuse, too.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import mutagen.apev2
import mutagen.mp4
import pytest
from audiofiles import KINDS, make
from conftest import shared
from encode import encode, music
from lyingwriter import GENERIC, HEADERS, Lie, header, lied, lies_about
from thinned import thinned

from lean_tagger import write
from lean_tagger.errors import FileError
from lean_tagger.listen.decode import (
    DecoderName,
    decoded,
    ffmpeg_audio,
    fingerprint,
    open_audio,
    view_hash,
)
from lean_tagger.listen.decode.audio_proof import inputs, proof
from lean_tagger.listen.decode.decoder_input import packets_say_all
from lean_tagger.settings import Verify
from lean_tagger.system.digest import blake2b

LIES = 400
FAST_LIES = 40
VALUES = {"genre": ("Rock" * 60,), "mood": ("sad",), "leantag": ("x" * 3000,)}
SAME_VIEW = ["flac", "mp3", "ogg", "opus", "tta", "wav", "wv"]
SOUNDING = sorted(set(KINDS) - {"mpc", "ape"})  # those two hold nothing that decodes
IN_FULL = ["aac", "dff", "mka", "webm"]
BY_PACKETS = sorted(set(SOUNDING) - set(IN_FULL))


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Return what makes a file of a kind, and a tagged copy of it, once."""
    made: dict[str, tuple[Path, Path]] = {}

    def pair(kind: str) -> tuple[Path, Path]:
        if kind not in made:
            folder = tmp_path_factory.mktemp("kind")
            original = make(folder / f"a.{kind}", kind, 3.0)
            if kind == "m4a":
                file = mutagen.mp4.MP4(original)
                file["----:com.apple.iTunes:iTunSMPB"] = [b" 00000000 00000840 000001CA 00000000"]
                file.save()
            copy = folder / f"b.{kind}"
            copy.write_bytes(original.read_bytes())
            write.write(str(copy), VALUES, fingerprint=fingerprint)
            made[kind] = original, copy
        return made[kind]

    return pair


def heard(path: Path) -> str:
    """Return a hash of all samples of a file, and its digest."""
    hasher = blake2b()
    with open_audio(str(path)) as audio:
        for rate_hz, block in audio:
            hasher.update(b"%d" % rate_hz)
            hasher.update(bytes(block))
        return f"{hasher.hexdigest()} {audio.digest()}"


def given(path: Path) -> str:
    """Return what is hashed while a file is decoded."""
    with open_audio(str(path), hashed=True) as audio:
        for _ in audio:
            pass
        return audio.given()


def told(what: Callable[[], str]) -> str:
    """Return what is said of a file, or that nothing can be."""
    try:
        return what()
    except FileError:
        return "refused"


@thinned("number", range(LIES), fast=FAST_LIES)
def test_what_a_full_decode_refuses_the_proof_by_packets_refuses(
    tagged: Callable[[str], tuple[Path, Path]], tmp_path: Path, number: int
) -> None:
    kind, lie = chosen(number)
    original, copy = tagged(kind)
    false = lied(copy, kind, lie, number, tmp_path)
    digest = fingerprint(str(original))
    if told(lambda: heard(false)) != heard(original):
        for when_heard in ("", given(original)):
            ask, answer = proof(str(original), digest, decoder="auto", given=when_heard)
            assert told(lambda ask=ask: ask(str(false))) != answer


@pytest.mark.slow
def test_most_lies_are_heard(
    tagged: Callable[[str], tuple[Path, Path]], tmp_path: Path
) -> None:  # else the test above would show little
    found = 0
    for number in range(LIES):
        kind, lie = chosen(number)
        original, copy = tagged(kind)
        false = lied(copy, kind, lie, number, tmp_path)
        found += told(lambda path=false: heard(path)) != heard(original)
    assert found > LIES * 0.6


@pytest.mark.parametrize("kind", SOUNDING)
def test_a_copy_with_other_tags_is_believed(
    tagged: Callable[[str], tuple[Path, Path]], kind: str
) -> None:
    original, copy = (str(path) for path in tagged(kind))
    assert write.read(copy) == VALUES
    whole = fingerprint(original)
    for digest, when_heard in [(whole, ""), (None, ""), (whole, given(Path(original)))]:
        ask, answer = proof(original, digest, decoder="auto", given=when_heard)
        assert ask(copy) == answer


@pytest.mark.parametrize("kind", ["mp3", "flac", "m4a"])
def test_names_that_are_no_text_are_proved_as_others(
    tagged: Callable[[str], tuple[Path, Path]], kind: str, tmp_path: Path
) -> None:
    original, copy = (
        os.fsdecode(shutil.copy(path, os.fsencode(tmp_path) + b"/caf\xe9\n%d" % number))
        for number, path in enumerate(tagged(kind))
    )
    for digest in (fingerprint(original), None):
        ask, answer = proof(original, digest, decoder="auto", given="")
        assert ask(copy) == answer


@pytest.mark.parametrize("kind", BY_PACKETS)
def test_of_most_formats_ffmpeg_is_shown_the_same_before_and_after_a_write(
    tagged: Callable[[str], tuple[Path, Path]], kind: str
) -> None:
    original, copy = tagged(kind)
    before = view_hash(str(original))
    assert (before == view_hash(str(copy))) == (kind in SAME_VIEW)
    if kind in SAME_VIEW:  # hashed while it was read, in whatever order
        assert given(original) == f"view {before}"


@pytest.mark.parametrize("kind", BY_PACKETS)
def test_what_is_hashed_while_hearing_is_what_the_packets_say_later(
    tagged: Callable[[str], tuple[Path, Path]], kind: str
) -> None:
    original = tagged(kind)[0]
    way, *when_heard = given(original).split()
    assert way == ("view" if kind in [*SAME_VIEW, "oga", "spx"] else "packets")
    if way == "packets":
        seed, *hashes = when_heard
        assert tuple(hashes) == inputs(str(original), seed=seed, any_format=True)


@pytest.mark.parametrize("kind", [it for it in BY_PACKETS if it not in SAME_VIEW])
def test_a_copy_of_which_ffmpeg_is_shown_something_else_is_proved_by_its_packets(
    tagged: Callable[[str], tuple[Path, Path]], kind: str
) -> None:
    original, copy = (str(path) for path in tagged(kind))
    ask, answer = proof(original, fingerprint(original), decoder="auto", given="view of more")
    assert ask(copy) == answer
    assert ask(original) == answer


@pytest.mark.parametrize("kind", IN_FULL)
def test_the_samples_are_hashed_where_all_of_the_copy_is_decoded(
    tagged: Callable[[str], tuple[Path, Path]], kind: str
) -> None:
    original = tagged(kind)[0]
    assert given(original) == f"samples {decoded(str(original))}"


@thinned("number", range(10), fast=5)
@pytest.mark.parametrize("kind", IN_FULL)
def test_a_lie_that_is_heard_is_refused_where_all_of_the_copy_is_decoded(
    tagged: Callable[[str], tuple[Path, Path]], tmp_path: Path, kind: str, number: int
) -> None:
    original, copy = tagged(kind)
    lies = [header(*field) for field in HEADERS.get(kind, [])] + GENERIC
    false = lied(copy, kind, lies[number % len(lies)], number, tmp_path)
    if told(lambda: heard(false)) != heard(original):
        for when_heard in ("", given(original)):
            for verify in ("packets", "full"):
                digest = fingerprint(str(original))
                ask, answer = proof(
                    str(original), digest, decoder="auto", verify=verify, given=when_heard
                )
                assert told(lambda ask=ask: ask(str(false))) != answer


def test_the_loudness_in_the_set_up_is_part_of_the_audio(
    tagged: Callable[[str], tuple[Path, Path]], tmp_path: Path
) -> None:
    """With another gain Opus has as many packets and samples, but not the same ones."""
    original, copy = tagged("webm")
    data = bytearray(copy.read_bytes())
    data[data.find(b"OpusHead") + 17] ^= 4
    false = tmp_path / "c.webm"
    false.write_bytes(data)
    assert fingerprint(str(false)) == fingerprint(str(original))
    for when_heard in ("", given(original)):
        ask, answer = proof(
            str(original), fingerprint(str(original)), decoder="auto", given=when_heard
        )
        assert ask(str(false)) != answer == ask(str(copy))


def test_a_genre_in_an_id3v1_trailer_is_not_shown_to_ffmpeg(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", music(3, 44100), 44100, "libmp3lame")
    digest = fingerprint(str(path))
    path.write_bytes(path.read_bytes() + b"TAG" + b"a title".ljust(124) + b"\x11")
    before = view_hash(str(path))
    write.write(str(path), {"genre": ("Jazz",)}, fingerprint=fingerprint)
    assert path.read_bytes()[-1] == 8
    assert view_hash(str(path)) == before
    assert fingerprint(str(path)) == digest


@pytest.mark.parametrize("kind", ["wv", "mp3", "tta"])
def test_music_inside_a_tag_is_not_heard(tmp_path: Path, kind: str) -> None:
    original = make(tmp_path / f"a.{kind}", kind, 2.0)
    copy = tmp_path / f"b.{kind}"
    copy.write_bytes(original.read_bytes())
    tag = mutagen.apev2.APEv2()
    whole_file = b"whole file\0" + original.read_bytes()
    tag["Cover Art (Front)"] = mutagen.apev2.APEValue(whole_file, mutagen.apev2.BINARY)
    tag.save(copy)
    assert heard(copy) == heard(original)
    assert view_hash(str(copy)) == view_hash(str(original))


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_comments_with_a_wrong_checksum_are_shown_to_ffmpeg_as_they_are(
    tagged: Callable[[str], tuple[Path, Path]], tmp_path: Path, kind: str
) -> None:
    original, copy = tagged(kind)
    data = bytearray(copy.read_bytes())
    data[data.find(b"LEANTAG=xxx") + 20] ^= 1
    false = tmp_path / f"a.{kind}"
    false.write_bytes(data)
    ask, answer = proof(str(original), fingerprint(str(original)), decoder="auto")
    by_view, same = proof(str(original), fingerprint(str(original)), decoder="auto", given="view x")
    assert (told(lambda: ask(str(false))) == answer) == (told(lambda: by_view(str(false))) == same)
    assert view_hash(str(false)) != view_hash(str(original))


def test_a_copy_that_shows_the_same_is_not_given_to_ffmpeg(
    tagged: Callable[[str], tuple[Path, Path]],
) -> None:  # the original is not even there
    original, copy = tagged("mp3")
    ask, answer = proof("/nowhere", "of no audio", decoder="auto", given=given(original))
    assert ask(str(copy)) == answer


@pytest.mark.parametrize("kind", BY_PACKETS)
def test_other_audio_than_was_heard_is_refused(
    tagged: Callable[[str], tuple[Path, Path]], kind: str
) -> None:
    original, copy = (str(path) for path in tagged(kind))
    ask, answer = proof(original, f"{'0' * 32}-1000", decoder="auto")
    assert ask(copy) != answer


@pytest.mark.parametrize("kind", SOUNDING)
def test_only_containers_that_were_tried_are_proved_by_their_packets(
    tagged: Callable[[str], tuple[Path, Path]], kind: str
) -> None:
    with ffmpeg_audio(str(tagged(kind)[0])) as audio:
        assert packets_say_all(audio) == (kind in BY_PACKETS)


def test_an_mp4_in_fragments_is_decoded(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "m4a", options={"movflags": "frag_keyframe+empty_moov"})
    with ffmpeg_audio(str(path)) as audio:
        assert not packets_say_all(audio)


@pytest.mark.parametrize(
    ("kind", "decoder", "verify"),
    [("flac", "auto", "full"), ("flac", "soundfile", "packets"), ("mka", "auto", "packets")],
)
def test_all_of_it_is_decoded_where_packets_do_not_do(
    tagged: Callable[[str], tuple[Path, Path]], kind: str, decoder: DecoderName, verify: Verify
) -> None:
    original, copy = (str(path) for path in tagged(kind))
    digest = fingerprint(original, decoder=decoder)
    ask, answer = proof(original, digest, decoder=decoder, verify=verify)
    assert ask(copy) == answer == decoded(copy, decoder=decoder)
    assert answer.startswith(digest)


@pytest.mark.parametrize("kind", ["mp3", "m4a", "flac"])
def test_full_is_the_proof_by_packets_and_a_decode(
    tagged: Callable[[str], tuple[Path, Path]], kind: str
) -> None:
    original, copy = (str(path) for path in tagged(kind))
    digest, when_heard = fingerprint(original), given(Path(original))
    ask, answer = proof(original, digest, decoder="auto", verify="full", given=when_heard)
    assert ask(copy) == answer == f"{when_heard} {decoded(copy)}"


def test_full_compares_samples_and_not_only_how_many_there_are(
    tagged: Callable[[str], tuple[Path, Path]], tmp_path: Path
) -> None:
    """Another gain changes no packet; it is found even if the first proof were deceived."""
    original, copy = tagged("opus")
    false = lied(copy, "opus", header(b"OpusHead", 17, 1), 0, tmp_path)
    digest, deceived = fingerprint(str(original)), given(false)
    assert fingerprint(str(false)) == digest
    ask, answer = proof(str(original), digest, decoder="auto", verify="full", given=deceived)
    assert ask(str(false)) != answer


def chosen(number: int) -> tuple[str, Lie]:
    """Return the kind of file and the lie of a number."""
    kind = BY_PACKETS[number % len(BY_PACKETS)]
    lies = lies_about(kind)
    return kind, lies[number // len(BY_PACKETS) % len(lies)]


def test_sizes_of_a_pipe_that_are_mended_are_no_change_of_the_audio(
    tagged: Callable[[str], tuple[Path, Path]], tmp_path: Path
) -> None:
    """FFmpeg calls the last packet of a file corrupt that ends before its size says."""
    data = tagged("wav")[0].read_bytes()
    sized = data.find(b"data") + 4
    pipe = tmp_path / "pipe.wav"
    never = b"\xff" * 4
    pipe.write_bytes(data[:4] + never + data[8:sized] + never + data[sized + 4 :])
    ask, answer = proof(str(pipe), fingerprint(str(pipe)), decoder="auto")
    wanted = {"genre": ("Rock",), "mood": ("sad",)}
    write.write(str(pipe), wanted, fingerprint=ask, expected=answer)
    assert write.read(str(pipe)) == wanted


def test_samples_that_are_others_each_time_are_not_compared() -> None:
    """FFmpeg's MPEG-4 ALS reads memory that it has not written."""
    (path,) = shared("hostile").rglob("mp4_codec_als.mp4")
    assert len({decoded(str(path)) for _ in range(8)}) == 1
    assert len({inputs(str(path), seed="a", any_format=True) for _ in range(8)}) == 1
