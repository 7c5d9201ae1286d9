"""Measure what a journal costs by its size: time, the supervisor's memory, bytes a track.

Fills a journal with made-up tracks through its own interface: names of 80 bytes, scores and an
embedding of the size that the default model has, a LEANTAG, one write each. Then everything that
reads all of it is done by the real command, or, where that would look for music, by the same
functions in a process of their own. The music itself is not there: what is measured is the
journal. Expected: less than 3,000 bytes a track, less than 0.1 ms to ask what a new file
resembles, and less than 25 MiB at any size.
"""

import argparse
import hashlib
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from common import MIB, child_environment, lean_tag, progress, write_table

from lean_tagger.decide import leantag_field
from lean_tagger.decide.decider import Decider
from lean_tagger.jobs import Heard, Identity, Job, TrackInfo, quantised
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal
from lean_tagger.store.resume import Resume, new_jobs

SIZES = (10_000, 30_000, 100_000, 300_000)
TRACKS_PER_ALBUM = 12
EMBEDDING_BYTES = 800
LABELS = 50
NEW_FILES = 2000
"""That are looked for in vain; each takes as long as the journal is large, or none does."""


def track(number: int) -> tuple[str, Heard]:
    """Return the name of a made-up track and what was heard in it, always the same."""
    dice = random.Random(number)  # noqa: S311 - the same tracks in every run
    album = number // TRACKS_PER_ALBUM
    artist = f"Artist number {album // 5:05d}"
    path = f"/music/{artist}/The album {album:06d}/{number % 12 + 1:02d} a track {number:07d}.flac"
    heard = Heard(
        identity=Identity(
            30_000_000 + dice.randrange(10**7), 10**18 + number * 10**9, 10**6 + number
        ),
        digest=f"{hashlib.md5(str(number).encode()).hexdigest()}-{dice.randrange(10**7)}",  # noqa: S324 - a name
        values=quantised(dice.random() ** 4 for _ in range(LABELS)),
        embedding=dice.randbytes(EMBEDDING_BYTES),
        windows=80,
        seconds=240 + dice.randrange(10**6) / 10**6,
        seconds_skipped=0.0,
        repeated=False,
        fields={},
        track=TrackInfo(artist=artist, albumartist=artist, album=f"The album {album:06d}"),
    )
    return path, heard


def fill(state: str, count: str) -> None:
    """Put so many tracks on record, tagged each."""
    asked = Decider.of(Settings()).asked
    with Journal(Path(state)) as journal:
        resume = Resume(journal, "tag", Settings())
        key = resume.keys.scores[0]
        for number in range(int(count)):
            path, heard = track(number)
            genre = [asked[0].card.labels[number % LABELS].name.title()]
            said = leantag_field.of(heard, asked) or {}
            text = json.dumps(
                {**said, "wrote": {"genre": genre}, "over": {}}, separators=(",", ":")
            )
            fields = {"genre": tuple(genre), "leantag": (text,)}
            write = journal.intend(
                path, run=resume.run, identity=heard.identity, previous={}, written=fields
            )
            journal.settle(write, "done")
            it = Heard(**{**{n: getattr(heard, n) for n in Heard.__slots__}, "fields": fields})
            journal.record(
                path, run=resume.run, key=key, identity=it.identity, status="tagged", heard=it
            )
        resume.recorder.end({"tagged": int(count)}, "done")


def first_pass(state: str, count: str) -> None:
    """Ask what is to be done with files that are all new."""
    found = (_new(number) for number in range(int(count)))
    _judge(state, found)


def _new(number: int) -> Job:
    path, heard = track(number + 10**7)
    return Job(path, heard.identity.size_bytes, heard.identity)


def second_run(state: str, count: str) -> None:
    """Ask what is to be done with files that are all as they were."""
    found = (Job(path, 1, it.identity) for path, it in map(track, range(int(count))))
    _judge(state, found)


def _judge(state: str, found: Iterator[Job]) -> None:
    with Journal(Path(state)) as journal:
        resume = Resume(journal, "tag", Settings())
        for _ in new_jobs(resume.judge, found):
            pass


def made(_: str, count: str) -> None:
    """Make up the same tracks, and do nothing with them."""
    for number in range(int(count)):
        track(number)


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; return its CPU seconds, and the MiB of its own process at most."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    watch = f"""
import resource, subprocess, sys
process = subprocess.Popen({command!r}, stdout=subprocess.DEVNULL)
sys.exit(process.wait())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", watch], env=child_environment(), stderr=subprocess.PIPE, text=True
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _peak_bytes(process.pid))
        time.sleep(0.02)
    if process.returncode not in {0, 1}:
        sys.exit(
            f"{command}: {process.returncode}\n{process.stderr.read() if process.stderr else ''}"
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, peak / MIB


def _peak_bytes(pid: int) -> int:
    """Return the highest resident size of the one child of a process, not of those below it."""
    try:
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = Path(f"/proc/{child}/status").read_text().splitlines()
    except (OSError, ValueError):
        return 0
    (size,) = [line.split()[1] for line in lines if line.startswith("VmHWM")] or ["0"]
    return int(size) * 1024


def rows(folder: Path, count: int) -> Iterator[dict[str, object]]:
    """Yield what each step costs with so many tracks."""
    state, other = folder / "journal.sqlite3", folder / "other.sqlite3"

    def row(
        step: str, command: list[str], *, less: float = 0.0, of: int = count
    ) -> dict[str, object]:
        progress(f"{count:,} tracks: {step}")
        seconds, mib = measure(command)
        return {
            "tracks": f"{count:,}",
            "step": step,
            "CPU s": f"{seconds - less:.1f}",
            "ms a track": f"{(seconds - less) / of * 1000:.3f}",
            "supervisor MiB": f"{mib:.1f}",
            "bytes a track": f"{state.stat().st_size / count:,.0f}",
        }

    def own(step: str, tracks: int = count) -> list[str]:
        return [sys.executable, __file__, "--step", step, str(state), str(tracks)]

    less, _ = measure(own("made"))
    few, _ = measure(own("made", NEW_FILES))
    yield row("record", own("fill"), less=less)
    shutil.copyfile(state, other)
    yield row("first pass", own("first_pass", NEW_FILES), less=few, of=NEW_FILES)
    yield row("second run", own("second_run"), less=less)
    for command in (["status"], ["undo", "-n", "--all", "-q"], ["retag", "-n", "-q"],
                    ["export", "/dev/null"], ["merge", str(other)]):  # fmt: skip
        step = " ".join(command[:2] if command[-1] == "-q" else command[:1])
        yield row(step, lean_tag(*command, "--state", str(state)))


STEPS: dict[str, Callable[[str, str], None]] = {
    it.__name__: it for it in (fill, first_pass, second_run, made)
}


def main() -> None:
    """Print, and write where asked, a row for each step and size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", type=int, nargs="+", default=SIZES, help="default: four sizes")
    parser.add_argument("--scratch", type=Path, help="where to put 10 kB per track")
    parser.add_argument("--out", type=Path, help="folder for journal.md and .json")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        step, state, count = given.step
        STEPS[step](state, count)
        return
    found: list[dict[str, object]] = []
    for count in given.tracks:
        with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
            found += rows(Path(folder), count)
    write_table(found, "journal", given.out)


if __name__ == "__main__":
    main()
