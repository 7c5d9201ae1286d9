"""Choose the classes to learn: those with enough tracks of enough artists."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lean_tagger.errors import ConfigError
from lean_tagger.genres.arithmetic import folds
from lean_tagger.genres.arithmetic.material import Material
from lean_tagger.genres.labels import fold
from lean_tagger.genres.request import Request

SEVERAL = 0.05
"""If this share of tracks has more than one class, each class is judged on its own."""

Bools = npt.NDArray[np.bool_]

_DEEPEST = 20  # depth of a tree, as in `rules.read_file`


@dataclass(slots=True, kw_only=True)
class Classes:
    """The classes to tell apart.

    Attributes
    ----------
    names : list of str
        In the most frequent spelling, in alphabetical order.
    keys : list of str
        The same, folded.
    wanted : (n, n_classes) bool
        Whether a track has a class.
    several : bool
        Tracks may have more than one class.
    rest : bool
        The tracks without any of the classes are learnt too, as something else.
    left_out : list of (str, int, int)
        Name, tracks and artists of each class with too few.
    pooled : list of (str, str)
        Name of each such class that counts as its parent, and the parent's name.
    """

    names: list[str]
    keys: list[str]
    wanted: Bools
    several: bool
    left_out: list[tuple[str, int, int]]
    pooled: list[tuple[str, str]]
    rest: bool = False

    def taught(self) -> Bools:
        """Return what is learnt, (n, n_classes or one more) bool: last the rest, if that is.

        If each class is judged on its own, the rest are the tracks without any class.
        """
        if not self.rest:
            return self.wanted
        return np.column_stack([self.wanted, ~self.wanted.any(axis=1)])


def choose(material: Material, request: Request) -> Classes:
    """Return the classes that can be learnt.

    Raises
    ------
    ConfigError
        There are fewer than two; the sentence says what is there.
    """
    numbers = folds.numbered(material.groups)
    found = [[fold(value) for value in values] for values in material.values]
    names = {key: material.spellings.of(key) for keys in found for key in keys}
    parent = {fold(child): (fold(up), up) for up, below in request.tree for child in below}
    pooled: dict[str, str] = {}
    for _ in range(_DEEPEST):
        size = _sizes(found, numbers)
        small = {
            k for k, (tracks, artists) in size.items() if not _enough(tracks, artists, request)
        }
        moved = {key: parent[key] for key in small if key in parent and parent[key][0] != key}
        if not moved:
            break
        for key, (up, name) in sorted(moved.items()):
            pooled[key] = name
            names.setdefault(up, name)
        found = [
            list(dict.fromkeys(moved[k][0] if k in moved else k for k in keys)) for keys in found
        ]
    kept = sorted((key for key in size if key not in small), key=lambda key: names[key].casefold())
    if len(kept) < 2:
        raise ConfigError(_too_little(material, request, size, names))
    place = {key: at for at, key in enumerate(kept)}
    wanted = np.zeros((len(found), len(kept)), bool)
    for at, keys in enumerate(found):
        for key in keys:
            if key in place:
                wanted[at, place[key]] = True
    labelled = wanted.any(axis=1)
    several = bool((wanted.sum(axis=1) > 1).sum() > SEVERAL * labelled.sum())
    if not several:  # for the few with two, the first counts
        first = wanted.argmax(axis=1)
        wanted[:] = False
        wanted[labelled, first[labelled]] = True
    rest = _enough(int((~labelled).sum()), len(set(numbers[~labelled])), request)
    return Classes(
        names=[names[key] for key in kept],
        keys=kept,
        wanted=wanted,
        several=several,
        rest=rest and not several,
        left_out=sorted(
            ((names[key], *size[key]) for key in small), key=lambda it: (-it[1], it[0].casefold())
        ),
        pooled=[(names[key], up) for key, up in pooled.items()],
    )


def _sizes(found: list[list[str]], numbers: npt.NDArray[np.intp]) -> dict[str, tuple[int, int]]:
    """Return the number of tracks and of groups for each class."""
    tracks: dict[str, int] = {}
    artists: dict[str, set[int]] = {}
    for keys, number in zip(found, numbers, strict=True):
        for key in keys:
            tracks[key] = tracks.get(key, 0) + 1
            artists.setdefault(key, set()).add(int(number))
    return {key: (count, len(artists[key])) for key, count in tracks.items()}


def _enough(tracks: int, artists: int, request: Request) -> bool:
    return tracks >= request.least_tracks and artists >= request.least_groups


def _too_little(
    material: Material, request: Request, size: dict[str, tuple[int, int]], names: dict[str, str]
) -> str:
    """Say why there is nothing to learn, in one sentence."""
    if not size:
        return _nothing(material, request.field)
    if len(set(material.groups)) == 1:
        return (
            "all of these tracks are by one artist, so a model would learn the artist instead of "
            f"the {request.field}"
        )
    if len(size) == 1:
        only = names[next(iter(size))]
        return f"all of these tracks have one {request.field}, {only}; it takes two to tell apart"
    return (
        f"it takes two {request.field}s with {request.least_tracks} tracks of "
        f"{request.least_groups} artists each; the largest here is {_largest(size, names)}"
    )


def _nothing(material: Material, field: str) -> str:
    """Say why no track has a class."""
    counts = material.counts
    hear = "hear them first with lean-tag -n --model standard"
    if not counts.files:
        return f"none of these files is on record; {hear}"
    if counts.ours:
        return (
            f"the {field}s of these tracks were all written by lean-tag, which does not learn from "
            "itself; give some of them your own first"
        )
    if counts.junk:
        return f"the {field}s of these {counts.junk} tracks say nothing, like Other and Unknown"
    if counts.missing:
        return f"{counts.missing} of the named files do not exist, and none of the others was heard"
    if counts.empty:
        return f"none of {counts.files} files on record has a {field} to learn from"
    return f"none of {counts.files} files on record has been heard by these models; {hear}"


def _largest(size: dict[str, tuple[int, int]], names: dict[str, str]) -> str:
    key = max(size, key=lambda key: (size[key][0], key))
    tracks, artists = size[key]
    return f"{names[key]} with {tracks} {'track' if tracks == 1 else 'tracks'} of {artists}"
