"""One opinion for a whole album: pool what was heard in its tracks.

Every track has one vote, however long it is: the mean of the tracks' logits, which is a
geometric mean of odds, as windows are pooled within a track.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lean_tagger.card import Label
from lean_tagger.rules.model import Track

NOISE = 0.05
"""Scores nearer than this are a tie: two correct ways to resample differ by up to 0.04."""

_NEAREST_TO_CERTAIN = 1e-7
"""A score of exactly 0 or 1 would outvote every other track, and is only rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Two labels between which the album does not decide.

    Attributes
    ----------
    label, other : str
        The album's strongest, and one that comes within `NOISE` of it; model's names.
    score, other_score : float
        Pooled, 0 to 1.
    """

    label: str
    score: float
    other: str
    other_score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A track that sounds like something else than its album.

    Attributes
    ----------
    path : str
        The track.
    label : str
        Its own strongest label, by the model's name.
    score : float
        Of that label in the track.
    """

    path: str
    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumDecision:
    """What an album's tracks say together.

    Attributes
    ----------
    scores : tuple of float
        Pooled probabilities in the order of the labels, for `decide`.
    label : str or None
        The strongest label of the kind asked for; None where the model has none.
    ties : tuple of Tie
        Strongest first.
    outliers : tuple of Outlier
        In the order of the tracks.
    """

    scores: tuple[float, ...]
    label: str | None
    ties: tuple[Tie, ...]
    outliers: tuple[Outlier, ...]


def album_key(track: Track) -> tuple[str, ...]:
    """Return what the tracks of one album have in common, and those of two do not.

    The album's name with the album artist, or with the artist where there is none, without
    regard to case; without an album's name the folder.
    """
    album = track.album.strip().casefold()
    if not album:
        return ("folder", track.folder)
    return ("album", (track.albumartist.strip() or track.artist.strip()).casefold(), album)


def pool(
    tracks: Mapping[str, Sequence[float]], *, labels: Sequence[Label], kind: str = "genre"
) -> AlbumDecision:
    """Pool the scores of an album's tracks.

    Parameters
    ----------
    tracks : mapping of str to sequence of float
        By path, each track's scores in the order of `labels`, 0 to 1.
    labels : sequence of Label
        The model's vocabulary.
    kind : str
        The kind of label that ties and outliers are looked for among.

    Raises
    ------
    ValueError
        There is no track, or one has another number of scores than there are labels.
    """
    if not tracks:
        raise ValueError("an album has at least one track")
    logits = [[_logit(score) for score in scores] for scores in tracks.values()]
    if any(len(row) != len(labels) for row in logits):
        raise ValueError("every track needs one score for each label")
    # fsum: the result does not depend on the order of the tracks
    columns = (math.fsum(column) / len(logits) for column in zip(*logits, strict=True))
    scores = tuple(1 / (1 + math.exp(-mean)) for mean in columns)
    mine = [index for index, label in enumerate(labels) if label.kind == kind]
    if not mine:
        return AlbumDecision(scores=scores, label=None, ties=(), outliers=())
    ranked = sorted(mine, key=lambda index: -scores[index])
    return AlbumDecision(
        scores=scores,
        label=labels[ranked[0]].name,
        ties=_ties(scores, labels, ranked),
        outliers=_outliers(tracks, labels, mine, ranked[0]),
    )


def _logit(score: float) -> float:
    inside = min(max(float(score), _NEAREST_TO_CERTAIN), 1 - _NEAREST_TO_CERTAIN)
    return math.log(inside / (1 - inside))


def _ties(
    scores: Sequence[float], labels: Sequence[Label], ranked: Sequence[int]
) -> tuple[Tie, ...]:
    """Return ties for the first place; what scores below the noise ties with nothing."""
    top = ranked[0]
    return tuple(
        Tie(
            label=labels[top].name,
            score=scores[top],
            other=labels[other].name,
            other_score=scores[other],
        )
        for other in ranked[1:]
        if scores[top] - scores[other] < NOISE <= scores[other]
    )


def _outliers(
    tracks: Mapping[str, Sequence[float]],
    labels: Sequence[Label],
    mine: Sequence[int],
    top: int,
) -> tuple[Outlier, ...]:
    found = []
    for path, scores in tracks.items():
        own = max(mine, key=lambda index: scores[index])
        if scores[own] - scores[top] >= NOISE:
            found.append(
                Outlier(
                    path=path,
                    label=labels[own].name,
                    score=float(scores[own]),
                )
            )
    return tuple(found)
