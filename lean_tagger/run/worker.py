"""The worker: its models loaded once, one file at a time.

`pipeline.Pipeline` does the work on a file. This module adds the rest: it keeps to the share of
memory, removes what a killed process left, and turns every error of a file into an outcome.
"""

import os
import tempfile
import wave
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from lean_tagger.decide.decider import Decider
from lean_tagger.errors import (
    ChangedError,
    FileError,
    NoTagSupportError,
    ObstacleError,
    OverBudgetError,
    SpokenWordError,
    StateError,
)
from lean_tagger.jobs import Failed, Job, Outcome, Skipped, Tagged, Writing
from lean_tagger.listen.decode import AudioPosition
from lean_tagger.pipeline import Pipeline
from lean_tagger.settings import Settings
from lean_tagger.system import library_pages, temporary_files
from lean_tagger.system.memory import Guard, limit_data, peak_rss_bytes

if TYPE_CHECKING:  # see `listener_class`
    from lean_tagger.listen.listener import Listener

HEADROOM_BYTES = 16 << 20
"""Memory above the need of the rehearsal: other decoders' tables, larger tags, and pages of
libraries that come back. For all formats of the tests, tagged one after the other, and 250 damaged
files, the peak is 13 MiB above the rehearsal's."""

REHEARSAL_SECONDS = 4

STEP_BYTES = 4 << 20

LEFT_ALONE = (ChangedError, ObstacleError, NoTagSupportError, SpokenWordError)
"""Errors that are not failures of a run that tags: there is a reason to leave the file alone."""


class Worker:
    """Does jobs, one after the other.

    Parameters
    ----------
    options : Settings
        The run's.
    progress : callable, optional
        Called as ``progress(seconds, fraction)`` after each window: audio decoded so far and
        the fraction of the file, 0 to 1.
    notice : callable, optional
        Called once with each sentence for the user.
    before_write : callable, optional
        Called with what is about to be written, before anything changes on the disk; an
        exception from it ends the job.

    Raises
    ------
    ConfigError, ModelError
        See `tagger.Tagger`.

    Attributes
    ----------
    model, device : str
        The models' names, and where they run; empty if nothing will be heard.
    needed_bytes : int
        Least resident memory that it needs, as measured.
    """

    def __init__(
        self,
        options: Settings,
        *,
        progress: Callable[[float, float], None] | None = None,
        notice: Callable[[str], None] | None = None,
        before_write: Callable[[Writing], None] | None = None,
    ) -> None:
        self._progress: Callable[[float, float], None] | None = None
        self._guard = Guard(0)
        self._dry_run = options.dry_run
        self._folder = ""
        library_pages.release()  # pages of the imports, before the model is added
        decider = Decider.of(options)
        self.model, self.device = decider.names if options.listen else "", ""
        self._listener: Listener | None = None
        if options.listen:
            self._listener = listener_class()(
                decider.asked,
                device=options.device,
                threads=options.threads,
                decoder=options.decoder,
                effort=options.effort,
                rules=decider.rules,
                gpu_bytes=options.max_gpu_mem_bytes,
                on_window=self._on_window,
                notice=notice,
            )
            self.device = self._listener.device
            library_pages.release()
            _rehearse(self._listener)
            library_pages.release()
        self._pipeline = Pipeline(
            decider,
            self._listener,
            decoder=options.decoder,
            ways=options.ways,
            dry_run=options.dry_run,
            spoken_word=options.spoken_word,
            before_write=before_write,
        )
        self._progress = progress
        measured_bytes = peak_rss_bytes() + HEADROOM_BYTES
        # Rounded up, since two starts of the same model differ by 3 MiB.
        self.needed_bytes = -(-measured_bytes // STEP_BYTES) * STEP_BYTES

    def limit(self, share_bytes: int) -> None:
        """Keep to a share of memory from now on, in bytes; 0 is no limit."""
        self._guard.close()
        self._guard = Guard(share_bytes)
        limit_data(share_bytes)

    def use_cores(self, count: int) -> None:
        """Keep so many cores busy from now on, at most one more than the network has."""
        if self._listener is not None:
            self._listener.decodes_ahead = count > 1

    def do(self, job: Job) -> Outcome:
        """Do one file; anything wrong with the *file* is returned as an outcome.

        Raises
        ------
        LeanTagError
            An error that the next file would meet too: a broken model, a full disk.
        """
        try:
            self._sweep(job.path)
            return self._do(job)
        except FileError as error:
            return _refused(job, error)
        except MemoryError as error:
            message = str(error) or "one allocation was too large"
            return _refused(job, OverBudgetError(job.path, message))

    def _do(self, job: Job) -> Outcome:
        if job.restore is not None:
            return self._pipeline.restore(job.path, job.restore)
        if job.recognise is not None:
            return self._pipeline.recognise(job.path, job.recognise)
        decided = self._pipeline.decide(job)
        self._guard.check(job.path)
        if job.hold and self._pipeline.waits_for_album(decided.heard, job.path):
            return self._pipeline.outcome(decided, "held")
        try:
            return self._pipeline.carry_out(decided)
        except FileError as error:  # the scores are kept
            return _refused(job, error, scored=self._pipeline.outcome(decided, "unchanged"))

    def _sweep(self, path: str) -> None:
        """Remove what killed processes left, once in each folder."""
        folder = os.path.dirname(os.path.realpath(path))
        if folder != self._folder and not self._dry_run:
            self._folder = folder
            temporary_files.sweep(folder)

    def _on_window(self, path: str, audio: AudioPosition) -> None:
        self._guard.check(path)
        if self._progress is not None:
            self._progress(audio.seconds, audio.progress())


def _refused(job: Job, error: FileError, *, scored: Tagged | None = None) -> Skipped | Failed:
    """Return the outcome of a file that could not be done, or was left alone."""
    kind = Skipped if isinstance(error, LEFT_ALONE) and job.restore is None else Failed
    return kind(path=job.path, kind=error.kind, message=error.message, scored=scored)


def listener_class() -> "type[Listener]":
    """Import what listens, and ONNX Runtime with it; to undo or decide anew needs neither."""
    from lean_tagger.listen.listener import Listener

    return Listener


def _rehearse(listener: "Listener") -> None:
    """Score a few seconds of silence, to measure the memory that is needed."""
    with _unnamed_file() as file:
        with wave.open(file, "wb") as sound:
            sound.setparams((2, 2, 44100, 0, "NONE", ""))
            sound.writeframes(bytes(4 * 44100 * REHEARSAL_SECONDS))
        file.flush()
        listener.score(
            file.name if isinstance(file.name, str) else f"/proc/self/fd/{file.fileno()}"
        )


def _unnamed_file() -> IO[bytes]:
    """Return a file in memory if the system has these, since no folder may be writable."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("lean-tag"), "w+b")
    try:
        return tempfile.NamedTemporaryFile(suffix=".wav")
    except OSError as error:
        raise StateError(f"there is no folder for temporary files: {error}") from error
