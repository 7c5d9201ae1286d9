"""Run a command inside a memory cgroup, as a container would, and say what came of it.

    sudo python profiling/in_cgroup.py --limit 160M -- lean-tag -n --max-mem 160M hour.mp3

The limit counts all memory of the command and its child processes, the page cache of the files
that they read included, and the kernel kills what passes it: `oom_kill` must be 0. Needs root
and Linux; cgroup v1 is used where it has the memory controller, else v2.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from common import MIB, ROOT, Tree, progress, write_table

sys.path.insert(0, str(ROOT))

from lean_tagger.system.memory import parse_size

MOUNTED = Path("/sys/fs/cgroup")
SAY_SECONDS = 10.0


@contextlib.contextmanager
def group(limit_bytes: int) -> Iterator[Path]:
    """Make a cgroup with that limit and without swap, and remove it at the end."""
    v1 = MOUNTED / "memory"
    folder = (v1 if v1.is_dir() else MOUNTED) / f"lean-tag-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        sys.exit(f"cannot make a memory cgroup here ({error.strerror}); it needs root")
    try:
        if v1.is_dir():
            (folder / "memory.limit_in_bytes").write_text(str(limit_bytes))
            swap, value = "memory.memsw.limit_in_bytes", limit_bytes  # memory and swap together
        else:
            (folder / "memory.max").write_text(str(limit_bytes))
            swap, value = "memory.swap.max", 0
        if (folder / swap).exists():
            (folder / swap).write_text(str(value))
        yield folder
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            os.kill(int(pid), 9)
        with contextlib.suppress(OSError):
            time.sleep(0.1)  # a process leaves its group a moment after it ends
            folder.rmdir()


def evict(path: Path) -> None:
    """Drop what the page cache holds of a file, or of all files in a folder.

    A page is charged to the group that read it first: without this, what others read before
    would be free. The kernel keeps what a process has mapped, so measure a copy of the
    environment that nobody uses.
    """
    files = path.rglob("*") if path.is_dir() else [path]
    for file in files:
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def number(folder: Path, *names: str) -> int:
    """Return the first of these files that is there, in bytes; -1 for none."""
    for name in names:
        if (folder / name).exists():
            return int((folder / name).read_text())
    return -1


def counter(folder: Path, name: str, *files: str) -> int:
    """Return one line of the first of these files."""
    for file in files:
        if (folder / file).exists():
            return int(dict(x.split() for x in (folder / file).read_text().splitlines())[name])
    return -1


def watch(command: list[str], folder: Path) -> dict[str, object]:
    """Run a command in the group and return a row."""

    def enter() -> None:
        (folder / "cgroup.procs").write_text(str(os.getpid()))

    tree = Tree(command, preexec_fn=enter)
    peak = cache = 0
    seconds, said = 0.0, 0.0
    for sample in tree.samples():
        peak, seconds = max(peak, sample.tree_bytes), sample.seconds
        cache = max(cache, counter(folder, "cache" if _v1(folder) else "file", "memory.stat"))
        if seconds - said > SAY_SECONDS:
            said = seconds
            progress(f"{seconds:.0f} s, {number(folder, *_USED) / MIB:.0f} MiB in the group")
    return {
        "status": tree.process.wait(),
        "wall seconds": f"{seconds:.1f}",
        "peak of the processes, MiB": f"{peak / MIB:.1f}",
        "peak of the group, MiB": f"{number(folder, *_PEAK) / MIB:.1f}",
        "most page cache, MiB": f"{cache / MIB:.1f}",
        "oom_kill": counter(folder, "oom_kill", "memory.oom_control", "memory.events"),
    }


def _v1(folder: Path) -> bool:
    return folder.parent.name == "memory"


_USED = "memory.usage_in_bytes", "memory.current"
_PEAK = "memory.max_usage_in_bytes", "memory.peak"


def main() -> None:
    """Run, print the row, and end with 1 if the kernel killed a process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=parse_size, required=True, metavar="SIZE")
    parser.add_argument(
        "--evict",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="first drop these files and folders from the page cache",
    )
    parser.add_argument("--out", type=Path, help="folder for in_cgroup.md and .json")
    parser.add_argument("command", nargs="+", metavar="-- COMMAND")
    given = parser.parse_args()
    for path in given.evict:
        evict(path)
    with group(given.limit) as folder:
        row = watch(given.command, folder)
    write_table([{"limit MiB": f"{given.limit / MIB:.0f}", **row}], "in_cgroup", given.out)
    sys.exit(row["status"] or int(row["oom_kill"] != 0))


if __name__ == "__main__":
    main()
