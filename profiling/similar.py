"""Measure how long the library takes to answer, and how much memory, by its size.

Fills a journal with made-up tracks, with the embeddings and scores of one or two of the models
that are in the package, and asks the real command: similar, path and find. The music is not
there, but for what is listed. Wall time, CPU time of all processes, and the most memory that all
of them had. Expected on one core of a server: 25,000 tracks within 0.3 s of CPU next to the start
of Python, a million within 8 s, and less than 150 MiB at both.

`--share 0.25` also gives all of it a quarter of one core, as a small computer has (cgroup v2 or
v1 with a cpu controller, and root).
"""

import argparse
import contextlib
import hashlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from common import MIB, ROOT, lean_tag, progress, run, write_table

sys.path.insert(0, str(ROOT))

from lean_tagger.card import load_card
from lean_tagger.jobs import Pooling
from lean_tagger.library.likeness import Likeness, Near
from lean_tagger.library.query import parse
from lean_tagger.library.search import Search
from lean_tagger.library.vocabulary import Label
from lean_tagger.run.calculation import Calculation
from lean_tagger.store.journal import Journal, Key

SIZES = (25_000, 100_000, 1_000_000)
MODELS = ("msd-musicnn", "mtt-musicnn")
DIM, LABELS, TOGETHER = 200, 50, 1000
WHERE = "year:1990..1999 score.rock:0.2.."
WORDS = "guitar rock"
GROUPS = 200
"""Kinds of music, around which tracks lie."""


