"""The worker: a model loaded once, one file at a time; and the process around it.

The only place that catches whatever a file can raise and makes it an outcome.
"""

import contextlib
import os
import signal
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from typing import IO, Any, BinaryIO

from lean_tagger import tags, write
from lean_tagger.decode import Audio
from lean_tagger.errors import FileError, LeanTagError, OverBudgetError, StateError
from lean_tagger.memory import Guard, current_rss_bytes, limit_data, peak_rss_bytes
from lean_tagger.messages import Broken, Done, Limit, Notice, Progress, Ready, pack, receive
from lean_tagger.options import Options
from lean_tagger.outcome import Failed, Job, Outcome, Skipped, Tagged, TagStatus
from lean_tagger.pool import Scores
from lean_tagger.tagger import Tagger

__all__ = ["Worker", "main"]

HEADROOM_BYTES = 12 << 20
"""Kept free above what the rehearsal was seen to need: other decoders' tables, larger tags.
Over all formats of the tests the peak lies 1 to 8 MiB above the rehearsal's."""

REHEARSAL_SECONDS = 4

STEP_BYTES = 4 << 20

LOADING_BYTES = 256 << 20
"""What loading a model may take in any case."""


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

    Attributes
    ----------
    model, device : str
        What runs, and where.
    needed_bytes : int
        Least resident size with which it can work, as measured.
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
        self._progress = progress
        measured_bytes = peak_rss_bytes() + HEADROOM_BYTES
        # Rounded up: the same model differs by 3 MiB between two starts.
        self.needed_bytes = -(-measured_bytes // STEP_BYTES) * STEP_BYTES

    def limit(self, share_bytes: int) -> None:
        """Keep to a share of memory from now on, in bytes; 0 is no limit."""
        self._guard.close()
        self._guard = Guard(share_bytes)
        limit_data(share_bytes)

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
        self._guard.check(path)
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
        with _unnamed_file() as file:
            with wave.open(file, "wb") as sound:
                sound.setparams((2, 2, 44100, 0, "NONE", ""))
                sound.writeframes(bytes(4 * 44100 * REHEARSAL_SECONDS))
            file.flush()
            self._tagger.score(file.name if isinstance(file.name, str) else _name_of(file))

    def _on_window(self, path: str, audio: Audio) -> None:
        self._guard.check(path)
        if self._progress is not None:
            self._progress(audio.seconds, audio.progress())


def _unnamed_file() -> IO[bytes]:
    """Return a file in memory where the system has such, since no folder may be writable."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("lean-tag"), "w+b")  # noqa: PTH123 - a descriptor
    try:
        return tempfile.NamedTemporaryFile(suffix=".wav")
    except OSError as error:
        raise StateError(f"there is no folder for temporary files: {error}") from error


def _name_of(file: IO[bytes]) -> str:
    return f"/proc/self/fd/{file.fileno()}"


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


class _Post:
    """Sends messages to the supervisor."""

    PROGRESS_SECONDS = 0.1

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._sent = 0.0

    def send(self, message: object) -> None:
        data = memoryview(pack(message))
        while data:
            data = data[os.write(self._fd, data) :]

    def progress(self, seconds: float, fraction: float) -> None:
        now = time.monotonic()
        if now - self._sent >= self.PROGRESS_SECONDS:
            self._sent = now
            self.send(Progress(seconds, fraction))


def _serve(inbox: BinaryIO, post: _Post) -> None:
    """Load what the first message asks for, then do jobs until the stream ends."""
    options = receive(inbox)
    try:
        # A model may ask for gigabytes when it is loaded. Room enough stays to measure one
        # that needs more than the budget, and to say how much.
        limit_data(max(options.max_mem_bytes, LOADING_BYTES))
        worker = Worker(
            options, progress=post.progress, notice=lambda text: post.send(Notice(text))
        )
        post.send(Ready(worker.model, worker.device, worker.needed_bytes))
        while (message := receive(inbox)) is not None:
            if isinstance(message, Limit):
                worker.limit(message.bytes)
            else:
                outcome = _do(worker, message)
                post.send(Done(outcome, peak_rss_bytes(), current_rss_bytes()))
    except LeanTagError as error:
        post.send(Broken(error))


def _do(worker: Worker, job: Job) -> Outcome:
    """Do a job; what nobody foresaw costs this file only, and names itself."""
    try:
        return worker.do(job)
    except StateError as error:
        raise StateError(f"{error} (at {job.path})") from error
    except LeanTagError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: a surprise costs one file
        message = f"unexpected {type(error).__name__}: {error}; please report this"
        return Failed(path=job.path, kind="unexpected", message=message)


def _end_with(parent_pid: int) -> None:
    """End this process when its supervisor ends, even by SIGKILL; Linux only.

    Elsewhere the end of the job stream does it, between two files.
    """
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before we asked
        os._exit(1)


def main(arguments: list[str]) -> None:
    """Be a worker process: jobs arrive on standard input, messages leave on a pipe.

    Parameters
    ----------
    arguments : list of str
        The pipe's descriptor, and the supervisor's process id.
    """
    fd, parent_pid = map(int, arguments)
    _end_with(parent_pid)

    def stop(*_: Any) -> None:
        raise SystemExit(0)  # unlike the default, leaves a write in progress through `finally`

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us through the supervisor
    with contextlib.suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, _Post(fd))


if __name__ == "__main__":
    main(sys.argv[1:])
