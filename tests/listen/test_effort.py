"""Hearing a part of a track: which windows, when it is enough, and that they are the same."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from conftest import DATA
from encode import encode, music
from hypothesis import given, settings
from hypothesis import strategies as st
from thinned import thinned
from tinymodel import make

from lean_tagger import Tagger, write
from lean_tagger.errors import ConfigError, WriteError
from lean_tagger.jobs import Heard, Identity, Pooling
from lean_tagger.listen import effort
from lean_tagger.listen.decode import fingerprint, frame_index, open_audio
from lean_tagger.listen.decode.audio_proof import proof
from lean_tagger.listen.decode.packet_finders import Unsteady
from lean_tagger.listen.decode.parts import open_parts, sampled_digest
from lean_tagger.listen.part_windows import PartWindows
from lean_tagger.listen.stopping import Choice, Confidence
from lean_tagger.store import exchange, location, schema
from lean_tagger.store.journal import Journal, Key

ROOT = Path(__file__).parents[2]
SECONDS = 40

FORMATS = {  # codec, rate, channels
    "a.mp3": ("libmp3lame", 44100, 2),
    "mono.mp3": ("libmp3lame", 22050, 1),
    "a.flac": ("flac", 44100, 2),
    "a.m4a": ("aac", 44100, 2),
    "alac.m4a": ("alac", 48000, 2),
    "a.aac": ("aac", 48000, 2),
    "a.ogg": ("vorbis", 44100, 2),
    "a.opus": ("libopus", 48000, 2),
    "a.mka": ("flac", 44100, 2),
    "a.wav": ("pcm_s16le", 44100, 2),
    "a.aiff": ("pcm_s16be", 16000, 1),
}
# What a decoder that began elsewhere makes of the same packets: AAC puts noise of its own in
# place of noise, Opus has not quite forgotten how it began. Matroska's clock counts in ms.
LARGEST_ERROR = {"a.m4a": 0.2, "a.aac": 0.2, "a.opus": 5e-3, "a.ogg": 1e-5, "a.mka": 1e-6}
# Samples by which a place may be off where the container's clock is; see `places`.
STRAY = {"a.ogg": 600, "a.opus": 600, "a.mka": 48}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the same music in every format, made once for all test processes."""
    own, together = tmp_path_factory.mktemp("formats"), tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        together = together.parent
    made = together / "formats"
    made.mkdir(exist_ok=True)
    for name, (codec, rate, channels) in FORMATS.items():
        if not (made / name).exists():
            form = "adts" if name.endswith(".aac") else None
            produce(own / name, music(SECONDS, rate, channels), rate, codec, form)
            (own / name).replace(made / name)
    return made


