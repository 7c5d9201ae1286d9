"""The data to learn from: tracks, their classes and their embeddings.

Files that have changed since they were last examined are read again, for the user's present tags;
nothing is heard.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lean_tagger.errors import FileError
from lean_tagger.genres import labels
from lean_tagger.genres.groups import Group, groups
from lean_tagger.genres.request import Listened, Request
from lean_tagger.jobs import PART, SCORE_STEPS, Identity, TrackInfo, Values
from lean_tagger.run.find_files import walk
from lean_tagger.store.features import Features
from lean_tagger.store.tracks import Track, Tracks

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]

_BLOCK = 2048  # rows that are moved at a time

_MOST_TRACKS_WITH = 0.9
"""Another model is used if this share of the tracks has its embedding."""


@dataclass(slots=True)
class Counts:
    """Counts for people.

    Attributes
    ----------
    files : int
        On record.
    unheard : int
        Music files that are not on record, or have no embedding.
    missing : int
        Named in a playlist or table, but do not exist.
    ours : int
        Tracks with only lean-tag's own values.
    junk : int
        Tracks with only values that say nothing.
    empty : int
        Tracks without a value.
    """

    files: int = 0
    unheard: int = 0
    missing: int = 0
    ours: int = 0
    junk: int = 0
    empty: int = 0


@dataclass(slots=True)
class Material:
    """Tracks, with one entry in each list.

    Attributes
    ----------
    paths : list of str
    values : list of list of str
        Values from the user's tags (or files), in their spelling; no junk.
    raw : list of tuple of str
        The same before junk is left out and values are split.
    groups, albums : list of Group
        Its artist; its album.
    infos : list of TrackInfo
    rows : (n, dim) float32
        Embeddings of `models`, joined.
    scores : (n, n_labels) float32
        The first model's scores, 0 to 1.
    models : tuple of Listened
        The models with embeddings in `rows`.
    sizes : list of int
        Length of each model's embedding.
    spellings : Spellings
        Of all values.
    counts : Counts
    """

    models: tuple[Listened, ...]
    counts: Counts
    spellings: labels.Spellings = field(default_factory=labels.Spellings)
    paths: list[str] = field(default_factory=list)
    values: list[list[str]] = field(default_factory=list)
    raw: list[tuple[str, ...]] = field(default_factory=list)
    infos: list[TrackInfo] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    rows: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))
    scores: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))
    sizes: list[int] = field(default_factory=list)


def load(request: Request, *, unlabelled: bool) -> Material:
    """Return the data to learn from.

    Parameters
    ----------
    request : Request
        The request.
    unlabelled : bool
        Include tracks without a class.

    Raises
    ------
    ConfigError, StateError
        A file with classes cannot be read; there is no journal.
    """
    given = labels.FromFiles(request.files, request.under) if request.files else None
    journal = Path(request.journal)
    with Features(journal) as features, Tracks(journal) as tracks:
        models = _models(features, request)
        found = Material(models, Counts(missing=given.missing if given else 0))
        places: dict[str, int] = {}
        for track in tracks.heard(request.under):
            _take(found, places, track, request, given, unlabelled=unlabelled)
        _take_rows(found, places, features)
    found.counts.unheard += _unheard(request, found.counts.files)
    found.groups = groups(found.paths, found.infos)
    return found


def _models(features: Features, request: Request) -> tuple[Listened, ...]:
    """Return the models with embeddings for most tracks."""
    if request.all_models:
        return request.models
    counts = [features.count(it.key) for it in request.models]
    most = counts[0] or max(counts)
    with_most = [
        it
        for it, count in zip(request.models, counts, strict=True)
        if count and count >= _MOST_TRACKS_WITH * most
    ]
    return tuple(with_most) or request.models[:1]


def _take(
    found: Material,
    places: dict[str, int],
    track: Track,
    request: Request,
    given: "labels.FromFiles | None",
    *,
    unlabelled: bool,
) -> None:
    """Add a track, once for each audio, if it has a class or needs none."""
    found.counts.files += 1
    if track.digest.startswith(PART):
        found.counts.unheard += 1
    if track.digest in places or track.digest.startswith(PART):
        return
    fields, info = now(track.path, track.identity, track.fields, track.info)
    raw = _raw(track.path, fields, request, given)
    values = labels.classes(raw, request.junk)
    if not values:
        found.counts.ours += labels.has_ours(fields, request.field) and not raw
        found.counts.junk += bool(raw)
        found.counts.empty += not raw
    if not values and not unlabelled:
        return
    places[track.digest] = len(found.paths)
    found.paths.append(track.path)
    found.values.append(values)
    found.raw.append(raw)
    found.infos.append(info)


def now(
    path: str, before: Identity, fields: Values, info: TrackInfo | None
) -> tuple[Values, TrackInfo]:
    """Return a file's present fields; if it is unchanged, from the record.

    Parameters
    ----------
    path : str
        The file.
    before : Identity
        The identity when it was last examined.
    fields, info
        Its fields and info then.
    """
    try:
        same = before.matches(Identity.at(path))
    except OSError:
        same = True  # it is missing, so use the record
    if same and info is not None:
        return fields, info
    from lean_tagger import write  # late: it loads FFmpeg, 30 MiB

    try:
        state = write.look(path, with_track=True)
    except FileError:
        return fields, info or TrackInfo()
    return state.fields, state.track or TrackInfo()


def _raw(
    path: str, fields: Values, request: Request, given: "labels.FromFiles | None"
) -> tuple[str, ...]:
    if given is not None:
        return tuple(given.by_path.get(path, ()))
    if request.source == "folders":
        return labels.folder_class(path, request.under)
    return labels.own_values(fields, request.field)


def _take_rows(found: Material, places: dict[str, int], features: Features) -> None:
    """Fill in embeddings and scores, and leave out the tracks that lack one."""
    count = len(found.paths)
    has = np.zeros(count, bool)
    keys = [it.key for it in found.models]
    for block in features.blocks(keys):
        for digest, *blobs in block:
            place = places.get(digest)
            if place is None:
                continue
            if not found.sizes:
                found.sizes = [len(blob) // 4 for blob in blobs]
                found.rows = np.zeros((count, sum(found.sizes)), np.float32)
            if [len(blob) // 4 for blob in blobs] == found.sizes:
                row = np.frombuffer(b"".join(blobs), "<f4")
                if np.isfinite(row).all():
                    found.rows[place] = row
                    has[place] = True
    labels_count = len(found.models[0].labels)
    found.scores = np.zeros((count, labels_count), np.float32)
    for block in features.blocks(keys[:1], "uint16"):
        for digest, blob in block:
            place = places.get(digest)
            if place is not None and len(blob) == 2 * labels_count:
                found.scores[place] = np.frombuffer(blob, "<u2") / np.float32(SCORE_STEPS)
    found.counts.unheard += count - int(has.sum())
    _keep(found, np.flatnonzero(has))


def _keep(found: Material, wanted: Ints) -> None:
    for name in ("paths", "values", "raw", "infos"):
        whole = getattr(found, name)
        setattr(found, name, [whole[at] for at in wanted])
    found.rows = kept_rows(found.rows, wanted)
    found.scores = kept_rows(found.scores, wanted)
    for value in (value for values in found.values for value in values):
        found.spellings.add(value)


def kept_rows(rows: Floats, kept: Ints) -> Floats:
    """Move some rows to the front, in place, and return the view of them.

    This is in place, because a library's rows are the largest object in memory.

    Parameters
    ----------
    rows : (n, dim) float32
        Afterwards, the content after the kept rows means nothing.
    kept : (m,) int
        Their numbers, ascending.
    """
    if len(kept) < len(rows):
        for start in range(0, len(kept), _BLOCK):
            block = kept[start : start + _BLOCK]
            rows[start : start + len(block)] = rows[block]
    return rows[: len(kept)]


def _unheard(request: Request, on_record: int) -> int:
    """Return how many music files in the given folders are not on record."""
    if not request.under:
        return 0
    there = sum(1 for _ in _music(request.under))
    return max(0, there - on_record)


def _music(under: Sequence[str]) -> Iterator[object]:
    yield from walk([path for path in under if os.path.exists(path)])
