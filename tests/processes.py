"""What the tests ask of other processes."""

import contextlib
from pathlib import Path

from pace import comes_true


def children(pid: int) -> list[int]:
    """Return the process ids below one, at any depth."""
    below = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                below += [int(child), *children(int(child))]
    return below


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(") ", 1)[1][0] not in "ZX"


def gone(pids: list[int], *, within: float) -> bool:
    """Wait until none of these lives, no longer than these seconds of an idle machine."""
    return comes_true(lambda: not any(map(lives, pids)), within=within)
