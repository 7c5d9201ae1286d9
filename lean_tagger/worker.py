"""The worker: a model loaded once, one file at a time.

The only place that catches whatever a file can raise and makes it an outcome.
"""

import tempfile
import wave
from collections.abc import Callable

from lean_tagger import tags, write
from lean_tagger.decode import Audio
from lean_tagger.errors import BudgetError, FileError, OverBudgetError
from lean_tagger.memory import Guard, format_size, peak_rss_bytes
from lean_tagger.options import Options
from lean_tagger.outcome import Failed, Job, Outcome, Skipped, Tagged, TagStatus
from lean_tagger.pool import Scores
from lean_tagger.tagger import Tagger

__all__ = ["Worker"]

HEADROOM_BYTES = 12 << 20
"""Kept free above what the rehearsal was seen to need: other decoders' tables, larger tags.
Over all formats of the tests the peak lies 1 to 8 MiB above the rehearsal's."""

REHEARSAL_SECONDS = 4


class Worker:
    """Does jobs, one after the other.

    Parameters
    ----------
    options : Options
        The run's.
    progress : callable, optional
        Called as ``progress(seconds, fraction)`` after each window: audio decoded so far and
        how far into the file that is, 0 to 1.
    notice : callable, optional
        Told what a person should know, once.

    Raises
    ------
    ConfigError, ModelError
        See `Tagger`.
    BudgetError
        The budget is below what the loaded model needs.
    """

    def __init__(
        self,
        options: Options,
        *,
        progress: Callable[[float, float], None] | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self._options = options
        self._progress: Callable[[float, float], None] | None = None
        self._guard = Guard(0)
        self._rules = tags.adjust(
            {field: tags.RULES[field] for field in options.fields},
            min_score=options.min_score,
            ratio=options.ratio,
            max_tags=options.max_tags,
        )
        self._tagger = Tagger(
            options.model,
            device=options.device,
            threads=options.threads,
            decoder=options.decoder,
            pool=options.pool,
            hop_seconds=options.hop_seconds,
            on_window=self._on_window,
            notice=notice,
        )
        self.model = self._tagger.spec.name
        self.device = self._tagger.device
        self._rehearse()
        _check_budget(options.max_mem_bytes)
        self._progress, self._guard = progress, Guard(options.max_mem_bytes)

    def do(self, job: Job) -> Outcome:
        """Do one file; whatever is wrong with *it* comes back as `Failed`.

        Raises
        ------
        LeanTagError
            What would go wrong with the next file too: a broken model, a full disk.
        """
        try:
            return self._do(job.path)
        except FileError as error:
            return Failed(path=job.path, kind=error.kind, message=error.message)
        except MemoryError as error:
            refusal = OverBudgetError(job.path, str(error) or "one allocation was too large")
            return Failed(path=job.path, kind=refusal.kind, message=refusal.message)

    def _do(self, path: str) -> Outcome:
        options = self._options
        scores = self._tagger.score(path)
        previous, obstacle = _present_tags(path)
        plan = self._tagger.plan(path, scores, previous, policy=options.policy, rules=self._rules)
        heard = _heard(scores, plan, "unchanged")
        if not plan.changes:
            return heard
        if isinstance(obstacle, FileError):
            message = obstacle.message
            return Failed(path=path, kind=obstacle.kind, message=message, scored=heard)
        if obstacle is not None:
            return Skipped(path=path, kind="no-tag-support", message=obstacle, scored=heard)
        if options.dry_run:
            return _heard(scores, plan, "would_tag")
        try:
            self._tagger.apply(plan, expected=scores.digest)
        except FileError as error:
            return Failed(path=path, kind=error.kind, message=error.message, scored=heard)
        return _heard(scores, plan, "tagged")

    def _rehearse(self) -> None:
        """Score a few seconds of silence, so that the floor is measured and not guessed."""
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            with wave.open(file, "wb") as sound:
                sound.setparams((2, 2, 44100, 0, "NONE", ""))
                sound.writeframes(bytes(4 * 44100 * REHEARSAL_SECONDS))
            file.flush()
            self._tagger.score(file.name)

    def _on_window(self, path: str, audio: Audio) -> None:
        self._guard.check(path)
        if self._progress is not None:
            self._progress(audio.seconds, audio.progress())


def _present_tags(path: str) -> tuple[dict[str, tuple[str, ...]], FileError | str | None]:
    """Return what the file's fields hold, and what stands in the way of writing them."""
    try:
        if not write.supported(path):
            return {}, "this kind of file has no place for tags that lean-tag can write"
        return write.read(path), None
    except FileError as error:
        return {}, error


def _heard(scores: Scores, plan: tags.TagPlan, status: TagStatus) -> Tagged:
    return Tagged(
        path=plan.path,
        model=scores.model,
        status=status,
        seconds=scores.seconds,
        windows=scores.n_windows,
        seconds_skipped=scores.seconds_skipped,
        repeated=scores.repeated,
        scores=scores.as_dict(),
        tags=plan.tags,
        written={field: values for field, values in plan.changes.items() if field in plan.tags},
        sureness=plan.sureness,
    )


def _check_budget(max_mem_bytes: int) -> None:
    """Refuse a budget below what the rehearsal was just seen to need; 0 is no budget."""
    floor = peak_rss_bytes() + HEADROOM_BYTES
    if 0 < max_mem_bytes < floor:
        raise BudgetError(
            f"--max-mem {format_size(max_mem_bytes)} is too little: this model needs "
            f"{format_size(floor)} here (--max-mem {-(-floor >> 20)}M)"
        )
