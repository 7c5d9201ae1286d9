"""If nearly all tracks of an artist or album have one class by hand, give it to the rest."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lean_tagger.genres.arithmetic.classes import Classes
from lean_tagger.genres.arithmetic.material import Material
from lean_tagger.genres.groups import Group, album

SHARE = 0.9
LEAST = 3
"""Least number of tracks with a class for inheriting."""

_OTHER = -1  # a class that is not learnt
_NAME_AND_ARTIST = 3  # length of an album's key; a compilation's group only has the name


@dataclass(frozen=True, slots=True)
class Inherited:
    """The inherited classes.

    Attributes
    ----------
    heirs : list of dict of str to str
        ``artist``, ``album`` and ``label`` of each artist and album that has one class.
    report : dict
        How right that would have been for tracks with a known class.
    """

    heirs: list[dict[str, str]]
    report: dict[str, Any]


def measure(material: Material, classes: Classes) -> Inherited:
    """Return what is inherited, and how right that is, judging each track by the others."""
    albums: dict[Group, Counter[int]] = defaultdict(Counter)
    artists: dict[Group, Counter[int]] = defaultdict(Counter)
    first = [int(row.argmax()) if row.any() else _OTHER for row in classes.wanted]
    places = [
        (album(path, info), group)
        for path, info, group in zip(material.paths, material.infos, material.groups, strict=True)
    ]
    for (of_album, of_artist), number in zip(places, first, strict=True):
        albums[of_album][number] += 1
        artists[of_artist][number] += 1
    said = right = 0
    for (of_album, of_artist), number in zip(places, first, strict=True):
        if number == _OTHER:
            continue
        others = (_without(albums[of_album], number), _without(artists[of_artist], number))
        found = next((it for it in map(_shared, others) if it is not None), None)
        said += found not in {None, _OTHER}
        right += found == number
    n = max(sum(it != _OTHER for it in first), 1)
    return Inherited(
        [*_heirs(albums, classes.names), *_heirs(artists, classes.names)],
        {
            "coverage": round(said / n, 3),
            "precision": round(right / said, 3) if said else None,
        },
    )


def _without(counts: Counter[int], number: int) -> Counter[int]:
    return counts - Counter([number])


def _shared(counts: Counter[int]) -> int | None:
    """Return the class of nearly all tracks, if there is one."""
    total = counts.total()
    if total < LEAST:
        return None
    ((number, count),) = counts.most_common(1)
    return number if count >= SHARE * total else None


def _heirs(counts: dict[Group, Counter[int]], names: list[str]) -> Iterator[dict[str, str]]:
    """Yield the artists and albums with one class for nearly all their tracks."""
    for key, of in sorted(counts.items()):
        number = _shared(of)
        if number is None or number == _OTHER:
            continue
        if key[0] == "artist":
            yield {"artist": key[1], "album": "", "label": names[number]}
        elif key[0] == "album" and len(key) == _NAME_AND_ARTIST:
            yield {"artist": key[2], "album": key[1], "label": names[number]}
