"""Measure what writing costs: runs that write, and runs that would, in two states of the program.

    git worktree add ../before COMMIT
    python profiling/writing.py --before ../before TRACK...

The states take turns, each on copies of its own and with a new journal. There are two sets of
files: the tracks that are given, and thirty of 8 to 20 s in ten formats. What a writing run takes
above one with `-n` is the price of writing. It is CPU time, user and system, of the command and
all its workers.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common import ROOT, child_environment, lean_tag, progress, write_table

sys.path.insert(0, str(ROOT / "tests"))

import audiofiles

KINDS = ("mp3", "m4a", "alac.m4a", "flac", "ogg", "opus", "wav", "aiff", "wma", "wv")
SECONDS = (8.0, 13.0, 20.0)
STATES = ("before", "now")


def cpu_seconds(checkout: Path, files: Sequence[Path], scratch: Path | None, *, dry: bool) -> float:
    """Tag copies of files with a state of the program, and return what that took."""
    environment = {**child_environment(), "PYTHONPATH": str(checkout)}
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        music = Path(name, "music")
        music.mkdir()
        for number, file in enumerate(files):
            shutil.copyfile(file, music / f"{number:02d}-{file.name}")
        options = ["--overwrite", "--min-score", "0", "--jobs", "1", "--json"]
        options += ["--state", str(Path(name, "state")), *(["-n"] if dry else [])]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            lean_tag(*options, str(music)),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    statuses = [json.loads(line).get("status") for line in done.stdout.splitlines()[:-1]]
    if statuses != ["would_tag" if dry else "tagged"] * len(files):
        sys.exit(f"{checkout}: not all files are tagged: {statuses}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows(name: str, files: Sequence[Path], given: argparse.Namespace) -> list[dict[str, object]]:
    """Return a row for writing, one for `-n`, and one for the difference."""
    took: dict[tuple[str, bool], list[float]] = {}
    for pair in range(given.pairs):
        for dry in (False, True):
            for state, checkout in zip(STATES, (given.before, ROOT), strict=True):
                progress(f"{name}, pair {pair + 1} of {given.pairs}: {state}{' -n' * dry}")
                seconds = cpu_seconds(checkout.resolve(), files, given.scratch, dry=dry)
                took.setdefault((state, dry), []).append(seconds)
    what = {
        "a writing run": [took[state, False] for state in STATES],
        "the same with -n": [took[state, True] for state in STATES],
        "the difference": [
            [a - b for a, b in zip(took[state, False], took[state, True], strict=True)]
            for state in STATES
        ],
    }
    return [_row(name, label, *both) for label, both in what.items()]


def _row(name: str, what: str, before: list[float], now: list[float]) -> dict[str, object]:
    ratios = [b / a for a, b in zip(before, now, strict=True)]
    return {
        "files": name,
        "CPU seconds of": what,
        **{
            state: f"{statistics.median(it):.2f}"
            for state, it in zip(STATES, (before, now), strict=True)
        },
        "median of the pairs' ratios": f"{statistics.median(ratios):.2f}",
        "least and greatest": f"{min(ratios):.2f} to {max(ratios):.2f}",
    }


def main() -> None:
    """Print, and write where asked, three rows for each set of files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tracks", type=Path, nargs="*", help="music of a few minutes, without tags of ours"
    )
    parser.add_argument("--before", type=Path, required=True, help="a checkout of an earlier state")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--scratch", type=Path, help="where to make the copies")
    parser.add_argument("--out", type=Path, help="folder for writing.md and .json")
    given = parser.parse_args()
    found = rows(f"{len(given.tracks)} tracks", given.tracks, given) if given.tracks else []
    with tempfile.TemporaryDirectory() as name:
        short = [
            audiofiles.make(Path(name, f"{seconds:g}.{kind}"), kind, seconds)
            for kind in KINDS
            for seconds in SECONDS
        ]
        found += rows(f"{len(short)} of {min(SECONDS):g} to {max(SECONDS):g} s", short, given)
    write_table(found, "writing", given.out)


if __name__ == "__main__":
    main()
