"""Show what is lost and gained by hearing a part of each track.

Every track is heard whole once, window by window. From these the curve is reckoned: what the
first 3, 4, 6 … windows, in the order in which they would be heard, would have led to. Then each
track is heard with `balanced` and `fast` as they are, in turns with a full pass, all in one
process, and both the answers and the CPU seconds are compared: with the tags written into a
copy, and without. How often the answer was right is also held against the confidence that was
given, over all rounds of all tracks.

Folders hold real music, at least forty tracks (`../shared/music/README.md` names packages).
With `--formats`, every third track is encoded by the `ffmpeg` program, and the speed is measured
for each.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from common import progress, pyplot, save_picture, write_table

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command does, before numpy is loaded

import numpy as np
import numpy.typing as npt

from lean_tagger import write
from lean_tagger.card import ModelSpec
from lean_tagger.errors import FileError, WriteError
from lean_tagger.listen import effort
from lean_tagger.listen.pooling import sigmoid
from lean_tagger.listen.stopping import Confidence, choices
from lean_tagger.rules import DEFAULT, decide
from lean_tagger.tagger import Tagger

SUFFIXES = {".aac", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"}
COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
SHORTEST_SECONDS = 30.0
EFFORTS = ("full", "balanced", "fast")
PHASES = 8
SURE = (0.80, 0.84, 0.86, 0.88, 0.90, 0.92, 0.94)
BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
ENCODINGS = {
    "mp3 (CBR)": (".mp3", "-c:a libmp3lame -b:a 192k"),
    "mp3 (VBR)": (".mp3", "-c:a libmp3lame -q:a 2"),
    "flac": (".flac", "-c:a flac"),
    "m4a": (".m4a", "-c:a aac -b:a 192k"),
    "adts": (".aac", "-c:a aac -b:a 192k"),
    "vorbis": (".ogg", "-c:a libvorbis -q:a 5"),
    "opus": (".opus", "-c:a libopus -b:a 128k"),
    "wav": (".wav", "-c:a pcm_s16le"),
}

Tags = dict[str, tuple[str, ...]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Track:
    """What all windows of a track say."""

    path: Path
    logits: npt.NDArray[np.float32]
    scores: Floats
    tags: Tags


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of hearing one track with one effort."""

    track: Track
    windows: int
    confidence: float
    scores: Floats
    cpu_seconds: float
    writing_seconds: float


def tags_of(scores: Floats, card: ModelSpec) -> Tags:
    """Return what the default rules choose."""
    chosen = decide(tuple(map(float, scores)), card.labels, DEFAULT).chosen
    return {field: tuple(name for name, _ in items) for field, items in chosen.items()}


def hear(paths: Iterable[Path], tagger: Tagger) -> list[Track]:
    """Hear tracks whole; leave out what is short or no music."""
    tracks = []
    for path in paths:
        try:
            taggram = tagger.taggram(path)
        except FileError:
            continue
        if taggram.start_seconds[-1] < SHORTEST_SECONDS:
            continue
        progress(f"heard {len(tracks) + 1}: {path.name}")
        scores = sigmoid(taggram.logits.astype(np.float64).mean(axis=0))
        tracks.append(Track(path, taggram.logits, scores, tags_of(scores, tagger.spec)))
    return tracks


def agreement(answers: Sequence[tuple[Track, Floats]], card: ModelSpec) -> dict[str, float]:
    """Return how often, and how nearly, scores lead to what all windows lead to."""
    genres = [i for i, label in enumerate(card.labels) if label.kind == "genre"]
    found = np.array(
        [
            (
                scores[genres].argmax() == track.scores[genres].argmax(),
                (tags := tags_of(scores, card))["genre"] == track.tags["genre"],
                tags == track.tags,
                np.abs(scores - track.scores).mean(),
                np.abs(scores - track.scores).max(),
            )
            for track, scores in answers
        ],
        np.float64,
    )
    names = ("top genre", "written genres", "all tags", "mean difference", "max difference")
    return dict(zip(names, found.mean(axis=0), strict=True))


def shown(values: dict[str, float]) -> dict[str, str]:
    """Return agreements as a table has them."""
    return {
        name: f"{value:.4f}" if "difference" in name else f"{value:.1%}"
        for name, value in values.items()
    }


def curve(tracks: Sequence[Track], card: ModelSpec) -> list[dict[str, float]]:
    """Return the agreement after each of `COUNTS` windows."""
    points = []
    for count in COUNTS:
        answers, share = [], []
        for track in tracks:
            total = len(track.logits)
            heard = list(effort.order(total))[: min(count, total)]
            share.append(len(heard))
            scores = sigmoid(track.logits[heard].astype(np.float64).mean(axis=0))
            answers.append((track, scores))
        whole = sum(len(track.logits) for track in tracks)
        points.append({"windows": count, "share": sum(share) / whole, **agreement(answers, card)})
    return points


