"""Music in places where writing is odd or refused: one clear sentence, and nothing is lost."""

import json
import os
import subprocess
import tempfile
import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import disks
import pytest
import tinymodel
from audiofiles import fingerprint, make
from command import Run
from thinned import thinned

from lean_tagger import write
from lean_tagger.jobs import Failed, Identity, Job, Outcome, Tagged
from lean_tagger.run.worker import Worker
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal

SOMEBODY = 4321  # a user, and a group


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinymodel.make(tmp_path_factory.mktemp("model"))


@pytest.fixture
def lean_tag(model: Path, tmp_path: Path) -> Callable[..., Run]:
    """Run the whole command; its journal stands next to what the test does."""
    options = ("--jobs", "1", "--min-score", "0", "--model", model)
    return partial(Run, *options, "--state", tmp_path / "state" / "journal.sqlite3")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"lost+found"}


def assert_tagged(path: Path) -> None:
    assert write.read(str(path))["genre"]


# Disks


@pytest.mark.slow
def test_a_disk_that_fills_ends_the_run_and_room_lets_it_go_on(lean_tag, tmp_path: Path) -> None:
    disks.have()
    how = ("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    with disks.mounted(*how, at=tmp_path / "disk", may_skip=True) as folder:
        small, large, last = (folder / name for name in ("a.mp3", "b.wav", "c.mp3"))
        make(small, "mp3", 0.6)
        make(large, "wav", 3)
        make(last, "mp3", 0.6)
        filler = folder / "filler"
        free = os.statvfs(folder)
        filler.write_bytes(bytes(free.f_bavail * free.f_frsize - (128 << 10)))
        before = {path: path.read_bytes() for path in (large, last)}
        sound = fingerprint(str(small))
        run = lean_tag(folder)
        assert run.code == 5
        (said,) = (line for line in run.said.splitlines() if line.startswith("lean-tag: "))
        assert "the disk is full" in said
        assert str(large) in said
        assert run.statuses() == {"a.mp3": "tagged"}
        assert fingerprint(str(small)) == sound
        assert {path: path.read_bytes() for path in before} == before
        assert names(folder) == {"a.mp3", "b.wav", "c.mp3", "filler"}
        filler.unlink()
        run = lean_tag(folder)
        assert run.code == 0
        assert run.statuses() == {"a.mp3": "unchanged", "b.wav": "tagged", "c.mp3": "tagged"}
        assert names(folder) == {"a.mp3", "b.wav", "c.mp3"}


def test_an_immutable_file_is_refused_as_that(lean_tag, tmp_path: Path) -> None:
    image = disks.ext4(tmp_path / "image")
    disks.have("chattr")
    with disks.mounted("-o", "loop", image, at=tmp_path / "disk", may_skip=True) as folder:
        fixed = make(folder / "a.mp3", "mp3", 0.6)
        other = make(folder / "b.flac", "flac", 0.6)
        before = fixed.read_bytes()
        subprocess.run(["chattr", "+i", fixed], check=True)
        run = lean_tag(folder)
        assert run.code == 0
        assert run.statuses() == {"a.mp3": "skipped", "b.flac": "tagged"}
        kind, message = run.error("a.mp3")
        assert kind == "read-only"
        assert "protected" in message
        assert "chattr" in message
        assert run.results["a.mp3"]["windows"] == 0
        assert fixed.read_bytes() == before
        assert_tagged(other)
        assert names(folder) == {"a.mp3", "b.flac"}
        subprocess.run(["chattr", "-i", fixed], check=True)


def test_a_folder_that_is_mounted_read_only_is_named_as_that(lean_tag, tmp_path: Path) -> None:
    disks.have()
    music = tmp_path / "music"
    music.mkdir()
    file = make(music / "a.mp3", "mp3", 0.6)
    other = make(tmp_path / "b.flac", "flac", 0.6)
    before = file.read_bytes()
    with disks.mounted("--bind", music, at=tmp_path / "bound", may_skip=True) as bound:
        subprocess.run(["mount", "-o", "remount,bind,ro", bound], check=True)
        run = lean_tag(bound, other)
        assert run.code == 0
        assert run.statuses() == {"a.mp3": "skipped", "b.flac": "tagged"}
        kind, message = run.error("a.mp3")
        assert kind == "read-only"
        assert "mounted read-only" in message
        assert run.results["a.mp3"]["windows"] == 0
    assert file.read_bytes() == before
    assert names(music) == {"a.mp3"}


@pytest.mark.slow
def test_exfat_keeps_what_is_written_and_nothing_is_heard_twice(lean_tag, tmp_path: Path) -> None:
    """It has no owners, modes or hard links, two-second times, and its own idea of inodes."""
    disks.have("mkfs.exfat", "mount.exfat-fuse")
    image = disks.make(tmp_path / "image", 16, "mkfs.exfat")
    how = ("-t", "exfat-fuse", "-o", "loop", image)
    with disks.mounted(*how, at=tmp_path / "disk", may_skip=True) as folder:
        paths = [make(folder / f"a.{kind}", kind, 0.6) for kind in ("mp3", "flac", "m4a")]
        sound = [fingerprint(str(path)) for path in paths]
        everything = {path.name for path in paths}
        run = lean_tag(folder)
        assert run.code == 0, run.said
        assert run.statuses() == dict.fromkeys(everything, "tagged")
        assert lean_tag(folder).statuses() == dict.fromkeys(everything, "unchanged")
        assert names(folder) == everything
    with disks.mounted(*how, at=tmp_path / "disk") as folder:
        after = {path.name: path.read_bytes() for path in paths}
        run = lean_tag(folder)
        assert run.statuses() == dict.fromkeys(everything, "unchanged")
        assert {it["known"] for it in run.results.values()} == {True}
        assert {path.name: path.read_bytes() for path in paths} == after
        assert [fingerprint(str(path)) for path in paths] == sound


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_a_folder_that_may_not_be_written_leaves_its_files_alone(model: Path) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to others
        top = Path(name)
        top.chmod(0o777)
        for folder in ("closed", "open"):
            (top / folder).mkdir()
            os.chown(make(top / folder / "a.mp3", "mp3", 0.6), SOMEBODY, SOMEBODY)
            (top / folder).chmod(0o777)
        before = (top / "closed" / "a.mp3").read_bytes()
        (top / "closed").chmod(0o555)
        worker = Worker(Settings(models=(str(model),), min_score=0.0))
        files = (top / "closed" / "a.mp3", top / "open" / "a.mp3")
        refused, done = as_somebody(lambda: [do(worker, path) for path in files])
        assert refused[:2] == ["Skipped", "no-permission"]
        assert "you may not write to its folder" in refused[2]
        assert done[0] == "Tagged", done
        assert (top / "closed" / "a.mp3").read_bytes() == before
        assert names(top / "closed") == {"a.mp3"}


@thinned("free_kib", [8, 120, 192], fast=1)
def test_a_full_disk_under_the_journal_ends_the_run_and_nothing_is_lost(
    model: Path, tmp_path: Path, free_kib: int
) -> None:
    """There is room for no journal, for an empty one, or until the file is written."""
    disks.have()
    music = tmp_path / "music"
    music.mkdir()
    path = make(music / "a.mp3", "mp3", 0.6)
    before, sound = path.read_bytes(), fingerprint(str(path))
    how = ("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    with disks.mounted(*how, at=tmp_path / "disk", may_skip=True) as folder:
        state = folder / "journal.sqlite3"
        (folder / "filler").write_bytes(bytes((2 << 20) - (free_kib << 10) - 4096))
        run = partial(Run, "--min-score", "0", "--model", model, "--state", state, music)
        stopped = run()
        assert stopped.code == 5
        (said,) = (line for line in stopped.said.splitlines() if line.startswith("lean-tag: "))
        assert f"journal {state}: " in said
        assert "--state" in said
        written = path.read_bytes() != before
        assert written == (free_kib == 192)
        (folder / "filler").unlink()
        assert run().statuses() == {"a.mp3": "unchanged" if written else "tagged"}
        assert Run("undo", "--all", "--state", state).statuses() == {"a.mp3": "undone"}
        assert write.read(str(path)) == {}
        assert fingerprint(str(path)) == sound
        assert names(music) == {"a.mp3"}


# Names


@pytest.mark.slow
def test_twin_names_that_look_alike_are_two_files(lean_tag, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    twins = [unicodedata.normalize(form, "Müsli.mp3") for form in ("NFC", "NFD")]
    for seconds, name in zip((0.6, 0.9), twins, strict=True):
        make(folder / name, "mp3", seconds)
    if len(names(folder)) == 1:
        pytest.skip("this disk takes them for one name")
    assert lean_tag(folder).statuses() == dict.fromkeys(twins, "tagged")
    for name in twins:
        assert_tagged(folder / name)
    assert lean_tag(folder).statuses() == dict.fromkeys(twins, "unchanged")
    with Journal(tmp_path / "state" / "journal.sqlite3", locked=False) as journal:
        assert {Path(it.path).name for it in journal.writes()} == set(twins)
    (folder / twins[0]).unlink()
    assert lean_tag(folder).statuses() == {twins[1]: "unchanged"}


def test_a_name_that_is_no_text_is_a_name(lean_tag, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    odd = os.fsdecode(b"caf\xe9 \xff\n\x1b[31m.mp3")
    try:
        make(folder / "plain.mp3", "mp3", 0.6).rename(folder / odd)
    except OSError:
        pytest.skip("this disk takes no such names")
    make(folder / "b.flac", "flac", 0.6)
    run = lean_tag(folder)
    assert run.code == 0
    assert run.statuses() == {odd: "tagged", "b.flac": "tagged"}
    assert_tagged(folder / odd)
    assert lean_tag(folder).statuses() == {odd: "unchanged", "b.flac": "unchanged"}
    with Journal(tmp_path / "state" / "journal.sqlite3", locked=False) as journal:
        assert os.fsencode(folder / odd) in {os.fsencode(it.path) for it in journal.writes()}
    assert names(folder) == {odd, "b.flac"}


# Numbers


@pytest.mark.slow
def test_files_of_another_age_are_tagged_once_like_any_other(lean_tag, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    make(folder / "b.mp3", "mp3", 0.6)
    exact: dict[Path, int] = {}
    for number, when in enumerate(("2300-01-01", "2262-04-12", "1960-06-01"), start=1):
        odd = make(folder / f"{when}.flac", "flac", 0.6 + number / 10)
        seconds = int(datetime.fromisoformat(f"{when}T00:00:00+00:00").timestamp())
        os.utime(odd, ns=(seconds * 10**9 + 5, seconds * 10**9 + 5))
        if int(odd.stat().st_mtime) != seconds:
            pytest.skip("this disk has no such times")
        exact[odd] = odd.stat().st_mtime_ns
    everything = names(folder)
    options = (folder, "--preserve-mtime")
    assert lean_tag(*options).statuses() == dict.fromkeys(everything, "tagged")
    assert {path: path.stat().st_mtime_ns for path in exact} == exact
    again = lean_tag(*options)
    assert again.statuses() == dict.fromkeys(everything, "unchanged")
    assert again.said == ""  # no worker was started: all are known to be as they were
    for path in exact:
        path.rename(path.with_name(f"new {path.name}"))
    renamed = lean_tag(*options).results
    assert {renamed[f"new {path.name}"]["known"] for path in exact} == {True}
    assert lean_tag(*options, "--json").code == 0
    state = tmp_path / "state" / "journal.sqlite3"
    undone = Run("undo", "--all", "--preserve-mtime", "--state", state)
    assert undone.statuses() == dict.fromkeys(names(folder), "undone")


# Files that do not stay


def do(worker: Worker, path: Path) -> Outcome:
    identity = Identity.of(path.stat())
    return worker.do(Job(str(path), identity.size_bytes, identity))


def as_somebody(what: Callable[[], list[Outcome]]) -> list[list[str]]:
    """Do something as a user who may do little, and return the outcomes in short."""
    read, written = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
            os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)
            short = [
                [type(it).__name__, getattr(it, "kind", ""), getattr(it, "message", "")]
                for it in what()
            ]
            os.write(written, json.dumps(short).encode())
        finally:
            os._exit(0)  # whatever happens, no second pytest goes on from here
    os.close(written)
    with os.fdopen(read) as answer:
        found = json.load(answer)
    os.waitpid(pid, 0)
    return found


@thinned("what", ["replaced", "deleted"], fast=1)
def test_a_file_that_goes_while_it_is_heard_is_left_to_whoever_took_it(
    model: Path, lean_tag, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    path, other = make(folder / "a.mp3", "mp3", 7), make(folder / "b.flac", "flac", 0.6)
    new = make(tmp_path / "new.mp3", "mp3", 1.5)
    content = new.read_bytes()
    heard: list[float] = []

    def progress(seconds: float, _: float) -> None:
        heard.append(seconds)
        if len(heard) == 1:
            new.replace(path) if what == "replaced" else path.unlink()

    worker = Worker(Settings(models=(str(model),), min_score=0.0), progress=progress)
    outcome = do(worker, path)
    assert heard[0] < 6  # it was in the middle
    assert isinstance(outcome, Failed)
    expected = "it was replaced" if what == "replaced" else "it went away"
    assert outcome.message.startswith(expected), outcome.message
    assert isinstance(do(worker, other), Tagged)
    if what == "replaced":
        assert path.read_bytes() == content
    run = lean_tag(folder)
    gone = {"a.mp3": "tagged"} if what == "replaced" else {}
    assert run.statuses() == {**gone, "b.flac": "unchanged"}
    assert names(folder) == {*gone, "b.flac"}
