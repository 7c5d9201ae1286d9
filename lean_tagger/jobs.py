"""Values that travel: what is asked for one file, what was heard in it, what became of it.

Plain data: picklable, so that it can cross to a worker process, and JSON-able, so that
``--json`` prints it as it is.
"""

import array
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from lean_tagger.card import ModelSpec

SCORE_STEPS = (1 << 16) - 1
"""Number of steps in which a probability is kept, in the journal and in files."""


def to_uint16(scores: Iterable[float]) -> bytes:
    """Return probabilities, 0 to 1, as uint16, little-endian: 65,535 is 1."""
    numbers = array.array("H", [round(score * SCORE_STEPS) for score in scores])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def from_uint16(data: bytes) -> tuple[float, ...]:
    """Return the probabilities that `to_uint16` packed.

    Raises
    ------
    ValueError
        An odd number of bytes.
    """
    numbers = array.array("H")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(number / SCORE_STEPS for number in numbers)


def quantised(scores: Iterable[float]) -> tuple[float, ...]:
    """Return probabilities as a file's LEANTAG keeps them.

    All decisions use these. If scores were rounded only when they are written, a later run
    could find one on the other side of a threshold.
    """
    return from_uint16(to_uint16(scores))


Values = Mapping[str, tuple[str, ...]]
"""Values by field; an absent field is empty."""

TagStatus = Literal["tagged", "would_tag", "unchanged", "held"]
RestoreStatus = Literal["undone", "would_undo", "redone", "would_redo"]

PART = "part"
"""Prefix of the digest of a track that was heard in part."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Tells whether a file is unchanged; from stat(2).

    The device is not used: it may get another number when the machine or a share restarts. An
    inode of 0 is not known.

    Every number has 64 bits, as in the journal; size and time are signed, the inode is not.
    Larger numbers are always cut in the same way: the nanoseconds of a time after 2262, or
    inodes of 128 bits, which some systems have.
    """

    size_bytes: int
    mtime_ns: int
    inode: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size_bytes", _signed(self.size_bytes))
        object.__setattr__(self, "mtime_ns", _signed(self.mtime_ns))
        object.__setattr__(self, "inode", self.inode % (1 << 64))

    @classmethod
    def of(cls, found: os.stat_result) -> "Identity":
        """Return the identity from a result of stat(2)."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)

    @classmethod
    def at(cls, path: str) -> "Identity":
        """Return the identity of the file that has this name now.

        Raises
        ------
        OSError
            There is no such file.
        """
        return cls.of(os.stat(path))

    def matches(self, other: "Identity") -> bool:
        """Tell whether both belong to one file, as far as is known."""
        inodes = {self.inode, other.inode} - {0}
        return self.without_inode() == other.without_inode() and len(inodes) < 2

    def without_inode(self) -> "Identity":
        """Return the identity without the inode, for file systems with unstable numbers."""
        return replace(self, inode=0)


def _signed(number: int) -> int:
    """Return the lowest 64 bits of a number; the highest of them is the sign."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


