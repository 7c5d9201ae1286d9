"""Whatever stops a write, at whichever system call: the file is the old one or the new one.

strace interrupts the calls: kills the process before one of them, or makes it fail. It
counts each kind of call in each process by itself, so one run of it interrupts a file of
every format at the same place.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from audiofiles import KINDS, fingerprint, make
from interrupted import VALUES

from lean_tagger import write
from lean_tagger.settings import WriteSettings
from lean_tagger.system import temporary_files

ROOT = Path(__file__).parents[2]
CHANGING = (
    "write,pwrite64,writev,pwritev,ftruncate,copy_file_range,sendfile,rename,renameat,renameat2,"
    "unlink,unlinkat,fsync,fdatasync,fchmod,fchown,fsetxattr,fremovexattr,utimensat"
)
"""Every call by which a file or a folder changes, but for making one."""

FRAGMENTED = "fragmented.m4a"
WAYS = {"skip": (*KINDS, FRAGMENTED), "in-place": ("mp3", "flac")}
"""How files are written, and which: in place only where there is room for a tag."""


def prepare(folder: Path, kinds: tuple[str, ...], hardlinks: str) -> dict[str, Path]:
    """Make a file of every kind, each alone in a folder; with a second name where it is to be."""
    files = {}
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        path = folder / kind / f"a.{kind.rpartition('.')[2]}"
        fragments = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}
        if kind == FRAGMENTED:
            files[kind] = make(path, "m4a", 0.2, options=fragments)
        else:
            files[kind] = make(path, kind, 0.2)
        if hardlinks == "in-place":
            # Room for a tag, and then a second name.
            write.write(str(files[kind]), {"genre": ("x" * 300,)}, fingerprint=fingerprint)
            (folder / "links").mkdir(exist_ok=True)
            os.link(files[kind], folder / "links" / kind)
    return files


def interrupt(files: dict[str, Path], hardlinks: str, *inject: str, log: Path) -> list[str]:
    """Write all files under strace; return what it says of the calls that it watched."""
    done = subprocess.run(
        [
            *("strace", "-f", "-o", log, "-e", f"trace={CHANGING}", *inject),
            *(sys.executable, Path(__file__).parents[1] / "interrupted.py", hardlinks),
            *files.values(),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
    if "PTRACE" in done.stderr or "not permitted" in done.stderr:
        pytest.skip("strace is not allowed here")
    assert done.stderr == ""
    return log.read_text(errors="replace").splitlines()


def endings(files: dict[str, Path]) -> dict[str, int]:
    """Return how the process of each file ended, and forget it."""
    found = {}
    for kind, path in files.items():
        link = path.with_name(f"{path.name}.ended")
        found[kind] = int(os.readlink(link))  # it leads nowhere
        link.unlink()
    return found


@pytest.fixture(
    scope="module",
    params=[pytest.param(it, marks=[pytest.mark.slow] if it == "in-place" else []) for it in WAYS],
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """What there is before a write, what there is to be after it, and its number of calls."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    hardlinks = request.param
    pristine = tmp_path_factory.mktemp("pristine")
    files = prepare(pristine / "files", WAYS[hardlinks], hardlinks)
    before = {kind: path.read_bytes() for kind, path in files.items()}
    lines = interrupt(files, hardlinks, log=pristine / "log")
    assert endings(files) == dict.fromkeys(files, 0)
    after = {kind: path.read_bytes() for kind, path in files.items()}
    assert all(before[kind] != after[kind] for kind in files)
    found = [re.match(r"(\d+) +(\w+)\(", line) for line in lines]
    calls = Counter((it[2], it[1]) for it in found if it)  # (call, process)
    assert calls.total() >= 4 * len(files)  # else nothing was watched
    places = [
        (call, number)
        for call in sorted({call for call, _ in calls})
        for number in range(1, max(n for (name, _), n in calls.items() if name == call) + 1)
    ]
    return hardlinks, before, after, places, calls


def reached(places: list[tuple[str, int]], calls: Counter[tuple[str, str]]) -> int:
    """Return how many processes come to one of these places, all places together."""
    return sum(
        called == call and count >= number
        for call, number in places
        for (called, _), count in calls.items()
    )


SOME = 20
"""The fast tests interrupt each twentieth place, the slow ones each."""


def put(folder: Path, before: dict[str, bytes], hardlinks: str) -> dict[str, Path]:
    shutil.rmtree(folder, ignore_errors=True)
    files = {}
    for kind, data in before.items():
        (folder / kind).mkdir(parents=True)
        files[kind] = folder / kind / f"a.{kind.rpartition('.')[2]}"
        files[kind].write_bytes(data)
        if hardlinks == "in-place":
            (folder / "links").mkdir(exist_ok=True)
            os.link(files[kind], folder / "links" / kind)
    return files


def finish(path: Path, hardlinks: str) -> None:
    """Do what the next run does: sweep the folder, and write."""
    temporary_files.sweep(str(path.parent))
    write.write(str(path), VALUES, fingerprint=fingerprint, ways=WriteSettings(hardlinks=hardlinks))


def check_all(files, before, after, hardlinks, *, whole_now: bool) -> None:
    for kind, path in files.items():
        if hardlinks == "in-place":
            temporary_files.sweep(str(path.parent))
        if whole_now or hardlinks == "in-place":
            assert path.read_bytes() in (before[kind], after[kind]), kind
        finish(path, hardlinks)
        assert path.read_bytes() == after[kind], kind
        assert [it.name for it in path.parent.iterdir()] == [path.name], kind
        if hardlinks == "in-place":
            assert path.stat().st_nlink == 2


@pytest.mark.faults
@pytest.mark.parametrize("every", [SOME, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_any_call_the_file_is_whole_and_the_next_run_finishes(
    case, tmp_path: Path, every: int
) -> None:
    hardlinks, before, after, places, calls = case
    places = places[::every]
    killed = 0
    for call, number in places:
        files = put(tmp_path / "files", before, hardlinks)
        inject = f"--inject={call}:signal=SIGKILL:when={number}"
        interrupt(files, hardlinks, inject, log=tmp_path / "log")
        ended = endings(files)
        assert set(ended.values()) <= {0, -9}
        killed += list(ended.values()).count(-9)
        check_all(files, before, after, hardlinks, whole_now=True)
    assert killed == reached(places, calls) > 0


@pytest.mark.faults
@pytest.mark.parametrize(
    ("error", "every"),
    [
        ("ENOSPC", SOME),
        *(
            pytest.param(it, 1, marks=pytest.mark.slow)
            for it in ("ENOSPC", "EIO", "EDQUOT", "EPERM")
        ),
    ],
)
def test_when_any_call_fails_the_file_is_whole_and_the_next_run_finishes(
    case, tmp_path: Path, error: str, every: int
) -> None:
    hardlinks, before, after, places, calls = case
    places = places[::every]
    failed = 0
    for call, number in places:
        files = put(tmp_path / "files", before, hardlinks)
        inject = f"--inject={call}:error={error}:when={number}"
        lines = interrupt(files, hardlinks, inject, log=tmp_path / "log")
        failed += sum("(INJECTED)" in line for line in lines)
        assert set(endings(files).values()) <= {0, 7}  # an error of ours, and no traceback
        check_all(files, before, after, hardlinks, whole_now=True)
    assert failed == reached(places, calls) > 0
