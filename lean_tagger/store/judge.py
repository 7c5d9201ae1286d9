"""Decide what is left to do with a file, from what earlier runs recorded.

A file that is unchanged and has the right tags is not opened. One that needs other tags goes to a
worker with its scores. One that has changed goes with what was heard under its name before, in
case only its tags have changed.
"""

import functools
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lean_tagger.decide import spoken_word, tag_plan
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import (
    NoTagSupportError,
    ObstacleError,
    SpokenWordError,
    UnreadableError,
)
from lean_tagger.jobs import Heard, Identity, Job, Outcome, Skipped
from lean_tagger.listen.effort import enough
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal, Known
from lean_tagger.store.known_scores import KnownScores
from lean_tagger.store.model_keys import ModelKeys
from lean_tagger.system import mounts, obstacles
from lean_tagger.system.urls import full_name

TRIES = 3
"""How often a temporary failure (no memory, a share that is away) is retried automatically."""

PASSING = frozenset(
    {"crashed", "hung", "killed", "over-budget", "stale", "unexpected", "unreadable"}
)


class Judge:
    """Knows what earlier runs recorded, and what that means for this one.

    Parameters
    ----------
    journal : Journal
        Open.
    decider : Decider
        The run's.
    keys : ModelKeys
        Of its models.
    settings : Settings
        The run's.

    Attributes
    ----------
    asked : sequence of Asked
        The run's models.
    """

    def __init__(
        self,
        journal: Journal,
        decider: Decider,
        keys: ModelKeys,
        settings: Settings,
    ) -> None:
        self.asked = decider.asked
        self._journal, self._decider, self._keys = journal, decider, keys
        self._known = KnownScores(journal, decider.asked)
        self._effort = settings.effort if settings.listen else None
        self._dry_run, self._ways = settings.dry_run, settings.ways
        self._spoken_word = settings.spoken_word
        self._decoder_name = settings.decoder
        self._mounts = mounts.table()

    def files(self, under: Iterable[str]) -> Iterator[Known]:
        """Yield what is known about these files and folders, as `recall` does."""
        for known in self._journal.files(under, self._keys.scores[0]):
            yield replace(known, heard=Heard.together(self._known.each(known)))

    def recall(self, path: str) -> Known | None:
        """Return what is known about a file; without scores if one of the models lacks them."""
        known = self._journal.recall(path, self._keys.scores[0])
        if known is None:
            return None
        return replace(known, heard=Heard.together(self._known.each(known)))

    def judge_stored(
        self, known: Known, *, scores: tuple[tuple[float, ...], ...] | None = None
    ) -> Job | Outcome:
        """Return the job for a file on record, or its outcome.

        Parameters
        ----------
        known : Known
            The file.
        scores : tuple of tuple of float, optional
            Scores to use instead of its own, for each model.
        """
        path = known.path
        if known.heard is None:
            if known.status == "failed":
                return _set_aside(path, known)
            alone = len(self.asked) == 1
            which = "this model has" if alone else "not all of these models have"
            message = f"{which} not heard it; run lean-tag on it"
            return Skipped(path=path, kind="unheard", message=message)
        try:
            identity = Identity.at(path)
        except OSError as error:
            message = f"it cannot be read now: {error.strerror}"
            return Skipped(path=path, kind="missing", message=message)
        job = Job(path, identity.size_bytes, identity)
        if not self._same(path, known.identity, identity):
            candidates = tuple((it,) for it in known.heard.each())
            return replace(job, candidates=candidates, scores=scores)
        return self._decide(replace(job, scores=scores), known, known.heard)

    def judge_found(
        self, job: Job, *, scores: tuple[tuple[float, ...], ...] | None = None
    ) -> Job | Outcome:
        """Return the job for a file that was found, or its outcome; as `judge_stored`."""
        path = full_name(job.path)
        job = replace(job, scores=scores)
        known = self._journal.recall(path, self._keys.scores[0])
        if job.identity is None:
            return job
        if known is None or not self._same(path, known.identity, job.identity):
            return replace(job, candidates=tuple(self._alike(path, job.identity)))
        if known.status == "failed" and not self._worth_another_try(path, known):
            return _set_aside(job.path, known)
        if known.kind == SpokenWordError.kind and not self._spoken_word:
            return Skipped(path=job.path, kind=known.kind, message=known.message, known=True)
        each = [it if it and enough(self._effort, it) else None for it in self._known.each(known)]
        heard = Heard.together(each)
        if heard is None:  # only the models that have not heard it will hear it
            return replace(job, candidates=tuple((it,) if it else () for it in each))
        return self._decide(job, known, heard)

    def _worth_another_try(self, path: str, known: Known) -> bool:
        """Tell whether a file failed for a reason that may be gone now."""
        if known.kind in PASSING and known.attempts < TRIES:
            return True
        started, decoder = self._runs.get(known.run, (math.inf, self._decoder_name))
        if decoder != self._decoder_name:
            return True
        # A new permission only changes this time.
        return known.kind == UnreadableError.kind and _touched_since(path, started)

    @functools.cached_property
    def _runs(self) -> dict[int, tuple[float, str]]:
        """Start and decoder of each run on record."""
        return {
            run.id: (run.started, str(run.options.get("decoder", self._decoder_name)))
            for run in self._journal.runs()
        }

    def _alike(self, path: str, identity: Identity) -> Iterator[tuple[Heard, ...]]:
        """Yield what each model heard in files that may be this one."""
        for alike in self._known.resembling(path, identity):
            yield tuple(it for it in alike if enough(self._effort, it))

    def _same(self, path: str, before: Identity, now: Identity) -> bool:
        """Tell whether a file is unchanged."""
        if before.matches(now) or before.without_inode() != now.without_inode():
            return before.matches(now)
        mount = mounts.find(os.path.realpath(path), self._mounts)
        return mount is not None and not mount.keeps_inodes

    def _decide(self, job: Job, known: Known, heard: Heard) -> Job | Outcome:
        """Decide an unchanged file again."""
        if (self._decider.needs_track and heard.track is None) or self._keys.lack_scores(heard):
            return replace(job, heard=heard)  # a worker reads its tags, or compares words
        said = spoken_word.reason(job.path, heard.fields)
        if said and not self._spoken_word:
            message = f"{said}; {spoken_word.MESSAGE}"
            return Skipped(path=job.path, kind=SpokenWordError.kind, message=message, known=True)
        plan = self._decider.plan(job.path, heard, scores=job.scores)
        unchanged = tag_plan.outcome(plan, heard, self.asked, "unchanged", known=True)
        if not plan.changes:
            return unchanged
        if known.kind == NoTagSupportError.kind:
            kind, message = known.kind, known.message
            return Skipped(path=job.path, kind=kind, message=message, scored=unchanged)
        # Only the file itself says whether its album is a compilation.
        sure = job.scores is None or not self._decider.albums
        if self._dry_run and sure and self._nothing_in_the_way(job.path):
            return tag_plan.outcome(plan, heard, self.asked, "would_tag", known=True)
        return replace(job, heard=heard)  # a worker writes it, or says why not

    def _nothing_in_the_way(self, path: str) -> bool:
        """Tell whether a file can certainly be replaced."""
        try:
            way = obstacles.way_to_write(
                path, hardlinks=self._ways.hardlinks, preserve_mtime=self._ways.preserve_mtime
            )
        except (ObstacleError, OSError):
            return False
        return way == "replace"

    def lacks_scores(self, heard: Heard) -> bool:
        """Tell whether words still have to be compared with an embedding on record."""
        return self._keys.lack_scores(heard)


def _set_aside(path: str, known: Known) -> Skipped:
    return Skipped(path=path, kind="set-aside", message=why_set_aside(known), known=True)


def why_set_aside(known: Known) -> str:
    """Say what was wrong with a file, and how to try it again."""
    times = "before" if known.attempts < 2 else f"{known.attempts} times before"
    return f"{known.message} (also {times}; --retry-failed tries it again)"


def _touched_since(path: str, seconds: float) -> bool:
    try:
        return os.stat(path).st_ctime > seconds
    except OSError:
        return True  # it has just gone, so the old failure no longer applies
