"""The power goes at any moment of a run: what the disk then holds is whole, and is finished.

The disk is a file, mounted. strace stops the processes at every call that changes something
(SIGSTOP, which takes hold as the call returns), and the file is copied: it holds what reached
the disk, and nothing of what the system had still in memory. The processes then go on, so
that a single run shows every place, and one copy stands for all places between which nothing
reached the disk. To be killed would change nothing more: the copy knows no processes.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import disks
import pytest
import tinymodel
from audiofiles import fingerprint, make
from interrupted import VALUES
from thinned import thinned

from lean_tagger import write
from lean_tagger.settings import WriteSettings
from lean_tagger.store.journal import Journal
from lean_tagger.system import temporary_files

ROOT = Path(__file__).parents[2]
CHANGING = (
    "pwrite64,ftruncate,rename,renameat,renameat2,unlink,unlinkat,fsync,fdatasync,fchmod,fchown,"
    "utimensat"
)
"""Calls that change a file or a folder. Left out are `write`, which is most often to a pipe, and
`copy_file_range`, which begins again when it is stopped: what they write is in memory until one
of these."""

LONGEST_SECONDS = 60
"""A run takes 2 seconds; whatever hangs is killed."""

KINDS = ("mp3", "flac")
OURS = re.compile(r"\.lean-tag-.*\.(tmp|undo)(\..*)?")
pytestmark = pytest.mark.faults


@pytest.fixture
def disk(tmp_path: Path):
    """A file, and the folder where it is mounted."""
    disks.have("mkfs.ext4", "strace")
    image = disks.ext4(tmp_path / "disk")
    # Nothing reaches the disk just because time goes by: what was not synced is lost.
    how = "loop,commit=600"
    with disks.mounted("-o", how, image, at=tmp_path / "mounted", may_skip=True) as folder:
        yield image, folder


def snapshots(command: list[str | Path], image: Path) -> list[Path]:
    """Run a command; return copies of the disk, in order, one for each state that differs."""
    subprocess.run(["sync", "-f", image.with_name("mounted")], check=True)
    copies = [copy(image, 0)]
    read, written = os.pipe()
    tracer = ["strace", "-f", "-e", f"trace={CHANGING}", f"--inject={CHANGING}:signal=SIGSTOP"]
    process = subprocess.Popen(
        [*tracer, "-o", f"/dev/fd/{written}", *command],
        pass_fds=[written],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
    os.close(written)
    stops = 0
    limit = threading.Timer(LONGEST_SECONDS, os.killpg, [process.pid, signal.SIGKILL])
    limit.start()
    try:
        with os.fdopen(read, errors="replace") as log:
            for line in log:
                if "stopped by SIGSTOP" in line:
                    stops += 1
                    keep(copies, image)
                    os.kill(int(line.split()[0]), signal.SIGCONT)
        _, said = process.communicate()
    finally:
        limit.cancel()
        with suppress(ProcessLookupError):  # it is what should be
            os.killpg(process.pid, signal.SIGKILL)
    if b"PTRACE" in said or b"not permitted" in said:
        pytest.skip("strace is not allowed here")
    assert process.returncode == 0, said
    keep(copies, image)
    assert stops >= 4 * len(
        KINDS
    )  # a sync, a rename and their like for each, or nothing was watched
    return copies


def copy(image: Path, number: int) -> Path:
    name = image.with_name(f"{image.name}-{number}")
    subprocess.run(["cp", "--sparse=always", image, name], check=True)
    return name


def keep(copies: list[Path], image: Path) -> None:
    """Copy the disk as it is now, unless the last copy holds just that."""
    new = copy(image, len(copies))
    if new.read_bytes() == copies[-1].read_bytes():
        new.unlink()
    else:
        copies.append(new)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def check_whole(folder: Path, before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """Check that each file is the old one or the new one; return which are new."""
    now = contents(folder)
    assert set(now) >= set(before)
    assert all(OURS.fullmatch(name) for name in set(now) - set(before))
    assert all(now[name] in (before[name], after[name]) for name in before)
    return {name for name in before if now[name] == after[name]}


@thinned("hardlinks", ["skip", "in-place"], fast=1)
def test_a_write_that_lost_power_is_whole_and_the_next_one_finishes(disk, hardlinks: str) -> None:
    image, folder = disk
    files, links = folder / "files", folder / "links"
    for place in (files, links):
        place.mkdir()
    paths = [make(files / f"a.{kind}", kind, 0.2) for kind in KINDS]
    if hardlinks == "in-place":
        for path in paths:  # room for a tag, and then a second name
            write.write(str(path), {"genre": ("x" * 300,)}, fingerprint=fingerprint)
            (links / path.name).hardlink_to(path)
    before = contents(files)
    script = [sys.executable, ROOT / "tests" / "interrupted.py", hardlinks, *paths]
    copies = snapshots(script, image)
    for path in paths:
        assert path.with_name(f"{path.name}.ended").readlink() == Path("0")
        path.with_name(f"{path.name}.ended").unlink()
    after = contents(files)
    assert all(before[name] != after[name] for name in before)
    finished = []
    for number, lost in enumerate(copies):
        with disks.mounted("-o", "loop", lost, at=image.with_name("again")) as again:
            for ended in (again / "files").glob("*.ended"):
                ended.unlink()
            if hardlinks == "in-place":
                temporary_files.sweep(str(again / "files"))
            finished.append(check_whole(again / "files", before, after))
            temporary_files.sweep(str(again / "files"))
            for name in before:
                path, link = again / "files" / name, again / "links" / name
                ways = WriteSettings(hardlinks=hardlinks)
                write.write(str(path), VALUES, fingerprint=fingerprint, ways=ways)
                assert path.read_bytes() == after[name], number
                if hardlinks == "in-place":
                    assert path.samefile(link)
            assert contents(again / "files") == after, number
    assert finished[0] == set()
    assert finished[-1] == set(before)  # a write that has returned is on the disk
    assert len(set(map(frozenset, finished))) == len(KINDS) + 1


def lean_tag(folder: Path, model: Path) -> list[str | Path]:
    return [
        *(sys.executable, "-m", "lean_tagger", "--json", "--jobs", "1", "--min-score", "0"),
        *("--model", model, "--state", folder / "state" / "journal.sqlite3", folder / "music"),
    ]


def run(folder: Path, model: Path) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        lean_tag(folder, model), capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "damaged" not in done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(it["path"]).name: it for it in records if it["type"] == "result"}


def times(folder: Path) -> dict[str, tuple[int, int]]:
    found = {path.name: path.stat() for path in folder.iterdir()}
    return {name: (it.st_ino, it.st_mtime_ns) for name, it in found.items()}


@pytest.mark.slow
def test_a_run_that_lost_power_goes_on_and_does_nothing_twice(disk, tmp_path: Path) -> None:
    image, folder = disk
    model = tinymodel.make(tmp_path)
    (folder / "music").mkdir()
    for kind in KINDS:
        make(folder / "music" / f"a.{kind}", kind, 0.6)
    before = contents(folder / "music")
    copies = snapshots(lean_tag(folder, model), image)
    after = contents(folder / "music")
    assert all(before[name] != after[name] for name in before)
    seen: set[int] = set()
    for number, lost in enumerate(copies):
        with disks.mounted("-o", "loop", lost, at=tmp_path / "again") as again:
            music = again / "music"
            finished = check_whole(music, before, after)
            seen.add(len(finished))
            there = times(music)
            results = run(again, model)
            assert set(results) == set(before), number
            assert contents(music) == after, number
            now = times(music)
            assert all(now[name] == there[name] for name in finished), number
            assert {results[name]["status"] for name in finished} <= {"unchanged"}, number
            again_and_again = run(again, model)
            assert {it["status"] for it in again_and_again.values()} == {"unchanged"}
            assert {it["known"] for it in again_and_again.values()} == {True}
            assert times(music) == now
            with Journal(again / "state" / "journal.sqlite3", locked=False) as journal:
                for it in journal.writes():  # what stood there before us is known of every file
                    assert it.previous == {}
                assert {Path(it.path).name for it in journal.writes()} == set(before)
    assert seen == {0, 1, 2}
    assert finished == set(before)  # a run that has ended is on the disk
