"""The outcomes of a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lean_tagger.jobs.heard import Heard, TrackInfo, Values
from lean_tagger.jobs.identity import Identity, names_audio

TagStatus = Literal["tagged", "would_tag", "unchanged", "held"]
RestoreStatus = Literal["undone", "would_undo", "redone", "would_redo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What another model of a run heard; the attributes are those of `Tagged`."""

    model: str
    windows: int
    repeated: bool
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The file was scored, and its tags are as the plan wants them.

    Attributes
    ----------
    path, model : str
        The file and the name of the model that heard it.
    status : {'tagged', 'would_tag', 'unchanged', 'held'}
        Written; would be written without ``--dry-run``; nothing to write; waiting until all of
        its album has been heard (never reported).
    seconds : float
        Length of the track.
    windows : int
        Number of windows that the network heard.
    seconds_skipped : float
        Length of the damaged packets, which were skipped.
    repeated : bool
        The track is shorter than one window and was repeated to fill it.
    scores : mapping of str to float
        Pooled probability (0 to 1) of every label of the model, strongest first.
    tags : mapping of str to tuple of str
        What the scores say, by field ("genre", "mood"), strongest first; written only if the
        field was empty or the policy allowed it.
    written : mapping of str to tuple of str
        The values that each changed field now holds, or would hold.
    sureness : mapping of str to float
        For each value in ``tags``, the score of its label.
    known : bool
        An earlier run heard it; this run only decided again.
    heard : Heard or None
        For the journal; not part of the printed result.
    effort : str
        The effort of listening.
    of_windows : int
        Windows of the whole track.
    confidence : float
        Estimated probability that all windows would lead to the same tags, 0 to 1.
    others : tuple of Opinion
        What the run's other models heard, in their order.
    by : mapping of str to str
        For each field with a value in ``tags``, the model that chose it.
    junk : tuple of str
        Values of the genre field that say nothing.
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
    known: bool = False
    heard: Heard | None = None
    effort: str = "full"
    of_windows: int = 0
    confidence: float = 1.0
    others: tuple[Opinion, ...] = ()
    by: Mapping[str, str] = field(default_factory=dict)
    junk: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The file was left alone, for a reason that is not a failure.

    Attributes
    ----------
    kind, message : str
        The reason, for programs and for people.
    scored : Tagged or None
        The scores, if the file was heard before it turned out that nothing can be written
        into its format.
    known : bool
        An earlier run said so.
    """

    path: str
    kind: str
    message: str
    scored: Tagged | None = None
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The file could not be done, and is as it was.

    Attributes
    ----------
    kind, message : str
        `FileError.kind` and its sentence.
    scored : Tagged or None
        The scores, if only the writing failed.
    """

    path: str
    kind: str
    message: str
    scored: Tagged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Our writes to a file were taken back.

    Attributes
    ----------
    path : str
        The file.
    status : {'undone', 'would_undo', 'redone', 'would_redo'}
        What undo or redo did, or would do without ``--dry-run``.
    restored : mapping of str to tuple of str
        The value of each restored field; empty if it held nothing before.
    kept : mapping of str to tuple of str
        Values of fields that were changed since by somebody else; they were left alone.
    identity : Identity
        Of the file now.
    fields : mapping of str to tuple of str
        The present values of all our fields.
    """

    path: str
    status: RestoreStatus
    restored: Values
    kept: Values
    identity: Identity
    fields: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """The present state of a file; for the journal, which may know it under another name.

    Attributes
    ----------
    path : str
        The file.
    identity : Identity
        Of the file now.
    fields : mapping of str to tuple of str
        The values of our fields.
    digests : tuple of str
        Digests under which its audio may be on record, in full or up to the hyphen.
    track : TrackInfo or None
        Artist and album; None if nobody asked and it was not cheap to read.
    """

    path: str
    identity: Identity
    fields: Values
    digests: tuple[str, ...]
    track: TrackInfo | None = None

    def has(self, digest: str) -> bool:
        """Tell whether the file has the audio of this digest."""
        return names_audio(self.digests, digest)


Reported = Tagged | Restored | Skipped | Failed
"""The outcomes that a user is told."""

Outcome = Reported | Recognised
