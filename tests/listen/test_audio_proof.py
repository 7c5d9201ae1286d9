"""A write that nobody heard is proved without decoding the original once more."""

from pathlib import Path

import pytest
from audiofiles import make
from conftest import SONGS

from lean_tagger.listen import decode
from lean_tagger.listen.decode.audio_proof import inputs, proof_unheard
from lean_tagger.listen.decode.parts import sampled_digest
from lean_tagger.listen.recognise import digests, has_audio


@pytest.mark.parametrize("song", SONGS, ids=lambda it: it.name)
def test_the_digest_on_record_is_what_the_copy_must_have(song: Path) -> None:
    digest = decode.fingerprint(str(song))
    prove, expected = proof_unheard(str(song), digest, decoder="auto")
    assert expected == digest
    assert prove(str(song)) == digest


@pytest.mark.parametrize("digest", [None, "ab" * 16 + "-44100", "part" + "ab" * 16])
def test_of_another_digest_or_none_the_packets_are_the_proof(
    tmp_path: Path, digest: str | None
) -> None:
    song, other = SONGS[0], make(tmp_path / "other.mp3", "mp3", 2)
    prove, expected = proof_unheard(str(song), digest, decoder="auto")
    assert expected == inputs(str(song)) == prove(str(song))
    assert prove(str(other)) != expected


def test_where_only_decoding_tells_the_original_is_decoded(tmp_path: Path) -> None:
    """The last packet of Monkey's Audio runs into the tags."""
    path = make(tmp_path / "it.ape", "ape")
    prove, expected = proof_unheard(str(path), "ab" * 16 + "-1", decoder="auto")
    assert expected is None
    assert prove(str(path)) == decode.fingerprint(str(path))


@pytest.mark.parametrize("song", SONGS, ids=lambda it: it.name)
def test_a_file_has_its_own_audio_and_no_other(song: Path) -> None:
    path, other = str(song), str(SONGS[SONGS.index(song) - 1])
    part = sampled_digest(path)
    for digest in (decode.fingerprint(path), *([part] if part else [])):
        assert has_audio(path, digest, decoder="auto") is True
        assert has_audio(other, digest, decoder="auto") is False
    assert has_audio(path, "", decoder="auto") is None
    assert not set(digests(path, decoder="auto")) & set(digests(other, decoder="auto"))


def test_what_libsndfile_heard_is_known_again() -> None:
    song = next(it for it in SONGS if it.suffix == ".flac")
    digest = decode.fingerprint(str(song), decoder="soundfile")
    assert has_audio(str(song), digest, decoder="auto") is True


def test_what_is_no_music_has_no_audio_that_could_be_told(tmp_path: Path) -> None:
    path = tmp_path / "it.mp3"
    path.write_bytes(b"no music at all" * 50)
    assert digests(str(path), decoder="auto") == ()
    assert has_audio(str(path), "ab" * 16 + "-1", decoder="auto") is None
