"""The models of a run, and what they heard in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lean_tagger.jobs.identity import Identity

if TYPE_CHECKING:  # questions to the journal need no cards, and start sooner without
    from lean_tagger.card import ModelSpec

Values = Mapping[str, tuple[str, ...]]
"""Values by field; an absent field is empty."""


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

    card: "ModelSpec"
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
    given : str
        Of a file that was heard just now and will be written to: see `decode.Audio.given`.
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
    given: str = ""

    def each(self) -> "tuple[Heard, ...]":
        """Return what each model heard, in order."""
        return (self, *self.others)

    @staticmethod
    def together(each: "Sequence[Heard | None]") -> "Heard | None":
        """Join what each model heard; None if one of them did not hear it."""
        known = [heard for heard in each if heard is not None]
        return replace(known[0], others=tuple(known[1:])) if len(known) == len(each) else None
