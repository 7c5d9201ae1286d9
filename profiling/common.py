"""What the profiling scripts share: running a process tree of one, and printing tables."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Run", "child_environment", "run", "table", "write_table"]

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost.

    Attributes
    ----------
    wall_seconds, cpu_seconds : float
        Elapsed, and user plus system time.
    peak_bytes : int
        Largest resident size of the process.
    output : str
        Its standard output.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def child_environment() -> dict[str, str]:
    """Return an environment in which a child finds this checkout and uses one BLAS thread."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


def run(command: Sequence[str]) -> Run:
    """Run a command to its end; a failure ends the script with what it said."""
    read, write = os.pipe()
    started = time.monotonic()
    # posix_spawn does not copy this process, whose size would count as the child's peak.
    pid = os.posix_spawnp(
        command[0],
        list(command),
        child_environment(),
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)],
    )
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        output = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(
        time.monotonic() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * unit,
        output,
    )


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows with the same keys as a Markdown table."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(str(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def write_table(rows: Sequence[Mapping[str, object]], stem: str, folder: Path | None) -> None:
    """Print the rows, and write ``stem.md`` and ``stem.json`` where a folder is given."""
    text = table(rows)
    print(text)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.md").write_text(text + "\n")
        (folder / f"{stem}.json").write_text(json.dumps(list(rows), indent=1) + "\n")