def calibration(tracks: Sequence[Track], card: ModelSpec) -> list[dict[str, object]]:
    """Return how often the tags were right, by the confidence after each round."""
    pairs = []
    for track in tracks:
        total, taken = len(track.logits), 0
        sure = Confidence(choices(card.labels, DEFAULT), n_windows=total)
        heard = list(effort.order(total))
        for count in effort.rounds(total, effort.Effort(name="", first=3)):
            if count == total:
                break
            sure.add(track.logits[heard[taken:count]])
            taken = count
            scores = sigmoid(track.logits[heard[:count]].astype(np.float64).mean(axis=0))
            pairs.append((sure.value(), tags_of(scores, card) == track.tags))
    given, right = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    rows = []
    for low, high in pairwise(BINS):
        inside = (given >= low) & ((given < high) | (high == 1.0))
        if inside.any():
            rows.append(
                {
                    "confidence": f"{low:.2f} to {high:.2f}",
                    "rounds": int(inside.sum()),
                    "mean confidence": f"{given[inside].mean():.1%}",
                    "same tags as all windows": f"{right[inside].mean():.1%}",
                }
            )
    return rows


def thresholds(tracks: Sequence[Track], card: ModelSpec) -> list[dict[str, str]]:
    """Return what each confidence that would be enough leads to, over `PHASES` draws of windows.

    Another draw is the same order over a track that begins elsewhere: the logits are turned round.
    """
    heard, same, looks = (dict.fromkeys(SURE, 0) for _ in range(3))
    wanted = replace(effort.EFFORTS["balanced"], sure=2.0)
    for number, track in enumerate(tracks):
        progress(f"thresholds: {number + 1} of {len(tracks)}")
        for phase in range(PHASES):
            total, taken, left = len(track.logits), 0, set(SURE)
            logits = np.roll(track.logits, phase * total // PHASES, axis=0)
            order = list(effort.order(total))
            sure = Confidence(choices(card.labels, DEFAULT), n_windows=total)
            for count in effort.rounds(total, wanted):
                sure.add(logits[order[taken:count]])
                taken, confidence = count, sure.value()
                scores = sigmoid(logits[order[:count]].astype(np.float64).mean(axis=0))
                right = tags_of(scores, card) == track.tags
                for least in left:
                    looks[least] += 1
                for least in [it for it in left if confidence >= it]:
                    left.remove(least)
                    heard[least] += count
                    same[least] += right
    whole, draws = sum(len(it.logits) for it in tracks) * PHASES, len(tracks) * PHASES
    return [
        {
            "enough": f"{least:.2f}",
            "share": f"{heard[least] / whole:.1%}",
            "same tags as all windows": f"{same[least] / draws:.1%}",
            "looks a track": f"{looks[least] / draws:.1f}",
        }
        for least in SURE
    ]


def in_turns(
    tracks: Sequence[Track], taggers: dict[str, Tagger], *, repeats: int
) -> dict[str, list[Answer]]:
    """Hear each track with each effort in turns, and write its tags into a copy."""
    answers: dict[str, list[Answer]] = {name: [] for name in taggers}
    with tempfile.TemporaryDirectory() as folder:
        for number, track in enumerate(tracks):
            progress(f"in turns {number + 1} of {len(tracks)}: {track.path.name}")
            copy = Path(folder, f"copy{track.path.suffix}")
            seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in taggers}
            for _ in range(repeats):
                for name, tagger in taggers.items():
                    started = time.process_time()
                    scores = tagger.score(track.path)
                    heard = time.process_time()
                    shutil.copyfile(track.path, copy)
                    begun = time.process_time()
                    with contextlib.suppress(WriteError):  # refused with any effort
                        held = write.read(str(copy))
                        plan = tagger.plan(str(copy), scores, held, policy="overwrite")
                        tagger.apply(plan, expected=scores.digest)
                    done = time.process_time() - begun
                    seconds[name].append((heard - started, done))
                    if len(seconds[name]) == repeats:
                        listening, writing = zip(*seconds[name], strict=True)
                        least = (min(listening), min(writing))
                        values = np.asarray(scores.values)
                        answers[name].append(
                            Answer(track, scores.n_windows, scores.confidence, values, *least)
                        )
    return answers


