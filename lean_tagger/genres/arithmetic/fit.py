"""Learn classes, and measure how right that is for artists that were left out."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.card.derived_head import to_text
from lean_tagger.genres.arithmetic import folds, inherit, logistic, measures
from lean_tagger.genres.arithmetic.classes import Classes, choose
from lean_tagger.genres.arithmetic.judged import Judged, Stock
from lean_tagger.genres.arithmetic.material import Material, load
from lean_tagger.genres.labels import fold
from lean_tagger.genres.request import Request

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]

BETTER = 0.02
"""A stock label replaces a class if its average precision is better by this much."""


def learn(request: Request) -> Iterator[dict[str, Any]]:
    """Learn, and yield one report with the data, the accuracy and the model.

    Yields
    ------
    dict
        ``head`` is the text of a derived model's file, ``labels`` belong in its card; the rest is
        for people.

    Raises
    ------
    ConfigError
        There is nothing to learn from.
    """
    material = load(request, unlabelled=False)
    classes = choose(material, request)
    numbers = folds.numbered(material.groups)
    of_rows = logistic.z_score(material.rows)
    held_out = out_of_fold(material.rows, classes, folds.by_group(classes.taught(), numbers))
    stock = _stock(material, classes)
    mixed, stock = _better_stock(held_out, stock, classes)
    inherited = inherit.measure(material, classes) if request.inherit else None
    model = logistic.fit(material.rows, classes.taught(), several=classes.several)
    judged = Judged(classes, numbers, mixed, stock=stock, precision=request.precision)
    rows = judged.per_class()
    yield {
        "type": "learnt",
        "field": request.field,
        "models": [it.name for it in material.models],
        "tracks": int(judged.labelled.sum()),
        "artists": len(np.unique(numbers[judged.labelled])),
        "several": classes.several,
        "counts": vars_of(material.counts),
        "classes": rows,
        "left_out": [
            {"class": name, "tracks": tracks, "artists": artists}
            for name, tracks, artists in classes.left_out
        ],
        "pooled": [{"class": name, "as": up} for name, up in classes.pooled],
        "overall": judged.overall(),
        "others": judged.others(),
        "curve": [
            {"coverage": round(share, 3), "precision": round(right, 3)}
            for share, right in judged.curve()
        ],
        "confusion": judged.confusion(),
        "inherited": inherited.report if inherited else None,
        "head": _head(
            material, model, of_rows, stock=stock, heirs=inherited.heirs if inherited else []
        ),
        "labels": _labels(rows, request),
    }


def vars_of(counts: Any) -> dict[str, int]:
    """Return counts as plain data for JSON."""
    return {name: getattr(counts, name) for name in counts.__slots__}


def out_of_fold(z: Floats, classes: Classes, fold_of: Ints, method: Any = logistic.fit) -> Floats:
    """Return the probability of each class for each track, learnt from the other folds.

    Parameters
    ----------
    z : (n, dim) float32
        Features, z-scored.
    classes : Classes
        The classes of the tracks.
    fold_of : (n,) int
        The fold of each track.
    method : callable
        ``method(z, wanted, several=..., out=...)`` returns an object with `probabilities`.
    """
    taught = classes.taught()
    found = np.zeros(taught.shape, np.float32)
    for number in range(int(fold_of.max()) + 1):
        out = fold_of == number
        model = method(z, taught, several=classes.several, out=out)
        model.probabilities_of(z, out, found)
    return found[:, : len(classes.names)]


def _stock(material: Material, classes: Classes) -> Stock:
    first = material.models[0]
    place: dict[str, int] = {}
    for at, (name, _, display) in reversed(list(enumerate(first.labels))):
        place[fold(name)] = place[fold(display)] = at
    scores = np.full(classes.wanted.shape, -1, np.float32)
    names: list[str | None] = []
    for column, key in enumerate(classes.keys):
        if key in place:
            scores[:, column] = material.scores[:, place[key]]
        names.append(first.labels[place[key]][0] if key in place else None)
    return Stock(scores, names)


def _better_stock(held_out: Floats, stock: Stock, classes: Classes) -> tuple[Floats, Stock]:
    """Return the scores with stock labels where these are better, and which are used."""
    mixed, used = held_out, set()
    for column, label in enumerate(stock.labels):
        if label is None:
            continue
        right = classes.wanted[:, column]
        ours, theirs = (
            measures.average_precision(scores[:, column], right)
            for scores in (held_out, stock.scores)
        )
        if theirs > ours + BETTER:
            mixed[:, column] = stock.scores[:, column]
            used.add(column)
    return mixed, replace(stock, used=frozenset(used))


def _labels(rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """Return the labels for the card; one that is never sure enough is not written."""
    kind = request.field
    return [
        {
            "name": row["class"],
            "kind": kind,
            "display": row["class"],
            "least": 1.0 if row["threshold"] is None else row["threshold"],
        }
        for row in rows
    ]


def _head(
    material: Material,
    model: logistic.Linear,
    of_rows: tuple[Floats, Floats],
    *,
    stock: Stock,
    heirs: list[dict[str, str]],
) -> str:
    """Return the model's file; the same data give the same bytes."""
    first = material.models[0].name
    labels = [
        {"of": [{"model": first, "label": stock.labels[at]}]} if at in stock.used else {"row": at}
        for at in range(len(stock.labels))  # the rest has a row, and no label
    ]
    arrays = {
        "mean": of_rows[0],
        "scale": of_rows[1],
        "weights": model.weights,
        "bias": model.bias,
    }
    whole = {
        "labels": labels,
        "parts": material.sizes,
        "activation": "sigmoid" if model.several else "softmax",
        **({"inherit": heirs} if heirs else {}),
        **{name: to_text(array.astype("<f4").tobytes()) for name, array in arrays.items()},
    }
    return json.dumps(whole, indent=0) + "\n"
