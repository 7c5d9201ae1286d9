"""Jobs for one file, and the write that a worker is about to make."""

from collections.abc import Mapping
from dataclasses import dataclass

from lean_tagger.jobs.heard import Heard, Values
from lean_tagger.jobs.identity import Identity


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
