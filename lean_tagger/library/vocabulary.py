"""The labels for finding tracks on record, and the meaning of everyday words."""

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
"""Everyday words, and labels with the same meaning. Calm is Mellow, soft and quiet."""


STRONG_SHARE = 0.2
LEAST_SCORE = 0.1
CLEAR_SCORE = 0.3
"""A word matches at most a fifth of a library, shared among its labels, but no track below the
least score; and it always matches if a label is clear. Above 0.3 a label is right three times in
four. Moods have no least score: their scores are low, and only their order matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One output of a network that heard tracks on record.

    Attributes
    ----------
    name : str
        The network's name for it.
    kind : str
        Its kind, as in cards; empty if it is not known.
    key : Key
        The key of its scores.
    index : int
        Its index among them.
    """

    name: str
    kind: str
    key: Key
    index: int


def labels_on_record(features: Features, kinds: Mapping[str, Mapping[str, str]]) -> list[Label]:
    """Return all labels of all networks; the network that heard most comes first.

    Parameters
    ----------
    features : Features
        Of the journal.
    kinds : mapping of str to (mapping of str to str)
        By model: the kinds of its labels.
    """
    names = features.labels()
    return [
        Label(name=label, kind=kinds.get(model, {}).get(label, ""), key=key, index=index)
        for model, key, _ in sorted(features.counts(), key=lambda it: -it[2])
        for index, label in enumerate(names.get(key.model, ()))
    ]


def meant_by(word: str, labels: Sequence[Label]) -> list[Label]:
    """Return the labels that a word means: those with this name, or with it as one of their words.

    A label with a negation does not count: ``vocals`` is not ``no vocals``.
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
    """The range of a label's scores in a library.

    Attributes
    ----------
    strong : float
        Score from which the label counts for a track.
    highest : float
        The highest score, above 0.
    """

    strong: float
    highest: float


def scale_of(label: Label, numbers: Sequence[int], *, share: float) -> Scale:
    """Return the scale of a label's scores.

    Parameters
    ----------
    numbers : sequence of int
        The scores of at least one track, in steps of `jobs.SCORE_STEPS`, lowest first.
    share : float
        Of the library, the share that the word may match.
    """
    least = 0.0 if label.kind == "mood" else LEAST_SCORE
    upper = numbers[int((1 - share) * len(numbers))] / SCORE_STEPS
    return Scale(
        strong=max(min(upper, CLEAR_SCORE), least), highest=max(numbers[-1], 1) / SCORE_STEPS
    )
