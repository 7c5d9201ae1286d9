"""An executor that outlives a run: the next one finds its workers with their networks loaded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lean_tagger.jobs import Job, Later, Outcome, Writing
from lean_tagger.run.executor import Executor
from lean_tagger.run.messages import Ready
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings


@dataclass(frozen=True, slots=True)
class _Told:
    """What a run is told of; see `Supervisor`."""

    progress: Callable[[Job, float, float], None]
    notice: Callable[[str], None]
    on_start: Callable[[Ready], None]
    before_write: Callable[[Job, Writing], None]


class KeptSupervisor:
    """One supervisor for many runs, one after the other.

    Whoever has it closes it. A run that asks for something else than the one before, such as rules
    that were changed meanwhile, gets new workers.
    """

    def __init__(self) -> None:
        self._supervisor: Supervisor | None = None
        self._asked: dict[str, Any] = {}
        self._now: _Told

    def executor(
        self,
        options: Settings,
        *,
        progress: Callable[[Job, float, float], None],
        notice: Callable[[str], None],
        on_start: Callable[[Ready], None],
        before_write: Callable[[Job, Writing], None],
        **given: Any,
    ) -> Executor:
        """Return what does the jobs of one run; the parameters are those of `Supervisor`."""
        asked = {"options": options, **given}
        self._now = _Told(progress, notice, on_start, before_write)
        if self._supervisor is None or asked != self._asked:
            self.close()
            # How many files later runs bring is not known: as many as can be done at a time.
            self._supervisor = Supervisor(
                **asked,
                least_files=given["jobs"],
                progress=self._teller("progress"),
                notice=self._teller("notice"),
                on_start=self._teller("on_start"),
                before_write=self._teller("before_write"),
            )
            self._asked = asked
        return _OneRun(self._supervisor)

    def close(self) -> None:
        """End the workers."""
        if self._supervisor is not None:
            self._supervisor.close()
        self._supervisor = None

    def _teller(self, what: str) -> Callable[..., None]:
        """Return what tells the run that there is by then."""

        def tell(*said: object) -> None:
            getattr(self._now, what)(*said)

        return tell


class _OneRun:
    """A supervisor as one run sees it; it goes on when that one ends."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    @property
    def started(self) -> bool:
        return self._supervisor.started

    def outcomes(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Outcome]:
        return self._supervisor.outcomes(found)

    def rss_bytes(self) -> int:
        return self._supervisor.rss_bytes()

    def peak_bytes(self) -> int:
        return self._supervisor.peak_bytes()

    def close(self) -> None:
        """Leave the workers to the next run."""
