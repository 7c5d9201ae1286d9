"""What the bars of msd-musicnn's labels are worth, and what they cost.

    python profiling/stock_rules.py FOLDER

FOLDER holds ``tracks.tsv`` (columns ``group``, ``label``, ``certainty``) and ``features.npz``
(``msd-musicnn/logits``). The first genre of a track, as the rules choose it, is right or plausible
where it is on the list of the track's family below. For each label the bar is chosen on inner
folds of whole groups, as the one with most right less wrong first genres; the outer folds say how
right the bars of the cards are for music from which they were not chosen.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lean_tagger.card import load_card
from lean_tagger.genres.arithmetic import folds

MIN_SCORE, CANDIDATES = 0.20, (0.20, 0.25, 0.30, 0.35, 0.40, 0.50)
LEAST_WRONG = 3  # less says nothing about a label
MOST_OF_GROUP = 12
PLAUSIBLE = {
    "ambient": "ambient chillout electronic electronica experimental easy-listening",
    "electronic": "electronic electronica dance House electro ambient chillout",
    "folk": "folk country acoustic blues",
    "metal": "metal heavy-metal hard-rock rock Progressive-rock punk alternative-rock",
    "rock": "rock hard-rock classic-rock alternative-rock alternative indie-rock punk blues",
    "jazz": "jazz blues soul funk easy-listening",
    "country": "country folk",
    "latin": "",
    "orchestral": "",
    "classical": "",
}

Bools = npt.NDArray[np.bool_]


def main(folder: Path) -> None:
    """Print both."""
    with (folder / "tracks.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    logits = np.load(folder / "features.npz")["msd-musicnn/logits"]
    labels = load_card("msd-musicnn").labels
    genres = [at for at, label in enumerate(labels) if label.kind == "genre"]
    kept, seen = [], dict[str, int]()
    for at, row in enumerate(rows):
        seen[row["group"]] = seen.get(row["group"], 0) + 1
        if row["label"] and row["certainty"] in {"1", "2"} and seen[row["group"]] <= MOST_OF_GROUP:
            kept.append(at)
    scores = 1 / (1 + np.exp(-logits[kept][:, genres].astype(float)))
    names = [labels[at].name for at in genres]
    good = np.array(
        [
            [name.replace(" ", "-") in PLAUSIBLE[rows[at]["label"]].split() for name in names]
            for at in kept
        ]
    )
    groups = folds.numbered([rows[at]["group"] for at in kept])
    families = sorted({rows[at]["label"] for at in kept})
    wanted = np.array([[rows[at]["label"] == it for it in families] for at in kept], bool)
    fold = folds.by_group(wanted, groups)
    plain = np.full(len(names), MIN_SCORE)
    cards = np.array([max(MIN_SCORE, labels[at].bar) for at in genres])
    nested = np.zeros((len(kept), len(names)))
    for number in range(int(fold.max()) + 1):
        inner = fold != number
        bars = chosen(scores[inner], good[inner])
        nested[~inner] = bars
        raised = {name: bar for name, bar in zip(names, bars, strict=True) if bar > MIN_SCORE}
        print(f"bars without fold {number}: {raised}")
    for what, bars in (("0.20 for all", plain), ("of the card", cards), ("of inner folds", nested)):
        print(f"{what}: {said(scores, good, bars)}")
    for at, name in enumerate(names):
        if cards[at] > MIN_SCORE:
            mine = good[:, at] & (scores[:, at] >= MIN_SCORE)
            lost = mine & (scores[:, at] < cards[at])
            wrong = ~good[:, at] & (scores[:, at] >= MIN_SCORE) & (scores[:, at] < cards[at])
            print(f"{name}: loses {lost.sum()} of {mine.sum()} right ones, and {wrong.sum()} wrong")


def chosen(scores: npt.NDArray[np.float64], good: Bools) -> npt.NDArray[np.float64]:
    """Return for each label the bar with most right less wrong first genres."""
    bars = np.full(scores.shape[1], MIN_SCORE)
    for at in range(scores.shape[1]):
        first = (scores.argmax(axis=1) == at) & (scores[:, at] >= MIN_SCORE)
        if (first & ~good[:, at]).sum() < LEAST_WRONG:
            continue
        gain = [
            int((2 * good[first & (scores[:, at] >= bar), at].astype(int) - 1).sum())
            for bar in CANDIDATES
        ]
        bars[at] = CANDIDATES[int(np.argmax(gain))]
    return bars


def said(scores: npt.NDArray[np.float64], good: Bools, bars: npt.NDArray[np.float64]) -> str:
    """Say how many tracks get a genre, and how many of the first ones are right or plausible."""
    sure = np.where(scores >= bars, scores, -1)
    tagged = sure.max(axis=1) > 0
    right = good[np.arange(len(sure)), sure.argmax(axis=1)] & tagged
    any_good = good.any(axis=1)
    return (
        f"{tagged.mean():.1%} of {len(sure)} tracks tagged, {right.sum() / tagged.sum():.1%} of "
        f"these right or plausible; {right[any_good].mean():.1%} of those with a plausible label"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
