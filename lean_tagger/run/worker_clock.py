"""A clock for workers that counts only the time in which they could work.

Wall-clock time would be wrong: a laptop sleeps, a run is stopped and continued, a busy machine
gives a process a tenth of a core. So this counts the worker's processor time, and the time in
which it neither computes nor reads nor writes.
"""

import os
import time
from typing import NamedTuple

START_SECONDS = 120.0
"""A worker that has not loaded its model by then hangs, unless the run allows more."""

LONGEST_LOOK_SECONDS = 1.0
"""Most time that counts between two checks: after a longer pause, we ourselves were stopped."""

SLOWEST_BYTES_PER_SECOND = 25_000
"""Extra time for a file of this size: 40 minutes for an hour of 128 kbit/s."""

MOST_SECONDS_FOR_SIZE = 6 * 3600.0
"""Most extra time: a file of a whole day is done by then; a sparse one of exabytes is given up."""

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_COUNTED = frozenset({b"rchar", b"wchar", b"read_bytes", b"write_bytes"})


def seconds_for_size(size_bytes: int) -> float:
    """Return the extra time for a file of this size."""
    return min(size_bytes / SLOWEST_BYTES_PER_SECOND, MOST_SECONDS_FOR_SIZE)


class Signs(NamedTuple):
    """What a process has done so far.

    Attributes
    ----------
    cpu_seconds : float
        Processor time of all threads.
    moved_bytes : int
        Bytes read and written, by calls and by page faults; 0 if not known.
    runnable : bool
        Whether it runs, or only waits for a processor.
    """

    cpu_seconds: float
    moved_bytes: int
    runnable: bool


def signs(pid: int) -> Signs | None:
    """Return what a process has done so far; ``None`` if that is not known.

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
    """Measures how long a worker takes for its present task.

    Parameters
    ----------
    pid : int
        The worker's.
    allowed_seconds : float
        Time allowed for its start.

    Attributes
    ----------
    allowed_seconds : float
        Time allowed for its present task.
    """

    def __init__(self, pid: int, allowed_seconds: float) -> None:
        self._pid = pid
        self.restart(allowed_seconds)

    def restart(self, allowed_seconds: float) -> None:
        """Start again at 0, for another task with this limit."""
        self.allowed_seconds = allowed_seconds
        self._spent_seconds = 0.0
        self._looked, self._signs = time.monotonic(), signs(self._pid)

    def expired(self) -> bool:
        """Check the worker, and tell whether its task has taken too long."""
        now, last = time.monotonic(), self._signs
        passed_seconds = min(now - self._looked, LONGEST_LOOK_SECONDS)
        self._looked, self._signs = now, signs(self._pid)
        self._spent_seconds += _counted(passed_seconds, last, self._signs)
        return self._spent_seconds > self.allowed_seconds


def _counted(passed_seconds: float, last: Signs | None, now: Signs | None) -> float:
    """Return how much of the time between two checks counts."""
    if last is None or now is None:  # nothing is known here, so use wall-clock time
        return passed_seconds
    cpu_seconds = now.cpu_seconds - last.cpu_seconds
    if cpu_seconds:
        return min(passed_seconds, cpu_seconds)  # several threads count once
    if now.moved_bytes != last.moved_bytes or now.runnable:
        return 0.0
    return passed_seconds
