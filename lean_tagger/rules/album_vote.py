"""Decide for a whole album: pool what was heard in its tracks.

Every track has one vote, however long it is. The result is the mean of the tracks' logits, a
geometric mean of odds, as for the windows of a track.
"""

import math
import operator
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lean_tagger.rules.decision import Track

if TYPE_CHECKING:  # questions to the journal need no cards, and start sooner without
    from lean_tagger.card import Label

NOISE = 0.05
"""Scores closer than this are a tie: two correct ways to resample differ by up to 0.04."""

_NEAREST_TO_CERTAIN = 1e-7
"""Limits scores: exactly 0 or 1 comes from rounding and would outvote all other tracks."""

_STEPS = 1 << 40
"""Unit of a logit in which the tracks are added up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Two labels that are too close for the album to decide.

    Attributes
    ----------
    label, other : str
        The album's strongest, and one within `NOISE` of it; the model's names.
    score, other_score : float
        Pooled, 0 to 1.
    """

    label: str
    score: float
    other: str
    other_score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A track that does not sound like its album.

    Attributes
    ----------
    path : str
        The track.
    label : str
        Its own strongest label, by the model's name.
    score : float
        The score of that label in the track.
    """

    path: str
    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumDecision:
    """The joint result of an album's tracks.

    Attributes
    ----------
    scores : tuple of float
        Pooled probabilities in the order of the labels, for `decide`.
    label : str or None
        The strongest label of the requested kind; None if the model has none.
    ties : tuple of Tie
        Strongest first.
    """

    scores: tuple[float, ...]
    label: str | None
    ties: tuple[Tie, ...]


def album_key(track: Track) -> tuple[str, ...]:
    """Return a key that is the same for all tracks of an album, and differs between albums.

    It is the album's name with the album artist (or the artist, if there is none), without
    regard to case; the folder if there is no album name.
    """
    album = track.album.strip().casefold()
    if not album:
        return ("folder", track.folder)
    return ("album", (track.albumartist.strip() or track.artist.strip()).casefold(), album)


VARIOUS = frozenset(
    {
        *("various artists", "various", "va", "v.a.", "v/a", "various artist"),
        *("verschiedene", "verschiedene interpreten", "diverse", "artistes divers", "varios"),
        *("varios artistas", "artisti vari", "soundtrack", "unknown artist", "[unknown]"),
    }
)
"""Album artists that stand for several artists: the album is a compilation."""


def is_various(artist: str) -> bool:
    """Tell whether an album artist stands for several artists."""
    return artist.strip().casefold() in VARIOUS


_MEDIA = "cd|sacd|dvd|disc|disk|disque|disco|dysk"
_WORDS = "[ ._#-]+(one|two|three|four|five|six|seven|eight|nine|ten)"
_DISC = re.compile(
    rf"[\[(]?((({_MEDIA}|digital media|vinyl|lp|side|vol|volume|part)"
    rf"([ ._#-]*(\d{{1,2}}|[a-d]|[ivx]+)|{_WORDS}))|bonus[ ._-]*({_MEDIA}))[\])]?"
    r"([ ._:,(\[-].*)?",
    re.IGNORECASE,
)
"""The name of a folder that is one disc of the album in the folder above."""

_DISC_AT_END = re.compile(
    rf"(?<=\S)[ ._,-]*[ ._,\[(-]({_MEDIA})([ ._#-]*\d{{1,2}}|{_WORDS})[\])]?", re.IGNORECASE
)
"""Ends the name of a folder that is one disc of an album; the others are next to it."""

LEAST_TRACKS = 3
"""Least tracks of an album that gets one decision by default: two may be two singles."""


def album_folder(path: str) -> str:
    """Return the folder of a file's album; for a disc's folder, the one above."""
    folder = os.path.dirname(path)
    while _DISC.fullmatch(os.path.basename(folder)):
        folder = os.path.dirname(folder)
    return folder


def without_disc(folder: str) -> str:
    """Return the name of an album's folder without the number of its disc at the end."""
    match = next((it for it in _DISC_AT_END.finditer(folder) if it.end() == len(folder)), None)
    return folder[: match.start()] if match else folder


def may_be_album(track: Track) -> bool:
    """Tell whether a track's tags say that it is on an album of one artist."""
    if not track.album.strip() or track.compilation:
        return False
    artist = track.albumartist.strip() or track.artist.strip()
    return bool(artist) and not is_various(artist)


def pool(
    tracks: Iterable[Sequence[float]], *, labels: "Sequence[Label]", kind: str = "genre"
) -> AlbumDecision:
    """Pool the scores of an album's tracks.

    Parameters
    ----------
    tracks : iterable of sequence of float
        Each track's scores in the order of `labels`, 0 to 1; iterated once.
    labels : sequence of Label
        The model's vocabulary.
    kind : str
        The kind of label to look for ties in.

    Raises
    ------
    ValueError
        There is no track, or a track does not have one score for each label.
    """
    # Whole numbers, so that the result does not depend on the order of the tracks.
    sums, count = [0] * len(labels), 0
    for scores in tracks:
        if len(scores) != len(labels):
            raise ValueError("every track needs one score for each label")
        steps = (round(_logit(score) * _STEPS) for score in scores)
        sums = list(map(operator.add, sums, steps))
        count += 1
    if not count:
        raise ValueError("an album has at least one track")
    pooled = tuple(1 / (1 + math.exp(-total / _STEPS / count)) for total in sums)
    ranked = sorted(_of_kind(labels, kind), key=lambda index: -pooled[index])
    return AlbumDecision(
        scores=pooled,
        label=labels[ranked[0]].name if ranked else None,
        ties=_ties(pooled, labels, ranked) if ranked else (),
    )


def outliers(
    tracks: Iterable[tuple[str, Sequence[float]]],
    decided: AlbumDecision,
    *,
    labels: "Sequence[Label]",
    kind: str = "genre",
) -> Iterator[Outlier]:
    """Yield the tracks that do not sound like their album, in order.

    Parameters
    ----------
    tracks : iterable of (str, sequence of float)
        The path and the scores of each track.
    decided : AlbumDecision
        The decision on the album of these tracks.
    labels, kind
        As in `pool`.
    """
    mine = _of_kind(labels, kind)
    top = next((index for index in mine if labels[index].name == decided.label), None)
    if top is None:
        return
    for path, scores in tracks:
        own = max(mine, key=lambda index: scores[index])
        if scores[own] - scores[top] >= NOISE:
            yield Outlier(path=path, label=labels[own].name, score=float(scores[own]))


def _of_kind(labels: "Sequence[Label]", kind: str) -> list[int]:
    """Return the indices of the labels of one kind."""
    return [index for index, label in enumerate(labels) if label.kind == kind]


def _logit(score: float) -> float:
    inside = min(max(float(score), _NEAREST_TO_CERTAIN), 1 - _NEAREST_TO_CERTAIN)
    return math.log(inside / (1 - inside))


def _ties(
    scores: Sequence[float], labels: "Sequence[Label]", ranked: Sequence[int]
) -> tuple[Tie, ...]:
    """Return ties for the first place; scores below the noise do not tie."""
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
