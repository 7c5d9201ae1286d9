"""Count and report the outcomes of a run.

Loads nothing heavy: the executor does the work.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lean_tagger.jobs import Failed, Reported, Restored, Skipped, Tagged

_STATUSES = (
    "tagged",
    "would_tag",
    "unchanged",
    "undone",
    "would_undo",
    "redone",
    "would_redo",
    "skipped",
    "failed",
)


_MOST_JUNK = 100


@dataclass(slots=True)
class Summary:
    """The results of a run; every outcome is counted once.

    Attributes
    ----------
    files : int
        All outcomes: the sum of the nine counts below.
    tagged, would_tag, unchanged, undone, would_undo, redone, would_redo, skipped, failed : int
        Outcomes by status.
    audio_seconds : float
        Length of the music that was heard.
    wall_seconds : float
        How long the run took.
    peak_rss_bytes : int
        Most memory that the run had at any moment.
    max_mem_bytes : int
        Its budget.
    junk : dict of str to int
        Number of files for each genre that says nothing, up to a limit of genres.
    unsure : int
        Number of files for which no genre was sure enough.
    """

    files: int = 0
    tagged: int = 0
    would_tag: int = 0
    unchanged: int = 0
    undone: int = 0
    would_undo: int = 0
    redone: int = 0
    would_redo: int = 0
    skipped: int = 0
    failed: int = 0
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_rss_bytes: int = 0
    max_mem_bytes: int = 0
    junk: dict[str, int] = field(default_factory=dict)
    unsure: int = 0

    def counts(self) -> dict[str, int]:
        """Return the number of outcomes by status, without zeros."""
        found = {name: getattr(self, name) for name in _STATUSES}
        return {name: count for name, count in found.items() if count}

    def add(self, outcome: Reported) -> None:
        """Count one outcome."""
        self.files += 1
        match outcome:
            case Tagged() | Restored():
                status: str = outcome.status
            case Skipped():
                status = "skipped"
            case Failed():
                status = "failed"
        setattr(self, status, getattr(self, status) + 1)
        heard = outcome if isinstance(outcome, Tagged) else getattr(outcome, "scored", None)
        if heard is not None:
            self._add_heard(heard)

    def _add_heard(self, heard: Tagged) -> None:
        if not heard.known:
            self.audio_seconds += heard.seconds
        self.unsure += "genre" in heard.tags and not heard.tags["genre"]
        for value in heard.junk:
            if value in self.junk or len(self.junk) < _MOST_JUNK:
                self.junk[value] = self.junk.get(value, 0) + 1


def report_all(
    outcomes: Iterable[Reported],
    *,
    report: Callable[[Reported], None],
    peak_rss_bytes: Callable[[], int],
    summary: Summary,
) -> None:
    """Count and report each outcome of a run as soon as it is there.

    Parameters
    ----------
    outcomes : iterable of Reported
        From `Executor.outcomes`; iterating does the work.
    report : callable
        Called with every outcome.
    peak_rss_bytes : callable
        Called once, at the end.
    summary : Summary
        Filled in place, so that it is right even if an exception ends the run: each outcome is
        counted before it is reported.

    Raises
    ------
    LeanTagError
        An error that is not the fault of one file.
    KeyboardInterrupt
        The user ended the run.
    """
    started = time.monotonic()
    try:
        for outcome in outcomes:
            summary.add(outcome)
            report(outcome)
    finally:
        summary.wall_seconds += time.monotonic() - started
        summary.peak_rss_bytes = max(summary.peak_rss_bytes, peak_rss_bytes())