def produce(
    path: Path, samples: npt.NDArray[np.float32], rate: int, codec: str, form: str | None = None
) -> None:
    """Encode with PyAV, or Vorbis, for which it has no such encoder, with libsndfile."""
    if codec != "vorbis":
        encode(path, samples, rate, codec, form)
        return
    with soundfile.SoundFile(path, "w", rate, len(samples), "VORBIS", format="OGG") as file:
        for start in range(0, samples.shape[1], rate):  # much at once overruns its stack
            file.write(samples[:, start : start + rate].T)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the card of a tiny network."""
    surely_rock = np.tile([0.5, -0.5, -0.5], (96, 1))
    return str(make(tmp_path_factory.mktemp("tiny"), weights=lambda: surely_rock))


def whole(path: Path, decoder: Any = "ffmpeg") -> npt.NDArray[np.float32]:
    with open_audio(str(path), decoder=decoder) as audio:
        return np.concatenate([np.array(block) for _, block in audio])


# Which windows


@given(n=st.integers(1, 3000))
def test_the_order_names_every_window_once(n: int) -> None:
    assert sorted(effort.order(n)) == list(range(n))


@given(n=st.integers(1, 3000), share=st.floats(0, 1))
def test_windows_heard_so_far_leave_no_large_gap(n: int, share: float) -> None:
    count = max(1, round(share * n))
    heard = sorted(number for number, _ in zip(effort.order(n), range(count), strict=False))
    gaps = np.diff([-1, *heard, n])
    assert gaps.max() <= 2.7 * n / count + 2


@given(n=st.integers(1, 3000), name=st.sampled_from(["full", "balanced", "fast", "1", "7", "500"]))
def test_rounds_grow_to_the_limit_and_no_further(n: int, name: str) -> None:
    wanted = effort.effort(name)
    counts = list(effort.rounds(n, wanted))
    assert counts == sorted(set(counts))
    assert counts[-1] <= n
    if wanted.most and wanted.most <= effort.ALMOST_ALL * n:
        assert counts[-1] == wanted.most
    elif not wanted.most:
        assert counts[-1] == n


@pytest.mark.parametrize("name", ["", "0", "-1", "slow", "1.5", "²", "9999999999"])
def test_what_is_no_effort_is_refused(name: str, tiny: str) -> None:
    with pytest.raises(ConfigError, match="not an effort"):
        Tagger(tiny, effort=name)


def test_what_was_heard_suffices_for_the_same_or_less() -> None:
    def enough(wanted: str, name: str, windows: int = 10) -> bool:
        return effort.suffices(wanted, name=name, windows=windows, of_windows=50)

    assert [enough(it, "full") for it in ("full", "balanced", "fast", "40")] == [True] * 4
    assert [enough(it, "balanced") for it in ("full", "balanced", "fast")] == [False, True, True]
    assert [enough(it, "fast") for it in ("full", "balanced", "fast")] == [False, False, True]
    assert [enough(it, "10") for it in ("full", "fast", "10", "11")] == [False, False, True, False]
    assert enough("12", "balanced", windows=12)
    assert enough("full", "balanced", windows=50)


# When it is enough

CHOICE = Choice(labels=(0, 1), least=(0.3, 0.3), ratio=0.5, most=2)


def confidence(rows: list[list[float]], n_windows: int) -> float:
    sure = Confidence([CHOICE], n_windows=n_windows)
    sure.add(np.array(rows, np.float32))
    return sure.value()


@given(
    rows=st.lists(st.lists(st.floats(-6, 6, width=32), min_size=2, max_size=2), min_size=1),
    more=st.integers(0, 500),
)
@settings(deadline=None)
def test_confidence_is_a_probability_and_always_the_same(
    rows: list[list[float]], more: int
) -> None:
    first = confidence(rows, len(rows) + more)
    assert first == confidence(rows, len(rows) + more)
    assert 0 <= first <= 1
    assert more or first == 1


def test_far_from_every_threshold_a_few_windows_are_enough() -> None:
    assert confidence([[4.0, -6.0]] * 4, 60) > 0.99


def test_a_tie_is_not_called_sure() -> None:
    assert confidence([[1.0, 1.05], [1.1, 1.0], [0.9, 0.95]], 60) < 0.7


def test_near_a_threshold_more_windows_make_it_surer() -> None:
    rows = [[-0.2, -6.0], [-1.2, -6.0]] * 24  # 0.3 lies at -0.85
    assert confidence(rows[:4], 60) < confidence(rows[:16], 60) < confidence(rows, 60)


def test_labels_that_no_field_takes_do_not_count() -> None:
    sure = Confidence([CHOICE], n_windows=60)
    sure.add(np.array([[4.0, -6.0, 9.0], [4.0, -6.0, -9.0]] * 2, np.float32))
    assert sure.value() > 0.99


# The same windows


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_part_is_what_the_full_pass_has_there(folder: Path, name: str) -> None:
    samples = whole(folder / name)
    with open_parts(str(folder / name)) as segments:
        rate_hz = segments.rate_hz
        assert abs(segments.samples - len(samples)) <= 2048
        for first in (33.3, 0.5, 12.345, 12.0, SECONDS - 4.5):
            at, count = round(first * rate_hz), 3 * rate_hz
            part = np.concatenate([np.array(b) for _, b in segments.read(at, count)])
            assert len(part) == count
            stray = STRAY.get(name, 0)
            probe = part[rate_hz : rate_hz + 4096]
            errors = [
                np.abs(probe - samples[at + lag + rate_hz : at + lag + rate_hz + 4096]).max()
                for lag in range(-stray, stray + 1)
            ]
            lag = int(np.argmin(errors)) - stray
            error = np.abs(part - samples[at + lag : at + lag + count]).max()
            assert error <= LARGEST_ERROR.get(name, 0.0)


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.wav", "a.aiff", "alac.m4a"])
def test_a_window_after_a_seek_scores_as_in_the_full_pass(folder: Path, name: str) -> None:
    tagger = Tagger()
    logits = tagger.taggram(str(folder / name)).logits
    with open_parts(str(folder / name)) as segments:
        excerpts = PartWindows(segments, tagger.spec, hop_frames=tagger.pooling.hop)
        assert excerpts.n_windows == len(logits)
        assert len(excerpts.usable) >= len(logits) - 3
        for number in (excerpts.usable[-1], excerpts.usable[0], 5, 6):
            ((_, found),) = tagger.listener.stems[0].hear(excerpts.window(number), (0,))
            assert found.logits[0] == pytest.approx(logits[number], abs=1e-3)


@pytest.mark.parametrize("name", ["a.ogg", "a.flac", "a.wav"])
def test_libsndfile_finds_the_same_places(folder: Path, name: str) -> None:
    samples = whole(folder / name, "soundfile")
    with open_parts(str(folder / name), decoder="soundfile") as segments:
        for first in (900_000, 50_001):
            part = np.concatenate([np.array(b) for _, b in segments.read(first, 90_000)])
            assert np.array_equal(part, samples[first : first + 90_000])


def test_every_flac_frame_is_found_by_its_number(folder: Path) -> None:
    with av.open(str(folder / "a.flac")) as container:
        packets = [(p.pos, bytes(p)) for p in container.demux() if p.size]
    with (folder / "a.flac").open("rb") as file:
        found = frame_index.FlacFrames(
            file.fileno(), packets[0][0] or 0, block_samples=4608, samples=SECONDS * 44100
        )
        assert found.count == len(packets)
        assert [frame.data for frame in found.read(0)] == [data for _, data in packets]
        for number in (0, 1, 7, 200, len(packets) - 1):
            assert next(found.read(number)) == (number, packets[number][1])


def test_offsets_kept_of_a_long_stream_are_few(tmp_path: Path) -> None:
    # The smallest frames there are: MPEG-2.5, 8 kbit/s at 12 kHz, mono; 48 bytes, 48 ms.
    path, count = tmp_path / "long.mp3", 300_000
    path.write_bytes((b"\xff\xe3\x14\xc0" + bytes(44)) * count)
    with path.open("rb") as file:
        walk = frame_index.Mp3Walk(b"\xff\xe3\x14\xc0")
        walked = frame_index.WalkedFrames(file.fileno(), 0, walk)
        assert walked.count == count
        assert len(walked._notes) <= frame_index.MOST_NOTES
        for number in (0, 17, 123_457, count - 1):
            assert next(walked.read(number)).number == number


# What cannot be heard in parts is heard whole


def same_as_full(path: Path, tiny: str) -> None:
    full, part = Tagger(tiny).score(path), Tagger(tiny, effort="3").score(path)
    assert part.effort == "full"
    assert np.array_equal(part.values, full.values)
    assert (part.seconds, part.seconds_skipped) == (full.seconds, full.seconds_skipped)
    assert part.digest == full.digest


def damage(path: Path, target: Path, change: Callable[[bytes], bytes]) -> Path:
    copy = target / path.name
    copy.write_bytes(change(path.read_bytes()))
    return copy


@pytest.mark.parametrize("name", ["a.mp3", "a.aac"])
def test_a_stream_with_junk_in_it_is_heard_as_before(
    folder: Path, tmp_path: Path, tiny: str, name: str
) -> None:
    def change(data: bytes) -> bytes:
        return data[: len(data) // 2] + b"junk" * 500 + data[len(data) // 2 :]

    same_as_full(damage(folder / name, tmp_path, change), tiny)


def test_a_wav_that_was_cut_short_is_as_long_as_it_is(
    folder: Path, tmp_path: Path, tiny: str
) -> None:
    path = damage(folder / "a.wav", tmp_path, lambda data: data[: len(data) // 2])
    scores = Tagger(tiny, effort="3").score(path)
    assert scores.seconds == pytest.approx(SECONDS / 2, abs=0.1)
    assert (scores.n_windows, scores.of_windows) == (3, 6)


@pytest.mark.parametrize("name", ["a.flac", "a.mka"])
def test_a_file_that_was_cut_short_is_heard_as_before(
    folder: Path, tmp_path: Path, tiny: str, name: str
) -> None:
    for tenths in (4, 9):
        cut = damage(folder / name, tmp_path, lambda data, n=tenths: data[: len(data) * n // 10])
        same_as_full(cut, tiny)


def test_an_mp4_that_was_cut_short_is_heard_as_before(
    folder: Path, tmp_path: Path, tiny: str
) -> None:
    path = tmp_path / "a.m4a"
    with (
        av.open(str(folder / "a.m4a")) as source,
        av.open(str(path), "w", options={"movflags": "faststart"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    path.write_bytes(data[: len(data) * 2 // 5])
    same_as_full(path, tiny)


@pytest.mark.parametrize(("name", "codec"), [("a.wv", "wavpack"), ("a.ogg", "flac")])
def test_what_cannot_be_sought_is_heard_whole(
    tmp_path: Path, tiny: str, name: str, codec: str
) -> None:
    same_as_full(encode(tmp_path / name, music(20, 44100), 44100, codec), tiny)


@pytest.mark.parametrize("name", ["balanced", "fast", "10"])
def test_a_short_track_is_heard_whole(tiny: str, tmp_path: Path, name: str) -> None:
    path = encode(tmp_path / "a.flac", music(9, 44100), 44100, "flac")
    full, part = Tagger(tiny).score(path), Tagger(tiny, effort=name).score(path)
    assert (part.effort, part.digest) == ("full", full.digest)
    assert np.array_equal(part.values, full.values)


def test_a_file_that_is_none_is_refused_as_before(tmp_path: Path, tiny: str) -> None:
    path = tmp_path / "bad.mp3"
    path.write_bytes(b"no music at all" * 50)
    for name in ("full", "fast"):
        with pytest.raises(Exception, match="not an audio file"):
            Tagger(tiny, effort=name).score(path)
    with pytest.raises(Unsteady), open_parts(str(path)):
        pass


# Scores


@pytest.mark.slow
def test_so_many_windows_are_heard_as_are_asked_for(folder: Path, tiny: str) -> None:
    tagger = Tagger(tiny, effort="5")
    scores = tagger.score(folder / "a.flac")
    assert (scores.n_windows, scores.of_windows, scores.effort) == (5, 13, "5")
    assert scores.seconds == pytest.approx(SECONDS, abs=0.1)
    assert np.array_equal(scores.values, tagger.score(folder / "a.flac").values)
    assert scores.digest == sampled_digest(str(folder / "a.flac"))


def test_the_windows_heard_are_those_of_the_full_pass(folder: Path) -> None:
    tagger = Tagger(effort="4")
    heard: list[npt.NDArray[np.float32]] = []
    logits = tagger.taggram(str(folder / "a.mp3")).logits
    with open_parts(str(folder / "a.mp3")) as segments:
        usable = PartWindows(segments, tagger.spec, hop_frames=tagger.pooling.hop).usable
    for number, _ in zip(effort.order(len(usable)), range(4), strict=False):
        heard.append(logits[usable[number]].astype(np.float64))
    values = 1 / (1 + np.exp(-np.mean(heard, axis=0)))
    assert tagger.score(folder / "a.mp3").values == pytest.approx(values, abs=1e-5)


def test_listening_stops_once_more_would_not_change_the_tags(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", music(240, 16000, 1), 16000, "pcm_s16le")
    scores = Tagger(effort="balanced").score(path)
    assert scores.effort == "balanced"
    assert scores.n_windows < scores.of_windows / 2
    assert scores.confidence >= effort.EFFORTS["balanced"].sure


@pytest.mark.slow
def test_memory_does_not_grow_with_the_track(tmp_path: Path, tiny: str) -> None:
    program = (
        "import sys; from lean_tagger import Tagger;"
        "from lean_tagger.system.memory import peak_rss_bytes;"
        "s = Tagger(sys.argv[1], effort='12').score(sys.argv[2]);"
        "assert s.effort == '12'; print(peak_rss_bytes())"
    )
    peaks = []
    for minutes in (2, 30):
        path = encode(tmp_path / "a.mp3", music(60, 44100), 44100, "libmp3lame")
        data = path.read_bytes()
        # Without the first frame, which says how long it is.
        data = data[data.index(b"\xff\xfb", data.index(b"\xff\xfb") + 4) :]
        path.write_bytes(data * minutes)
        done = subprocess.run(
            [sys.executable, "-c", program, tiny, str(path)],
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 6 << 20


# Writing, and knowing a file again


@thinned("name", sorted(set(FORMATS) - {"a.aac", "a.mka"}), fast=5)
def test_the_digest_of_a_part_does_not_depend_on_tags(
    folder: Path, tmp_path: Path, name: str
) -> None:
    path = str(shutil.copy(folder / name, tmp_path))
    before = sampled_digest(path)
    assert before is not None
    write.write(path, {"genre": ["Rock " * 300], "leantag": ["x" * 3000]}, fingerprint=fingerprint)
    assert sampled_digest(path) == before


@thinned("name", sorted(set(FORMATS) - {"a.aac", "a.mka"}), fast=5)
def test_what_was_heard_in_part_is_written(folder: Path, tmp_path: Path, tiny: str, name: str):
    path = str(shutil.copy(folder / name, tmp_path))
    tagger = Tagger(tiny, effort="4")
    before, scores = fingerprint(path), tagger.score(path)
    assert scores.effort == "4"
    plan = tagger.plan(path, scores, {}, policy="overwrite")
    tagger.apply(plan, expected=scores.digest)
    assert write.read(path)["genre"] == plan.changes["genre"]
    assert json.loads(write.read(path)["leantag"][0])["effort"] == "4"
    assert fingerprint(path) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("a.mp3", "a.flac"),
        *(pytest.param(it, marks=pytest.mark.slow) for it in ("a.m4a", "a.ogg", "a.opus", "a.wav")),
    ],
)
def test_other_audio_than_was_heard_is_not_written(
    folder: Path, tmp_path: Path, tiny: str, name: str
) -> None:
    path = shutil.copy(folder / name, tmp_path)
    tagger = Tagger(tiny, effort="4")
    scores = tagger.score(path)
    plan = tagger.plan(str(path), scores, {}, policy="overwrite")
    codec, rate, channels = FORMATS[name]
    produce(Path(path), music(SECONDS, rate, channels, seed=3), rate, codec)
    with pytest.raises(WriteError, match="not what was scored"):
        tagger.apply(plan, expected=scores.digest)


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.m4a", "a.ogg", "a.opus", "a.wav"])
def test_a_copy_with_one_other_byte_of_audio_is_refused(
    folder: Path, tmp_path: Path, name: str
) -> None:
    path = str(folder / name)
    digest = sampled_digest(path)
    assert digest is not None
    ask, answer = proof(path, digest, decoder="auto")
    assert ask(path) == answer
    data = bytearray((folder / name).read_bytes())
    data[len(data) * 3 // 4 + 11] ^= 0x10
    changed = tmp_path / name
    changed.write_bytes(data)
    assert ask(str(changed)) != answer


def run(*arguments: str | Path) -> dict[str, dict[str, Any]]:
    """Run with --json; return the results by the file's name."""
    done = subprocess.run(
        [sys.executable, "-m", "lean_tagger", *map(str, arguments), "--json"],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(it["path"]).name: it for it in records if it["type"] == "result"}


