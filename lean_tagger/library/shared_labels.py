"""Explain why two tracks are similar: labels that networks heard in both."""

from collections.abc import Sequence
from dataclasses import dataclass

from lean_tagger.jobs import from_uint16
from lean_tagger.library.vocabulary import Label
from lean_tagger.store.features import Features

LEAST_SCORE = 0.05
MOST_LABELS = 4


@dataclass(frozen=True, slots=True)
class Shared:
    """A label that was heard in a track and in the seeds.

    Attributes
    ----------
    name : str
        The label.
    score, other : float
        In the track, and the mean over the seeds.
    """

    name: str
    score: float
    other: float


def shared_labels(
    features: Features, labels: Sequence[Label], digest: str, seeds: Sequence[str]
) -> list[Shared]:
    """Return the labels that are strongest in both a track and the mean of some seeds."""
    found: dict[str, Shared] = {}
    for key in dict.fromkeys(label.key for label in labels):
        own = from_uint16(features.scores_of(digest, key))
        each = [scores for seed in seeds if (scores := from_uint16(features.scores_of(seed, key)))]
        for label in labels:
            if label.key != key or label.index >= len(own) or not each:
                continue
            other = sum(scores[label.index] for scores in each) / len(each)
            one = Shared(label.name, own[label.index], other)
            if label.name not in found or _both(one) > _both(found[label.name]):
                found[label.name] = one
    strong = [it for it in found.values() if _both(it) >= LEAST_SCORE]
    return sorted(strong, key=_both, reverse=True)[:MOST_LABELS]


def _both(it: Shared) -> float:
    return min(it.score, it.other)
