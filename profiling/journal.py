"""Measure what a journal costs by its size: time, the supervisor's memory, bytes a track.

Makes a file of 427 bytes for each track, and fills a journal through its own interface: names of
90 bytes, scores and an embedding of the size that the default model has, a LEANTAG, one write each.
Then everything that reads all of it is done by the real command; only recording, and asking what
a new file resembles, are done by the same functions in a process of their own. No music is heard,
and nothing waits for the disk: what is measured is the journal. Expected: less than 3,000 bytes a
track, less than 0.1 ms to ask what a new file resembles, and less than 25 MiB of the supervisor at
any size. `--flat` puts all files into one folder.
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
from dataclasses import replace
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
CLASSES = 20
NEW_FILES = 2000
"""That are looked for in vain; each takes as long as the journal is large, or none does."""

FLAT = "flat"
"""How a folder is called that has all files in itself."""

FRAME = bytes.fromhex("fffb9064") + bytes(413)
"""Of silence, in MP3."""


def place(music: str, number: int) -> str:
    """Return the name of a made-up track's file."""
    if music.endswith(FLAT):
        return f"{music}/Artist number {number // 60:05d} - a track {number:07d}.mp3"
    album, artist = number // TRACKS_PER_ALBUM, number // TRACKS_PER_ALBUM // 5
    folder = f"Artist number {artist:05d}/The album {album:06d}"
    return f"{music}/{folder}/{number % TRACKS_PER_ALBUM + 1:02d} a track {number:07d}.mp3"


