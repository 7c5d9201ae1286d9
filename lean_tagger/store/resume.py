"""What earlier runs know, put to use: between what was found and what is done.

A file that is as it was, and whose tags are as they should be, is not opened. One whose tags
should be others goes to a worker with its scores; one that changed goes with what was heard
under its name before, in case only its tags did. What comes back is put on record.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping

import lean_tagger
from lean_tagger.decide import tag_plan
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import ConfigError, ObstacleError
from lean_tagger.jobs import (
    Asked,
    Failed,
    Heard,
    Identity,
    Job,
    Outcome,
    Pooling,
    Restored,
    Skipped,
    Tagged,
    Writing,
)
from lean_tagger.listen import effort
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal, Key, Known
from lean_tagger.system import mounts, obstacles

__all__ = ["Resume", "identify", "why_set_aside"]

EMBEDDING = "embedding"
"""Stands for the pool where an embedding is kept, and no scores."""

TRIES = 3
"""So often a failure that may pass (no memory, a share that is away) is tried by itself."""

PASSING = frozenset(
    {"crashed", "hung", "killed", "over-budget", "stale", "unexpected", "unreadable"}
)


class Resume:
    """One run's use of the journal.

    Parameters
    ----------
    journal : Journal
        Open and held.
    command : str
        What was asked for; begins a run in the journal.
    options : Settings
        The run's.

    Attributes
    ----------
    run : int
        Its number.
    keys : tuple of Key
        On what the scores of each of its models depend.
    journal : Journal
        As given.

    Raises
    ------
    ConfigError
        A model is not there, or has no labels.
    """

    def __init__(self, journal: Journal, command: str, options: Settings) -> None:
        self.journal = journal
        self._decision = Decider(options)
        for it in self.asked:
            if not it.card.labels:
                raise ConfigError(
                    f"{it.card.name} gives an embedding and no labels; ask for a head of it, or "
                    "give it words with --labels"
                )
        self.run = journal.begin_run(
            command,
            version=lean_tagger.__version__,
            model=self._decision.names,
            options=dataclasses.asdict(options),
        )
        self.keys = tuple(Key(model=it.card.identity, pooling=it.pooling) for it in self.asked)
        self._bare = tuple(map(_bare, self.asked))
        for key, it in zip(self.keys, self.asked, strict=True):
            labels = [label.name for label in it.card.labels]
            journal.note_model(key.model, name=it.card.name, labels=labels)
        self._dry_run, self._ways = options.dry_run, options.ways
        self._effort = options.effort if options.listen else None
        self._writes: dict[str, int] = {}
        self._given: dict[str, Job] = {}
        self._mounts = mounts.table()

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The models of the run."""
        return self._decision.asked

    def jobs(self, found: Iterable[Job | Skipped | Failed]) -> Iterator[Job | Outcome]:
        """Yield what is left to do of what was found, and the outcome of the rest."""
        for item in found:
            left = self._judge(item) if isinstance(item, Job) else item
            yield self.hand(left) if isinstance(left, Job) else left

    def stored(self, under: Iterable[str]) -> Iterator[Job | Outcome]:
        """Yield the same for every file on record that is one of these, or in these folders.

        None of them is heard again; one that changed is recognised by its audio, or left.
        """
        for known in self.files(under):
            left = self.judge_stored(known)
            yield self.hand(left) if isinstance(left, Job) else left

    def files(self, under: Iterable[str]) -> Iterator[Known]:
        """Yield what is known of files and folders of these names, as `recall` does."""
        for known in self.journal.files(under, self.keys[0]):
            yield dataclasses.replace(known, heard=Heard.together(self._each(known)))

    def recall(self, path: str) -> Known | None:
        """Return what is known of a file; nothing heard in it where one of the models did not."""
        known = self.journal.recall(path, self.keys[0])
        if known is None:
            return None
        return dataclasses.replace(known, heard=Heard.together(self._each(known)))

    def _each(self, known: Known) -> list[Heard | None]:
        """Return what each model heard in a file, of which this is known by the first."""
        others = (self.journal.recall(known.path, key) for key in self.keys[1:])
        each = [known.heard, *(it.heard if it else None for it in others)]
        for number, key in enumerate(self._bare):
            if each[number] is None and key is not None:
                bare = self.journal.recall(known.path, key)
                each[number] = bare.heard if bare else None
        return each

    def judge_stored(
        self, known: Known, *, scores: tuple[tuple[float, ...], ...] | None = None
    ) -> Job | Outcome:
        """Return what is to be done with a file on record, or its outcome.

        Parameters
        ----------
        known : Known
            The file.
        scores : tuple of tuple of float, optional
            To decide by in place of its own, for each model.
        """
        path = known.path
        if known.heard is None:
            if known.status == "failed":
                return Skipped(path=path, kind="set-aside", message=why_set_aside(known))
            which = "this model has" if len(self.keys) == 1 else "not all of these models have"
            message = f"{which} not heard it; run lean-tag on it"
            return Skipped(path=path, kind="unheard", message=message)
        try:
            identity = identify(path)
        except OSError as error:
            message = f"it cannot be reached now: {error.strerror}"
            return Skipped(path=path, kind="missing", message=message)
        job = Job(path, identity.size_bytes, identity)
        if not self._same(path, known.identity, identity):
            candidates = tuple((it,) for it in known.heard.each())
            return dataclasses.replace(job, candidates=candidates, scores=scores)
        return self._decide(dataclasses.replace(job, scores=scores), known, known.heard)

    def hand(self, job: Job) -> Job:
        """Note that a job is done whose outcome is to be put on record."""
        self._given[job.path] = job
        return job

    def _judge(self, job: Job) -> Job | Outcome:
        path = os.path.abspath(job.path)  # noqa: PTH100 - names may hold undecodable bytes
        known = self.journal.recall(path, self.keys[0])
        if job.identity is None:
            return job
        if known is None or not self._same(path, known.identity, job.identity):
            alike = (
                [it for key in keys if key for it in self.journal.resemble(path, job.identity, key)]
                for keys in zip(self.keys, self._bare, strict=True)
            )
            candidates = tuple(tuple(filter(self._enough, each)) for each in alike)
            return dataclasses.replace(job, candidates=candidates)
        if known.status == "failed" and not _worth_another_try(known):
            return Skipped(path=job.path, kind="set-aside", message=why_set_aside(known))
        each = [it if it and self._enough(it) else None for it in self._each(known)]
        heard = Heard.together(each)
        if heard is None:  # only the models that have not heard it are to do so
            return dataclasses.replace(job, candidates=tuple((it,) if it else () for it in each))
        return self._decide(job, known, heard)

    def _enough(self, heard: Heard) -> bool:
        """Tell whether as much of a file was heard as this run would hear."""
        return self._effort is None or effort.suffices(
            self._effort, name=heard.effort, windows=heard.windows, of_windows=heard.of_windows
        )

    def _same(self, path: str, before: Identity, now: Identity) -> bool:
        """Tell whether a file is as it was."""
        if before.matches(now) or before.without_inode() != now.without_inode():
            return before.matches(now)
        mount = mounts.find(os.path.realpath(path), self._mounts)
        return mount is not None and not mount.keeps_inodes

    def _decide(self, job: Job, known: Known, heard: Heard) -> Job | Outcome:
        """Decide anew about a file that is as it was."""
        if self._decision.needs_track and heard.track is None:
            return dataclasses.replace(job, heard=heard)  # a look at its tags is missing
        if self.lacks_scores(heard):
            return dataclasses.replace(job, heard=heard)  # a worker compares the words
        plan = self._decision.plan(job.path, heard, scores=job.scores)
        unchanged = tag_plan.outcome(plan, heard, self.asked, "unchanged", known=True)
        if not plan.changes:
            return unchanged
        if known.kind == "no-tag-support":
            kind, message = known.kind, known.message
            return Skipped(path=job.path, kind=kind, message=message, scored=unchanged)
        if self._dry_run and self._nothing_in_the_way(job.path):
            return tag_plan.outcome(plan, heard, self.asked, "would_tag", known=True)
        return dataclasses.replace(job, heard=heard)  # a worker writes it, or says why not

    def _nothing_in_the_way(self, path: str) -> bool:
        """Tell whether a file can surely be replaced."""
        try:
            way = obstacles.way_to_write(
                path, hardlinks=self._ways.hardlinks, preserve_mtime=self._ways.preserve_mtime
            )
        except (ObstacleError, OSError):
            return False
        return way == "replace"

    def lacks_scores(self, heard: Heard) -> bool:
        """Tell whether words are still to be compared with an embedding that is on record."""
        return any(
            key is not None and not it.values
            for key, it in zip(self._bare, heard.each(), strict=True)
        )

    def before_write(self, job: Job, writing: Writing) -> None:
        """Put a write on record before it happens."""
        if job.path in self._writes:  # tried before, in vain: else nothing were left to write
            self.journal.settle(self._writes.pop(job.path), "failed")
        self._writes[job.path] = self.journal.intend(
            os.path.abspath(job.path),  # noqa: PTH100 - as in `_judge`
            run=self.run,
            identity=writing.identity,
            previous=writing.previous,
            written=writing.changes,
        )

    def record(self, outcome: Outcome) -> None:
        """Put what became of a file on record, unless it came from there."""
        job = self._given.pop(outcome.path, None)
        if job is None:
            return
        self._settle(outcome)
        path = os.path.abspath(job.path)  # noqa: PTH100 - as in `_judge`
        if isinstance(outcome, Restored):
            if outcome.status == "restored":
                self.journal.changed(
                    path,
                    run=self.run,
                    status=outcome.status,
                    identity=outcome.identity,
                    fields=outcome.fields,
                )
            return
        scored = outcome if isinstance(outcome, Tagged) else outcome.scored
        heard = scored.heard if scored else None
        identity = heard.identity if heard else job.identity
        heard, bare_keys = self._parted(heard)
        if identity is not None:
            self.journal.record(
                path,
                run=self.run,
                key=self.keys[0],
                other_keys=(*self.keys[1:], *bare_keys),
                identity=identity,
                status=_status(outcome),
                kind="" if isinstance(outcome, Tagged) else outcome.kind,
                message="" if isinstance(outcome, Tagged) else outcome.message,
                heard=heard,
            )

    def _parted(self, heard: Heard | None) -> tuple[Heard | None, list[Key]]:
        """Put embeddings apart from scores of words, for other words to be compared with.

        Returns
        -------
        Heard or None
            With the embeddings behind its own `others`, once more and alone.
        list of Key
            The keys of these.
        """
        if heard is None:
            return None, []
        each, bare, keys = list(heard.each()), [], []
        for number, (key, it) in enumerate(zip(self._bare, heard.each(), strict=True)):
            # A part of the track was chosen for its words; others may need more of it.
            if key is not None and it.embedding and it.effort == "full":
                bare.append(dataclasses.replace(it, values=(), others=()))
                keys.append(key)
                each[number] = dataclasses.replace(it, embedding=b"")
        return dataclasses.replace(each[0], others=(*each[1:], *bare)), keys

    def end(self, counts: Mapping[str, int], ending: str) -> None:
        """Note what the run came to, and how it ended."""
        self.journal.end_run(self.run, counts=counts, ending=ending)

    def _settle(self, outcome: Outcome) -> None:
        """Note what became of a write, if there was one."""
        write = self._writes.pop(outcome.path, None)
        if write is None:
            return
        if isinstance(outcome, Failed) and outcome.kind in {"crashed", "hung", "killed"}:
            return  # it may have got as far as to rename: only a look at the file tells
        done = isinstance(outcome, Tagged | Restored)
        self.journal.settle(write, "done" if done else "failed")


def identify(path: str) -> Identity:
    """Return what a file is now.

    Raises
    ------
    OSError
        There is none.
    """
    found = os.stat(path)  # noqa: PTH116 - names may hold undecodable bytes
    return Identity.of(found)


def why_set_aside(known: Known) -> str:
    """Say what was wrong with a file, and how it is tried again."""
    times = "before" if known.attempts < 2 else f"{known.attempts} times before"
    return f"{known.message} (so it was {times}; --retry-failed tries it again)"


def _bare(asked: Asked) -> Key | None:
    """Return under what the embedding stands by itself, where words are compared with it.

    It does not depend on the words, nor on how scores are pooled.
    """
    card = asked.card
    if card.label_vectors is None:
        return None
    return Key(model=card.without_words, pooling=Pooling(EMBEDDING, asked.pooling.hop))


def _worth_another_try(known: Known) -> bool:
    return known.kind in PASSING and known.attempts < TRIES


def _status(outcome: Tagged | Skipped | Failed) -> str:
    if isinstance(outcome, Tagged):
        return outcome.status
    return "failed" if isinstance(outcome, Failed) else "skipped"
