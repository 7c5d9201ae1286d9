"""The journal's contents as values, and their conversion to and from columns."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lean_tagger.jobs import Heard, Identity, Pooling, TrackInfo, Values, from_uint16
from lean_tagger.store.compact import shortened, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Everything apart from the audio that scores depend on.

    Attributes
    ----------
    model : str
        The weights' sha256.
    pooling : Pooling
        How its windows became one score.
    """

    model: str
    pooling: Pooling


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The journal's record of a file.

    Attributes
    ----------
    path : str
        The file.
    identity : Identity
        The identity when it was last examined.
    status : str
        Its outcome then, as in the printed result.
    kind, message : str
        Why it failed or was left alone; empty otherwise.
    attempts : int
        Failures in a row, with the file unchanged.
    run : int
        The run of that outcome.
    heard : Heard or None
        With the scores of the requested model; ``None`` if it never heard the file.
    """

    path: str
    identity: Identity
    status: str
    kind: str
    message: str
    attempts: int
    run: int
    heard: Heard | None


PEAK = "peak_bytes"
"""Kept among a run's counts, so that the table of runs does not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command that changes files or the journal.

    Attributes
    ----------
    started, ended : float
        Seconds since 1970; the end is None if it was not recorded.
    options : mapping
        The run's options; ``max_mem_bytes`` is its budget.
    counts : mapping of str to int
        Number of files by outcome.
    ending : str or None
        ``done``, or what ended it.
    peak_bytes : int
        Peak memory of its processes together; 0 if it was not recorded.
    """

    id: int
    command: str
    started: float
    ended: float | None
    version: str
    model: str
    options: Mapping[str, Any]
    counts: Mapping[str, int]
    ending: str | None
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write into one file.

    Attributes
    ----------
    id, run : int
        Its number, and the run's.
    path : str
        The file.
    state : {'intent', 'done', 'failed', 'undone'}
        An intent without a known result may or may not have happened.
    at : float
        Seconds since 1970.
    identity : Identity
        The file's, before the write.
    previous, written : mapping of str to tuple of str
        What each field held, and what it should hold.
    digest : str
        Of the file's audio; empty if it is not known.
    """

    id: int
    run: int
    path: str
    state: str
    at: float
    identity: Identity
    previous: Values
    written: Values
    digest: str = ""


def columns(identity: Identity) -> tuple[int, int, int]:
    """Return an identity as three columns, each a signed number of 64 bits."""
    return identity.size_bytes, identity.mtime_ns, _signed(identity.inode)


def to_identity(row: tuple[int, int, int]) -> Identity:
    """Return the identity in three columns."""
    return Identity(*row)


def _signed(number: int) -> int:
    """Return an inode as a signed number; some file systems use the highest of 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number


def of_values(values: Values) -> str | bytes:
    """Return values for a column: JSON, compressed if that is shorter."""
    kept = shortened(json.dumps(values))
    assert kept is not None  # noqa: S101 - only what is nothing comes back as nothing
    return kept


def to_values(kept: str | bytes) -> Values:
    """Return the values in a column."""
    return {field: tuple(values) for field, values in json.loads(whole(kept)).items()}


def to_heard(identity: Identity, row: tuple[Any, ...]) -> Heard:
    """Return what was heard, from the columns of a file and of its scores."""
    digest, fields, *track, scores, embedding = row[:9]
    windows, seconds, seconds_skipped, repeated, effort, of_windows, confidence = row[9:]
    return Heard(
        identity=identity,
        digest=digest,
        values=from_uint16(scores),
        embedding=embedding,
        windows=windows,
        seconds=seconds,
        seconds_skipped=seconds_skipped,
        repeated=bool(repeated),
        fields=to_values(fields),
        track=to_info(*track),
        effort=effort,
        of_windows=of_windows,
        confidence=confidence,
    )


def to_info(artist: str | None, *others: str | None) -> TrackInfo | None:
    """Return artist and album; None if they were not read. 0.1.0 did not read all of them."""
    if artist is None:
        return None
    albumartist, album, year, title = (it or "" for it in others)
    return TrackInfo(artist=artist, albumartist=albumartist, album=album, year=year, title=title)


def to_run(row: tuple[Any, ...]) -> Run:
    """Return the run in a row."""
    counts = json.loads(row[7])
    peak_bytes = counts.pop(PEAK, 0)
    return Run(
        id=row[0],
        command=row[1],
        started=row[2],
        ended=row[3],
        version=row[4],
        model=row[5],
        options=json.loads(row[6]),
        counts=counts,
        ending=row[8],
        peak_bytes=peak_bytes,
    )


def to_known(row: tuple[Any, ...]) -> Known:
    """Return what is known about a file, from its row and the row of its scores."""
    identity = to_identity(row[1:4])
    return Known(
        path=os.fsdecode(row[0]),
        identity=identity,
        status=row[4],
        kind=row[5],
        message=row[6],
        attempts=row[7],
        run=row[8],
        heard=None if row[16] is None else to_heard(identity, row[9:]),
    )


def to_write(row: tuple[Any, ...]) -> Write:
    """Return the write in the columns of `sql.WRITE_COLUMNS`."""
    return Write(
        id=row[0],
        run=row[1],
        path=os.fsdecode(row[2]),
        state=row[3],
        at=row[4],
        identity=to_identity(row[5:8]),
        previous=to_values(row[8]),
        written=to_values(row[9]),
        digest=row[10] or "",
    )
