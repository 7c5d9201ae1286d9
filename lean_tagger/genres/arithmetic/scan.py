"""Find wrong tags by comparing tracks with others that have the same tag.

A single wrong file differs from the rest of its album, if that is learnt from: random folds. A
wrong album differs only if nothing of its artist is learnt from, and then all of it does: folds by
artist, and the mean over tracks with the same class on the same album. Both give ranks, which are
combined like two witnesses: the sum of ``-log(1 - rank)``.

Measured by `profiling/learning.py` with 8 draws each, the area under the ROC curve is .93 with 10 %
wrong files and .81 with 10 % wrong groups; for groups with random folds alone it is .68.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.genres.arithmetic import folds, lda, logistic, wrong_labels
from lean_tagger.genres.arithmetic.classes import Classes, choose
from lean_tagger.genres.arithmetic.fit import out_of_fold, vars_of
from lean_tagger.genres.arithmetic.logistic import BLOCK
from lean_tagger.genres.arithmetic.material import Material, kept_rows, load
from lean_tagger.genres.groups import Group, album
from lean_tagger.genres.labels import fold
from lean_tagger.genres.request import Request
from lean_tagger.rules.album_vote import is_various
from lean_tagger.rules.junk import is_junk

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

FIRST = 20
_LEAST = 1e-12
_LEAST_OF_ALBUM = 3


def check(request: Request) -> Iterator[dict[str, Any]]:
    """Yield one report of everything that looks wrong, worst first.

    Raises
    ------
    ConfigError
        There is nothing to compare.
    """
    material = load(request, unlabelled=True)
    classes = choose(material, request)
    labelled = np.flatnonzero(classes.wanted.any(axis=1))
    groups = folds.numbered([material.groups[at] for at in labelled])
    albums = folds.numbered([_album(material, int(at)) for at in labelled])
    rows = kept_rows(material.rows, labelled)
    logistic.z_score(rows)
    classes.wanted, classes.rest = classes.wanted[labelled], False
    found = suspicion(rows, classes, groups, albums)
    order = np.argsort(-found.suspicious, kind="stable")
    wrong = wrong_labels.expected(found.at_random, classes.wanted, order[:FIRST])
    yield {
        "type": "checked",
        "field": request.field,
        "tracks": len(labelled),
        "counts": vars_of(material.counts),
        "wrong": list(
            islice(_wrong(material, classes, labelled, order, found.by_artist), request.limit)
        ),
        "wrong_of_first": round(wrong.count),
        "wrong_of_first_range": [round(wrong.low), round(wrong.high)],
        "first": min(FIRST, len(order)),
        "spellings": [dict(it) for it in material.spellings.variants()][: request.limit],
        "mixed": _mixed(material)[: request.limit],
        "missing": [
            path for path, raw in zip(material.paths, material.raw, strict=True) if not raw
        ][: request.limit],
        "junk": _junk(material, request),
    }


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The evidence against the labels.

    Attributes
    ----------
    suspicious : (n,) float64
        Higher is worse.
    by_artist, at_random : (n, n_classes) float32
        Probabilities, learnt from other artists, or from other tracks.
    """

    suspicious: Wide
    by_artist: Floats
    at_random: Floats


def suspicion(rows: Floats, classes: Classes, groups: Ints, albums: Ints) -> Suspicion:
    """Return how suspicious the label of each track is.

    Parameters
    ----------
    rows : (n, dim) float32
        Embeddings, z-scored.
    classes : Classes
        The classes of these tracks by their tags.
    groups, albums : (n,) int
        The artist and the album of each.
    """
    by_group = folds.by_group(classes.wanted, groups)
    sure = out_of_fold(rows, classes, by_group, logistic.fit)
    random = out_of_fold(rows, classes, folds.at_random(len(rows)), lda.fit)
    single, whole = _doubt(random, classes.wanted), _doubt(sure, classes.wanted)
    _, alike = np.unique(
        np.stack([albums, classes.wanted.argmax(axis=1)]), axis=1, return_inverse=True
    )
    alike = alike.reshape(-1)
    whole = (np.bincount(alike, weights=whole) / np.bincount(alike))[alike]
    return Suspicion(_witness(single) + _witness(whole), sure, random)


def _doubt(scores: Floats, wanted: Bools) -> Wide:
    """Return how much likelier the best other class is than the best of a track's own."""
    doubt = np.empty(len(scores))
    for start in range(0, len(scores), BLOCK):
        block = slice(start, start + BLOCK)
        logs = np.log(np.maximum(scores[block].astype(np.float64), _LEAST))
        own = np.where(wanted[block], logs, -np.inf).max(axis=1)
        other = np.where(wanted[block], -np.inf, logs).max(axis=1)
        doubt[block] = np.nan_to_num(other - own, posinf=1e9, neginf=-1e9)
    return doubt


def _witness(doubt: Wide) -> Wide:
    """Return the evidence against a track from the rank of its doubt."""
    order = np.argsort(doubt, kind="stable")
    ranks = np.empty(len(doubt))
    ranks[order] = np.arange(len(doubt)) / len(doubt)
    witness: Wide = -np.log1p(-ranks)
    return witness


def _wrong(
    material: Material, classes: Classes, labelled: Ints, order: Ints, sure: Floats
) -> Iterator[dict[str, Any]]:
    """Yield the tracks with another class likelier than their own, worst first."""
    for at in order:
        best = int(sure[at].argmax())
        if not classes.wanted[at, best]:
            yield {
                "path": material.paths[labelled[at]],
                "has": material.values[labelled[at]],
                "says": classes.names[best],
                "sure": round(float(sure[at, best]), 3),
            }


def _album(material: Material, at: int) -> Group:
    return album(material.paths[at], material.infos[at])


def _mixed(material: Material) -> list[dict[str, Any]]:
    """Return the albums of one artist with several classes, the most evenly mixed first."""
    found: dict[Group, Counter[str]] = defaultdict(Counter)
    paths: dict[Group, str] = {}
    for at, values in enumerate(material.values):
        info = material.infos[at]
        if not values or not info.album or is_various(info.albumartist):
            continue
        key = _album(material, at)
        paths.setdefault(key, material.paths[at])
        found[key][fold(values[0])] += 1
    mixed = [
        (counts.most_common(1)[0][1] / counts.total(), key, counts)
        for key, counts in found.items()
        if len(counts) > 1 and counts.total() >= _LEAST_OF_ALBUM
    ]
    return [
        {
            "album": key[1],
            "path": paths[key],
            "genres": {material.spellings.of(it): n for it, n in counts.most_common()},
        }
        for _, key, counts in sorted(mixed, key=lambda item: (item[0], item[1]))
    ]


def _junk(material: Material, request: Request) -> list[dict[str, Any]]:
    """Return the tracks with values that say nothing."""
    found = []
    for path, raw in zip(material.paths, material.raw, strict=True):
        values = _only_junk(raw, request.junk)
        if values:
            found.append({"path": path, "values": values})
    return found[: request.limit]


def _only_junk(values: Sequence[str], junk: tuple[str, ...]) -> list[str]:
    return [value for value in values if is_junk(value, junk)]
