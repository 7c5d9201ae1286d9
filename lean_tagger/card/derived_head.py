"""Compute the scores of a derived model from what other models heard in a whole track.

A card with ``"weights": "derived"`` names such a file and the models, its parts. The file is JSON:

``labels``
    For each label of the card, in order, the source of its score: ``{"row": n}``, the n-th
    row of the matrix; or ``{"of": [{"model": "msd-musicnn", "label": "metal"}]}``, the highest of
    these scores of the parts. With ``"unless": {"model": …, "label": …, "least": 0.2}`` it is 0
    if that score is so high.
``activation``
    ``softmax`` if the rows compete, ``sigmoid`` if each is judged on its own.
``parts``
    How many numbers of each part's embedding are used, in the order of the card: all or none.
``mean``, ``scale``, ``weights``, ``bias``
    float32, little-endian, in base64: ``logits = weights · (embeddings - mean) / scale + bias``,
    with the embeddings joined one after the other; a track's embedding is the mean over its
    windows. This is linear, so the result is also the mean of the windows' logits.

``inherit``
    Artists and albums with nearly all tracks in one class by hand: lists of names, with the label
    of each. Their tracks have this label for certain, and no other label of the field.

Everything is computed in float64 from what the journal keeps, in pure Python. So a track has the
same score whether it is heard now or was on record, and the supervisor, which has no numpy, can
decide. That takes 0.3 ms for 20 labels.
"""

import array
import base64
import json
import math
import operator
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lean_tagger.card.card import ModelSpec
from lean_tagger.card.from_json import build
from lean_tagger.errors import ConfigError, ModelError
from lean_tagger.system.digest import sha256_of
from lean_tagger.system.files import open_regular

MOST_BYTES = 16 << 20
"""Size for 1,000 labels and 2,048 numbers: 11 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one part contributes to a derived score.

    Attributes
    ----------
    values : sequence of float
        The part's scores in the order of its labels, 0 to 1; as the journal keeps them.
    embedding : bytes
        float32, little-endian.
    """

    values: Sequence[float]
    embedding: bytes


@dataclass(frozen=True, slots=True)
class _Named:
    """A label of a part."""

    model: str
    label: str


@dataclass(frozen=True, slots=True)
class _Unless:
    """A label of a part, and the score from which it excludes another label."""

    model: str
    label: str
    least: float


@dataclass(frozen=True, slots=True)
class _Said:
    """The source of a label's score, as in the file."""

    row: int = -1
    of: tuple[_Named, ...] = ()
    unless: _Unless | None = None


@dataclass(frozen=True, slots=True)
class Heir:
    """A label that tracks of an artist or album inherit.

    Attributes
    ----------
    artist, album : str
        Case does not matter; an empty album stands for everything by the artist.
    label : str
        Its name.
    """

    artist: str
    album: str
    label: str


