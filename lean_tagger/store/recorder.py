"""Put on record what becomes of a run's files, and each write before it happens."""

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
from lean_tagger.system.urls import full_name

MAY_HAVE_RENAMED = frozenset({"crashed", "hung", "killed"})
"""A worker that ended so may have got as far as to rename: only a look at the file tells."""


class Recorder:
    """Writes down what one run does.

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
        Files that were heard and are to be decided on with their albums; who does so takes them
        out.
    """

    def __init__(self, journal: Journal, run: int, keys: ModelKeys) -> None:
        self._journal, self._run, self._keys = journal, run, keys
        self._jobs: dict[str, Job] = {}
        self.held: set[str] = set()
        self._writes: dict[str, int] = {}

    def is_at(self, path: str) -> bool:
        """Tell whether a file's outcome is still to come."""
        return path in self._jobs

    def watch(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Job | Outcome | Later]:
        """Pass on what is to be done; the outcomes of these jobs are to be recorded."""
        for item in found:
            if isinstance(item, Job):
                self._jobs[item.path] = item
            yield item

    def before_write(self, job: Job, writing: Writing) -> None:
        """Put a write on record before it happens."""
        if job.path in self._writes:  # tried before, in vain: else nothing were left to write
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
        """Put what became of a file on record, unless it came from there."""
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
        elif job.restore is None and job.recognise is None:  # else nothing was heard
            self._done(job, outcome)

    def commit_old(self) -> None:
        """Put what was heard some seconds ago on the disk."""
        self._journal.commit_old()

    def end(self, counts: Mapping[str, int], ending: str, *, peak_bytes: int = 0) -> None:
        """Note what the run came to, how it ended, and how much memory it had at most."""
        self._journal.end_run(self._run, counts=counts, ending=ending, peak_bytes=peak_bytes)

    def _settle(self, outcome: Outcome) -> None:
        """Note what became of a write, if there was one."""
        write = self._writes.pop(outcome.path, None)
        if write is None or (isinstance(outcome, Failed) and outcome.kind in MAY_HAVE_RENAMED):
            return
        done = isinstance(outcome, Tagged | Restored)
        self._journal.settle(write, "done" if done else "failed")

    def _restored(self, job: Job, outcome: Restored) -> None:
        """Note what the fields hold now, and that the writes stand no more."""
        if outcome.status.startswith("would"):
            return
        self._journal.changed(
            _name(job),
            run=self._run,
            status=outcome.status,
            identity=outcome.identity,
            fields=outcome.fields,
        )
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
    """Return under which name a file is on record."""
    return full_name(job.path)


def _status(outcome: Tagged | Skipped | Failed) -> str:
    if isinstance(outcome, Tagged):
        return "unchanged" if outcome.status == "held" else outcome.status
    return "failed" if isinstance(outcome, Failed) else "skipped"
