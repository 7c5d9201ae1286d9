"""Who does the jobs of a run: today worker processes on this machine.

A run needs an `Executor` and no more of it than this protocol says, so that another one (a
cluster's) can take the place of the local `Supervisor`; `executor` is where it is chosen.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from lean_tagger.jobs import Job, Later, Outcome, Writing
from lean_tagger.run.messages import Ready
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings


class Executor(Protocol):
    """Does jobs, under the run's budget."""

    @property
    def started(self) -> bool:
        """Whether files may have been begun."""
        ...

    def outcomes(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Outcome]:
        """Do the jobs, and yield what became of each as soon as it is known.

        Parameters
        ----------
        found : iterable
            Asked for as there is room for more; what is no job passes through.

        Raises
        ------
        LeanTagError
            What would go wrong with the next file too.
        """
        ...

    def rss_bytes(self) -> int:
        """Return the resident size of the whole run now."""
        ...

    def peak_bytes(self) -> int:
        """Return a bound on the highest resident size of the whole run so far."""
        ...

    def close(self) -> None:
        """End what works; a write in progress is undone or finished, never left half."""
        ...


def executor(
    options: Settings,
    *,
    jobs: int,
    patience_seconds: float,
    start_seconds: float,
    progress: Callable[[Job, float, float], None],
    notice: Callable[[str], None],
    on_start: Callable[[Ready], None],
    before_write: Callable[[Job, Writing], None],
) -> Executor:
    """Return what does the jobs of a run; the parameters are those of `Supervisor`.

    Whatever it is, it calls `before_write` before it changes a file, and waits until that
    returns: no write happens that is not on record.
    """
    return Supervisor(
        options,
        jobs=jobs,
        patience_seconds=patience_seconds,
        start_seconds=start_seconds,
        progress=progress,
        notice=notice,
        on_start=on_start,
        before_write=before_write,
    )