def rows_of(
    answers: dict[str, list[Answer]], card: ModelSpec, label: str
) -> list[dict[str, object]]:
    """Return a row for each effort."""
    full = answers["full"]
    listening = sum(it.cpu_seconds for it in full)
    whole = listening + sum(it.writing_seconds for it in full)
    windows = sum(it.windows for it in full)
    rows = []
    for name, mine in answers.items():
        seconds = sum(it.cpu_seconds for it in mine)
        same = agreement([(it.track, it.scores) for it in mine], card)
        rows.append(
            {
                "files": label,
                "effort": name,
                "windows a track": f"{np.mean([it.windows for it in mine]):.1f}",
                "share": f"{sum(it.windows for it in mine) / windows:.1%}",
                **shown(same),
                "mean confidence": f"{np.mean([it.confidence for it in mine]):.1%}",
                "times faster": f"{listening / seconds:.1f}",
                "with writing": f"{whole / (seconds + sum(i.writing_seconds for i in mine)):.1f}",
            }
        )
    return rows


def encoded(tracks: Sequence[Track], label: str, folder: Path, tagger: Tagger) -> list[Track]:
    """Return tracks in another format, heard whole."""
    suffix, options = ENCODINGS[label]
    paths = []
    for number, track in enumerate(tracks):
        paths.append(folder / f"{number:03d}{suffix}")
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(track.path), "-vn"]
        subprocess.run([*command, *options.split(), str(paths[-1])], check=True)
    return hear(paths, tagger)


def draw(
    points: Sequence[dict[str, float]],
    answers: dict[str, list[Answer]],
    card: ModelSpec,
    target: Path,
) -> None:
    """Draw the curve, and where the two efforts lie."""
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(figsize=(7, 4))
    x = [100 * point["share"] for point in points]
    for name in ("top genre", "written genres", "all tags"):
        axes.plot(x, [100 * p[name] for p in points], marker=".", label=f"{name}, fixed number")
    whole = sum(len(it.track.logits) for it in answers["full"])
    for name in ("balanced", "fast"):
        same = agreement([(it.track, it.scores) for it in answers[name]], card)
        share = 100 * sum(it.windows for it in answers[name]) / whole
        axes.plot(share, 100 * same["written genres"], "k*", markersize=10)
        axes.annotate(
            name, (share, 100 * same["written genres"]), (5, 5), textcoords="offset points"
        )
    axes.set_xlabel("windows heard, % of all")
    axes.set_ylabel("tracks as with all windows, %")
    axes.grid(alpha=0.3)
    axes.legend()
    save_picture(figure, target)


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folders", nargs="+", type=Path, help="music, or folders of it")
    parser.add_argument("--model", default="msd-musicnn")
    parser.add_argument("--repeats", type=int, default=2, help="of which the fastest counts")
    parser.add_argument("--formats", nargs="*", choices=list(ENCODINGS), default=[])
    parser.add_argument("--every", type=int, default=3, help="which tracks are encoded")
    parser.add_argument("--out", type=Path, help="folder for tables and the picture")
    given = parser.parse_args()
    found = sorted(
        path
        for folder in given.folders
        for path in (folder.rglob("*") if folder.is_dir() else [folder])
        if path.suffix.lower() in SUFFIXES
    )
    taggers = {name: Tagger(given.model, effort=name) for name in EFFORTS}
    card = taggers["full"].spec
    tracks = hear(found, taggers["full"])
    print(f"{len(tracks)} tracks, {np.mean([len(t.logits) for t in tracks]):.1f} windows each\n")
    points = curve(tracks, card)
    write_table(
        [
            {
                "windows": f"{p['windows']:.0f}",
                "share": f"{p['share']:.1%}",
                **shown({k: v for k, v in p.items() if k not in ("windows", "share")}),
            }
            for p in points
        ],
        "effort_curve",
        given.out,
    )
    print()
    answers = in_turns(tracks, taggers, repeats=given.repeats)
    rows = rows_of(answers, card, "as they are")
    for half, part in (("even half", slice(0, None, 2)), ("odd half", slice(1, None, 2))):
        halves = {name: answers[name][part] for name in answers}
        rows += [row for row in rows_of(halves, card, half) if row["effort"] != "full"]
    for label in given.formats:
        with tempfile.TemporaryDirectory() as folder:
            some = encoded(tracks[:: given.every], label, Path(folder), taggers["full"])
            turns = in_turns(some, taggers, repeats=given.repeats)
            rows += [row for row in rows_of(turns, card, label) if row["effort"] != "full"]
    write_table(rows, "effort", given.out)
    print()
    write_table(calibration(tracks, card), "effort_confidence", given.out)
    print()
    write_table(thresholds(tracks, card), "effort_thresholds", given.out)
    if given.out is not None:
        draw(points, answers, card, given.out / "effort.png")


if __name__ == "__main__":
    main()
