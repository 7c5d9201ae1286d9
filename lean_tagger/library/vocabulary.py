"""The labels by which tracks on record can be found, and what everyday words mean in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lean_tagger.jobs import SCORE_STEPS
from lean_tagger.store.features import Features
from lean_tagger.store.rows import Key

MEANINGS: Mapping[str, tuple[str, ...]] = {
    "calm": ("mellow", "soft", "quiet", "chillout", "slow"),
    "relaxing": ("mellow", "soft", "quiet", "chillout", "slow"),
    "energetic": ("party", "dance", "loud", "fast"),
    "instrumental": ("instrumental", "no vocals", "no vocal", "no voice"),
    "vocals": ("vocals", "vocal", "voice", "singing", "female vocalists", "male vocalists"),
    "female": ("female", "female vocalists", "female vocal", "female voice", "woman"),
    "male": ("male", "male vocalists", "male vocal", "male voice", "man"),
    "hiphop": ("hip-hop",),
    "rap": ("hip-hop",),
    "orchestra": ("classical", "strings"),
}  # fmt: skip
"""Words that people use, and labels that say the same. By ear, calm is Mellow, soft and quiet."""


STRONG_SHARE = 0.2
LEAST_SCORE = 0.1
CLEAR_SCORE = 0.3
"""A word holds for a fifth of a library at most, shared out among the labels that it means, but
for no track below the least score; and wherever a label is clear. Above 0.3 a label is right three
times in four. Moods have no least: their scores are low, and only their order tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One output of a network that heard tracks on record.

    Attributes
    ----------
    name : str
        As the network calls it.
    kind : str
        What it is, as cards have it; empty where that is not known.
    key : Key
        Under which its scores are.
    index : int
        Which of them it is.
    """

    name: str
    kind: str
    key: Key
    index: int


def labels_on_record(features: Features, kinds: Mapping[str, Mapping[str, str]]) -> list[Label]:
    """Return all labels of all networks, those of the one that heard most first.

    Parameters
    ----------
    features : Features
        Of the journal.
    kinds : mapping of str to (mapping of str to str)
        By the name of a model: from its labels to their kinds.
    """
    names = features.labels()
    return [
        Label(name=label, kind=kinds.get(model, {}).get(label, ""), key=key, index=index)
        for model, key, _ in sorted(features.counts(), key=lambda it: -it[2])
        for index, label in enumerate(names.get(key.model, ()))
    ]


def meant_by(word: str, labels: Sequence[Label]) -> list[Label]:
    """Return the labels that a word means: those of this name, or that have it as a word.

    What a label denies, it does not mean: ``vocals`` is not ``no vocals``.
    """
    wanted = _words(word)
    plain = "".join(wanted)
    named = {"".join(_words(name)) for name in MEANINGS.get(plain, ())}
    return [label for label in labels if _means(_words(label.name), wanted, plain, named)]


def _means(words: list[str], wanted: list[str], plain: str, named: set[str]) -> bool:
    together = "".join(words)
    if together == plain or named:
        return together == plain or together in named
    denied = words[:1] == ["no"] and wanted[:1] != ["no"]
    return bool(wanted) and not denied and set(wanted) <= set(words)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("_", " "))


@dataclass(frozen=True, slots=True)
class Scale:
    """What a label's scores are like in a library.

    Attributes
    ----------
    strong : float
        From which the label holds for a track.
    highest : float
        Above 0.
    """

    strong: float
    highest: float


def scale_of(label: Label, numbers: Sequence[int], *, share: float) -> Scale:
    """Return what a label's scores are like.

    Parameters
    ----------
    numbers : sequence of int
        The scores of some tracks, one at least, in steps of `jobs.SCORE_STEPS`, lowest first.
    share : float
        Of the library, for which it may hold.
    """
    least = 0.0 if label.kind == "mood" else LEAST_SCORE
    upper = numbers[int((1 - share) * len(numbers))] / SCORE_STEPS
    return Scale(
        strong=max(min(upper, CLEAR_SCORE), least), highest=max(numbers[-1], 1) / SCORE_STEPS
    )
