"""Hear one file window by window, and make a picture or a table."""

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger import __version__
from lean_tagger.library.heat_map import MOST_WIDTH, HeatMap, png, svg
from lean_tagger.library.markup import plain
from lean_tagger.library.taggram import Request
from lean_tagger.listen.listener import Taggram
from lean_tagger.system import library_pages
from lean_tagger.tagger import Tagger

MOST_ROWS = 30
"""Labels in a picture: the strongest ones over the whole track."""


def hear(request: Request) -> Iterator[Any]:
    """Yield the requested form; see `library.taggram.heard`."""
    library_pages.release()  # pages of the imports, before the model is added
    tagger = Tagger(request.models[0], labels=request.labels)
    library_pages.release()
    taggram = tagger.taggram(request.path)
    title = plain(os.path.basename(request.path))
    if request.form == "json":
        yield from _json(taggram, title, model=tagger.spec.name)
        return
    seconds = (
        float(taggram.start_seconds[-1]) + tagger.spec.window_samples / tagger.spec.sample_rate_hz
    )
    picture = heat_map(taggram, title=title, seconds=seconds)
    match request.form:
        case "png":
            yield png(picture)
        case "svg":
            yield svg(picture).encode()
        case _:
            yield picture


def heat_map(taggram: Taggram, *, title: str, seconds: float) -> HeatMap:
    """Return a taggram as rows of a picture, the strongest label on top.

    Neighbouring windows of a long track are joined, so that a picture has at most `MOST_WIDTH`
    columns.
    """
    scores = _scores(taggram.logits)
    order = np.argsort(-scores.mean(axis=0), kind="stable")[:MOST_ROWS]
    parts = np.array_split(scores[:, order], min(len(scores), MOST_WIDTH))
    columns = np.stack([part.mean(axis=0) for part in parts], axis=1)
    rows = np.rint(np.sqrt(columns) * 255).astype(np.uint8)
    return HeatMap(
        title=title,
        labels=tuple(taggram.labels[number] for number in order),
        rows=tuple(row.tobytes() for row in rows),
        seconds=seconds,
    )


def _scores(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return probabilities."""
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))


def _json(taggram: Taggram, title: str, *, model: str) -> Iterator[bytes]:
    """Yield one object, a window at a time."""
    head = {
        "type": "taggram",
        "by": f"lean-tag {__version__}",
        "file": title,
        "model": model,
        "labels": list(taggram.labels),
    }
    yield (json.dumps(head)[:-1] + ', "windows": [').encode()
    rows = zip(taggram.start_seconds, _scores(taggram.logits), strict=True)
    for number, (start, scores) in enumerate(rows):
        window = {
            "start_seconds": round(float(start), 3),
            "scores": [round(float(score), 6) for score in scores],
        }
        yield ((",\n" if number else "\n") + json.dumps(window)).encode()
    yield b"\n]}\n"
