"""What was asked for one file, what was heard in it, and what became of it.

Plain data: picklable, so that it can cross to a worker process, and JSON-able, so that
``--json`` prints it as it is.
"""

import array
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # who asks the journal needs no cards, and starts sooner without
    from lean_tagger.card import ModelSpec

SCORE_STEPS = (1 << 16) - 1
"""A probability is kept in so many steps, in the journal and in files."""


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

    Everything that is decided on scores is decided on these: a score that is rounded only when
    it is written could meet a threshold the other way at the next look.
    """
    return from_uint16(to_uint16(scores))


Values = Mapping[str, tuple[str, ...]]
"""What fields hold, by field; an absent field holds nothing."""

TagStatus = Literal["tagged", "would_tag", "unchanged", "held"]
RestoreStatus = Literal["undone", "would_undo", "redone", "would_redo"]

PART = "part"
"""How the digest of a partial hearing begins."""


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a file is known to be unchanged; as stat(2) tells it.

    The device is none of it: it gets another number when the machine or a share is started
    again. An inode of 0 is not known.

    Every number has 64 bits, as the journal has: size and time are signed, the inode is not.
    What does not fit is folded, always in the same way: the nanoseconds of a time after 2262
    do not, nor does a number of 128 bits that some systems give a file.
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
        """Return the identity in what stat(2) tells of a file."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)

    @classmethod
    def at(cls, path: str) -> "Identity":
        """Return the identity of the file that has this name now.

        Raises
        ------
        OSError
            There is none.
        """
        return cls.of(os.stat(path))

    def matches(self, other: "Identity") -> bool:
        """Tell whether both are of one file, as far as is known."""
        inodes = {self.inode, other.inode} - {0}
        return self.without_inode() == other.without_inode() and len(inodes) < 2

    def without_inode(self) -> "Identity":
        """Return the same, for a file system whose numbers mean nothing."""
        return replace(self, inode=0)


