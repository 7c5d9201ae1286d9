"""The library: score, taggram, tag, stream."""

import gc
import json
import shutil
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
from conftest import DATA
from encode import encode, music
from hypothesis import given, settings
from hypothesis import strategies as st
from thinned import thinned
from tinymodel import make

from lean_tagger import Tagger, stream, write
from lean_tagger.card import load_card
from lean_tagger.errors import ConfigError, FileError, TooShortError, WriteError
from lean_tagger.jobs import from_uint16
from lean_tagger.listen.pooling import sigmoid
from lean_tagger.rules import DEFAULT, adjusted


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger()


@pytest.fixture
def song(tmp_path: Path) -> str:
    return shutil.copy(DATA / "west.flac", tmp_path)


def test_score_pools_the_taggram(tagger: Tagger) -> None:
    path = str(DATA / "hacienda.ogg")
    scores, taggram = tagger.score(path), tagger.taggram(path)
    assert scores.labels == taggram.labels
    assert taggram.logits.dtype == np.float32
    assert taggram.logits.shape == (scores.n_windows, 50) == (6, 50)
    assert np.allclose(taggram.start_seconds, np.arange(6) * 187 * 256 / 16000)
    assert np.allclose(scores.values, sigmoid(taggram.logits.astype(float).mean(axis=0)))
    assert scores.seconds == pytest.approx(20, abs=0.01)
    assert not scores.repeated


@pytest.mark.parametrize("pool", ["prob-mean", "max"])
def test_other_pools_are_of_the_same_windows(tagger: Tagger, pool: str) -> None:
    path = str(DATA / "hacienda.ogg")
    probabilities = sigmoid(tagger.taggram(path).logits)
    want = probabilities.max(axis=0) if pool == "max" else probabilities.mean(axis=0)
    got = Tagger(pool=pool).score(path).values  # type: ignore[arg-type] - one of the names
    assert np.allclose(got, want)


def test_a_shorter_hop_hears_more_windows_and_the_same_ones_too(tagger: Tagger) -> None:
    path = str(DATA / "hacienda.ogg")
    dense = Tagger(hop_seconds=187 * 256 / 16000 / 11).taggram(path)
    assert np.allclose(dense.logits[::11], tagger.taggram(path).logits, atol=1e-4)
    assert dense.start_seconds[1] == pytest.approx(17 * 256 / 16000)


@settings(max_examples=8, deadline=None)
@given(chunk_seconds=st.sampled_from([1 / 16000, 0.0123, 0.5, 1.0, 100.0]))
def test_scores_do_not_depend_on_the_chunks(chunk_seconds: float) -> None:
    """Streaming equals one shot: the patches are cut from the same samples."""
    path = str(DATA / "farm.wav")
    whole = np.concatenate([np.array(chunk) for chunk in stream(path)])
    parts = [np.array(chunk) for chunk in stream(path, chunk_seconds=chunk_seconds)]
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-6
    assert {len(part) for part in parts[:-1]} <= {round(16000 * chunk_seconds)}


def test_stream_gives_the_music_at_the_rate_asked_for(tmp_path: Path) -> None:
    source = music(2, 48000, 2)
    path = encode(tmp_path / "a.wav", source, 48000, "pcm_f32le")
    same = np.concatenate([np.array(c) for c in stream(str(path), rate=48000)])
    assert np.abs(same - source.mean(axis=0)).max() < 1e-6
    half = np.concatenate([np.array(c) for c in stream(str(path), 24000, 0.25)])
    assert len(half) == 48000


def test_a_track_shorter_than_a_window_is_repeated_and_marked(
    tagger: Tagger, tmp_path: Path
) -> None:
    path = encode(tmp_path / "a.wav", music(1.0, 16000), 16000, "pcm_s16le")
    scores = tagger.score(str(path))
    assert scores.n_windows == 1
    assert scores.repeated
    assert scores.seconds == pytest.approx(1.0)


@pytest.mark.parametrize(("samples", "windows"), [(47615, 1), (47616, 1), (95487, 1), (95488, 2)])
def test_a_window_counts_when_its_last_frame_is_in_the_track(
    tagger: Tagger, tmp_path: Path, samples: int, windows: int
) -> None:
    """187 frames of a centred STFT need 186 · 256 = 47616 samples."""
    path = encode(tmp_path / "a.wav", music(samples / 16000, 16000, 1), 16000, "pcm_s16le")
    scores = tagger.score(str(path))
    assert scores.n_windows == windows
    assert scores.repeated == (samples < 47616)


def test_less_than_half_a_second_is_refused(tagger: Tagger, tmp_path: Path) -> None:
    for samples in (10, 300, 7990):
        path = encode(tmp_path / "a.wav", music(samples / 16000, 16000, 1), 16000, "pcm_s16le")
        with pytest.raises(TooShortError, match="too little to judge"):
            tagger.score(str(path))


def test_silence_has_scores_too(tagger: Tagger, tmp_path: Path) -> None:
    silence = np.zeros((2, 5 * 44100), np.float32)
    scores = tagger.score(str(encode(tmp_path / "a.flac", silence, 44100, "flac")))
    assert np.isfinite(scores.values).all()


def test_a_sound_far_too_loud_still_has_finite_scores(tagger: Tagger, tmp_path: Path) -> None:
    loud = music(4, 16000) * 1e5
    path = encode(tmp_path / "a.wav", loud, 16000, "pcm_f32le")
    assert np.isfinite(tagger.score(str(path)).values).all()


