"""Executors do the jobs of a run: worker processes here, or a cluster.

A run uses only what this protocol says, so another `Executor` (a cluster's) can replace the local
`Supervisor`; `cli.session.do` takes what makes one.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from lean_tagger.jobs import Job, Later, Outcome


class Executor(Protocol):
    """Does jobs, under the run's budget.

    It is made with the parameters of `Supervisor`. It calls `before_write` before it changes a
    file, and waits until that returns, so that each write is on record before it happens.
    """

    @property
    def started(self) -> bool:
        """Whether files may have been started."""
        ...

    def outcomes(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Outcome]:
        """Do the jobs, and yield each outcome as soon as it is known.

        Parameters
        ----------
        found : iterable
            Read when there is room for more; items other than jobs pass through.

        Raises
        ------
        LeanTagError
            An error that the next file would meet too.
        """
        ...

    def rss_bytes(self) -> int:
        """Return the resident size of the whole run now."""
        ...

    def peak_bytes(self) -> int:
        """Return an upper bound of the whole run's peak of resident memory so far."""
        ...

    def close(self) -> None:
        """End all work; a write in progress is undone or finished, never left half done."""
        ...
