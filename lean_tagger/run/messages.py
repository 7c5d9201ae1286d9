"""Messages between the supervisor and its workers, and their form in a pipe.

Each message is its length in four bytes, then one pickled value. Both ends are this program,
started by itself; nothing from a file or a network is ever unpickled.
"""

import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:  # a calculation has no jobs, and starts sooner without
    from lean_tagger.jobs import Outcome

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Limit:
    """To a worker: how much memory it may have from now on, in bytes; 0 is no limit."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Cores:
    """To a worker: how many cores its jobs may keep busy from now on."""

    count: int


@dataclass(frozen=True, slots=True)
class Loading:
    """From a worker, once: its libraries are loaded; the model is next."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From a worker, once: the model is loaded and rehearsed.

    Attributes
    ----------
    model, device : str
        The model, and where it runs.
    needed_bytes : int
        Least share of memory that it needs.
    """

    model: str
    device: str
    needed_bytes: int


@dataclass(frozen=True, slots=True)
class Notice:
    """From a worker: a sentence for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """From a worker: seconds of audio done, and the fraction of the file, 0 to 1."""

    seconds: float
    fraction: float


@dataclass(frozen=True, slots=True)
class Go:
    """To a worker: its write is on record; go on and write."""


@dataclass(frozen=True, slots=True)
class Done:
    """From a worker: the outcome of its job, and its highest and present resident size."""

    outcome: "Outcome"
    peak_bytes: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Broken:
    """From a worker, last: an error that the next file would meet too.

    Attributes
    ----------
    error : Exception
        A `LeanTagError` that is not a `FileError`; or an unexpected error, as text.
    """

    error: Exception


@dataclass(frozen=True, slots=True)
class Value:
    """From the child of a calculation: one of its results."""

    value: Any


@dataclass(frozen=True, slots=True)
class Ended:
    """From the child of a calculation, last: its highest resident size."""

    peak_bytes: int


def pack(message: object) -> bytes:
    """Return the bytes of a message for the pipe."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


def send(stream: BinaryIO, message: object) -> None:
    """Send one message through a pipe at once."""
    stream.write(pack(message))
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Wait for one message; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return pickle.loads(data) if len(data) == length else None  # noqa: S301 - see the top


class Inbox:
    """Collects the bytes of a pipe and gives complete messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """Take bytes; yield every message that they complete."""
        self._data += data
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            end = _LENGTH.size + length
            if len(self._data) < end:
                return
            message = pickle.loads(self._data[_LENGTH.size : end])  # noqa: S301 - see the top
            del self._data[:end]
            yield message