def fill(state: Path, music: Path, count: int, models: int) -> list[Key]:
    """Put so many tracks on record, as so many models heard them in one run."""
    with Journal(state) as journal:
        keys = []
        for name in MODELS[:models]:
            card = load_card(name)
            labels = [label.name for label in card.labels]
            journal.note_model(card.identity, name=name, labels=labels)
            keys.append(Key(model=card.identity, pooling=Pooling(pool="logit-mean", hop=187)))
    with contextlib.closing(sqlite3.connect(state, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN")
        for number, key in enumerate(keys, 1):
            row = (number, key.model, key.pooling.pool, key.pooling.hop)
            database.execute("INSERT INTO keys VALUES (?,?,?,?)", row)
        marks = ",".join("?" * 11)
        database.executemany(f"INSERT INTO scores VALUES ({marks})", _scores(count, models))  # noqa: S608
        marks = ",".join("?" * 17)
        database.executemany(f"INSERT INTO files VALUES ({marks})", _files(music, count))  # noqa: S608
        database.execute("COMMIT")
    return keys


def digest(number: int) -> str:
    """Return the audio of a track."""
    return f"{hashlib.md5(str(number).encode()).hexdigest()}-9600000"  # noqa: S324 - a name


def path(music: Path, number: int) -> str:
    """Return the name of a track's file."""
    return f"{music}/Artist {number // 60:05d}/Album {number // 12:06d}/{number:07d} a track.flac"


def _scores(count: int, models: int) -> Iterator[tuple[object, ...]]:
    dice = np.random.default_rng(0)
    kinds = dice.standard_normal((GROUPS, models, DIM))
    for first in range(0, count, TOGETHER):
        group = dice.integers(0, GROUPS, TOGETHER)
        rows = (kinds[group] + dice.standard_normal((TOGETHER, models, DIM)) + 3).astype("<f4")
        scores = (dice.random((TOGETHER, models, LABELS)) ** 4 * 65535).astype("<u2")
        for row in range(min(TOGETHER, count - first)):
            audio = digest(first + row)
            for number in range(models):
                values = scores[row, number].tobytes(), rows[row, number].tobytes()
                yield audio, number + 1, "full", *values, 80, 240.0, 0.0, 0, 0, 1.0


def _files(music: Path, count: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        artist = f"Artist {number // 60}"
        yield (
            *(os.fsencode(path(music, number)), 30_000_000 + number, 10**18 + number, number),
            *("tagged", "", "", 0, 1, 1.7e9 + number, digest(number), '{"genre": ["Rock"]}'),
            *(artist, artist, f"Album {number // 12}", "1994", f"Track {number}"),
        )


def make_nearest(state: Path, keys: list[Key], seed: int, where: str) -> None:
    """Make the files that are going to be listed: those that are not there would be left out."""
    labels = _labels(keys)
    request = Likeness(
        state=state,
        keys=tuple(keys),
        seeds=(digest(seed),),
        where=parse(where, [label.name for label in labels]).conditions,
        labels=labels,
    )
    name = "lean_tagger.library.arithmetic.similar:nearest"
    with Calculation(name, request, max_mem_bytes=1 << 30) as calculation:
        nears = (it for it in calculation if isinstance(it, Near))
        for near in islice(nears, 20):
            _make(near.files[0].path)


def make_found(state: Path, keys: list[Key], words: str) -> None:
    """Make the files that words find first, some hundred."""
    request = Search(state=state, query=parse(words), labels=_labels(keys))
    name = "lean_tagger.library.arithmetic.search:found"
    with Calculation(name, request, max_mem_bytes=1 << 30) as calculation:
        for track in next(iter(calculation)):
            _make(track.path)


def _labels(keys: list[Key]) -> tuple[Label, ...]:
    return tuple(
        Label(name=label.name, kind=label.kind, key=key, index=index)
        for name, key in zip(MODELS, keys, strict=False)
        for index, label in enumerate(load_card(name).labels)
    )


def _make(name: str) -> None:
    os.makedirs(os.path.dirname(name), exist_ok=True)
    Path(name).touch()


@contextlib.contextmanager
def share_of_a_core(share: float) -> Iterator[list[str]]:
    """Yield what goes before a command to give it so much of one core; nothing for all of it."""
    if not share:
        yield []
        return
    root = Path("/sys/fs/cgroup")
    v1 = root / "cpu"
    folder = (v1 if v1.is_dir() else root) / f"lean-tag-{os.getpid()}"
    folder.mkdir()
    try:
        quota = str(int(100_000 * share))
        if v1.is_dir():
            (folder / "cpu.cfs_period_us").write_text("100000")
            (folder / "cpu.cfs_quota_us").write_text(quota)
        else:
            (folder / "cpu.max").write_text(f"{quota} 100000")
        join = f'echo $$ > {folder}/cgroup.procs && exec taskset -c 0 "$@"'
        yield ["sh", "-c", join, "sh"]
    finally:
        folder.rmdir()


def rows(folder: Path, count: int, models: int, share: float) -> Iterator[dict[str, object]]:
    """Yield what each question costs in a library of this size."""
    state, music = folder / "journal.sqlite3", folder / "music"
    progress(f"{count:,} tracks by {models}: making them up")
    keys = fill(state, music, count, models)
    for where in ("", WHERE):
        make_nearest(state, keys, 0, where)
    make_found(state, keys, WORDS)
    seed, other = path(music, 0), path(music, 1)
    questions = {
        "nothing: --help": ["similar", "--help"],
        "similar": ["similar", seed],
        "similar --where": ["similar", seed, "--where", WHERE],
        "path": ["path", seed, other],
        "find by a tag": ["find", 'artist:=~"artist 7"', "--paths"],
        "find by a score": ["find", "score.rock:0.99..", "--paths"],
        "find words": ["find", WORDS, "-n", "20", "--paths"],
    }
    with share_of_a_core(share) as before:
        for name, arguments in questions.items():
            progress(f"{count:,} tracks by {models}: {name}")
            more = ["--state", str(state)] if "--help" not in arguments else []
            done = run([*before, *lean_tag(*arguments, *more)])
            yield {
                "tracks": f"{count:,}",
                "models": models,
                "question": name,
                "wall s": f"{done.wall_seconds:.2f}",
                "CPU s": f"{done.cpu_seconds:.2f}",
                "MiB": f"{done.peak_bytes / MIB:.0f}",
                "core": share or 1,
            }


def main() -> None:
    """Print, and write where asked, a row for each question and size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", type=int, nargs="+", default=SIZES, help="default: three sizes")
    parser.add_argument("--models", type=int, nargs="+", default=(1, 2), help="default: 1 and 2")
    parser.add_argument("--share", type=float, default=0.0, help="of one core (default: all)")
    parser.add_argument("--scratch", type=Path, help="where to put 3 kB per track")
    parser.add_argument("--out", type=Path, help="folder for similar.md and .json")
    given = parser.parse_args()
    found: list[dict[str, object]] = []
    for count in given.tracks:
        for models in given.models:
            with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
                found += rows(Path(folder), count, models, given.share)
    write_table(found, "similar", given.out)


if __name__ == "__main__":
    main()
