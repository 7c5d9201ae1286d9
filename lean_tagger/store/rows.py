"""What stands in the journal, as values; and how values become columns."""

import array
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lean_tagger.jobs import Heard, Identity, Pooling, TrackInfo, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What scores depend on beside the audio.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command that changes files or the journal."""

    id: int
    command: str
    started: float
    ended: float | None
    version: str
    model: str
    options: Mapping[str, Any]
    counts: Mapping[str, int]
    ending: str | None


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


WRITE_COLUMNS = "id, run, path, state, at, size, mtime_ns, inode, previous, written, digest"


def to_write(row: tuple[Any, ...]) -> Write:
    """Return the write in the columns of `WRITE_COLUMNS`."""
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


def columns(identity: Identity) -> tuple[int, int, int]:
    """Return an identity as three columns, each a signed number of 64 bits."""
    return identity.size_bytes, identity.mtime_ns, _signed(identity.inode)


def to_identity(row: tuple[int, int, int]) -> Identity:
    """Return the identity in three columns."""
    return Identity(*row)


def _signed(number: int) -> int:
    """Return an inode as SQLite has numbers; some file systems use the highest of 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number


def packed(values: tuple[float, ...]) -> bytes:
    """Return float64, little-endian: every bit counts, for the decisions to be the same."""
    numbers = array.array("d", values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def unpacked(data: bytes) -> tuple[float, ...]:
    """Return what `packed` packed."""
    numbers = array.array("d", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(numbers)


def to_values(text: str) -> Values:
    """Return the values in a column of JSON."""
    return {field: tuple(values) for field, values in json.loads(text).items()}


def to_heard(identity: Identity, row: tuple[Any, ...]) -> Heard:
    """Return what was heard, from the columns of a file and of its scores."""
    digest, fields, artist, albumartist, album, values, embedding, *rest = row
    windows, seconds, seconds_skipped, repeated, effort, of_windows, confidence = rest
    known = artist is not None
    return Heard(
        identity=identity,
        digest=digest,
        values=unpacked(values),
        embedding=embedding,
        windows=windows,
        seconds=seconds,
        seconds_skipped=seconds_skipped,
        repeated=bool(repeated),
        fields=to_values(fields),
        track=TrackInfo(artist=artist, albumartist=albumartist, album=album) if known else None,
        effort=effort,
        of_windows=of_windows,
        confidence=confidence,
    )


def spans(under: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """Return the ranges of names that are these files, or are in these folders; of all for none."""
    spans = []
    for name in map(os.fsencode, under):
        folder = name.rstrip(b"/")
        # All that begins with the folder's name and a slash comes before its name and a "0".
        spans += [(name, name + b"\0"), (folder + b"/", folder + b"0")]
    return spans or [(b"", b"\xff" * 8)]
