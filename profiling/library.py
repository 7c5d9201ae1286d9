"""Measure what the journal does for a whole library: kill it, go on, run again, retag, undo.

Makes thousands of half-second files, each of another sound, and hears them with the real
command, which is killed (SIGKILL, all of its processes) again and again on the way; what it
does when everything is done follows. Expected: nothing on record is heard twice (what was heard
in the last two seconds before a kill may not be on record), a second run does 2,000 files a
second and retag 200, and the supervisor stays below 40 MiB (the column is the supervisor's where
only that ran or the run was killed, and of all processes elsewhere).
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import tempfile
import time
import wave
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from common import MIB, Tree, lean_tag, progress, run, write_table

RATE_HZ = 16_000
FILES_PER_FOLDER = 100


def make(folder: Path, files: int) -> None:
    """Fill folders with noise, half a second and a bit each."""
    dice = np.random.default_rng(0)
    for number in range(files):
        path = folder / f"album {number // FILES_PER_FOLDER:03d}" / f"{number:05d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            sound.writeframes(dice.integers(-3000, 3000, RATE_HZ * 5 // 8, np.int16).tobytes())


def hear_until(command: list[str], files: int) -> tuple[list[str], float]:
    """Run until so many files were heard, then kill it; return their names, and its size.

    Returns
    -------
    heard : list of str
        Whatever it said of a file that it had not known.
    mib : float
        The most that the command's own process had.
    """
    heard: list[str] = []
    tree = Tree(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    supervisor_bytes = 0
    for line in tree.process.stdout:
        record: dict[str, Any] = json.loads(line)
        if record["type"] != "result" or record.get("known"):
            continue
        heard.append(record["path"])
        if len(heard) % 100 == 1:
            now_bytes = tree.sample().rss_bytes.get(tree.process.pid, 0)
            supervisor_bytes = max(supervisor_bytes, now_bytes)
        if len(heard) % 1000 == 0:
            progress(f"{len(heard)} files heard in this run")
        if len(heard) == files:
            tree.kill()
            tree.process.send_signal(signal.SIGKILL)
    tree.process.wait()
    return heard, supervisor_bytes / MIB


def on_record(state: Path) -> int:
    """Return how many files the journal has."""
    with closing(sqlite3.connect(state)) as journal:
        ((count,),) = journal.execute("SELECT count(*) FROM files")
    return int(count)


def rows(music: Path, state: Path, *, files: int, kills: int, jobs: int) -> list[dict[str, object]]:
    """Go through the life of a library; return a row for each step."""
    names = Counter[str]()
    found: list[dict[str, object]] = []

    def add(step: str, count: int, seconds: float, mib: float, note: str) -> None:
        rate = f"{count / seconds:,.0f}"
        found.append(
            {
                "step": step,
                "files": f"{count:,}",
                "seconds": f"{seconds:.1f}",
                "files a second": rate,
                "MiB": f"{mib:.1f}",
                "note": note,
            }
        )

    first = lean_tag("--json", "--jobs", str(jobs), "--state", str(state), str(music))
    for number in range(kills + 1):
        last = number == kills
        started = time.monotonic()
        heard, mib = hear_until(first, 0 if last else files // (kills + 1))
        seconds = time.monotonic() - started
        names.update(heard)
        note = f"{on_record(state):,} on record"
        add("the rest" if last else "killed", len(heard), seconds, mib, note)
    twice = sum(names.values()) - len(names)
    found[-1]["note"] = f"{found[-1]['note']}; {twice} heard twice of {len(names):,}"
    for step, *options in (
        ["again"],
        ["retag"],
        ["retag, other rules", "--min-score", "0.1"],
        ["undo"],
    ):
        command = [] if step == "again" else [step.partition(",")[0]]
        again = lean_tag(*command, *options, "--quiet", "--state", str(state), str(music))
        done = run(again, check=False)
        note = f"{done.processes} processes, exit {done.status}"
        add(step, files, done.wall_seconds, done.peak_bytes / MIB, note)
    return found


def main() -> None:
    """Print, and write where asked, a row for each step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=20_000, help="default: 20,000")
    parser.add_argument("--kills", type=int, default=3, help="default: 3")
    parser.add_argument("--jobs", type=int, default=2, help="files at a time (default: 2)")
    parser.add_argument("--scratch", type=Path, help="where to put 20 kB per file")
    parser.add_argument("--out", type=Path, help="folder for library.md and .json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        music = Path(folder) / "Music"
        progress(f"making {given.files} files")
        make(music, given.files)
        found = rows(
            music, Path(folder) / "state", files=given.files, kills=given.kills, jobs=given.jobs
        )
    write_table(found, "library", given.out)


if __name__ == "__main__":
    main()
