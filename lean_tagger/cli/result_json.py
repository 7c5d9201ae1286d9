"""The object that ``--json`` prints for a file."""

from collections.abc import Mapping
from typing import Any

from lean_tagger.jobs import Failed, Reported, Restored, Tagged


def to_json(outcome: Reported) -> dict[str, Any]:
    """Return the ``--json`` object of one outcome.

    Every key is always there; what does not apply is ``None``, empty or zero. Several models add
    ``others`` and ``tags_by``; a genre that says nothing adds ``junk``.
    """
    error = None
    if isinstance(outcome, Restored):
        return {
            "type": "result",
            "path": outcome.path,
            "status": outcome.status,
            "restored": {field: list(values) for field, values in outcome.restored.items()},
            "kept": {field: list(values) for field, values in outcome.kept.items()},
        }
    if isinstance(outcome, Tagged):
        heard: Tagged | None = outcome
        status: str = outcome.status
    else:
        heard = outcome.scored
        status = "failed" if isinstance(outcome, Failed) else "skipped"
        error = {"kind": outcome.kind, "message": outcome.message}
    return {
        "type": "result",
        "path": outcome.path,
        "status": status,
        "model": heard.model if heard else None,
        "seconds": round(heard.seconds, 3) if heard else 0.0,
        "windows": heard.windows if heard else 0,
        "of_windows": heard.of_windows if heard else 0,
        "effort": heard.effort if heard else None,
        "confidence": round(heard.confidence, 3) if heard else 0.0,
        "seconds_skipped": round(heard.seconds_skipped, 3) if heard else 0.0,
        "repeated": heard.repeated if heard else False,
        "known": heard.known if heard else False,
        "scores": _rounded(heard.scores) if heard else {},
        **(_others(heard) if heard and heard.others else {}),
        "tags": {k: list(v) for k, v in heard.tags.items()} if heard else {},
        **({"junk": list(heard.junk)} if heard and heard.junk else {}),
        "error": error,
    }


def _others(heard: Tagged) -> dict[str, Any]:
    others = {
        it.model: {
            "windows": it.windows,
            "repeated": it.repeated,
            "scores": _rounded(it.scores),
        }
        for it in heard.others
    }
    return {"others": others, "tags_by": dict(heard.by)}


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: round(score, 6) for label, score in scores.items()}