def test_tag_writes_what_it_planned_and_says_where_it_came_from(tagger: Tagger, song: str) -> None:
    planned = tagger.tag(song, dry_run=True)
    assert write.read(song) == {}
    plan = tagger.tag(song)
    assert plan == planned
    assert plan.tags["genre"] == ("Folk",)
    present = write.read(song)
    assert present["genre"] == ("Folk",)
    provenance = json.loads(present["leantag"][0])
    assert provenance["model"] == "msd-musicnn"
    scores = from_uint16(b64decode(provenance["uint16"]))
    assert len(scores) == 50
    names = [label.name for label in load_card("msd-musicnn").labels]
    assert scores[names.index("folk")] == pytest.approx(0.234, abs=0.001)
    assert len(present["leantag"][0].encode()) <= 500


def test_tagging_again_changes_nothing(tagger: Tagger, song: str) -> None:
    tagger.tag(song)
    before = Path(song).read_bytes()
    assert tagger.tag(song, policy="merge").changes == {}
    assert tagger.tag(song, policy="overwrite").changes == {}
    assert Path(song).read_bytes() == before


def test_a_file_that_says_what_was_heard_in_it_is_not_heard_again(song: str) -> None:
    seen: list[float] = []
    tagger = Tagger(on_window=lambda _path, audio: seen.append(audio.seconds))
    first = tagger.tag(song)
    assert len(seen) == 3
    again = tagger.tag(song)
    assert len(seen) == 3
    assert (again.tags, again.changes) == (first.tags, {})
    Tagger(pool="max", on_window=lambda _path, audio: seen.append(audio.seconds)).tag(song)
    assert len(seen) == 6, "other scores are asked for"


def test_a_file_that_can_hold_no_tags_is_refused_before_and_in_the_write(
    tagger: Tagger, tmp_path: Path
) -> None:
    path = str(encode(tmp_path / "a.au", music(4, 16000), 16000, "pcm_s16be"))
    before = Path(path).read_bytes()
    for dry_run in (True, False):
        with pytest.raises(WriteError, match="no place for tags"):
            tagger.tag(path, rules=adjusted(DEFAULT, min_score=0.0), dry_run=dry_run)
    assert Path(path).read_bytes() == before


def test_rules_about_an_artist_hold_for_programs_too(tagger: Tagger, song: str) -> None:
    (artist,) = mutagen.File(song)["artist"]
    rules = replace(DEFAULT, ignore_artists=((artist, ("Folk",)),))
    assert tagger.tag(song, dry_run=True).tags["genre"] == ("Folk",)
    assert "Folk" not in tagger.tag(song, rules=rules, dry_run=True).tags["genre"]


def test_the_scores_are_the_same_before_and_after(tagger: Tagger, song: str) -> None:
    before = tagger.score(song)
    tagger.tag(song)
    after = tagger.score(song)
    assert after.digest == before.digest
    assert np.array_equal(after.values, before.values)


def test_a_failed_file_leaves_the_tagger_usable(tagger: Tagger, tmp_path: Path, song: str) -> None:
    (tmp_path / "a.mp3").write_bytes(b"nothing")
    with pytest.raises(FileError):
        tagger.score(str(tmp_path / "a.mp3"))
    assert tagger.score(song).n_windows == 3


def test_ones_own_model_is_taken_by_its_path(tmp_path: Path, song: str) -> None:
    scores = Tagger(str(make(tmp_path))).score(song)
    assert scores.model == "tiny"
    assert scores.labels == ("rock", "jazz", "chill")


def test_what_watches_is_told_every_window(song: str) -> None:
    seen: list[float] = []
    Tagger(on_window=lambda _path, audio: seen.append(audio.seconds)).score(song)
    assert len(seen) == 3
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    "wrong", [{"device": "x"}, {"decoder": "x"}, {"pool": "x"}, {"threads": 0}]
)
def test_a_choice_that_there_is_not_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Tagger(**wrong)


def test_paths_may_be_path_objects(tagger: Tagger, song: str) -> None:
    assert np.array_equal(tagger.score(Path(song)).values, tagger.score(song).values)
    assert tagger.tag(Path(song)).path == song
    with pytest.raises(ConfigError, match="policy"):
        tagger.tag(song, policy="polite")  # type: ignore[arg-type] - wrong on purpose


@pytest.mark.parametrize("hop", [0.0, -1.0, float("nan"), float("inf")])
def test_a_hop_that_makes_no_sense_is_refused(hop: float) -> None:
    with pytest.raises(ConfigError, match="hop"):
        Tagger(hop_seconds=hop)


@thinned("name", ["skyvibe.mp3", "celtic.m4a", "hacienda.ogg", "west.flac"], fast=1)
@pytest.mark.parametrize("threads", [1, 2])
@thinned("effort", ["full", "2"], fast=1)
def test_a_file_leaves_nothing_for_the_garbage_collector(
    name: str, threads: int, effort: str
) -> None:
    """Buffers in a cycle outlive their file: 14 MiB more after a thousand files."""
    tagger = Tagger(threads=threads, effort=effort)
    tagger.score(DATA / name)
    gc.collect()
    gc.disable()
    try:
        tagger.score(DATA / name)
        assert gc.collect() == 0
    finally:
        gc.enable()
