"""Libraries of many thousand files and journals that know them, made up in seconds."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lean_tagger.decide.decider import Decider
from lean_tagger.jobs import Heard, Identity, TrackInfo
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal, Key

ROOT = Path(__file__).parents[1]
TRACKS = 10
"""Of an album, which has a folder of its own unless all of the library is in one."""

_MEASURED = """
import sys
from pathlib import Path

from lean_tagger.cli.main import main

code = main(sys.argv[2:])
sys.stdout.flush()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
Path(sys.argv[1]).write_text(peak.split()[1])
sys.exit(code)
"""


def make(folder: Path, tracks: int, *, flat: bool = False) -> list[str]:
    """Make files that are called like music, and return their paths."""
    paths = []
    for number in range(tracks):
        album = folder if flat else folder / f"Artist {number // 200:04d}/Album {number // TRACKS}"
        if flat or number % TRACKS == 0:
            album.mkdir(parents=True, exist_ok=True)
        path = f"{album}/{number % TRACKS:02d} - A Song of Some Length {number:06d}.mp3"
        with open(path, "wb") as file:
            file.write(b"music")
        paths.append(path)
    return paths


def remember(state: Path, paths: list[str], *, failed: bool = False) -> None:
    """Make a journal in which these files were heard and written by one run, or failed in it."""
    (asked,) = Decider.of(Settings()).asked
    key = Key(model=asked.card.identity, pooling=asked.pooling)
    written = {"genre": ("Rock",), "mood": ("Happy",)}
    with Journal(state) as journal:
        # Whatever happens to this journal, another one is made.
        journal._database.connection.execute("PRAGMA synchronous = OFF")
        run = journal.begin_run("tag", version="0", model=asked.card.name, options={})
        for number, path in enumerate(paths):
            identity = Identity.of(os.stat(path))
            if failed:
                said = {"status": "failed", "kind": "decode", "message": "its audio is damaged"}
                journal.record(path, run=run, key=key, identity=identity, **said)
                continue
            heard = Heard(
                identity=identity,
                digest=f"{number:032x}",
                values=tuple((n + number) % 97 / 100 for n in range(len(asked.card.labels))),
                embedding=bytes(800),
                windows=60,
                seconds=180.0,
                seconds_skipped=0.0,
                repeated=False,
                fields={},
                track=TrackInfo(artist="Somebody", album=f"Album {number // TRACKS}"),
            )
            journal.record(path, run=run, key=key, identity=identity, status="tagged", heard=heard)
            write = journal.intend(path, run=run, identity=identity, previous={}, written=written)
            journal.settle(write, "done")
        journal.end_run(run, counts={"tagged": len(paths)}, ending="done")


def peak_mib(*arguments: str | Path, code: int = 0) -> float:
    """Run a command with its output thrown away; return the most that its own process took."""
    with tempfile.TemporaryDirectory() as folder:
        peak = Path(folder) / "peak"
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, peak, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == code, done.stderr
        return int(peak.read_text()) / 1024
