"""Embeddings reduced to few numbers, for the map and for "more like this" on a page.

The first principal axes of unit vectors, not centred, keep their dot products best. On labelled
tracks, .94 of the ten nearest are the same with 48 numbers of 8 bits as with all 400.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lean_tagger.library.arithmetic.embeddings import Space, blocks
from lean_tagger.store.features import Features

Floats = npt.NDArray[np.float32]

AXES = 64
"""Axes for the map; more give no better one."""

_INT8 = 127


@dataclass(frozen=True, slots=True)
class Reduced:
    """Tracks with reduced vectors.

    Attributes
    ----------
    rows : dict of str to int
        The row of each track, by the digest of its audio.
    vectors : (n, d) float32
        Of unit length, most important axes first.
    """

    rows: dict[str, int]
    vectors: Floats


def reduced(
    features: Features,
    spaces: Sequence[Space],
    *,
    wanted: Collection[str],
    axes: int = AXES,
) -> Reduced:
    """Return tracks that were heard by at least one of these models.

    Parameters
    ----------
    features : Features
        Of the journal.
    spaces : sequence of Space
        The spaces of the models.
    wanted : collection of str
        Their digests.
    axes : int
        Most numbers per track.
    """
    dim = sum(space.dim for space in spaces)
    if not dim:
        return Reduced({}, np.empty((0, 0), np.float32))
    moment = np.zeros((dim, dim))
    for block in blocks(features, spaces):
        rows = _unit(np.concatenate(block.parts, axis=1))
        moment += rows.T @ rows
    _, found = np.linalg.eigh(moment)
    kept = np.asarray(found[:, ::-1][:, :axes], np.float32)
    # An axis may point either way: its largest part is positive.
    kept *= np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    return _projected(features, spaces, kept, wanted)


def _projected(
    features: Features, spaces: Sequence[Space], kept: Floats, wanted: Collection[str]
) -> Reduced:
    """Return tracks along these axes, of unit length."""
    digests: dict[str, int] = {}
    vectors = np.empty((len(wanted), kept.shape[1]), np.float32)
    for block in blocks(features, spaces):
        new = [
            number
            for number, digest in enumerate(block.digests)
            if digest in wanted and digest not in digests
        ]
        rows = _unit(np.concatenate(block.parts, axis=1)[new] @ kept)
        vectors[len(digests) : len(digests) + len(new)] = rows
        digests |= {block.digests[number]: len(digests) + at for at, number in enumerate(new)}
    return Reduced(digests, vectors[: len(digests)])


def to_int8(vectors: Floats, *, axes: int) -> npt.NDArray[np.int8]:
    """Return the first axes, each row scaled by its largest number: -127 to 127."""
    first = vectors[:, :axes]
    largest = np.abs(first).max(axis=1, keepdims=True, initial=1e-9)
    return np.asarray(np.rint(first / largest * _INT8), np.int8)


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-9), np.float32)
