"""Files whose share or disk went away in the middle of a run: kept until it is back.

A server that restarts, a disk that was pulled: each file on it fails, and none of these failures
says anything about the file.
"""

import errno
import os
import time
from collections import Counter
from collections.abc import Callable

from lean_tagger.errors import StateError
from lean_tagger.jobs import Job
from lean_tagger.system import mounts

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
"""Each wait is twice the one before, up to this."""

GIVE_UP_SECONDS = 3600.0
"""Then the run ends; the next one goes on from there."""

MOST_LOSSES = 5
"""A file that its share has gone away from more often is done with: it may be what drives it away,
as where a file system in user space crashes over it."""

_GONE = frozenset(
    {
        *(errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT),
        *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED),
    }
)
"""With these a file system answers when nothing is behind it any more."""


class LostMounts:
    """Keeps the jobs that wait for their file system.

    Parameters
    ----------
    notice : callable
        Told once that we wait, and once that we go on.
    clock : callable, optional
        Seconds of a clock that only goes forwards.
    """

    def __init__(
        self, notice: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notice = notice
        self._clock = clock
        self._mounts = mounts.table()  # as it was when everything was there
        self._jobs: list[Job] = []
        self._losses: Counter[str] = Counter()  # by path, of the few that were in work
        self._since = self._next = self._wait_seconds = 0.0

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def keeps(self, job: Job) -> bool:
        """Keep a job that failed, if that is because its file system is not there."""
        if self._losses.get(job.path, 0) >= MOST_LOSSES or not self._gone(job.path):
            return False
        self._losses[job.path] += 1
        if not self._jobs:
            self._since, self._wait_seconds = self._clock(), FIRST_WAIT_SECONDS
            self._next = self._since + self._wait_seconds
            self._notice(f"{self._folder(job.path)} is not there any more; waiting for it")
        self._jobs.append(job)
        return True

    def back(self) -> list[Job]:
        """Return the jobs that can be done now; looks only as often as waiting allows.

        Raises
        ------
        StateError
            It has been too long.
        """
        now = self._clock()
        if not self._jobs or now < self._next:
            return []
        if any(self._gone(job.path) for job in self._jobs):
            folder = self._folder(self._jobs[0].path)
            if now - self._since > GIVE_UP_SECONDS:
                raise StateError(f"{folder} did not come back; run again when it is there")
            self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)
            self._next = now + self._wait_seconds
            return []
        self._notice(f"{self._folder(self._jobs[0].path)} is back; going on")
        jobs, self._jobs = self._jobs, []
        return jobs

    def _gone(self, path: str) -> bool:
        """Tell whether what a file was on is not mounted now, or does not answer."""
        path = os.path.realpath(path)
        mount = mounts.find(path, self._mounts)
        if mount is not None and all(it.point != mount.point for it in mounts.table()):
            return True
        try:
            os.stat(path)
        except OSError as error:
            # A disk that fails to read one folder says EIO, too: that is not worth waiting for.
            lost = mount is not None and mount.network and error.errno == errno.EIO
            return lost or error.errno in _GONE
        return False

    def _folder(self, path: str) -> str:
        mount = mounts.find(os.path.realpath(path), self._mounts)
        return mount.point if mount else os.path.dirname(path)