@dataclass(frozen=True, slots=True)
class _Source:
    """The same, with indices instead of names: each (part, label)."""

    row: int
    of: tuple[tuple[int, int], ...]
    unless: tuple[int, int, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The file's JSON object."""

    labels: tuple[_Said, ...]
    parts: tuple[int, ...]
    activation: Literal["softmax", "sigmoid"] = "softmax"
    inherit: tuple[Heir, ...] = ()
    mean: str = ""
    scale: str = ""
    weights: str = ""
    bias: str = ""


class DerivedHead:
    """The file of a derived model, ready for use.

    Parameters
    ----------
    spec : ModelSpec
        A card with ``"weights": "derived"``.

    Raises
    ------
    ModelError
        The file does not exist, is not the one that the card describes, or makes no sense.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._name = spec.name
        try:
            data = _read(spec)
            self._file = build(_File, json.loads(data), where=str(spec.path))
            self._sources = _sources(self._file.labels, spec)
            self._take_matrix(spec)
            self._heirs = {(it.artist, it.album): it.label for it in self._file.inherit}
        except (ValueError, RecursionError, ConfigError) as error:
            raise ModelError(f"the model {spec.path} cannot be used: {error}") from error

    @property
    def has_heirs(self) -> bool:
        """Whether anything is inherited, so that artist and album matter."""
        return bool(self._heirs)

    def inherited(self, *, artist: str, album: str) -> str | None:
        """Return the label that a track inherits by its tags; its album's comes first."""
        who, what = artist.strip().casefold(), album.strip().casefold()
        return self._heirs.get((who, what)) or self._heirs.get((who, ""))

    def __call__(self, parts: Sequence[Part]) -> tuple[float, ...]:
        """Return the score of each label, 0 to 1.

        Parameters
        ----------
        parts : sequence of Part
            Results of each part, in the order of the card.

        Raises
        ------
        ModelError
            An embedding has another length.
        """
        rows = self._rows(parts)
        return tuple(_score(source, rows, parts) for source in self._sources)

    def _rows(self, parts: Sequence[Part]) -> list[float]:
        """Return the probability of each row."""
        if not self._bias:
            return []
        row: list[float] = []
        for part, size in zip(parts, self._file.parts, strict=True):
            if not size:
                continue
            found = _floats(part.embedding)
            if len(found) != size:
                raise ModelError(
                    f"the model {self._name} was learnt from embeddings of {size} numbers, and "
                    f"got {len(found)}; learn it again"
                )
            row += found
        row = [(x - m) / s for x, m, s in zip(row, self._mean, self._scale, strict=True)]
        logits = [
            sum(map(operator.mul, weights, row)) + bias
            for weights, bias in zip(self._weights, self._bias, strict=True)
        ]
        if self._file.activation == "sigmoid":
            return list(map(_sigmoid, logits))
        highest = max(logits)
        powers = [math.exp(it - highest) for it in logits]
        whole = sum(powers)
        return [it / whole for it in powers]

    def _take_matrix(self, spec: ModelSpec) -> None:
        file = self._file
        if len(file.parts) != len(spec.parts) or any(it < 0 for it in file.parts):
            raise ValueError("'parts' does not fit the card")
        dim = sum(file.parts)
        self._mean, self._scale, flat, self._bias = (
            _floats(base64.b64decode(text, validate=True))
            for text in (file.mean, file.scale, file.weights, file.bias)
        )
        rows = len(self._bias)
        if (len(self._mean), len(self._scale), len(flat)) != (dim, dim, dim * rows):
            raise ValueError("its arrays do not fit each other")
        if not all(map(math.isfinite, (*self._mean, *self._scale, *flat, *self._bias))):
            raise ValueError("it holds a value that is not a number")
        if not all(it > 0 for it in self._scale):
            raise ValueError("'scale' must be above 0")
        if any(it.row >= rows for it in self._sources):
            raise ValueError("a label names a row that does not exist")
        self._weights = [flat[at * dim : (at + 1) * dim] for at in range(rows)]


def to_text(numbers: bytes) -> str:
    """Return an array of float32, little-endian, as text for the file."""
    return base64.b64encode(numbers).decode("ascii")


def _read(spec: ModelSpec) -> bytes:
    try:
        with open(open_regular(spec.path), "rb") as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise ValueError("it is too large")
            data = file.read(MOST_BYTES)
    except OSError as error:
        raise ModelError(f"cannot read the model {spec.path}: {error.strerror}") from error
    found = sha256_of([data])
    if found != spec.sha256:
        raise ModelError(
            f"the model {spec.path} is not the one its card describes (sha256 {found[:12]}…, "
            f"expected {spec.sha256[:12]}…): damaged or exchanged; learn it again"
        )
    return data


def _sources(labels: tuple[_Said, ...], spec: ModelSpec) -> list[_Source]:
    if len(labels) != len(spec.labels):
        raise ValueError(f"it has {len(labels)} labels, and its card {len(spec.labels)}")
    places = {
        (part.name, label.name): (n, at)
        for n, part in enumerate(spec.parts)
        for at, label in enumerate(part.labels)
    }
    return [_source(label, places) for label in labels]


def _source(said: _Said, places: dict[tuple[str, str], tuple[int, int]]) -> _Source:
    if (said.row < 0) == (not said.of):
        raise ValueError("a label needs 'row' or 'of'")
    try:
        of = tuple(places[it.model, it.label] for it in said.of)
        if said.unless is None:
            return _Source(said.row, of, None)
        place = places[said.unless.model, said.unless.label]
    except KeyError as error:
        raise ValueError(f"no part has the label {error}") from error
    return _Source(said.row, of, (*place, said.unless.least))


def _score(source: _Source, rows: Sequence[float], parts: Sequence[Part]) -> float:
    if source.unless is not None:
        part, label, least = source.unless
        if parts[part].values[label] >= least:
            return 0.0
    if source.row >= 0:
        return rows[source.row]
    return max((parts[part].values[label] for part, label in source.of), default=0.0)


def _floats(data: bytes) -> "array.array[float]":
    try:
        found = array.array("f", data)
    except ValueError as error:
        raise ModelError("an embedding on record is damaged") from error
    if sys.byteorder == "big":
        found.byteswap()
    return array.array("d", found)


def _sigmoid(logit: float) -> float:
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    power = math.exp(logit)
    return power / (1 + power)
