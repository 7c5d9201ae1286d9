"""What the profiling scripts share: watching a tree of processes, tables and pictures."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "tests" / "data"
MIB = 1 << 20
LOOK_SECONDS = 0.02
_SCRATCH = tempfile.TemporaryDirectory()
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """What a tree of processes takes at one moment.

    Attributes
    ----------
    seconds : float
        Since the command was started.
    rss_bytes, peak_bytes : dict of int to int
        Resident size of each process by its id, now and at most so far; the command's own
        process comes first.
    cpu_seconds : float
        Of all processes so far, those that ended included.
    """

    seconds: float
    rss_bytes: dict[int, int]
    peak_bytes: dict[int, int]
    cpu_seconds: float

    @property
    def tree_bytes(self) -> int:
        """Resident size of all processes; pages that two of them share count twice."""
        return sum(self.rss_bytes.values())


@dataclass(frozen=True, slots=True)
class Run:
    """What a command and its child processes cost.

    Attributes
    ----------
    wall_seconds, cpu_seconds : float
        Elapsed, and user plus system time.
    peak_bytes : int
        Largest resident size of the tree that was seen, or the largest that one process
        says it had.
    processes : int
        That were seen, at whatever time.
    status : int
        Exit status; minus the signal's number if it was ended by one.
    output, errors : str
        Its standard output and standard error.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    processes: int
    status: int
    output: str
    errors: str


class Tree:
    """A command while it runs, and every process below it. Needs Linux's /proc.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    environment : mapping, optional
        In place of `child_environment`.
    stdout, stderr : optional
        As for `subprocess.Popen`.
    preexec_fn : callable, optional
        Called in the child before the command begins.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdout: Any = None,
        stderr: Any = None,
        preexec_fn: Callable[[], None] | None = None,
    ) -> None:
        if not Path("/proc/self/stat").exists():
            sys.exit("this needs Linux: it reads /proc")
        self._started = time.monotonic()
        self._cpu_seconds = 0.0
        self.process = subprocess.Popen(
            list(command),
            env=child_environment() if environment is None else environment,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=preexec_fn,  # noqa: PLW1509 - the scripts that use it have one thread
        )

    def sample(self) -> Sample:
        """Look at every process of the tree once."""
        rss: dict[int, int] = {}
        peak: dict[int, int] = {}
        cpu_seconds = 0.0
        for pid in _tree(self.process.pid):
            with contextlib.suppress(OSError, KeyError):  # it has ended, or is about to
                now, most = _memory(pid)
                cpu_seconds += _cpu_seconds(pid)
                rss[pid], peak[pid] = now, most
        # A process that ended and was not waited for yet is in nobody's account.
        self._cpu_seconds = max(self._cpu_seconds, cpu_seconds)
        return Sample(time.monotonic() - self._started, rss, peak, self._cpu_seconds)

    def samples(self, every_seconds: float = LOOK_SECONDS) -> Iterator[Sample]:
        """Yield a sample again and again until the command ends."""
        while self.process.poll() is None:
            yield self.sample()
            time.sleep(every_seconds)

    def kill(self) -> None:
        """End every process of the tree."""
        for pid in _tree(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)


def _tree(pid: int) -> list[int]:
    """Return a process id and those below it, as far as they run their own program."""
    found = [pid]
    for below in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, below.read_text().split()):
                if not _borrows(child, pid):
                    found += _tree(child)
    return found


def _stat(pid: int) -> list[str]:
    # proc(5): the second field, the name in brackets, may hold anything.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _borrows(child: int, parent: int) -> bool:
    """Tell whether a child that was just forked still shows its parent's memory as its own."""
    start_of_stack = 28 - 3  # proc(5); another one after every exec
    with contextlib.suppress(OSError, IndexError):
        return _stat(child)[start_of_stack] == _stat(parent)[start_of_stack]
    return True


