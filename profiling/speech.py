"""How far the rules by which speech gets no genre hold for speech and music they were not made on.

    lean-tag -n --model standard --state JOURNAL SPEECH
    python profiling/speech.py JOURNAL SPEECH FOLDER

SPEECH is a folder with clips named ``LANGUAGE-....wav``, JOURNAL what was heard of them. FOLDER
holds music as features (``tracks.tsv``, column ``group``; ``features.npz``). In turn, each language
and a fifth of the groups of music are held out, and the two bounds of a card's rule are chosen on
the rest: those with which the least speech gets a genre and at most `MOST_LOST` of the music loses
one.
"""

import csv
import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lean_tagger.card import Abstain, Bound, ModelSpec, load_card
from lean_tagger.decide.decider import ask
from lean_tagger.genres.arithmetic import folds
from lean_tagger.rules import Rules, decide
from lean_tagger.store.journal import Journal
from lean_tagger.store.known_scores import KnownScores

MOST_LOST = 0.01
TRIED = {
    "msd-musicnn": {
        "Hip-Hop": (0.5, 0.55, 0.6, 0.65, 0.7, 0.75),
        "instrumental": (0.006, 0.007, 0.008, 0.009, 0.01, 0.011, 0.012),
    },
    "mtt-musicnn": {
        "voice": (0.025, 0.03, 0.035, 0.04, 0.05),
        "drums": (0.03, 0.04, 0.05, 0.06, 0.07),
    },
}


def main(journal: Path, clips: Path, folder: Path) -> None:
    """Print it for both networks."""
    with (folder / "tracks.tsv").open(newline="") as file:
        groups = folds.numbered([row["group"] for row in csv.DictReader(file, delimiter="\t")])
    of_music = folds.by_group(np.ones((len(groups), 1), bool), groups)
    features = np.load(folder / "features.npz")
    for name, bounds in TRIED.items():
        card = load_card(name)
        music = 1 / (1 + np.exp(-features[f"{name}/logits"].astype(float)))
        speech, languages = heard(journal, clips, name)
        of_speech = folds.numbered(languages)
        plain = [tagged(card, rows, ()) for rows in (speech, music)]
        rules = [
            with_bounds(card.abstain[0], bounds, it) for it in itertools.product(*bounds.values())
        ]
        ways = [[tagged(card, rows, (rule,)) for rows in (speech, music)] for rule in rules]
        still, lost = np.zeros(len(speech), bool), np.zeros(len(music), bool)
        for number in range(int(of_speech.max()) + 1):
            speech_out, music_out = of_speech == number, of_music == number
            at = chosen(ways, plain[1], speech_out, music_out)
            still[speech_out] = ways[at][0][speech_out]
            lost[music_out] = (plain[1] & ~ways[at][1])[music_out]
            print(f"{name} without {languages[int(speech_out.argmax())]}: {said(rules[at])}")
        print(
            f"{name}, held out: {plain[0].mean():.1%} of {len(speech)} clips got a genre, "
            f"{still.mean():.1%} do; of {plain[1].sum()} tracks with one {lost.sum()} lose it"
        )
        ours = [tagged(card, rows, card.abstain) for rows in (speech, music)]
        print(f"{name}, card: {ours[0].mean():.1%} do; {(plain[1] & ~ours[1]).sum()} lose it")


def heard(journal: Path, clips: Path, model: str) -> tuple[Any, list[str]]:
    """Return the scores of all clips, and their languages."""
    (asked,) = ask((model,), pool=None, hop_seconds=None)
    rows, languages = [], []
    with Journal(journal, locked=False) as opened:
        for known in KnownScores(opened, (asked,)).files((str(clips.resolve()),)):
            if known.heard is not None and known.heard.values:
                rows.append(known.heard.values)
                languages.append(Path(known.path).name.partition("-")[0])
    return np.array(rows), languages


def tagged(card: ModelSpec, rows: Any, abstain: tuple[Abstain, ...]) -> Any:
    """Tell of each row of scores whether it gets a genre."""
    rules = Rules()
    return np.array(
        [bool(decide(row, card.labels, rules, abstain=abstain).chosen["genre"]) for row in rows]
    )


def with_bounds(rule: Abstain, bounds: dict[str, Any], scores: tuple[float, ...]) -> Abstain:
    """Return a rule with other bounds."""
    of = dict(zip(bounds, scores, strict=True))
    below, from_ = (
        tuple(Bound(label=it.label, score=of[it.label]) for it in some)
        for some in (rule.below, rule.from_)
    )
    return replace(rule, below=below, from_=from_)


def chosen(ways: list[Any], plain: Any, speech_out: Any, music_out: Any) -> int:
    """Return the rule that is best where nothing is held out."""
    inner = plain & ~music_out
    left = [
        (speech[~speech_out].mean(), at)
        for at, (speech, music) in enumerate(ways)
        if (inner & ~music).sum() <= MOST_LOST * inner.sum()
    ]
    return min(left)[1]


def said(rule: Abstain) -> str:
    """Return the bounds of a rule."""
    below = [f"{it.label} below {it.score}" for it in rule.below]
    return ", ".join([*below, *(f"{it.label} from {it.score}" for it in rule.from_)])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
