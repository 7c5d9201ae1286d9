"""Measure what a page of a large library costs: time, memory, size, and how good its map is.

Makes up a journal whose embeddings lie in groups, as those of music do, and runs the real command
on it. Expected at 25,000 tracks: at most 60 CPU seconds within the default budget, at most 6 MB,
and nine in ten of the ten nearest tracks of a page are those of the full embeddings.
"""

import argparse
import base64
import json
import sqlite3
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

from common import MIB, lean_tag, progress, run, write_table  # noqa: E402 - after the path
from madelibrary import LABELS, MSD, MTT, Made, make  # noqa: E402 - after the path

from lean_tagger.jobs import TrackInfo  # noqa: E402 - after the path

DIM = 200
GROUPS = 60
GENRES = ("Rock", "Electronic", "Folk", "Jazz", "Ambient", "Metal", "Pop", "Soul", "Classical")
WORDS = ("night", "river", "stone", "light", "glass", "winter", "road", "summer", "paper", "silver")
ASKED = 500


def made(tracks: int) -> list[Made]:
    """Return tracks in groups, each with a spread of its own along a few directions."""
    dice = np.random.default_rng(0)
    centres = dice.normal(0, 1, (GROUPS, 2 * DIM))
    directions = dice.normal(0, 0.5, (GROUPS, 6, 2 * DIM))
    found = []
    for number in range(tracks):
        group = int(dice.integers(GROUPS))
        along = dice.normal(0, 1, 6) @ directions[group]
        values = centres[group] + along + dice.normal(0, 0.35, 2 * DIM)
        words = dice.choice(WORDS, 3)
        labels = dice.choice(LABELS[MSD], 4)
        found.append(
            Made(
                path=f"/music/Artist {number // 120:04d}/Album {number // 12:05d}"
                f"/{number % 12 + 1:02d} {' '.join(words)} {number}.mp3",
                digest=f"{number:032x}",
                embeddings={MSD: values[:DIM], MTT: values[DIM:]},
                scores={label: float(dice.random()) for label in labels},
                track=TrackInfo(
                    artist=f"Artist {number // 120:04d}",
                    album=f"Album {number // 12:05d}",
                    year=str(1960 + group),
                    title=f"{' '.join(words).title()} {number}",
                ),
                genre=(GENRES[group % len(GENRES)],) if number % 5 else (),
            )
        )
    return found


def exact(state: Path) -> tuple[list[str], np.ndarray]:
    """Return digests and unit vectors of all numbers, straight from the tables."""
    with sqlite3.connect(state) as journal:
        rows = journal.execute(
            "SELECT digest, key, embedding FROM scores ORDER BY rowid"
        ).fetchall()
    parts: dict[int, dict[str, np.ndarray]] = {}
    for digest, key, embedding in rows:
        parts.setdefault(key, {})[digest] = np.frombuffer(embedding, "<f4")
    digests = list(next(iter(parts.values())))
    matrix = np.concatenate(
        [np.stack([of[digest] for digest in digests]) for of in parts.values()], axis=1
    )
    matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    return digests, matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def quality(state: Path, page: Path) -> dict[str, str]:
    """Return how well a page keeps what sounds alike, for tracks taken evenly."""
    text = page.read_text(encoding="utf-8")
    packed = text.rpartition('id="data">')[2].partition("</script>")[0]
    data = json.loads(packed)
    _, full = exact(state)
    row_of = np.array(data["sound"])  # both in the order of the paths
    vectors = np.frombuffer(base64.b64decode(data["vectors"]), np.int8).astype(np.float32)
    vectors = vectors.reshape(-1, data["axes"])[row_of]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    places = np.frombuffer(base64.b64decode(data["places"]), "<u2").astype(np.float64)
    places = places.reshape(-1, 2)[row_of]
    asked = np.linspace(0, len(full) - 1, min(ASKED, len(full))).astype(int)
    k, count = 5, len(full)
    agree, wrong = [], 0.0
    for number in asked:
        likeness = full @ full[number]
        likeness[number] = np.inf
        rank = np.empty(count, int)
        rank[np.argsort(-likeness)] = np.arange(count)
        own = vectors @ vectors[number]
        own[number] = -np.inf
        agree.append(np.mean(rank[np.argsort(-own)[:10]] <= 10))
        apart = np.square(places - places[number]).sum(axis=1)
        apart[number] = np.inf
        wrong += np.maximum(rank[np.argsort(apart)[:k]] - k, 0).sum()
    trust = 1 - 2 / (len(asked) * k * (2 * count - 3 * k - 1)) * wrong
    return {"ten nearest agree": f"{np.mean(agree):.3f}", "trustworthiness": f"{trust:.3f}"}


def main() -> None:
    """Print, and write where asked, a row for each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", type=int, nargs="+", default=[1_000, 25_000])
    parser.add_argument("--keep", type=Path, help="folder in which the pages stay")
    parser.add_argument("--out", type=Path, help="folder for report.md and .json")
    given = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        for tracks in given.tracks:
            state, page = Path(scratch) / f"{tracks}.sqlite3", folder / f"{tracks}.html"
            progress(f"making up {tracks} tracks")
            make(state, made(tracks))
            done = run(lean_tag("report", str(page), "--state", str(state)))
            rows.append(
                {
                    "tracks": f"{tracks:,}",
                    "CPU s": f"{done.cpu_seconds:.1f}",
                    "s": f"{done.wall_seconds:.1f}",
                    "MiB": f"{done.peak_bytes / MIB:.0f}",
                    "page MB": f"{page.stat().st_size / 1e6:.2f}",
                    **quality(state, page),
                }
            )
    write_table(rows, "report", given.out)


if __name__ == "__main__":
    main()