def _signed(number: int) -> int:
    """Return the lowest 64 bits of a number, of which the highest is the sign."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


@dataclass(frozen=True, slots=True)
class Pooling:
    """How windows became one score: on this, too, scores depend.

    Attributes
    ----------
    pool : str
        The way, as ``--pool`` names it.
    hop : int
        Patch frames from window to window.
    """

    pool: str
    hop: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A model that a run asks, and how its windows become one score."""

    card: "ModelSpec"
    pooling: Pooling

    @property
    def parts(self) -> "tuple[Asked, ...]":
        """The models that are heard in the place of a derived one; of any other, none."""
        pool, hop = self.pooling.pool, self.pooling.hop
        own = self.card.hop_frames
        return tuple(
            Asked(it, Pooling(pool, hop if it.hop_frames == own else it.hop_frames))
            for it in self.card.parts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackInfo:
    """Whose music it is, by the file's tags; empty where they do not say.

    Year and title are also empty where 0.1.0 looked, which did not ask for them. Whether the
    tags call the album a compilation is known only of a file that was just looked at.
    """

    artist: str = ""
    albumartist: str = ""
    album: str = ""
    year: str = ""
    title: str = ""
    compilation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What is known of a file once it was heard: enough to decide again without hearing it.

    Of one model; where a run asks several, this is of the first, and `others` of the rest.

    Attributes
    ----------
    identity : Identity
        The file's, when it was last looked at.
    digest : str
        Of its audio; see `decode.Audio.digest`.
    values : tuple of float
        Pooled probability of each label, in the model's order; none where only the embedding
        is known, with which a worker is to compare words.
    embedding : bytes
        Mean of the windows' embeddings, little-endian float32; empty without one.
    windows : int
        How many were heard.
    seconds, seconds_skipped : float
        Length of the track, and of the damage that was met in it.
    repeated : bool
        The track is shorter than one window and was repeated to fill it.
    fields : mapping of str to tuple of str
        What our fields hold.
    track : TrackInfo or None
        ``None`` where nobody needed it, and it was not cheap to tell.
    effort : str
        With which it was heard; see `effort`.
    of_windows : int
        Windows of the whole track; 0 where all were heard.
    confidence : float
        Estimated probability that all windows would lead to the same tags, 0 to 1.
    others : tuple of Heard
        What the run's further models heard in the same audio, in their order.
    parts : tuple of Heard
        Of a derived model that was heard just now: what the models heard that it follows from.
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
        """Return what each model heard, in their order."""
        return (self, *self.others)

    @staticmethod
    def together(each: "Sequence[Heard | None]") -> "Heard | None":
        """Return what each model heard as one; None where one of them did not hear it."""
        known = [heard for heard in each if heard is not None]
        return replace(known[0], others=tuple(known[1:])) if len(known) == len(each) else None


@dataclass(frozen=True, slots=True)
class Ours:
    """What we wrote into a field, and what it held before."""

    written: tuple[str, ...]
    before: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Values to put back, each only where the field still holds what we wrote.

    Attributes
    ----------
    fields : mapping of str to Ours
        By field.
    writes : tuple of int
        The numbers of the writes that are so taken back.
    audio : str
        Digest of the audio that was written to; empty where that is not known.
    check_audio : bool
        The file is not as it was left: first see whether this is still its audio.
    redo : bool
        What is taken back is an undo.
    """

    fields: Mapping[str, Ours]
    writes: tuple[int, ...] = ()
    audio: str = ""
    check_audio: bool = False
    redo: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """In the place of a job: nothing can be done before what is under way has ended."""


@dataclass(frozen=True, slots=True)
class Recognise:
    """Look at a file that may be one that we wrote to, under another name.

    Attributes
    ----------
    audio : bool
        Hash its audio, too; without, only its fields are read.
    track : bool
        Tell whose music it is, whatever that costs; without, only where that is cheap.
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
        From an earlier run, the file being unchanged since: it is not decoded again.
    candidates : tuple of tuple of Heard
        From earlier runs, for each model; one of them counts if the audio is the same.
    scores : tuple of tuple of float or None
        To decide by in place of the file's own, for each model, as for a whole album.
    restore : Restore or None
        Put values back, and do nothing else.
    recognise : Recognise or None
        Tell which audio it has, and do nothing else.
    with_embedding : bool
        What was heard before counts only where its embedding is on record.
    hold : bool
        Write nothing yet where its tags say that it is on an album.
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
        Of the file as it is now.
    changes, previous : mapping of str to tuple of str
        Field to its new values, and what it holds.
    audio : str
        Digest of its audio; empty where that is not known.
    """

    identity: Identity
    changes: Values
    previous: Values
    audio: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a run's further model heard; the attributes are those of `Tagged`."""

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
        Written; would be written but for ``--dry-run``; nothing to write; to be decided on when
        all of its album has been heard, which nobody is told of.
    seconds : float
        Length of the track.
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
    known : bool
        An earlier run heard it; this one decided again.
    heard : Heard or None
        For the journal; not part of the printed result.
    effort : str
        With which it was heard.
    of_windows : int
        Windows of the whole track.
    confidence : float
        Estimated probability that all windows would lead to the same tags, 0 to 1.
    others : tuple of Opinion
        What the run's further models heard, in their order.
    by : mapping of str to str
        For each field with a value in ``tags``, the model that said it.
    junk : tuple of str
        What the genre field held that says nothing.
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
    """The file was left alone, for a reason that is no failure.

    Attributes
    ----------
    kind, message : str
        The reason, for programs and for people.
    scored : Tagged or None
        The scores, where the file was heard before it turned out that nothing can be
        written into its format.
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
        The scores, where it was only the writing that failed.
    """

    path: str
    kind: str
    message: str
    scored: Tagged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What we had written was taken back.

    Attributes
    ----------
    path : str
        The file.
    status : {'undone', 'would_undo', 'redone', 'would_redo'}
        What was done by which command; or would be but for ``--dry-run``.
    restored : mapping of str to tuple of str
        What each field that was put back holds now; empty where it held nothing before.
    kept : mapping of str to tuple of str
        What stands in fields that somebody else has changed since; they were left alone.
    identity : Identity
        Of the file now.
    fields : mapping of str to tuple of str
        What all our fields hold now.
    """

    path: str
    status: RestoreStatus
    restored: Values
    kept: Values
    identity: Identity
    fields: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a file has now; for the journal, which may know it under another name.

    Attributes
    ----------
    path : str
        The file.
    identity : Identity
        Of the file now.
    fields : mapping of str to tuple of str
        What our fields hold.
    digests : tuple of str
        By which its audio may be on record: each is a digest, or all of one up to the hyphen.
    track : TrackInfo or None
        Whose music it is; None where nobody asked and it was not cheap to tell.
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
    """Tell whether a digest is one of these, of which some may be known up to the hyphen only."""
    return digest in digests or digest.partition("-")[0] in digests


Reported = Tagged | Restored | Skipped | Failed
"""What a user is told of a file."""

Outcome = Reported | Recognised