@pytest.fixture
def library(folder: Path, tmp_path: Path) -> Path:
    made = tmp_path / "Music"
    made.mkdir()
    for name in ("a.mp3", "a.flac", "a.m4a", "a.ogg"):
        shutil.copy(folder / name, made)
    return made


@pytest.mark.slow
def test_a_higher_effort_hears_again_and_a_lower_one_does_not(library: Path, tiny: str) -> None:
    def heard(name: str) -> tuple[set[bool], set[str], set[int]]:
        results = run("-n", "--model", tiny, "--effort", name, library).values()
        return (
            {it["known"] for it in results},
            {it["effort"] for it in results},
            {it["windows"] for it in results},
        )

    assert heard("4") == ({False}, {"4"}, {4})
    assert heard("4") == ({True}, {"4"}, {4})
    assert heard("6") == ({False}, {"6"}, {6})
    assert heard("4") == ({True}, {"6"}, {6})
    assert heard("full") == ({False}, {"full"}, {13})
    assert heard("fast") == ({True}, {"full"}, {13})


@pytest.mark.slow
def test_a_part_is_known_again_after_tagging_moving_and_the_loss_of_the_journal(
    library: Path, tmp_path: Path, tiny: str
) -> None:
    first = run("--model", tiny, "--effort", "4", library)
    assert {it["status"] for it in first.values()} == {"tagged"}
    assert {it["of_windows"] for it in first.values()} == {13}
    library.rename(tmp_path / "Other")
    assert {it["known"] for it in run("--model", tiny, "--effort", "4", tmp_path).values()} == {
        True
    }
    location.default_path().unlink()
    found = run("--model", tiny, "--effort", "4", tmp_path / "Other")
    assert {(it["known"], it["effort"]) for it in found.values()} == {(True, "4")}
    again = run("--model", tiny, tmp_path / "Other")
    assert {(it["known"], it["effort"]) for it in again.values()} == {(False, "full")}


