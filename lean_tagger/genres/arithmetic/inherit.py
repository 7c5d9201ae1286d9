"""Where nearly all tracks of an artist or an album have one class by hand, so has the rest."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lean_tagger.genres.arithmetic.classes import Classes
from lean_tagger.genres.arithmetic.material import Material
from lean_tagger.genres.groups import Group, album

SHARE = 0.9
LEAST = 3
"""Tracks with a class, below which nothing is inherited."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """What is inherited.

    Attributes
    ----------
    table : dict of str to dict of str to str
        ``artist`` and ``album`` to the class of each that has one; of an album, the key is
        its artist and its name with a newline between.
    report : dict
        How right that would have been for tracks whose class is known.
    """

    table: dict[str, dict[str, str]]
    report: dict[str, Any]


def measure(material: Material, classes: Classes) -> Inherited:
    """Return what is inherited, and how right that is: for each track, by the others."""
    albums: dict[Group, Counter[int]] = defaultdict(Counter)
    artists: dict[Group, Counter[int]] = defaultdict(Counter)
    first = [int(row.argmax()) for row in classes.wanted]
    places = [
        (album(path, info), group)
        for path, info, group in zip(material.paths, material.infos, material.groups, strict=True)
    ]
    for (of_album, of_artist), number in zip(places, first, strict=True):
        albums[of_album][number] += 1
        artists[of_artist][number] += 1
    said = right = 0
    for (of_album, of_artist), number in zip(places, first, strict=True):
        others = (_without(albums[of_album], number), _without(artists[of_artist], number))
        found = next((it for it in map(_shared, others) if it is not None), None)
        said += found is not None
        right += found == number
    n = max(len(first), 1)
    return Inherited(
        {
            "album": _table(albums, classes.names, "album"),
            "artist": _table(artists, classes.names, "artist"),
        },
        {
            "coverage": round(said / n, 3),
            "precision": round(right / said, 3) if said else None,
        },
    )


def _without(counts: Counter[int], number: int) -> Counter[int]:
    return counts - Counter([number])


def _shared(counts: Counter[int]) -> int | None:
    """Return the class that nearly all have, if there is one."""
    total = counts.total()
    if total < LEAST:
        return None
    ((number, count),) = counts.most_common(1)
    return number if count >= SHARE * total else None


def _table(counts: dict[Group, Counter[int]], names: Iterable[str], kind: str) -> dict[str, str]:
    spelt = list(names)
    shared = {key: _shared(it) for key, it in sorted(counts.items()) if key[0] == kind}
    return {
        "\n".join(reversed(key[1:])): spelt[number]
        for key, number in shared.items()
        if number is not None
    }