def heard_in(number: int, identity: Identity) -> Heard:
    """Return what was heard in a made-up track, always the same."""
    dice = random.Random(number)  # noqa: S311 - the same tracks in every run
    album = number // TRACKS_PER_ALBUM
    artist = f"Artist number {album // 5:05d}"
    embedding = bytearray(dice.randbytes(EMBEDDING_BYTES))
    embedding[3::4] = b"\x3f" * (EMBEDDING_BYTES // 4)  # float32 from 0.5 to 2
    return Heard(
        identity=identity,
        digest=f"{hashlib.md5(str(number).encode()).hexdigest()}-{dice.randrange(10**7)}",  # noqa: S324 - a name
        values=quantised(dice.random() ** 4 for _ in range(LABELS)),
        embedding=bytes(embedding),
        windows=80,
        seconds=240 + dice.randrange(10**6) / 10**6,
        seconds_skipped=0.0,
        repeated=False,
        fields={},
        track=TrackInfo(artist=artist, albumartist=artist, album=f"The album {album:06d}"),
    )


def make_files(music: str, _: str, count: str) -> None:
    """Make a file for each track: an empty tag and one frame, all that `undo -n` looks at."""
    for number in range(int(count)):
        path = Path(place(music, number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"ID3\4" + bytes(6) + FRAME)


def fill(music: str, state: str, count: str) -> None:
    """Put so many tracks on record, tagged each."""
    asked = Decider.of(Settings()).asked
    with Journal(Path(state)) as journal:
        journal._database.connection.execute("PRAGMA synchronous = OFF")  # noqa: SLF001 - ours
        resume = Resume(journal, "tag", Settings())
        key = resume.keys.scores[0]
        for number in range(int(count)):
            path = place(music, number)
            heard = heard_in(number, Identity.at(path))
            genre = [asked[0].card.labels[number % LABELS].name.title()]
            said = leantag_field.of(heard, asked) or {}
            text = json.dumps(
                {**said, "wrote": {"genre": genre}, "over": {}}, separators=(",", ":")
            )
            fields = {"genre": tuple(genre), "leantag": (text,)}
            write = journal.intend(
                path,
                run=resume.run,
                identity=heard.identity,
                previous={},
                written=fields,
                digest=heard.digest,
            )
            journal.settle(write, "done")
            heard = replace(heard, fields=fields)
            journal.record(
                path,
                run=resume.run,
                key=key,
                identity=heard.identity,
                status="tagged",
                heard=heard,
            )
        resume.recorder.end({"tagged": int(count)}, "done")


def take_back(_: str, state: str, __: str) -> None:
    """Put on record that all of it was undone, for `redo` to take back."""
    with Journal(Path(state)) as journal:
        journal._database.connection.execute("PRAGMA synchronous = OFF")  # noqa: SLF001 - ours
        resume = Resume(journal, "undo", Settings())
        for it in journal.writes():
            number = journal.intend(
                it.path,
                run=resume.run,
                identity=it.identity,
                previous=it.written,
                written=dict.fromkeys(it.written, ()),
                digest=it.digest,
            )
            journal.settle(number, "done")
            journal.settle(it.id, "undone")
        resume.recorder.end({}, "done")


def first_pass(music: str, state: str, count: str) -> None:
    """Ask what is to be done with files that are all new."""
    with Journal(Path(state)) as journal:
        resume = Resume(journal, "tag", Settings())
        jobs = (
            Job(place(music, n), 10**6 + n, Identity(10**6 + n, 10**18 + n, 10**7 + n))
            for n in range(10**7, 10**7 + int(count))
        )
        for _ in new_jobs(resume.judge, jobs):
            pass


def made(music: str, _: str, count: str) -> None:
    """Make up the same tracks, and do nothing with them."""
    for number in range(int(count)):
        heard_in(number, Identity.at(place(music, number)))


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


def write_inputs(music: Path, folder: Path, count: int) -> None:
    """Write what `playlists`, `check` and `learn` are told: the classes of each track."""
    lines = [f'"{place(str(music), n)}",class {n % CLASSES}\n' for n in range(count)]
    (folder / "labels.csv").write_text("".join(["path,label\n", *lines]))
    (folder / "playlists.toml").write_text(
        f'folder = "{folder}/playlists"\n[[playlist]]\nname = "one"\nquery = "rock"\nmost = 200\n'
        '[[playlist]]\neach = "genre"\n'
    )


def commands(music: Path, state: Path, other: Path) -> dict[str, list[str]]:
    """Return the commands that are measured, by what they are called in the table."""
    track = place(str(music), 1)
    return {
        "second run": ["-n", "-q", str(music)],
        "second run by albums": ["-n", "-q", "--album-genre", str(music)],
        "status": ["status"],
        "runs": ["runs"],
        "explain": ["explain", track],
        "find, by a tag": ["find", "artist:00001", "-n", "20"],
        "find, by a score": ["find", "rock", "-n", "20"],
        "similar": ["similar", track, "-n", "20"],
        "path": ["path", track, place(str(music), 100)],
        "playlists": ["playlists", str(state.with_name("playlists.toml"))],
        "check": ["check", "--from", str(state.with_name("labels.csv"))],
        "learn": ["learn", "-n", "--from", str(state.with_name("labels.csv"))],
        "report": ["report", str(state.with_name("page.html"))],
        "retag": ["retag", "-n", "-q"],
        "retag by albums": ["retag", "-n", "-q", "--album-genre"],
        "export": ["export", "/dev/null"],
        "export, a table": ["export", "--format", "csv", "/dev/null"],
        "merge": ["merge", str(other)],
        "merge again": ["merge", str(other)],
        "undo": ["undo", "-n", "-q"],
        "undo FOLDER": ["undo", "-n", "-q", str(music)],
        "redo": ["redo", "-n", "-q"],
    }


def rows(folder: Path, count: int, *, flat: bool, only: list[str]) -> Iterator[dict[str, object]]:
    """Yield what each step costs with so many tracks."""
    music, state, other = (
        folder / name for name in (FLAT if flat else "music", "journal.sqlite3", "other.sqlite3")
    )

    def row(
        step: str, command: list[str], *, less: float = 0.0, of: int = count
    ) -> dict[str, object]:
        progress(f"{count:,} tracks: {step}")
        seconds, mib = measure(command)
        supervises = command[1] == "-m"
        progress(f"{count:,} tracks: {step}: {seconds - less:.1f} CPU s, {mib:.1f} MiB")
        return {
            "tracks": f"{count:,}",
            "step": step,
            "CPU s": f"{seconds - less:.1f}",
            "ms a track": f"{(seconds - less) / of * 1000:.3f}",
            "supervisor MiB": f"{mib:.1f}" if supervises else "",
            "bytes a track": f"{state.stat().st_size / count:,.0f}",
        }

    def own(step: str, tracks: int = count) -> list[str]:
        return [sys.executable, __file__, "--step", step, str(music), str(state), str(tracks)]

    measure(own("make_files"))
    write_inputs(music, folder, count)
    less, _ = measure(own("made"))
    none, _ = measure(own("made", 0))
    yield row("record", own("fill"), less=less)
    shutil.copyfile(state, other)
    yield row("first pass", own("first_pass", NEW_FILES), less=none, of=NEW_FILES)
    for step, arguments in commands(music, state, other).items():
        if only and step not in only:
            continue
        if step == "redo":
            measure(own("take_back"))
        yield row(step, lean_tag(*arguments, "--state", str(state)))


STEPS: dict[str, Callable[[str, str, str], None]] = {
    it.__name__: it for it in (make_files, fill, first_pass, made, take_back)
}


def main() -> None:
    """Print, and write where asked, a row for each step and size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", type=int, nargs="+", default=SIZES, help="default: four sizes")
    parser.add_argument("--flat", action="store_true", help="all files in one folder")
    parser.add_argument("--only", nargs="+", default=[], metavar="STEP", help="steps of the table")
    parser.add_argument("--scratch", type=Path, help="where to put 10 kB per track")
    parser.add_argument("--out", type=Path, help="folder for journal.md and .json")
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        step, *arguments = given.step
        STEPS[step](*arguments)
        return
    found: list[dict[str, object]] = []
    for count in given.tracks:
        with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
            found += rows(Path(folder), count, flat=given.flat, only=given.only)
    write_table(found, "journal", given.out)


if __name__ == "__main__":
    main()
