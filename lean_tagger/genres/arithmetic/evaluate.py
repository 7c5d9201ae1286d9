"""Compare a model with the user's tags, or with an annotations file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.errors import ConfigError
from lean_tagger.genres.annotations import Annotations
from lean_tagger.genres.arithmetic import measures
from lean_tagger.genres.arithmetic.judged import rounded
from lean_tagger.genres.arithmetic.material import now
from lean_tagger.genres.labels import classes, fold, own_values
from lean_tagger.genres.request import EvalRequest
from lean_tagger.jobs import SCORE_STEPS, Values
from lean_tagger.store.journal import Journal, Known
from lean_tagger.store.known_scores import KnownScores

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

MOST_CONFUSIONS = 20


def evaluate(request: EvalRequest) -> Iterator[dict[str, Any]]:
    """Yield one report on how right the scores on record are.

    Raises
    ------
    ConfigError
        Nothing can be compared.
    """
    given = Annotations(request.annotations, request.under) if request.annotations else None
    names = given.labels if given is not None and given.labels else None
    table = _Table(request, names)
    counts = {"files": 0, "unheard": 0, "unlabelled": 0, "empty": given.empty if given else 0}
    counts["missing"] = given.missing if given else 0
    with Journal(Path(request.journal), locked=False, on_network=True) as journal:
        scores = KnownScores(journal, (request.asked,))
        for known in scores.files(request.under):
            if given is not None and known.path not in given.by_path:
                continue
            counts["files"] += 1
            if known.heard is None or not known.heard.values:
                counts["unheard"] += 1
                continue
            said = (
                given.by_path[known.path]
                if given is not None
                else classes(own_values(_fields_now(known), request.field), request.junk)
            )
            counts["unlabelled"] += not table.add(said, known.heard.values)
    if given is not None:
        counts["unheard"] += max(0, len(given.by_path) - counts["files"])
    yield {
        "type": "evaluated",
        "model": request.asked.card.name,
        "counts": counts,
        **table.report(),
    }


def _fields_now(known: Known) -> Values:
    """Return a file's present fields, if it can be read."""
    assert known.heard is not None  # noqa: S101 - narrows the type for mypy
    return now(known.path, known.identity, known.heard.fields, known.heard.track)[0]


class _Table:
    """The scores of labels that are also in the tags, and the tags."""

    def __init__(self, request: EvalRequest, names: "list[str] | None") -> None:
        self._labels = request.asked.card.labels
        self._names = names
        self._places: dict[str, int] = {}
        for at, label in reversed(list(enumerate(self._labels))):
            if names is not None or label.kind == request.field:
                self._places[fold(label.display)] = self._places[fold(label.name)] = at
        # Exact names first: "vocal" and "vocals" are two labels of MagnaTagATune.
        self._exact = {label.name.casefold(): at for at, label in enumerate(self._labels)}
        if names is None:
            allowed = set(self._places.values())
            self._exact = {key: at for key, at in self._exact.items() if at in allowed}
        self._known = None if names is None else {self.place(name) for name in names} - {None}
        self._scores: list[npt.NDArray[np.uint16]] = []
        self._right: list[list[int]] = []

    def place(self, name: str) -> int | None:
        """Return the index of the label that a name means."""
        exact = self._exact.get(name.strip().casefold())
        return self._places.get(fold(name)) if exact is None else exact

    def add(self, said: list[str], values: tuple[float, ...]) -> bool:
        """Add a track; return whether any of its tags is a label of the model.

        In a table with a column for each label, a track without any label counts too.
        """
        found = sorted({at for at in map(self.place, said) if at is not None})
        if not found and self._names is None:
            return False
        self._scores.append(np.round(np.array(values) * SCORE_STEPS).astype(np.uint16))
        self._right.append(found)
        return True

    def report(self) -> dict[str, Any]:
        """Return all measures."""
        if not self._scores:
            raise ConfigError(
                "nothing can be compared: no track on record has a label of this model"
            )
        scores = np.stack(self._scores).astype(np.float32) / np.float32(SCORE_STEPS)
        right = np.zeros(scores.shape, bool)
        for row, places in enumerate(self._right):
            right[row, places] = True
        used = [
            at
            for at in range(len(self._labels))
            if (self._known is None and right[:, at].any())
            or (self._known is not None and at in self._known)
        ]
        rows = [self._label_row(at, scores[:, at], right[:, at]) for at in used]
        scores, right = scores[:, used], right[:, used]
        best, tracks = scores.argmax(axis=1), np.arange(len(scores))
        hits = right[tracks, best]
        labelled = right.any(axis=1)
        points = (
            measures.curve(scores.max(axis=1)[labelled], hits[labelled]) if labelled.any() else []
        )
        return {
            "tracks": len(scores),
            "macro": {name: _mean([row[name] for row in rows]) for name in ("roc_auc", "pr_auc")},
            "labels": rows,
            "accuracy": rounded(hits[labelled].mean()) if labelled.any() else None,
            "curve": [{"coverage": round(a, 3), "precision": round(b, 3)} for a, b in points],
            "confusion": self._confusion(right, best, hits, used),
        }

    def _label_row(self, at: int, scores: Floats, right: Bools) -> dict[str, Any]:
        return {
            "label": self._labels[at].name,
            "tracks": int(right.sum()),
            "roc_auc": rounded(measures.roc_auc(scores, right)),
            "pr_auc": rounded(measures.average_precision(scores, right)),
        }

    def _confusion(
        self, right: Bools, best: npt.NDArray[np.intp], hits: Bools, used: list[int]
    ) -> list[dict[str, Any]]:
        wrong = right.any(axis=1) & ~hits
        if not wrong.any():
            return []
        pairs, counts = np.unique(
            np.stack([right[wrong].argmax(axis=1), best[wrong]]), axis=1, return_counts=True
        )
        order = np.argsort(-counts, kind="stable")[:MOST_CONFUSIONS]
        return [
            {
                "label": self._labels[used[pairs[0, at]]].name,
                "taken_for": self._labels[used[pairs[1, at]]].name,
                "n": int(counts[at]),
            }
            for at in order
        ]


def _mean(numbers: list[float | None]) -> float | None:
    found = [it for it in numbers if it is not None]
    return round(sum(found) / len(found), 4) if found else None
