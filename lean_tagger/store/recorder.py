"""Record the outcomes of a run's files, and each write before it happens."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lean_tagger.jobs import (
    Failed,
    Heard,
    Identity,
    Job,
    Later,
    Outcome,
    Recognised,
    Restored,
    Skipped,
    Tagged,
    Writing,
)
from lean_tagger.store.journal import Journal
from lean_tagger.store.model_keys import ModelKeys
from lean_tagger.store.moved import note
from lean_tagger.store.undo import pass_on
from lean_tagger.system.urls import full_name

MAY_HAVE_RENAMED = frozenset({"crashed", "hung", "killed"})
"""A worker that ended in this way may already have renamed; the file has to be checked."""


class Recorder:
    """Records what one run does.

    Parameters
    ----------
    journal : Journal
        Open and held.
    run : int
        The run's number.
    keys : ModelKeys
        Of its models.

    Attributes
    ----------
    held : set of str
        Files that were heard and wait for their albums; deciding takes them out.
    """

    def __init__(self, journal: Journal, run: int, keys: ModelKeys) -> None:
        self._journal, self._run, self._keys = journal, run, keys
        self._jobs: dict[str, Job] = {}
        self._known: dict[int, Outcome] = {}  # by id, until they are recorded
        self.held: set[str] = set()
        self._writes: dict[str, int] = {}

    def is_at(self, path: str) -> bool:
        """Tell whether a file's outcome is still awaited."""
        return path in self._jobs

    @property
    def waits(self) -> bool:
        """Whether some file's outcome is still awaited."""
        return bool(self._jobs)

    def watch(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Job | Outcome | Later]:
        """Pass jobs on; their outcomes will be recorded, and those that are known will not."""
        for item in found:
            if isinstance(item, Job):
                self._jobs[item.path] = item
            elif not isinstance(item, Later):
                self._known[id(item)] = item
            yield item

    def before_write(self, job: Job, writing: Writing) -> None:
        """Record a write before it happens."""
        if (
            job.path in self._writes
        ):  # an earlier attempt failed, or there would be nothing to write
            self._journal.settle(self._writes.pop(job.path), "failed")
        self._writes[job.path] = self._journal.intend(
            _name(job),
            run=self._run,
            identity=writing.identity,
            previous=writing.previous,
            written=writing.changes,
            digest=writing.audio,
        )

    def record(self, outcome: Outcome) -> None:
        """Record the outcome of a file, unless it came from the journal."""
        if self._known.pop(id(outcome), None) is not None:
            return  # there may be a job for another file that has had this name
        job = self._jobs.pop(outcome.path, None)
        if job is None:
            return
        self._settle(outcome)
        if isinstance(outcome, Tagged) and outcome.status == "held":
            self.held.add(outcome.path)
        if isinstance(outcome, Recognised):
            note(self._journal.whereabouts, replace(outcome, path=_name(job)), run=self._run)
        elif isinstance(outcome, Restored):
            self._restored(job, outcome)
        elif job.restore is None and job.recognise is None:  # otherwise nothing was heard
            self._done(job, outcome)

    def commit_old(self) -> None:
        """Write scores from some seconds ago to the disk."""
        self._journal.commit_old()

    def end(self, counts: Mapping[str, int], ending: str, *, peak_bytes: int = 0) -> None:
        """Record the run's counts, how it ended, and its peak of memory."""
        self._journal.end_run(self._run, counts=counts, ending=ending, peak_bytes=peak_bytes)

    def _settle(self, outcome: Outcome) -> None:
        """Record the result of a write, if there was one."""
        write = self._writes.pop(outcome.path, None)
        if write is None or (isinstance(outcome, Failed) and outcome.kind in MAY_HAVE_RENAMED):
            return
        done = isinstance(outcome, Tagged | Restored)
        self._journal.settle(write, "done" if done else "failed")

    def _restored(self, job: Job, outcome: Restored) -> None:
        """Record the present fields, and that the writes are not in place any more."""
        if outcome.status.startswith("would"):
            return
        self._journal.changed(
            _name(job),
            run=self._run,
            status=outcome.status,
            identity=outcome.identity,
            fields=outcome.fields,
        )
        if job.restore and not job.restore.redo:
            pass_on(self._journal, _name(job), job.restore)
        for write in job.restore.writes if job.restore else ():
            self._journal.settle(write, "undone")

    def _done(self, job: Job, outcome: Tagged | Skipped | Failed) -> None:
        scored = outcome if isinstance(outcome, Tagged) else outcome.scored
        heard: Heard | None = scored.heard if scored else None
        identity: Identity | None = heard.identity if heard else job.identity
        if identity is None:
            return
        keys = self._keys.scores
        if heard is not None:
            heard, keys = self._keys.parted(heard)
        self._journal.record(
            _name(job),
            run=self._run,
            key=keys[0],
            other_keys=keys[1:],
            identity=identity,
            status=_status(outcome),
            kind="" if isinstance(outcome, Tagged) else outcome.kind,
            message="" if isinstance(outcome, Tagged) else outcome.message,
            heard=heard,
        )


def _name(job: Job) -> str:
    """Return the name under which a file is on record."""
    return full_name(job.path)


def _status(outcome: Tagged | Skipped | Failed) -> str:
    if isinstance(outcome, Tagged):
        return "unchanged" if outcome.status == "held" else outcome.status
    return "failed" if isinstance(outcome, Failed) else "skipped"
