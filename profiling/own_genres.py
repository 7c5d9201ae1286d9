"""What learning, checking and measuring cost on a large made-up library.

    python profiling/own_genres.py [--tracks 25000] [--classes 20]

Makes a journal in which each class has a centre, each artist and each track some distance from it;
then runs what the commands run, each in a child under the budget, and prints CPU seconds, the
child's peak, and the size of the model.
"""

import argparse
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lean_tagger.card import load_card
from lean_tagger.cli import own_genres
from lean_tagger.genres.request import EvalRequest, Request
from lean_tagger.jobs import Asked, Heard, Identity, Pooling, TrackInfo
from lean_tagger.run.calculation import Calculation
from lean_tagger.store.journal import Journal
from lean_tagger.store.model_keys import key_of

MAX_MEM_BYTES = 200 << 20
TRACKS_OF_ARTIST, TRACKS_OF_ALBUM = 25, 10
LABELLED = 0.05  # of the tracks, by each label


def make(path: Path, music: Path, *, tracks: int, classes: int, several: bool) -> None:
    """Write a journal of made-up tracks."""
    rng = np.random.default_rng(0)
    cards = [load_card(name) for name in own_genres.EMBEDDINGS]
    keys = [key_of(Asked(it, Pooling(it.pooling, it.hop_frames))) for it in cards]
    centres = rng.normal(size=(classes, 400)) * 0.3
    with Journal(path) as journal:
        run = journal.begin_run("tag", version="", model="", options={})
        for number in range(tracks):
            artist = number // TRACKS_OF_ARTIST
            own = np.random.default_rng(artist)
            of = int(own.integers(classes))
            row = centres[of] + own.normal(size=400) * 0.5 + rng.normal(size=400)
            parts = np.split(row.astype("<f4"), 2)
            genres = (f"Genre {of}",)
            if several and number % 3 == 0:
                genres = (*genres, f"Genre {(of + 1) % classes}")
            each = [
                Heard(
                    identity=Identity(1, number, number),
                    digest=f"{number:064x}",
                    values=tuple(rng.random(50)),
                    embedding=part.tobytes(),
                    windows=20,
                    seconds=60.0,
                    seconds_skipped=0.0,
                    repeated=False,
                    fields={"genre": genres},
                    track=TrackInfo(
                        artist=f"Artist {artist}",
                        albumartist=f"Artist {artist}",
                        album=f"Album {number // TRACKS_OF_ALBUM}",
                    ),
                )
                for part in parts
            ]
            journal.record(
                str(music / f"{number:06}.mp3"),
                run=run,
                key=keys[0],
                other_keys=keys[1:],
                identity=each[0].identity,
                status="unchanged",
                heard=Heard.together(each),
            )
        journal.end_run(run, counts={}, ending="done")


def annotations(path: Path, music: Path, *, tracks: int, labels: Sequence[str]) -> None:
    """Write made-up files, and which labels each of them has, as MagnaTagATune does."""
    music.mkdir()
    rng = np.random.default_rng(1)
    lines = ["\t".join(["clip_id", *labels, "mp3_path"])]
    for number in range(tracks):
        name = f"{number:06}.mp3"
        (music / name).write_bytes(b"x")
        ticks = map(str, (rng.random(len(labels)) < LABELLED).astype(int))
        lines.append("\t".join([str(number), *ticks, name]))
    path.write_text("\n".join(lines))


def measured(name: str, function: str, request: Request | EvalRequest) -> None:
    """Run one of them, and print what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    with Calculation(function, request, max_mem_bytes=MAX_MEM_BYTES) as calculation:
        (report,) = calculation
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = len(report.get("head", ""))
    print(
        f"{name}: {cpu:.1f} CPU s, {time.monotonic() - started:.1f} s, child's peak "
        f"{calculation.peak_bytes >> 20} MiB" + (f", model {size >> 10} KiB" if size else "")
    )


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracks", type=int, default=25_000)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--several", action="store_true", help="a third with two genres")
    given = parser.parse_args()
    base = "lean_tagger.genres.arithmetic"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite3"
        music = Path(folder) / "music"  # not there at first: nothing is looked at again
        make(path, music, tracks=given.tracks, classes=given.classes, several=given.several)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        print(f"{given.tracks} tracks, journal {os.stat(path).st_size >> 20} MiB")
        models = tuple(map(own_genres.listened, own_genres.EMBEDDINGS))
        request = Request(journal=str(path), models=models)
        measured("learn", f"{base}.fit:learn", request)
        measured("check", f"{base}.scan:check", request)
        card = load_card("msd-musicnn")
        asked = Asked(card, Pooling(card.pooling, card.hop_frames))
        table = Path(folder) / "annotations_final.csv"
        annotations(table, music, tracks=given.tracks, labels=[it.name for it in card.labels])
        compared = EvalRequest(
            journal=str(path), asked=asked, annotations=str(table), under=(str(music),)
        )
        measured(f"eval, {len(card.labels)} labels", f"{base}.evaluate:evaluate", compared)


if __name__ == "__main__":
    main()