def _memory(pid: int) -> tuple[int, int]:
    """Return the resident size of a process, now and at most, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return tuple(int(values[name].split()[0]) * _KIB for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def _cpu_seconds(pid: int) -> float:
    """Return the time that a process and those that it waited for have used."""
    ticks = sum(map(int, _stat(pid)[14 - 3 : 18 - 3]))  # proc(5): utime to cstime
    return ticks / os.sysconf("SC_CLK_TCK")


def child_environment() -> dict[str, str]:
    """Return an environment in which a child finds this checkout and uses one BLAS thread.

    And no journal and no rules: what an earlier run has heard, the next one would not hear.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    nothing = tempfile.mkdtemp(dir=_SCRATCH.name)
    return {
        **os.environ,
        "PYTHONPATH": path,
        "OPENBLAS_NUM_THREADS": "1",
        "XDG_STATE_HOME": nothing,
        "XDG_CONFIG_HOME": nothing,
    }


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    most_bytes: int = 0,
    check: bool = True,
) -> Run:
    """Run a command to its end and watch its memory.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    environment : mapping, optional
        In place of `child_environment`.
    most_bytes : int
        A tree that takes more is killed; 0 is no limit.
    check : bool
        A failure ends the script with what the command said.
    """
    # Files: a pipe that nobody reads while we look at memory would hold the command up.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        tree = Tree(command, environment=environment, stdout=out, stderr=errors)
        peak = cpu_seconds = 0.0
        pids: set[int] = set()
        for sample in tree.samples():
            peak = max(peak, sample.tree_bytes, *sample.peak_bytes.values(), 0)
            cpu_seconds = sample.cpu_seconds
            pids.update(sample.rss_bytes)
            if most_bytes and peak > most_bytes:
                tree.kill()
        wall_seconds = time.monotonic() - started
        for file in (out, errors):
            file.seek(0)
        done = Run(
            wall_seconds,
            cpu_seconds,
            int(peak),
            len(pids),
            tree.process.wait(),
            out.read(),
            errors.read(),
        )
    if check and done.status:
        sys.exit(f"{' '.join(command)} ended with {done.status}\n{done.errors}")
    return done


def lean_tag(*arguments: str) -> list[str]:
    """Return the command, in this checkout and with this interpreter."""
    return [sys.executable, "-m", "lean_tagger", *arguments]


def library(folder: Path, files: int, *, damaged: int = 0) -> None:
    """Fill a folder with copies of the excerpts, some of them damaged, always the same way.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    files : int
        How many in all.
    damaged : int
        How many of them, evenly spread.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clips = sorted(path for path in CLIPS.iterdir() if path.suffix in _MUSIC)
    dice = random.Random(0)  # noqa: S311 - the same damage in every run
    for number in range(files):
        clip = clips[number % len(clips)]
        path = folder / f"{number:05d}{clip.suffix}"
        if number * damaged // files != (number + 1) * damaged // files:
            path.write_bytes(_damage(clip.read_bytes(), dice))
        else:
            shutil.copyfile(clip, path)


_MUSIC = {".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"}


def _damage(data: bytes, dice: random.Random) -> bytes:
    """Return a file cut off, with a hole, with noise in it, without its head, or empty."""
    at = dice.randrange(len(data) // 2)
    noise = dice.randbytes(4096)
    return dice.choice(
        [
            data[:at],
            data[:at] + bytes(len(data) // 4) + data[at + len(data) // 4 :],
            b"".join(data[i : i + 20_000] + noise[:64] for i in range(0, len(data), 20_000)),
            noise + data[4096:],
            b"",
        ]
    )


def progress(text: str) -> None:
    """Say on standard error how far a long run is: one line, overwritten on a terminal."""
    end = "\r\x1b[K" if sys.stderr.isatty() else "\n"
    print(text, end=end, file=sys.stderr, flush=True)


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


def pyplot() -> Any:
    """Return matplotlib's pyplot, drawing into files; None, said once, where it is missing."""
    try:
        import matplotlib as mpl
    except ImportError:
        print("no picture: pip install matplotlib", file=sys.stderr)
        return None
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def save_picture(figure: Any, path: Path) -> None:
    """Write a figure as a PNG of some ten kilobytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    print(f"wrote {path}", file=sys.stderr)
