"""A map of a library: positions in the plane, close together if the music sounds similar.

This is t-SNE (van der Maaten and Hinton, 2008). Only nearest neighbours attract each other.
Repulsion is interpolated on a grid and summed there by FFT (Linderman et al., "Fast
interpolation-based t-SNE", 2019), so a step takes time in proportion to the tracks. Nothing is
random: the initial positions are the first two principal components.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from lean_tagger.library.arithmetic.neighbours import nearest

Floats = npt.NDArray[np.float32]

PERPLEXITY = 12.0
"""Effective number of neighbours of a track."""

MOST_LANDMARKS = 25_000
"""Most landmarks; other tracks are put between the landmarks that sound most like them."""

STEPS, EXAGGERATED_STEPS = 300, 100
EXAGGERATION = 12.0
MOST_PAIRED = 300
"""Up to so many tracks, all pairs are compared, which is faster than the grid."""

GRID_CELLS = 32, 96
"""Least and most cells along a side; each has three nodes."""

_NODES = 3
_ENTROPY_ROUNDS = 40
_LEAST_TRACKS = 4


def positions(vectors: Floats) -> Floats:
    """Return a position for each track.

    Parameters
    ----------
    vectors : (n, d) float32
        Of unit length; similar tracks have a large dot product.

    Returns
    -------
    (n, 2) float32
        From -1 to 1, centred.
    """
    count = len(vectors)
    if count < _LEAST_TRACKS:
        # Too few for meaningful distances, so put them in a row.
        return np.stack([_evenly(count), np.zeros(count, np.float32)], axis=1)
    chosen = np.linspace(0, count - 1, min(count, MOST_LANDMARKS)).round().astype(np.int64)
    landmarks = vectors[chosen]
    placed = _scaled(_tsne(landmarks))
    if len(chosen) == count:
        return placed
    return _among(vectors, landmarks, placed, chosen)


def _evenly(count: int) -> Floats:
    return (
        np.linspace(-0.5, 0.5, count, dtype=np.float32)
        if count > 1
        else np.zeros(count, np.float32)
    )


def _scaled(places: Floats) -> Floats:
    """Return positions in the square from -1 to 1, turned to be wider than high."""
    places = places - places.mean(axis=0)
    _, axes = np.linalg.eigh(places.T @ places)
    turned = axes[:, ::-1]
    places = places @ (turned * np.sign(turned[np.abs(turned).argmax(axis=0), [0, 1]]))
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    centred = places - middle
    return np.asarray(centred / max(float(np.abs(centred).max()), 1e-12), np.float32)


def _among(
    vectors: Floats, landmarks: Floats, placed: Floats, chosen: npt.NDArray[np.int64]
) -> Floats:
    """Return the positions of all tracks; others lie between the three nearest landmarks."""
    out = np.empty((len(vectors), 2), np.float32)
    for start, numbers, likeness in nearest(vectors, landmarks, count=3):
        weight = np.exp(20 * (likeness - likeness.max(axis=1, keepdims=True)))
        weight /= weight.sum(axis=1, keepdims=True)
        out[start : start + len(numbers)] = np.einsum("ik,ikj->ij", weight, placed[numbers])
    out[chosen] = placed
    return out


def _tsne(vectors: Floats) -> Floats:
    """Return positions after gradient descent with momentum and gains."""
    neighbours, weights = _affinities(vectors)
    count = len(vectors)
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    first = axes[:, -2:][:, ::-1]
    # An axis may point either way, so make its largest part positive.
    first = first * np.sign(first[np.abs(first).argmax(axis=0), [0, 1]])
    places = np.asarray(centred @ first, np.float32)
    places *= 1e-2 / max(float(places.std()), 1e-12)
    moving, gains = np.zeros_like(places), np.ones_like(places)
    rate = max(count / EXAGGERATION, 50.0)
    for step in range(STEPS):
        early = step < EXAGGERATED_STEPS
        pulls = _attraction(places, neighbours, weights) * (EXAGGERATION if early else 1.0)
        slope = pulls - _repulsion(places)
        turned = np.sign(slope) != np.sign(moving)
        gains = np.maximum(np.where(turned, gains + 0.2, gains * 0.8), 0.01)
        moving = (0.5 if early else 0.8) * moving - np.float32(rate) * gains * slope
        places = places + moving
        places -= places.mean(axis=0)
    return places


def _affinities(vectors: Floats) -> tuple[npt.NDArray[np.int32], Floats]:
    """Return each track's neighbours and their pulls, which add up to 1 over all tracks.

    Both are (n, k). A pull acts on both ends, with half its strength on each.
    """
    count = len(vectors)
    k = int(min(count - 1, 3 * PERPLEXITY))
    perplexity = min(PERPLEXITY, max(1.0, k / 3))
    numbers = np.empty((count, k), np.int32)
    weights = np.empty((count, k), np.float32)
    for start, found, likeness in nearest(vectors, vectors, count=k, itself=False):
        rows = slice(start, start + len(found))
        numbers[rows] = found
        weights[rows] = _of_perplexity(2 - 2 * likeness, perplexity)
    weights /= count
    return numbers, weights


def _of_perplexity(squares: Floats, perplexity: float) -> Floats:
    """Return Gaussian weights for squared distances; each row has this perplexity and sum 1."""
    squares = squares - squares.min(axis=1, keepdims=True)
    low, high = np.zeros((len(squares), 1)), np.full((len(squares), 1), np.inf)
    beta = np.ones((len(squares), 1))
    target = np.log(perplexity)
    for _ in range(_ENTROPY_ROUNDS):
        weights = np.exp(-squares * beta)
        total = weights.sum(axis=1, keepdims=True)
        entropy = np.log(total) + beta * (squares * weights).sum(axis=1, keepdims=True) / total
        wide = entropy > target
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2)
    return np.asarray(weights / total, np.float32)


def _attraction(places: Floats, neighbours: npt.NDArray[np.int32], weights: Floats) -> Floats:
    """Return the attraction by neighbours, (n, 2); each pull acts on both ends."""
    count = len(places)
    to = neighbours.ravel()
    pulls = np.empty_like(places)
    apart = [places[:, axis, None] - places[:, axis][neighbours] for axis in (0, 1)]
    force = weights / (1 + apart[0] ** 2 + apart[1] ** 2)
    for axis in (0, 1):
        pull = force * apart[axis]
        back = np.bincount(to, weights=pull.ravel(), minlength=count)
        pulls[:, axis] = (pull.sum(axis=1) - back) / 2
    return pulls


def _repulsion(places: Floats) -> Floats:
    """Return the repulsion by all tracks, (n, 2)."""
    if len(places) <= MOST_PAIRED:
        return _repulsion_by_pairs(places)
    return _repulsion_on_grid(places)


def _repulsion_by_pairs(places: Floats) -> Floats:
    apart = places[:, None] - places[None]
    near = 1 / (1 + np.square(apart).sum(axis=2))
    total = float(near.sum()) - len(places)
    push = (np.square(near)[:, :, None] * apart).sum(axis=1)
    return np.asarray(push / max(total, 1e-12), np.float32)


def _repulsion_on_grid(places: Floats) -> Floats:
    """Return the same, interpolated on a grid."""
    low = float(places.min()) - 1e-3
    side = float(places.max()) + 1e-3 - low
    cells = int(np.clip(np.ceil(side), *GRID_CELLS))
    nodes = cells * _NODES
    step = side / nodes
    cell, share = _interpolation(places, low, side / cells)
    # Each track contributes to 3 x 3 nodes, and all sums go through the grid.
    rows = cell[:, 0, None] * _NODES + np.arange(_NODES)
    columns = cell[:, 1, None] * _NODES + np.arange(_NODES)
    flat = (rows[:, :, None] * nodes + columns[:, None, :]).reshape(len(places), -1)
    parts = (share[:, 0, :, None] * share[:, 1, None, :]).reshape(len(places), -1)
    apart = np.arange(-nodes, nodes, dtype=np.float32) * np.float32(step)
    around = np.fft.ifftshift(1 / (1 + apart[:, None] ** 2 + apart[None, :] ** 2))
    near: Floats = np.asarray(around, np.float32)

    through = partial(_through, flat=flat, parts=parts, nodes=nodes)
    (mass,) = through(near, [None])
    total = float(mass.sum()) - len(places)
    here, *elsewhere = through(near * near, [None, places[:, 0], places[:, 1]])
    push = places * here[:, None] - np.stack(elsewhere, axis=1)
    return np.asarray(push / max(total, 1e-12), np.float32)


def _through(
    kernel: Floats,
    charges: Sequence[Floats | None],
    *,
    flat: npt.NDArray[np.int64],
    parts: npt.NDArray[np.float64],
    nodes: int,
) -> list[npt.NDArray[np.float64]]:
    """Return each track's potential for each kind of charge, (n,); None is a charge of 1."""
    both = 2 * nodes, 2 * nodes  # room for the kernel's far side
    seen = np.fft.rfft2(kernel)
    felt = []
    for charge in charges:
        lent = parts if charge is None else parts * charge[:, None]
        spread = np.bincount(flat.ravel(), lent.ravel(), nodes * nodes)
        grid = spread.reshape(nodes, nodes).astype(np.float32)
        field = np.fft.irfft2(np.fft.rfft2(grid, s=both) * seen)[:nodes, :nodes].ravel()
        felt.append((field[flat] * parts).sum(axis=1))
    return felt


def _interpolation(
    places: Floats, low: float, width: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return each track's cell, (n, 2), and the Lagrange weights of its nodes, (n, 2, 3)."""
    within = (places.astype(np.float64) - low) / width
    cell = within.astype(np.int64)
    at = within - cell
    nodes = (np.arange(_NODES) + 0.5) / _NODES
    share = np.ones((*places.shape, _NODES))
    for node in range(_NODES):
        for other in range(_NODES):
            if other != node:
                share[:, :, node] *= (at - nodes[other]) / (nodes[node] - nodes[other])
    return cell, share
