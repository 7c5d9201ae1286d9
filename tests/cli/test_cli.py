"""The command, end to end, as a user or a program runs it."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mutagen
import pytest
from conftest import CLIPS, DATA
from encode import encode, music
from pace import took_no_longer_than
from thinned import thinned
from tinymodel import make

COMMAND = [sys.executable, "-m", "lean_tagger"]


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "Music"
    folder.mkdir()
    for clip in CLIPS:
        shutil.copy(DATA / clip, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_library_is_tagged_and_a_second_run_changes_nothing(library: Path) -> None:
    done = run(library)
    assert done.returncode == 0, done.stderr
    assert "Electronic 64%" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("6 files: 4 tagged, 2 unchanged")
    after = contents(library)
    for name, genres in {
        "skyvibe.mp3": ["Electronic"],
        "lava.opus": ["Electronic"],
        "west.flac": ["Folk"],
    }.items():
        audio = mutagen.File(library / name)
        found = audio["TCON"].text if name.endswith("mp3") else audio["genre"]
        assert list(found) == genres
    again = run(library)
    assert "6 unchanged" in again.stdout.splitlines()[-1]
    assert contents(library) == after


def test_a_dry_run_touches_nothing(library: Path) -> None:
    before = contents(library)
    done = run("-n", library)
    assert done.returncode == 0
    assert "4 would tag" in done.stdout
    assert contents(library) == before


def test_json_is_one_object_a_line_and_nothing_else(library: Path) -> None:
    (library / "text.mp3").write_text("no music")
    done = run("--json", "-n", library)
    *results, summary = lines(done)
    assert done.returncode == 1
    assert {r["type"] for r in results} == {"result"}
    for result in results:
        assert set(result) >= {
            "type", "path", "status", "model", "seconds", "windows", "seconds_skipped",
            "scores", "tags", "error",
        }  # fmt: skip
    by_name = {Path(r["path"]).name: r for r in results}
    flac = by_name["west.flac"]
    assert flac["status"] == "would_tag"
    assert flac["model"] == "msd-musicnn"
    assert (flac["seconds"], flac["windows"]) == (10.0, 3)
    assert len(flac["scores"]) == 50
    assert list(flac["scores"].values()) == sorted(flac["scores"].values(), reverse=True)
    assert flac["tags"] == {"genre": ["Folk"], "mood": []}
    assert flac["error"] is None
    assert by_name["text.mp3"]["status"] == "failed"
    assert by_name["text.mp3"]["error"]["kind"] == "decode"
    assert summary["type"] == "summary"
    assert (summary["files"], summary["failed"]) == (7, 1)
    assert summary["audio_seconds"] == pytest.approx(97, abs=0.1)
    assert 100 << 20 < summary["peak_rss_bytes"] < 235 << 20
    assert summary["max_mem_bytes"] > 0


def test_policies_fill_merge_overwrite(library: Path) -> None:
    song = library / "west.flac"

    def genre() -> list[str]:
        return list(mutagen.File(song)["genre"])

    audio = mutagen.File(song)
    audio["genre"] = ["Polka"]
    audio.save()
    run(song)
    assert genre() == ["Polka"]
    run("--merge", song)
    assert genre() == ["Polka", "Folk"]
    run("--overwrite", song)
    assert genre() == ["Folk"]


def test_only_the_fields_asked_for_are_written(library: Path) -> None:
    run("--fields", "mood", "--min-score", "0.03", library / "west.flac")
    audio = mutagen.File(library / "west.flac")
    assert audio["mood"] == ["Mellow"]
    assert "genre" not in audio


@pytest.mark.slow
def test_both_decoders_give_the_same_tags(library: Path) -> None:
    clips = [library / it for it in ("hacienda.ogg", "west.flac", "farm.wav", "skyvibe.mp3")]

    def tags(decoder: str) -> dict[str, Any]:
        *results, _ = lines(run("-n", "--json", "--min-score", "0.1", "--decoder", decoder, *clips))
        return {it["path"]: it["tags"] for it in results}

    ours = tags("ffmpeg")
    assert len(ours) == len(clips)
    assert {"genre": [], "mood": []} not in ours.values()
    assert tags("soundfile") == ours


def test_ones_own_model(tmp_path: Path, library: Path) -> None:
    card = make(tmp_path)
    done = run("-n", "--json", "--model", card, library / "farm.wav")
    assert lines(done)[0]["model"] == "tiny"


# Wrong input: one sentence each, and nothing is lost


def bad_input(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "bad.mp3"
    if kind == "empty file":
        path.touch()
    elif kind == "text":
        path.write_text("just words\n" * 99)
    elif kind == "html":
        path.write_text("<!doctype html><html><body>404</body></html>")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "broken link":
        path.symlink_to(tmp_path / "gone.mp3")
    else:
        assert kind == "too short"
        encode(path, music(0.2, 44100), 44100, "libmp3lame")
    return path


@thinned(
    ("kind", "words"),
    [
        ("empty file", "empty"),
        ("text", "not an audio file"),
        ("html", "not an audio file"),
        ("fifo", "pipe"),
        ("broken link", "link"),
        ("too short", "too little to judge"),
    ],
    fast=2,
)
def test_bad_input_gets_one_sentence_and_exit_1(tmp_path: Path, kind: str, words: str) -> None:
    path = bad_input(tmp_path, kind)
    listed = sorted(p.name for p in tmp_path.iterdir())
    before = path.read_bytes() if path.is_file() else None
    done = run(path)
    assert done.returncode == 1
    failures = [line for line in done.stdout.splitlines() if line.startswith("failed")]
    assert len(failures) == 1
    assert words in failures[0].lower()
    assert "Traceback" not in done.stdout + done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == listed
    assert before is None or path.read_bytes() == before


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    import av
    import numpy as np

    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        assert isinstance(video, av.VideoStream)
        out.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        out.mux(video.encode(None))
    done = run(path)
    assert done.returncode == 1
    assert "no audio" in done.stdout


def test_an_unreadable_file_fails_alone(library: Path) -> None:
    song = library / "west.flac"
    song.chmod(0)
    if os.access(song, os.R_OK):
        pytest.skip("root may read everything")
    done = run(library)
    assert done.returncode == 1
    assert "Permission denied" in done.stdout
    assert "5 " in done.stdout.splitlines()[-1]


def test_a_truncated_file_is_scored_on_what_is_there(library: Path) -> None:
    songs = [library / it for it in ("skyvibe.mp3", "west.flac", "farm.wav", "hacienda.ogg")]
    for song in songs:
        data = song.read_bytes()
        song.write_bytes(data[: len(data) * 2 // 3])
    *results, _ = lines(run("-n", "--json", "--min-score", "0.1", *songs))
    assert {it["path"] for it in results} == {str(song) for song in songs}
    for result in results:
        assert result["windows"] >= 1
        assert result["scores"]
        assert 0 < result["seconds"] < 15


@pytest.mark.slow
def test_a_name_full_of_escape_codes_cannot_reach_the_terminal(library: Path) -> None:
    odd = library / os.fsdecode(b"a\n\x1b[31m\xff.flac")
    (library / "west.flac").rename(odd)
    done = run(odd)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "a\\n\\x1b[31m\\xff.flac" in done.stdout.splitlines()[0]
    result = lines(run("--json", odd))[0]
    assert os.fsencode(result["path"]) == os.fsencode(odd)
    assert mutagen.File(odd)["genre"] == ["Folk"]


@thinned(
    ("arguments", "code", "words"),
    [
        (["--model", "nope"], 2, "no model"),
        (["--max-mem", "lots"], 2, "lots"),
        (["--max-mem", "40M"], 4, "too little"),
        (["--overwrite", "--merge"], 2, "not allowed"),
        (["--fields", "artist"], 2, "artist"),
        (["--hop-seconds", "0"], 2, "0"),
        (["--frobnicate"], 2, "frobnicate"),
        ([], 2, "file or a folder"),
    ],
    fast=3,
)
def test_a_bad_option_ends_the_run_before_it_begins(
    library: Path, arguments: list[str], code: int, words: str
) -> None:
    before = contents(library)
    done = run(*arguments, *([library] if arguments else []))
    assert done.returncode == code
    assert len(done.stderr.strip().splitlines()) <= 2
    assert words in done.stderr
    assert contents(library) == before


@pytest.mark.slow
def test_a_budget_that_is_too_small_names_one_that_is_enough(library: Path) -> None:
    done = run("--max-mem", "60M", library)
    assert done.returncode == 4
    enough = done.stderr.rsplit("--max-mem ", 1)[1].strip().rstrip(")")
    assert run("-n", "--max-mem", enough, library).returncode == 0


def test_a_damaged_model_is_refused_before_any_music(tmp_path: Path, library: Path) -> None:
    card = make(tmp_path)
    (tmp_path / "tiny.onnx").write_bytes(b"rubbish")
    before = contents(library)
    done = run("--model", card, library)
    assert done.returncode == 3
    assert "install it again" in done.stderr
    assert contents(library) == before


def test_a_card_with_an_unknown_key_is_refused(tmp_path: Path, library: Path) -> None:
    card = make(tmp_path, change={"poolin": "max"})
    done = run("--model", card, library)
    assert done.returncode == 2
    assert "did you mean 'pooling'" in done.stderr


@thinned(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143)],
    ids=["Ctrl-C", "SIGTERM"],
    fast=1,
)
def test_a_signal_ends_the_run_within_two_seconds_and_leaves_whole_files(
    library: Path, number: signal.Signals, code: int
) -> None:
    clip = (library / "west.flac").read_bytes()
    for i in range(200):
        (library / f"{i:03}.flac").write_bytes(clip)
    process = subprocess.Popen(
        [*COMMAND, str(library)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # The suite may run where the signal is ignored, as background jobs do.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509 - no threads
    )
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    process.send_signal(number)
    sent = time.monotonic()
    out, err = process.communicate(timeout=300)
    assert took_no_longer_than(2.0, since=sent)
    assert process.returncode == code
    assert "files" in out.splitlines()[-1], "the summary comes last"
    assert "Traceback" not in err
    assert all(not p.name.startswith(".") for p in library.iterdir())
    from lean_tagger.listen.decode import fingerprint

    original = fingerprint(str(DATA / "west.flac"))
    written = [p for p in library.glob("*.flac") if p.read_bytes() != clip]
    assert 4 <= len(written) < 200
    assert all(fingerprint(str(p)) == original for p in written)


def test_what_the_file_was_it_remains(library: Path) -> None:
    song = library / "west.flac"
    song.chmod(0o640)
    run(song)
    assert stat.S_IMODE(song.stat().st_mode) == 0o640
    assert mutagen.File(song)["title"] == ["West (excerpt)"]


@pytest.mark.slow
def test_the_bar_and_the_results_share_a_terminal(library: Path) -> None:
    """On a pseudo-terminal: a bar, then aligned results; nothing of the bar remains."""
    import fcntl
    import pty
    import struct
    import termios

    clip = (library / "farm.wav").read_bytes()
    for i in range(30):
        (library / f"{i}.wav").write_bytes(clip)
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [*COMMAND, "-n", str(library)])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    output = b""
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        output += piece
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    text = output.decode()
    assert os.waitstatus_to_exitcode(status) == 0
    assert "/36  " in text
    assert "MiB  " in text
    assert " left" in text
    # What stays on the screen: each line's text behind the last return to its beginning.
    shown = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n")]
    assert sum(".wav" in line for line in shown) == 31
    assert not any(" left" in line for line in shown)
    assert "real time" in text