@dataclass(frozen=True, slots=True)
class Pooling:
    """How windows became one score, which scores depend on as well.

    Attributes
    ----------
    pool : str
        The way, as ``--pool`` names it.
    hop : int
        Patch frames from one window to the next.
    """

    pool: str
    hop: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A model that a run uses, and how its windows become one score."""

    card: ModelSpec
    pooling: Pooling

    @property
    def parts(self) -> "tuple[Asked, ...]":
        """The models that are heard in place of a derived one; empty for any other."""
        pool, hop = self.pooling.pool, self.pooling.hop
        own = self.card.hop_frames
        return tuple(
            Asked(it, Pooling(pool, hop if it.hop_frames == own else it.hop_frames))
            for it in self.card.parts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackInfo:
    """Artist and album by the file's tags; empty where they do not say.

    Year and title are also empty for files that 0.1.0 read, which did not ask for them. Whether
    the album is a compilation is known only for a file that was just read.
    """

    artist: str = ""
    albumartist: str = ""
    album: str = ""
    year: str = ""
    title: str = ""
    compilation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What is known about a file that was heard: enough to decide again without hearing it.

    It comes from one model; if a run uses several, from the first, and `others` from the rest.

    Attributes
    ----------
    identity : Identity
        The file's, when it was last examined.
    digest : str
        Of its audio; see `decode.Audio.digest`.
    values : tuple of float
        Pooled probability of each label, in the model's order; empty if only the embedding is
        known and a worker still has to compare words with it.
    embedding : bytes
        Mean of the windows' embeddings, little-endian float32; empty without one.
    windows : int
        Number of windows heard.
    seconds, seconds_skipped : float
        Length of the track, and of the damage in it.
    repeated : bool
        The track is shorter than one window and was repeated to fill it.
    fields : mapping of str to tuple of str
        The values of our fields.
    track : TrackInfo or None
        ``None`` if nobody needed it and it was not cheap to read.
    effort : str
        The effort of listening; see `effort`.
    of_windows : int
        Windows of the whole track; 0 if all were heard.
    confidence : float
        Estimated probability that all windows would lead to the same tags, 0 to 1.
    others : tuple of Heard
        What the run's other models heard in the same audio, in their order.
    parts : tuple of Heard
        For a derived model that was heard just now: what its part models heard.
    """

    identity: Identity
    digest: str
    values: tuple[float, ...]
    embedding: bytes
    windows: int
    seconds: float
    seconds_skipped: float
    repeated: bool
    fields: Values
    track: TrackInfo | None = None
    effort: str = "full"
    of_windows: int = 0
    confidence: float = 1.0
    others: "tuple[Heard, ...]" = ()
    parts: "tuple[Heard, ...]" = ()

    def each(self) -> "tuple[Heard, ...]":
        """Return what each model heard, in order."""
        return (self, *self.others)

    @staticmethod
    def together(each: "Sequence[Heard | None]") -> "Heard | None":
        """Join what each model heard; None if one of them did not hear it."""
        known = [heard for heard in each if heard is not None]
        return replace(known[0], others=tuple(known[1:])) if len(known) == len(each) else None


@dataclass(frozen=True, slots=True)
class Ours:
    """What we wrote into a field, and what it held before."""

    written: tuple[str, ...]
    before: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Values to restore, each only if the field still holds what we wrote.

    Attributes
    ----------
    fields : mapping of str to Ours
        By field.
    writes : tuple of int
        The numbers of the writes that this takes back.
    audio : str
        Digest of the audio that was written to; empty if it is not known.
    check_audio : bool
        The file has changed since the write: check first that this is still its audio.
    redo : bool
        The write that is taken back was itself an undo.
    """

    fields: Mapping[str, Ours]
    writes: tuple[int, ...] = ()
    audio: str = ""
    check_audio: bool = False
    redo: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Takes the place of a job: nothing can be done until the jobs in work have ended."""


@dataclass(frozen=True, slots=True)
class Recognise:
    """A request to examine a file that we may have written to under another name.

    Attributes
    ----------
    audio : bool
        Also hash its audio; otherwise only its fields are read.
    track : bool
        Read artist and album whatever that costs; otherwise only if it is cheap.
    """

    audio: bool
    track: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One file to do.

    Attributes
    ----------
    path : str
        As the operating system names it; undecodable bytes are surrogates (PEP 383).
    size_bytes : int
        At the time of the walk; for progress only.
    identity : Identity or None
        At the time of the walk.
    heard : Heard or None
        From an earlier run, if the file has not changed since: it is not decoded again.
    candidates : tuple of tuple of Heard
        From earlier runs, for each model; one of them counts if the audio is the same.
    scores : tuple of tuple of float or None
        Scores to use instead of the file's own, for each model, as for a whole album.
    restore : Restore or None
        Restore values, and do nothing else.
    recognise : Recognise or None
        Identify its audio, and do nothing else.
    with_embedding : bool
        Use what was heard before only if its embedding is on record.
    hold : bool
        Write nothing yet if its tags say that it is on an album.
    """

    path: str
    size_bytes: int
    identity: Identity | None = None
    heard: Heard | None = None
    candidates: tuple[tuple[Heard, ...], ...] = ()
    scores: tuple[tuple[float, ...], ...] | None = None
    restore: Restore | None = None
    recognise: Recognise | None = None
    with_embedding: bool = False
    hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What a worker is about to write; it waits until that is on record.

    Attributes
    ----------
    identity : Identity
        The file's, now.
    changes, previous : mapping of str to tuple of str
        Field to its new values, and what it holds.
    audio : str
        Digest of its audio; empty if it is not known.
    """

    identity: Identity
    changes: Values
    previous: Values
    audio: str = ""


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
        For each value in ``tags``, the score of the label behind it.
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


def names_audio(digests: Sequence[str], digest: str) -> bool:
    """Tell whether a digest is one of these; some may be known only up to the hyphen."""
    return digest in digests or digest.partition("-")[0] in digests


Reported = Tagged | Restored | Skipped | Failed
"""The outcomes that a user is told."""

Outcome = Reported | Recognised
