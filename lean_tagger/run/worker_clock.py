"""A clock that runs while a worker could get on with its work and does not come to an end.

The time on the wall is no measure of that: a laptop sleeps, a run is stopped and continued, a
busy machine gives a process a tenth of a core. So what is counted is the processor time that the
worker takes, and the time in which it neither computes nor reads nor writes.
"""

import os
import time
from typing import NamedTuple

START_SECONDS = 120.0
"""A worker that has not loaded its model by then hangs, unless the run allows more."""

LONGEST_LOOK_SECONDS = 1.0
"""What counts at most between two looks: after a longer pause we ourselves were stopped."""

SLOWEST_BYTES_PER_SECOND = 25_000
"""What a file may take beyond the patience of a run: 40 minutes for an hour of 128 kbit/s."""

MOST_SECONDS_FOR_SIZE = 6 * 3600.0
"""A file of a whole day is done by then; one of exabytes that hold nothing is given up."""

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_COUNTED = frozenset({b"rchar", b"wchar", b"read_bytes", b"write_bytes"})


def seconds_for_size(size_bytes: int) -> float:
    """Return how much longer than another a file of this size may take."""
    return min(size_bytes / SLOWEST_BYTES_PER_SECOND, MOST_SECONDS_FOR_SIZE)


class Signs(NamedTuple):
    """What a process has done so far.

    Attributes
    ----------
    cpu_seconds : float
        Processor time of all its threads.
    moved_bytes : int
        Read and written, by calls and by page faults; 0 where that is not told.
    runnable : bool
        Whether it runs, or waits for nothing but a processor.
    """

    cpu_seconds: float
    moved_bytes: int
    runnable: bool


def signs(pid: int) -> Signs | None:
    """Return what a process has done so far; ``None`` where that is not told.

    Sources: proc(5), ``/proc/pid/stat`` and ``/proc/pid/io``.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as stat:
            fields = stat.read(4096).rpartition(b")")[2].split()  # a name may hold brackets
        state, user_ticks, system_ticks = fields[0], int(fields[11]), int(fields[12])
    except (OSError, ValueError, IndexError):
        return None
    seconds = (user_ticks + system_ticks) / _TICKS_PER_SECOND
    return Signs(seconds, _moved_bytes(pid), state == b"R")


def _moved_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/io", "rb", buffering=0) as io:
            lines = (line.split(b":") for line in io.read(4096).splitlines())
            return sum(int(number) for name, number in lines if name in _COUNTED)
    except (OSError, ValueError):  # some containers do not show it
        return 0


class WorkerClock:
    """How long a worker has been at one thing.

    Parameters
    ----------
    pid : int
        The worker's.
    allowed_seconds : float
        How long the first thing, its start, may take.

    Attributes
    ----------
    allowed_seconds : float
        How long what it is at now may take.
    """

    def __init__(self, pid: int, allowed_seconds: float) -> None:
        self._pid = pid
        self.restart(allowed_seconds)

    def restart(self, allowed_seconds: float) -> None:
        """Begin at 0 with another thing that may take so long."""
        self.allowed_seconds = allowed_seconds
        self._spent_seconds = 0.0
        self._looked, self._signs = time.monotonic(), signs(self._pid)

    def expired(self) -> bool:
        """Look at the worker, and tell whether what it is at has taken too long."""
        now, last = time.monotonic(), self._signs
        passed_seconds = min(now - self._looked, LONGEST_LOOK_SECONDS)
        self._looked, self._signs = now, signs(self._pid)
        self._spent_seconds += _counted(passed_seconds, last, self._signs)
        return self._spent_seconds > self.allowed_seconds


def _counted(passed_seconds: float, last: Signs | None, now: Signs | None) -> float:
    """Return how much of the time between two looks counts."""
    if last is None or now is None:  # nothing is told here: then the wall clock has to do
        return passed_seconds
    cpu_seconds = now.cpu_seconds - last.cpu_seconds
    if cpu_seconds:
        return min(passed_seconds, cpu_seconds)  # of several threads, once
    if now.moved_bytes != last.moved_bytes or now.runnable:
        return 0.0
    return passed_seconds
