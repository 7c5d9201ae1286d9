"""What stands in the journal, as values; and how values become columns."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lean_tagger.jobs import Heard, Identity, Pooling, TrackInfo, Values, from_uint16
from lean_tagger.store.compact import shortened, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What scores depend on apart from the audio.

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
    """What the journal has of a file.

    Attributes
    ----------
    path : str
        The file.
    identity : Identity
        When it was last looked at.
    status : str
        What became of it then, as in the printed result.
    kind, message : str
        Why it failed or was left alone; empty otherwise.
    attempts : int
        Failures in a row, the file being unchanged.
    run : int
        The run in which that was.
    heard : Heard or None
        With the scores of the asked model; ``None`` if that never heard it.
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
"""Stands among a run's counts, so that the table of runs stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command that changes files or the journal.

    Attributes
    ----------
    started, ended : float
        Seconds since 1970; the end is None where it was not told.
    options : mapping
        What was asked for; its ``max_mem_bytes`` is the run's budget.
    counts : mapping of str to int
        Files by what became of them.
    ending : str or None
        ``done``, or what ended it.
    peak_bytes : int
        The most memory that its processes had together; 0 where that was not recorded.
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
        An intent whose end is not known may or may not have come to pass.
    at : float
        Seconds since 1970.
    identity : Identity
        The file's, before.
    previous, written : mapping of str to tuple of str
        What each field held, and what it was to hold.
    digest : str
        Of the file's audio; empty where that is not known.
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
    """Return an inode as SQLite has numbers; some file systems use the highest of 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number


def of_values(values: Values) -> str | bytes:
    """Return values as a column has them: JSON, compressed where that is shorter."""
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
        track=_to_track(*track),
        effort=effort,
        of_windows=of_windows,
        confidence=confidence,
    )


def _to_track(
    artist: str | None, albumartist: str, album: str, year: str | None, title: str | None
) -> TrackInfo | None:
    """Return whose music it is; None where nobody looked. 0.1.0 did not ask for all of it."""
    if artist is None:
        return None
    return TrackInfo(
        artist=artist, albumartist=albumartist, album=album, year=year or "", title=title or ""
    )


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
    """Return what is known of a file, from its row and that of its scores."""
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
