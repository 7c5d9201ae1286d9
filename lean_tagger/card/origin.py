"""A model's origin, licence and accuracy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """Who made the weights, and the terms of their use."""

    id: str
    holder: str
    notice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsOrigin:
    """Where the weights came from."""

    package: str
    sha256: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Published accuracy: areas under the ROC and precision-recall curves, 0 to 1."""

    dataset: str
    roc_auc: float
    pr_auc: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How close a variant's scores are to those of the network that it replaces.

    Attributes
    ----------
    model : str
        That network's name.
    tracks : int
        Number of whole tracks that both scored.
    same_top_genre, top_five_shared : float
        Share of tracks with the same best genre, and share of the five best labels that both
        have, 0 to 1.
    max_difference, mean_difference : float
        Differences of a track's probabilities.
    """

    model: str
    tracks: int
    same_top_genre: float
    top_five_shared: float
    max_difference: float
    mean_difference: float
