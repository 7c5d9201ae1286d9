"""What a second run makes of the first: nothing is heard, written or lost twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import mutagen
import pytest
import tinymodel
from audiofiles import make
from conftest import CLIPS, DATA, SONGS
from encode import encode, music
from processes import children, gone

from lean_tagger import write
from lean_tagger.jobs import Identity, Ours
from lean_tagger.listen.decode import fingerprint
from lean_tagger.store import location
from lean_tagger.store.journal import Journal
from lean_tagger.store.undo import chain

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "lean_tagger"]


def lean_tag(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )


def run(*arguments: str | Path) -> dict[str, dict[str, Any]]:
    """Run with --json and one worker; return the results by the file's name."""
    done = lean_tag(*arguments, "--json", "--jobs", "1")
    assert done.returncode in {0, 1}, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(it["path"]).name: it for it in records if it["type"] == "result"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "Music"
    folder.mkdir()
    for clip in CLIPS:
        shutil.copy(DATA / clip, folder)
    return folder


def statuses(results: dict[str, dict[str, Any]]) -> set[str]:
    return {it["status"] for it in results.values()}


# What no run does twice


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_second_run_opens_no_music_and_starts_no_worker(library: Path, tmp_path: Path) -> None:
    run(library)
    trace = ["strace", "-f", "-e", "trace=openat,execve", "-o", str(tmp_path / "log")]
    done = subprocess.run(
        [*trace, *PROGRAM, str(library)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    log = (tmp_path / "log").read_text(errors="replace")
    if "execve" not in log:
        pytest.skip("strace is not allowed here")
    assert done.returncode == 0
    assert [
        line for line in log.splitlines() if str(library) + "/" in line and "openat" in line
    ] == []
    assert "lean_tagger.run.worker_main" not in log


@pytest.mark.slow
def test_after_a_dry_run_nothing_is_heard_again(library: Path) -> None:
    first = run("-n", library)
    second = run(library)
    assert {it["known"] for it in first.values()} == {False}
    assert {it["known"] for it in second.values()} == {True}
    for name, it in second.items():
        assert it["scores"] == first[name]["scores"]
        assert it["status"] == ("tagged" if first[name]["status"] == "would_tag" else "unchanged")


@pytest.mark.slow
def test_a_file_whose_tags_somebody_changed_is_not_heard_again(library: Path) -> None:
    run("-n", library)
    for path in library.iterdir():
        file = mutagen.File(path, easy=path.suffix in {".mp3", ".m4a"})
        if file.tags is None:
            file.add_tags()
        if path.suffix != ".wav":
            file["title"] = "Another title"
        else:
            file.tags.add(mutagen.id3.TIT2(encoding=3, text="Another title"))
        file.save()
    assert {it["known"] for it in run(library).values()} == {True}


@pytest.mark.slow
def test_a_moved_or_renamed_file_is_not_heard_again(library: Path, tmp_path: Path) -> None:
    run("-n", library)
    (tmp_path / "Other").mkdir()
    for number, path in enumerate(sorted(library.iterdir())):
        path.rename(tmp_path / "Other" / f"{number}{path.suffix}")
    assert {it["known"] for it in run(tmp_path / "Other").values()} == {True}


@pytest.mark.slow
def test_other_audio_under_the_same_name_is_heard(library: Path) -> None:
    run("-n", library)
    encode(library / "farm.wav", music(9, 44100, seed=5), 44100, "pcm_s16le")
    results = run("-n", library)
    assert {name for name, it in results.items() if not it["known"]} == {"farm.wav"}
    assert results["farm.wav"]["seconds"] == pytest.approx(9)


@pytest.mark.slow
def test_without_its_journal_lean_tag_knows_what_it_tagged(library: Path) -> None:
    first = run(library)
    location.default_path().unlink()
    second = run(library)
    tagged = {name for name, it in first.items() if it["status"] == "tagged"}
    assert len(tagged) >= 4
    assert {name for name, it in second.items() if it["known"]} == tagged
    assert statuses(second) == {"unchanged"}
    for name in tagged:
        assert second[name]["scores"] == first[name]["scores"]


@pytest.mark.slow
def test_scores_that_nearly_tie_decide_the_same_when_a_file_tells_them(tmp_path: Path) -> None:
    """This network's lie below 1e-9, and still have an order."""
    folder = tmp_path / "Music"
    folder.mkdir()
    make(folder / "a.flac", "flac", 2)
    options = ("--model", tinymodel.make(tmp_path), "--min-score", "0", folder)
    (first,) = run(*options).values()
    location.default_path().unlink()
    (second,) = run(*options).values()
    assert (first["status"], second["status"], second["known"]) == ("tagged", "unchanged", True)


@pytest.mark.slow
def test_a_failure_is_set_aside_until_it_is_asked_for(library: Path) -> None:
    (library / "bad.mp3").write_bytes(b"no music at all" * 50)
    assert run(library)["bad.mp3"]["status"] == "failed"
    again = run(library)["bad.mp3"]
    assert (again["status"], again["error"]["kind"]) == ("skipped", "set-aside")
    assert run("retag", library)["bad.mp3"]["error"] == again["error"]
    explained = lean_tag("explain", library / "bad.mp3")
    assert explained.returncode == 2
    assert again["error"]["message"] in explained.stderr
    assert run("--retry-failed", library)["bad.mp3"]["status"] == "failed"
    shutil.copy(DATA / "skyvibe.mp3", library / "bad.mp3")
    assert run(library)["bad.mp3"]["status"] == "tagged"


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "Music"
    folder.mkdir()
    for number in range(40):
        samples = music(20, 16000, 1, seed=number)
        encode(folder / f"{number:02}.flac", samples, 16000, "flac")
    process = subprocess.Popen(
        [*PROGRAM, "--min-score", "0.01", "--json", str(folder)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    said = [json.loads(process.stdout.readline()) for _ in range(12)]
    workers = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert gone(workers, within=2.0)  # they die with it
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    results = run("--min-score", "0.01", folder)
    assert len(results) == 40
    for it in said:
        name = Path(it["path"]).name
        assert results[name]["known"]
        assert (folder / name).stat().st_mtime_ns == times[name]  # not written again
    # The files at which the workers were may have to be heard once more, and no others.
    assert sum(it["known"] for it in results.values()) >= len(said)
    assert {it["tags"]["genre"] != [] for it in results.values()} == {True}
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    with Journal(location.default_path(), locked=False) as journal:
        assert [it.ending for it in journal.runs()] == ["done", None]


def test_two_runs_at_once_are_one_too_many(library: Path) -> None:
    with Journal(location.default_path()):
        done = lean_tag(library)
    assert done.returncode == 11
    assert f"process {os.getpid()}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_damaged_journal_is_one_sentence_and_no_obstacle(library: Path) -> None:
    run(library)
    location.default_path().write_bytes(b"not a database" * 1000)
    done = lean_tag(library, "-q")
    assert done.returncode == 0
    assert "was damaged" in done.stderr, "it is said once: also to those who want no notices"
    assert "6 unchanged" in done.stdout
    assert "damaged" not in lean_tag(library).stderr


# Taking back, and deciding again


def our_fields(folder: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    return {path.name: write.read(str(path)) for path in sorted(folder.iterdir())}


def audio(folder: Path) -> dict[str, str]:
    return {path.name: fingerprint(str(path)) for path in sorted(folder.iterdir())}


@pytest.mark.slow
def test_undo_gives_every_value_back_and_redo_takes_them_again(library: Path) -> None:
    write.write(str(library / "west.flac"), {"genre": ("Tango", "Polka")}, fingerprint=fingerprint)
    before, sound = our_fields(library), audio(library)
    run("--overwrite", "--min-score", "0.05", library)
    tagged = our_fields(library)
    assert all(tagged[name] != before[name] for name in before)
    assert statuses(run("undo", "-n")) == {"would_undo"}
    assert our_fields(library) == tagged
    assert statuses(run("undo")) == {"undone"}
    assert our_fields(library) == before
    assert statuses(run("redo")) == {"redone"}
    assert our_fields(library) == tagged
    run("undo", library / "west.flac")
    assert our_fields(library)["west.flac"] == before["west.flac"]
    assert our_fields(library)["farm.wav"] == tagged["farm.wav"]
    assert audio(library) == sound


@pytest.mark.slow
def test_undo_leaves_alone_what_somebody_has_changed_since(library: Path) -> None:
    run("--min-score", "0.05", library)
    file = mutagen.File(library / "west.flac")
    file["genre"] = ["Tango"]
    file.save()
    result = run("undo")["west.flac"]
    assert result["kept"] == {"genre": ["Tango"]}
    assert mutagen.File(library / "west.flac")["genre"] == ["Tango"]


@pytest.mark.slow
def test_undo_all_goes_back_to_before_the_first_run(library: Path) -> None:
    before = our_fields(library)
    run("--min-score", "0.05", library)
    run("retag", "--min-score", "0.1")
    run("retag", "--min-score", "0.02", "--max-tags", "2")
    run("undo", "--all")
    assert our_fields(library) == before
    assert "nothing to undo" in lean_tag("undo").stderr


@pytest.mark.slow
def test_a_write_that_was_cut_off_can_be_taken_back(library: Path) -> None:
    """The journal knows of it from before it happened; here, nobody noted its end."""
    run(library)
    with Journal(location.default_path()) as journal:
        for it in list(journal.writes()):
            journal.settle(it.id, "intent")
    assert statuses(run("undo")) == {"undone"}
    assert all("genre" not in fields for fields in our_fields(library).values())


@pytest.mark.slow
def test_undo_of_a_file_that_is_gone_says_so_and_fails(library: Path) -> None:
    run(library)
    (library / "west.flac").unlink()
    done = lean_tag("undo", "--json")
    results = {Path(it["path"]).name: it for it in map(json.loads, done.stdout.splitlines())
               if it["type"] == "result"}  # fmt: skip
    assert done.returncode == 1
    assert (results["west.flac"]["status"], results["west.flac"]["error"]["kind"]) == (
        "failed",
        "missing",
    )
    assert "undo FOLDER" in results["west.flac"]["error"]["message"]
    assert results["farm.wav"]["status"] == "undone"


@pytest.mark.slow
def test_retag_decides_anew_without_hearing_and_twice_is_once(library: Path) -> None:
    write.write(str(library / "west.flac"), {"genre": ("Tango",)}, fingerprint=fingerprint)
    run("-n", library)
    first = run("retag", "--min-score", "0.05", "--max-tags", "2")
    assert {it["known"] for it in first.values()} == {True}
    assert len(first["farm.wav"]["tags"]["genre"]) == 2
    assert write.read(str(library / "west.flac"))["genre"] == ("Tango",)
    assert statuses(run("retag", "--min-score", "0.05", "--max-tags", "2")) == {"unchanged"}
    fewer = run("retag", "--min-score", "0.9", library)
    assert {name for name, it in fewer.items() if it["status"] == "unchanged"} == {"west.flac"}
    fields = our_fields(library)
    assert fields.pop("west.flac") == {"genre": ("Tango",)}
    assert set(map(tuple, fields.values())) == {()}


@pytest.mark.slow
def test_retag_of_what_was_not_heard_says_what_to_do(library: Path) -> None:
    run("-n", library / "farm.wav")
    encode(library / "farm.wav", music(9, 44100, seed=5), 44100, "pcm_s16le")
    result = run("retag")["farm.wav"]
    assert (result["status"], result["error"]["kind"]) == ("skipped", "changed")


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        # (previous, written), the last one first
        ([((), ("Rock",))], Ours(("Rock",), ())),
        ([(("Rock",), ("Pop",)), ((), ("Rock",))], Ours(("Pop",), ())),
        # Somebody wrote "Tango" between the two: that is what stood there before ours.
        ([(("Tango",), ("Pop",)), ((), ("Rock",))], Ours(("Pop",), ("Tango",))),
    ],
)
def test_several_writes_go_back_to_what_was_not_ours(writes: list[Any], expected: Ours) -> None:
    from lean_tagger.store.journal import Write

    made = [
        Write(
            id=1,
            run=1,
            path="/a",
            state="done",
            at=0.0,
            identity=Identity(1, 1, 1),
            previous={"genre": previous} if previous else {},
            written={"genre": written},
        )
        for previous, written in writes
    ]
    assert chain(made) == {"genre": expected}


# What is told


@pytest.mark.slow
def test_status_and_runs_tell_what_was_done(library: Path) -> None:
    (library / "bad.mp3").write_bytes(b"no music at all" * 50)
    run(library)
    status = json.loads(lean_tag("status", "--json").stdout)
    assert status["failures"] == {"decode": 1}
    assert [Path(it["path"]).name for it in status["set_aside"]] == ["bad.mp3"]
    assert "set aside  1: 1 decode" in lean_tag("status").stdout
    (only,) = [json.loads(line) for line in lean_tag("runs", "--json").stdout.splitlines()]
    assert (only["command"], only["ending"], only["counts"]["failed"]) == ("tag", "done", 1)
    assert "1 failed" in lean_tag("runs").stdout


@pytest.mark.slow
def test_explain_gives_the_reason_of_each_label_and_what_was_written(library: Path) -> None:
    run(library)
    path = library / "skyvibe.mp3"
    told = json.loads(lean_tag("explain", "--json", path).stdout)
    assert told["would_write"] == {}
    ends = {step["label"]: (step["rule"], step["value"]) for step in told["steps"]}
    assert ends["electronic"] == ("chosen", "Electronic")
    assert "threshold" in {rule for rule, _ in ends.values()}
    assert told["writes"][0]["written"]["genre"] == ["Electronic"]
    text = lean_tag("explain", path).stdout
    assert "is below 0.200" in text
    assert "nothing would be written" in text


@pytest.mark.slow
def test_what_cannot_be_told_is_one_sentence(library: Path) -> None:
    for command in (["status"], ["runs"], ["explain", library / "farm.wav"]):
        done = lean_tag(*command)
        assert done.returncode == 5
        assert "no journal yet" in done.stderr
    run("-n", library / "farm.wav")
    done = lean_tag("explain", library / "west.flac")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert lean_tag("undo", "--run", "x").returncode == 2


# One decision for an album, and a user's own words


@pytest.mark.slow
def test_an_album_gets_one_genre_and_its_odd_ones_are_named(tmp_path: Path) -> None:
    for folder, clips in (("A", ("skyvibe.mp3", "lava.opus", "farm.wav")), ("B", ("west.flac",))):
        (tmp_path / folder).mkdir()
        for clip in clips:
            shutil.copy(DATA / clip, tmp_path / folder)
    alone = run("-n", tmp_path)
    assert alone["farm.wav"]["tags"]["genre"] == ["Rock"]
    done = lean_tag("--album-genre", tmp_path)
    assert "farm.wav sounds like rock (20%), its album like electronic" in done.stderr
    genres = {name: fields.get("genre") for name, fields in our_fields(tmp_path / "A").items()}
    assert genres == dict.fromkeys(("farm.wav", "lava.opus", "skyvibe.mp3"), ("Electronic",))
    assert our_fields(tmp_path / "B")["west.flac"]["genre"] == ("Folk",)
    again = run("--album-genre", tmp_path)
    assert statuses(again) == {"unchanged"}
    assert {it["known"] for it in again.values()} == {True}


@pytest.mark.slow
def test_tags_tell_albums_better_than_folders(tmp_path: Path) -> None:
    for clip, album in (("skyvibe.mp3", "One"), ("west.flac", "Two"), ("lava.opus", "One")):
        file = mutagen.File(shutil.copy(DATA / clip, tmp_path), easy=True)
        if file.tags is None:
            file.add_tags()
        file["album"], file["artist"] = [album], ["Somebody"]
        file.save()
    run("--album-genre", "--min-score", "0.15", "--max-tags", "1", tmp_path)
    genres = {name: fields["genre"] for name, fields in our_fields(tmp_path).items()}
    assert genres["skyvibe.mp3"] == genres["lava.opus"] == ("Electronic",)
    assert genres["west.flac"] == ("Folk",)


@pytest.mark.slow
def test_rules_for_an_artist_count_also_for_what_was_heard_without_them(library: Path) -> None:
    file = mutagen.File(library / "west.flac")
    file["artist"] = ["Miles"]
    file.save()
    run("-n", library)
    rules = library.parent / "rules.toml"
    rules.write_text('[ignore.artists]\n"miles" = ["Folk"]\n')
    assert run("retag", "--rules", rules)["west.flac"]["tags"]["genre"] == []
    rules.write_text('[[rename]]\nmatch = "folk"\nto = "Volksmusik"\n')
    assert run("retag", "--rules", rules)["west.flac"]["tags"]["genre"] == ["Volksmusik"]


@pytest.mark.slow
def test_a_rules_file_is_begun_checked_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert lean_tag("rules", "--init").returncode == 0
    assert lean_tag("rules", "--check").stdout.endswith("nothing wrong\n")
    assert lean_tag("rules", "--init").returncode == 2  # and it is left as it is
    path = tmp_path / "lean-tag" / "rules.toml"
    path.write_text('[genre]\nallow = ["Ska"]\nmin_scor = 1\n')
    done = lean_tag("rules", "--check")
    assert (done.returncode, f"{path}:3:" in done.stderr) == (2, True)
    assert lean_tag("-n", *SONGS).returncode == 2
    path.write_text('[genre]\nallow = ["Ska"]\n')
    assert all(it["tags"]["genre"] == [] for it in run("-n", *SONGS).values())
