"""Keep files of a share or disk that disappears during a run until it is back.

If a server restarts or a disk is pulled, each file on it fails, but these failures say nothing
about the files.
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
"""Longest wait; each wait is twice the one before."""

GIVE_UP_SECONDS = 3600.0
"""After this time the run ends; the next one goes on from there."""

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
"""Errors of a file system that has lost its server or disk."""


class LostMounts:
    """Keeps the jobs that wait for their file system.

    Parameters
    ----------
    notice : callable
        Called once when we wait, and once when we go on.
    clock : callable, optional
        Returns the seconds of a clock that only goes forwards.
    """

    def __init__(
        self, notice: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notice = notice
        self._clock = clock
        self._mounts = mounts.table()  # when everything was there
        self._jobs: list[Job] = []
        self._losses: Counter[str] = Counter()  # by path, of the few that were in work
        self._since = self._next = self._wait_seconds = 0.0

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def keeps(self, job: Job) -> bool:
        """Keep a job that failed because its file system is missing."""
        if self._losses.get(job.path, 0) >= MOST_LOSSES or not self._gone(job.path):
            return False
        self._losses[job.path] += 1
        if not self._jobs:
            self._since, self._wait_seconds = self._clock(), FIRST_WAIT_SECONDS
            self._next = self._since + self._wait_seconds
            self._notice(f"{self._folder(job.path)} has disappeared; waiting for it")
        self._jobs.append(job)
        return True

    def back(self) -> list[Job]:
        """Return the jobs that can be done now; checks only after each wait.

        Raises
        ------
        StateError
            It took too long.
        """
        now = self._clock()
        if not self._jobs or now < self._next:
            return []
        if any(self._gone(job.path) for job in self._jobs):
            folder = self._folder(self._jobs[0].path)
            if now - self._since > GIVE_UP_SECONDS:
                raise StateError(f"{folder} did not come back; run lean-tag again when it is there")
            self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)
            self._next = now + self._wait_seconds
            return []
        self._notice(f"{self._folder(self._jobs[0].path)} is back; going on")
        jobs, self._jobs = self._jobs, []
        return jobs

    def _gone(self, path: str) -> bool:
        """Tell whether a file's file system is not mounted now, or does not answer."""
        path = os.path.realpath(path)
        mount = mounts.find(path, self._mounts)
        if mount is not None and all(it.point != mount.point for it in mounts.table()):
            return True
        try:
            os.stat(path)
        except OSError as error:
            # A disk that cannot read one folder also gives EIO; waiting would not help.
            lost = mount is not None and mount.network and error.errno == errno.EIO
            return lost or error.errno in _GONE
        return False

    def _folder(self, path: str) -> str:
        mount = mounts.find(os.path.realpath(path), self._mounts)
        return mount.point if mount else os.path.dirname(path)
