"""Scores of a derived model, computed from what its parts heard in the same track.

This needs no network and no numpy, so the supervisor can use it on what is on record.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from lean_tagger.card import DerivedHead, ModelSpec, Part
from lean_tagger.jobs import Asked, Heard, quantised
from lean_tagger.rules import Track


class Derived:
    """The derived models of a run.

    Parameters
    ----------
    asked : sequence of Asked
        All models of the run; their indices are their numbers.

    Raises
    ------
    ModelError
        A model's file makes no sense.
    """

    def __init__(self, asked: Sequence[Asked]) -> None:
        self._heads = {number: head_of(it.card) for number, it in enumerate(asked) if it.card.parts}

    def __contains__(self, number: int) -> bool:
        """Tell whether the model with this number is derived."""
        return number in self._heads

    def heard(self, number: int, parts: Sequence[Heard | None]) -> Heard | None:
        """Return what a model hears, given what its parts heard in the same audio.

        None if one of them did not hear it, or not all of it, or kept no embedding.
        """
        whole = [it for it in parts if it is not None and can_be_part(it)]
        if len(whole) < len(parts) or len({it.digest for it in whole}) > 1:
            return None
        values = self._heads[number](
            [Part(values=quantised(it.values), embedding=it.embedding) for it in whole]
        )
        return replace(whole[0], values=quantised(values), embedding=b"", others=(), parts=())


@lru_cache(maxsize=16)
def head_of(card: ModelSpec) -> DerivedHead:
    """Return the content of a derived model's file; it is read once."""
    return DerivedHead(card)


def inherited(card: ModelSpec, track: Track, values: Sequence[float]) -> tuple[float, ...] | None:
    """Return scores that give a track the genre its artist or album has by hand; else None."""
    if not card.parts or not head_of(card).has_heirs:
        return None
    artist = track.albumartist.strip() or track.artist
    name = head_of(card).inherited(artist=artist, album=track.album)
    found = next((label for label in card.labels if label.name == name), None)
    if found is None:
        return None
    return tuple(
        float(label is found) if label.kind == found.kind else value
        for label, value in zip(card.labels, values, strict=True)
    )


def can_be_part(heard: Heard) -> bool:
    """Tell whether a derived model can use what was heard: it needs all windows."""
    return bool(heard.embedding and heard.values) and heard.effort == "full"
