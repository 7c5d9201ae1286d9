"""Make a page: read the journal, draw the map, pack vectors and scores."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lean_tagger.card import readable_cards
from lean_tagger.jobs import SCORE_STEPS
from lean_tagger.library.arithmetic.embeddings import spaces_of
from lean_tagger.library.arithmetic.map_2d import positions
from lean_tagger.library.arithmetic.reduced import reduced, to_int8
from lean_tagger.library.likeness import compared_by
from lean_tagger.library.page import Request
from lean_tagger.library.page.data import Sound
from lean_tagger.library.page.gather import gather
from lean_tagger.library.page.lay_out import page
from lean_tagger.store.features import Features
from lean_tagger.store.rows import Key

PAGE_AXES = 64
"""Numbers of a vector on the page. With 32, .91 of the ten nearest are right, with 48 .94, with 64
.95 (labelled tracks). A vector of 64 takes 85 bytes."""

SHOWN_LABELS = 3
PART = 1 << 18
_UINT16 = 65_535


def pieces(request: Request) -> Iterator[str]:
    """Yield the page, piece by piece."""
    found = gather(request.state, root=request.root, most=request.most_tracks)
    sound = _sound(request, set(found.rows.digests))
    extras = [it.below(found.root) for it in request.extras]
    for piece in page(found, sound, pictures=request.heat_maps, extras=extras):
        # In parts, since the process that writes them has little memory.
        yield from (piece[at : at + PART] for at in range(0, len(piece), PART))


def _sound(request: Request, wanted: set[str]) -> Sound:
    """Return the map, vectors and strongest labels of the wanted tracks."""
    with Features(request.state) as features:
        keys = compared_by(features, request.models)
        tracks = reduced(features, spaces_of(features, keys), wanted=wanted)
        if not tracks.rows:
            return Sound(rows={})
        places = np.rint((positions(tracks.vectors) + 1) * (_UINT16 / 2))
        axes = min(PAGE_AXES, tracks.vectors.shape[1])
        labels, kinds = _labels(features, keys[0])
        heard, sounds = _strongest(features, keys[0], tracks.rows, kinds)
    return Sound(
        rows=tracks.rows,
        axes=axes,
        vectors=to_int8(tracks.vectors, axes=axes).tobytes(),
        places=places.astype("<u2").tobytes(),
        labels=labels,
        heard=heard.tobytes(),
        sounds=tuple(sounds.tolist()),
    )


def _labels(features: Features, key: Key) -> tuple[tuple[str, ...], npt.NDArray[np.bool_]]:
    """Return a model's labels, and which are genres; all, if its card is missing."""
    labels = features.labels().get(key.model, [])
    cards = {card.identity: card for card in readable_cards()}
    known = {it.name: it.kind for it in cards[key.model].labels} if key.model in cards else {}
    genres = [known.get(label) == "genre" for label in labels]
    return tuple(labels), np.array(genres if any(genres) else [True] * len(labels), bool)


def _strongest(
    features: Features, key: Key, rows: dict[str, int], genres: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
    """Return each track's strongest labels with scores in percent, and its strongest genre.

    Returns
    -------
    (n, 3) of (uint16, uint8)
        Labels and scores; zeros if the model did not hear a track.
    (n,) int64
        The strongest genre; -1 if the model did not hear a track.
    """
    count = len(genres)
    heard = np.zeros((len(rows), SHOWN_LABELS), [("label", "<u2"), ("percent", "u1")])
    sounds = np.full(len(rows), -1, np.int64)
    shown = min(SHOWN_LABELS, count)
    for block in features.blocks([key], "uint16"):
        whole = [(rows[d], data) for d, data in block if d in rows and len(data) == 2 * count]
        if not whole or not count:
            continue
        numbers: Sequence[int] = [number for number, _ in whole]
        packed = np.frombuffer(b"".join(data for _, data in whole), "<u2")
        scores = packed.reshape(-1, count).astype(np.int64)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :shown]
        percent = np.take_along_axis(scores, order, axis=1) * (100 / SCORE_STEPS)
        heard["label"][numbers, :shown] = order
        heard["percent"][numbers, :shown] = np.rint(percent)
        sounds[numbers] = np.where(genres, scores, -1).argmax(axis=1)
    return heard, sounds
