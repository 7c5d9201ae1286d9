"""What was asked for one file, and what became of it.

Plain data: picklable, so that it can cross to a worker process, and JSON-able, so that
``--json`` prints it as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Failed", "Job", "Outcome", "Skipped", "TagStatus", "Tagged", "to_json"]

TagStatus = Literal["tagged", "would_tag", "unchanged"]


@dataclass(frozen=True, slots=True)
class Job:
    """One file to do.

    Attributes
    ----------
    path : str
        As the operating system names it; undecodable bytes are surrogates (PEP 383).
    size_bytes : int
        At the time of the walk; for progress only.
    """

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The file was scored, and its tags are as the plan wants them.

    Attributes
    ----------
    path, model : str
        The file and the name of the model that heard it.
    status : {'tagged', 'would_tag', 'unchanged'}
        Written; would be written but for ``--dry-run``; nothing to write.
    seconds : float
        Length of the audio that was decoded.
    windows : int
        How many windows the network heard.
    seconds_skipped : float
        Length of the damaged packets that were passed over.
    repeated : bool
        The track is shorter than one window and was repeated to fill it.
    scores : mapping of str to float
        Pooled probability (0 to 1) of every label of the model, strongest first.
    tags : mapping of str to tuple of str
        What the scores say, by field ("genre", "mood"), strongest first; what was written
        is this where the field was free or the policy allowed it.
    written : mapping of str to tuple of str
        The values that each changed field now holds, or would hold.
    sureness : mapping of str to float
        For each value in ``tags``, the score of the label behind it.
    """

    path: str
    model: str
    status: TagStatus
    seconds: float
    windows: int
    seconds_skipped: float
    repeated: bool
    scores: Mapping[str, float]
    tags: Mapping[str, tuple[str, ...]]
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sureness: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The file was left alone, for a reason that is no failure.

    Attributes
    ----------
    kind, message : str
        The reason, for programs and for people.
    scored : Tagged or None
        The scores, where the file was heard before it turned out that nothing can be
        written into its format.
    """

    path: str
    kind: str
    message: str
    scored: Tagged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The file could not be done, and is as it was.

    Attributes
    ----------
    kind, message : str
        `FileError.kind` and its sentence.
    scored : Tagged or None
        The scores, where it was only the writing that failed.
    """

    path: str
    kind: str
    message: str
    scored: Tagged | None = None


Outcome = Tagged | Skipped | Failed


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return the ``--json`` object of one outcome.

    Every key is always there; what does not apply is ``None``, empty or zero.
    """
    error = None
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
        "seconds_skipped": round(heard.seconds_skipped, 3) if heard else 0.0,
        "repeated": heard.repeated if heard else False,
        "scores": {k: round(v, 6) for k, v in heard.scores.items()} if heard else {},
        "tags": {k: list(v) for k, v in heard.tags.items()} if heard else {},
        "error": error,
    }