@pytest.mark.slow
def test_retag_and_undo_work_with_a_part(library: Path, tiny: str) -> None:
    first = run("--model", tiny, "--effort", "4", library)
    again = run("retag", "--model", tiny, "--max-tags", "1", "--min-score", "0", library)
    assert {it["known"] for it in again.values()} == {True}
    assert {len(it["tags"]["genre"]) for it in again.values()} == {1}
    assert {it["windows"] for it in again.values()} == {4}
    assert {it["confidence"] for it in again.values()} == {
        it["confidence"] for it in first.values()
    }
    assert {it["status"] for it in run("undo", library).values()} == {"undone"}


@pytest.mark.slow
def test_an_exported_part_comes_back_as_one(folder: Path, tmp_path: Path) -> None:
    path = folder / "mono.mp3"
    run("-n", "--effort", "4", path)
    program = [sys.executable, "-m", "lean_tagger"]
    exported = subprocess.run([*program, "export"], capture_output=True, check=True, cwd=ROOT)
    record = json.loads(exported.stdout)
    assert (record["effort"], record["windows"], record["of_windows"]) == ("4", 4, 13)
    assert 0 <= record["confidence"] <= 1
    (tmp_path / "x.jsonl").write_bytes(exported.stdout)
    other = ["--state", str(tmp_path / "other.sqlite3")]
    command = [*program, "import", *other, str(tmp_path / "x.jsonl")]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    found = run("-n", *other, "--effort", "4", path)["mono.mp3"]
    assert (found["known"], found["effort"]) == (True, "4")
    assert found["confidence"] == pytest.approx(record["confidence"], abs=1e-3)
    assert not run("-n", *other, "--effort", "5", path)["mono.mp3"]["known"]


