"""What the makers' decoder gives that ours does not, for networks whose cards say so."""

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from conftest import DATA
from encode import encode, music
from hypothesis import given
from hypothesis import strategies as st
from tinymodel import make

from lean_tagger import Tagger
from lean_tagger.listen.decode import open_audio
from lean_tagger.listen.decode.mp4_delay import mp4_delay
from lean_tagger.listen.decode.overs import Overs
from lean_tagger.listen.decode.parts import open_parts

Floats = npt.NDArray[np.float32]

AS_ESSENTIA = {"decoding": {"mp3": "int16", "mp4_delay": "kept"}}


def decoded(path: Path, overs: Overs | None = None) -> Floats:
    """Return a track's samples, cut off where `overs` is given."""
    parts, start = [], 0
    with open_audio(str(path)) as audio:
        audio.overs = overs
        for _, block in audio:
            samples = np.array(block)
            parts.append(samples if overs is None else overs.cut_off(start, samples))
            start += len(samples)
    return np.concatenate(parts)


def planes(path: Path, **options: str) -> Floats:
    """Return what FFmpeg decodes, (channels, n), as this program's decoder does not."""
    with av.open(str(path), options=options) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1)


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    """An MP3 whose left channel is far louder than full scale in places, and whose right is not."""
    samples = music(8, 44_100)
    samples[0, 44_100:120_000] *= 12
    return encode(tmp_path / "loud.mp3", samples, 44_100, "libmp3lame")


def test_of_a_loud_mp3_each_channel_is_cut_off(loud: Path) -> None:
    both = planes(loud)
    assert np.abs(both).max() > 1.5
    want = np.clip(both, -1, 1).mean(axis=0)
    np.testing.assert_allclose(decoded(loud, Overs()), want, atol=1e-6)
    np.testing.assert_allclose(decoded(loud), both.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "codec"), [("loud.wav", "pcm_f32le"), ("loud.flac", "flac"), ("loud.m4a", "aac")]
)
def test_other_codecs_are_left_as_they_are(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, music(2, 44_100) * 6, 44_100, codec)
    np.testing.assert_array_equal(decoded(path, Overs()), decoded(path))


def test_a_second_thread_changes_nothing(tmp_path: Path, loud: Path) -> None:
    card = str(make(tmp_path, change=AS_ESSENTIA))
    one, ahead = (Tagger(card, threads=threads).taggram(str(loud)) for threads in (1, 2))
    np.testing.assert_array_equal(one.logits, ahead.logits)
    plain = Tagger(str(make(tmp_path, name="plain"))).taggram(str(loud))
    assert np.abs(one.logits - plain.logits).max() > 1e-3


def test_a_part_of_it_is_cut_off_as_the_whole_is(loud: Path) -> None:
    whole = decoded(loud, Overs())
    with open_parts(str(loud), clipped=True) as parts:
        found = np.concatenate([np.array(it) for _, it in parts.read(60_000, 30_000)])
    np.testing.assert_allclose(found, whole[60_000:90_000], atol=1e-6)
    with open_parts(str(loud)) as parts:
        plain = np.concatenate([np.array(it) for _, it in parts.read(60_000, 30_000)])
    assert np.abs(found - plain).max() > 0.1


@pytest.mark.slow
def test_with_little_effort_an_mp4_with_a_delay_is_heard_whole(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", music(60, 16_000, channels=1), 16_000, "aac")
    maker = make(tmp_path, name="maker", change=AS_ESSENTIA)
    assert Tagger(str(maker), effort="4").score(str(path)).effort == "full"
    plain = make(tmp_path, name="plain")
    assert Tagger(str(plain), effort="4").score(str(path)).n_windows == 4


def test_before_the_start_of_an_mp4_lies_what_its_encoder_needed(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", music(3, 32_000), 32_000, "aac")
    delay = mp4_delay(str(path))
    assert delay is not None
    rate_hz, before = delay
    whole = planes(path, ignore_editlist="1").mean(axis=0)
    assert (rate_hz, len(before)) == (32_000, 1024)
    heard = np.concatenate([before, decoded(path)])
    np.testing.assert_allclose(heard, whole[: len(heard)], atol=1e-6)


def test_an_ogg_has_no_such_thing() -> None:
    assert mp4_delay(str(DATA / "hacienda.ogg")) is None


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.flac", "flac"), ("a.m4a", "alac")]
)
def test_other_files_have_no_such_thing(tmp_path: Path, name: str, codec: str) -> None:
    assert mp4_delay(str(encode(tmp_path / name, music(1, 44_100), 44_100, codec))) is None


def test_what_is_no_audio_is_left_for_the_decoder_to_tell(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x18ftypM4A " + bytes(100))
    assert mp4_delay(str(tmp_path / "a.m4a")) is None
    assert mp4_delay(str(tmp_path / "missing.m4a")) is None


def test_a_delay_is_heard_by_those_whose_card_says_so_and_by_no_others(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", music(9, 16_000, channels=1), 16_000, "aac")
    plain = make(tmp_path, name="plain")
    maker = make(tmp_path, name="maker", change=AS_ESSENTIA)
    _, before = mp4_delay(str(path)) or (0, np.empty(0, np.float32))
    wav = tmp_path / "a.wav"
    encode(wav, np.concatenate([before, decoded(path)])[None], 16_000, "pcm_f32le")
    want = Tagger(str(plain)).taggram(str(wav)).logits
    np.testing.assert_allclose(Tagger(str(maker)).taggram(str(path)).logits, want, atol=1e-5)
    assert np.abs(Tagger(str(plain)).taggram(str(path)).logits - want).max() > 1e-4


@given(st.data())
def test_runs_are_put_where_they_belong_however_blocks_lie(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 60))
    track = np.zeros(length, np.float32)
    want, overs, at = track.copy(), Overs(), 0
    while at < length:
        at += data.draw(st.integers(0, 9))
        run = np.full(min(data.draw(st.integers(1, 9)), max(0, length - at)), 1.0 + at, np.float32)
        if len(run):
            overs.note(at, run)
            want[at : at + len(run)] = run
        at += len(run)
    found, at = [], 0
    while at < length:
        block = track[at : at + data.draw(st.integers(1, 20))]
        found.append(overs.cut_off(at, block))
        at += len(block)
    assert np.array_equal(np.concatenate(found), want)
    assert not track.any(), "a block is its decoder's"