def test_a_person_reads_that_a_part_was_heard_and_how_sure_that_is(folder: Path) -> None:
    path = folder / "mono.mp3"
    program = [sys.executable, "-m", "lean_tagger"]
    said = subprocess.run(
        [*program, "-n", "--effort", "1", path],
        capture_output=True,
        check=True,
        cwd=ROOT,
        text=True,
    )
    assert re.search(r"mono\.mp3.*heard in part: \d\d% sure of this", said.stdout)
    explained = subprocess.run(
        [*program, "explain", path], capture_output=True, check=True, cwd=ROOT, text=True
    )
    line = "heard by msd-musicnn: 1 of 13 windows (--effort 1, "
    assert line in explained.stdout


KEY = Key(model="f" * 64, pooling=Pooling("logit-mean", 187))
PART = Heard(
    identity=Identity(1000, 1, 2),
    digest="part0",
    values=(0.2, 1 / 3),  # both are steps of 1/65,535, as the journal keeps them
    embedding=b"",
    windows=4,
    seconds=200.0,
    seconds_skipped=0.0,
    repeated=False,
    fields={},
    effort="fast",
    of_windows=60,
    confidence=0.75,
)


def note(journal: Journal, heard: Heard) -> None:
    run = journal.begin_run("tag", version="1", model="tiny", options={})
    journal.record(
        "/a.mp3", run=run, key=KEY, identity=heard.identity, status="tagged", heard=heard
    )


def recalled(journal: Journal) -> Heard | None:
    known = journal.recall("/a.mp3", KEY)
    assert known is not None
    return known.heard


def test_the_journal_keeps_how_much_was_heard_until_more_is(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        note(journal, PART)
        assert recalled(journal) == PART
        more = replace(PART, effort="balanced", windows=20, confidence=0.9)
        note(journal, more)
        assert recalled(journal) == more
        full = replace(
            PART, digest="abc-44100", effort="full", windows=60, of_windows=0, confidence=1.0
        )
        note(journal, full)
        assert recalled(journal) == full


def test_merging_journals_keeps_the_score_of_more_windows(tmp_path: Path) -> None:
    more = replace(PART, effort="balanced", windows=20, confidence=0.9)
    for name, heard in (("less", PART), ("more", more)):
        with Journal(tmp_path / name) as journal:
            note(journal, heard)
    for name, other in (("less", "more"), ("more", "less")):
        shutil.copy(tmp_path / name, tmp_path / f"into-{name}")
        with Journal(tmp_path / f"into-{name}") as journal:
            exchange.merge(journal, tmp_path / other)
            assert recalled(journal) == more


def test_scores_of_an_older_journal_were_of_all_windows(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / "journal", isolation_level=None)
    schema.migrate(older, schema.MIGRATIONS[:1])
    older.execute(
        "INSERT INTO scores VALUES "
        "('abc-1', ?, 'logit-mean', 187, 'full', ?, x'', 60, 200.0, 0.0, 0)",
        (KEY.model, bytes(16)),
    )
    older.execute(
        "INSERT INTO files VALUES (?, 1, 2, 3, 'tagged', '', '', 0, 1, 5.0, 'abc-1', '{}', "
        "NULL, NULL, NULL)",
        (b"/a.mp3",),
    )
    older.close()
    with Journal(tmp_path / "journal") as journal:
        heard = recalled(journal)
    assert heard is not None
    assert (heard.effort, heard.windows, heard.of_windows, heard.confidence) == ("full", 60, 0, 1.0)


def test_a_part_of_real_music_is_near_the_whole() -> None:
    path = DATA / "hacienda.ogg"
    full, part = Tagger().score(path), Tagger(effort="3").score(path)
    assert (part.n_windows, part.of_windows, full.n_windows) == (3, 6, 6)
    assert 0 < np.abs(part.values - full.values).mean() < 0.05
