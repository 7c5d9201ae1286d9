"""The supervisor: worker processes, one job each, under one budget.

The supervising process stays small: it loads no av, numpy or onnxruntime. Anything that may crash,
hang or grow does so in a worker and costs only the worker's file. That file is tried once more at
the end, alone and with the whole budget, and then reported.

One thread, one loop: wait for messages, check clocks and memory, hand out jobs.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace

from lean_tagger.jobs import Failed, Job, Later, Outcome, Writing
from lean_tagger.run import budget, failed_start
from lean_tagger.run.lost_mounts import LostMounts
from lean_tagger.run.messages import (
    Broken,
    Cores,
    Done,
    Go,
    Limit,
    Loading,
    Notice,
    Progress,
    Ready,
)
from lean_tagger.run.worker_clock import START_SECONDS, seconds_for_size
from lean_tagger.run.worker_handle import WorkerHandle
from lean_tagger.run.workers import Workers
from lean_tagger.settings import Settings
from lean_tagger.system import library_pages, machine
from lean_tagger.system.memory import current_rss_bytes, format_size

LOOK_SECONDS = 0.2
"""How often clocks and memory are checked while nothing happens."""

MOST_FAILED_STARTS = 5
"""After the first worker was ready, so many others may end before they are, until we give up."""

_WORTH_ANOTHER_TRY = frozenset({"over-budget", "crashed", "hung", "killed"})
"""Failures that may not happen when a file is tried alone."""


class Supervisor:
    """Does jobs in worker processes.

    Parameters
    ----------
    options : Settings
        The run's; `max_mem_bytes` is the budget of the whole tree of processes.
    jobs : int
        Most files at a time, and most cores that are kept busy.
    patience_seconds : float
        Least time that a file gets before its worker counts as hung.
    progress : callable, optional
        Called as ``progress(job, seconds, fraction)`` while a file is heard.
    notice : callable, optional
        Called once with each sentence for the user.
    on_start : callable, optional
        Called with the first worker's `Ready`.
    before_write : callable, optional
        Called as ``before_write(job, writing)`` before a worker changes a file; it waits until
        this returns, and does not write if this raises.
    start_seconds : float
        How long a worker may take to load its model.
    pressed : callable, optional
        Tells whether other programs need the memory; then only one file is in work at a time.
    host_bytes : int
        Extra memory that this process needs, because it does other things too.
    least_files : int
        Least number of files to plan for; more may come in a later call of `outcomes`.
    """

    def __init__(
        self,
        options: Settings,
        *,
        jobs: int,
        patience_seconds: float,
        progress: Callable[[Job, float, float], None] | None = None,
        notice: Callable[[str], None] | None = None,
        on_start: Callable[[Ready], None] | None = None,
        before_write: Callable[[Job, Writing], None] | None = None,
        start_seconds: float = START_SECONDS,
        pressed: Callable[[], bool] | None = None,
        host_bytes: int = 0,
        least_files: int = 1,
    ) -> None:
        self._options = options
        self._host_bytes = host_bytes
        self.jobs = jobs
        self._least_files = least_files
        self._cores = min(machine.usable_cores(), jobs)
        self._patience_seconds = patience_seconds
        self._progress = progress or (lambda *_: None)
        self._notice = notice or (lambda _: None)
        self._on_start = on_start or (lambda _: None)
        self._before_write = before_write or (lambda *_: None)
        self._machine_bytes = machine.machine_limit_bytes()  # does not change in a run
        self._is_pressed = pressed or (lambda: machine.memory_is_short(self._machine_bytes))
        most_bytes = options.max_mem_bytes - host_bytes - budget.SUPERVISOR_BYTES
        self._workers = Workers(
            replace(options, max_mem_bytes=most_bytes), start_seconds=start_seconds
        )
        self._retries: deque[Job] = deque()
        self._alone: Job | None = None
        self._away = LostMounts(self._notice)
        self._failed_starts = 0
        self._pressed = False
        self._shape: budget.Shape | None = None

    # The public side

    def start(self, files: int) -> Ready:
        """Start the first worker, plan the run, and return the worker's `Ready`.

        Parameters
        ----------
        files : int
            Least number of files; more workers than files are not useful.

        Raises
        ------
        LeanTagError
            The model, the options or the budget cannot be used.
        """
        current_rss_bytes()  # raises if memory cannot be read, since it could not be limited
        cores = self._cores
        expected = max(1, min(cores, files))
        first = self._spawn(threads=cores // expected, workers=expected)
        while first.ready is None:
            for _ in self._look():
                pass  # a worker without a job gives no outcome; if it ends, this raises
        self._shape = budget.shape(
            self._options.max_mem_bytes,
            first.ready.needed_bytes,
            cores=cores,
            files=max(1, files),
            model=first.ready.model,
            machine_bytes=self._machine_bytes,
            host_bytes=self._host_bytes,
        )
        self._on_start(first.ready)
        library_pages.release()
        if self._options.max_gpu_mem_bytes and first.ready.device == "cpu":
            self._notice("--max-gpu-mem limits nothing here: the network runs on the CPU")
        if self._shape.threads == first.threads:
            first.send(Limit(self._shape.share_bytes))
        else:  # there are fewer workers than cores; threads cannot be added
            self._workers.end(first)
        return first.ready

    def outcomes(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Outcome]:
        """Do the jobs, and yield each outcome as soon as it is known.

        Parameters
        ----------
        found : iterable
            Items other than jobs pass through. `start` is called when the first job comes.

        Raises
        ------
        LeanTagError
            An error that the next file would meet too.
        """
        source = iter(found)
        waiting: deque[Job] = deque()
        ended = False
        while True:
            ended = ended or (yield from self._fill(waiting, source))
            if not waiting and not self.started:
                return  # there is nothing to do, so no model is loaded
            if not self.started:
                self.start(max(len(waiting), self._least_files))
            waiting.extendleft(self._away.back())
            if not self._away:
                self._assign(waiting)
            if not waiting and ended and not self._workers.busy and not self._away:
                break
            yield from self._look()
        yield from self._try_again()

    def _fill(
        self, waiting: deque[Job], source: Iterator[Job | Outcome | Later]
    ) -> Generator[Outcome, None, bool]:
        """Take jobs until enough wait, yield other items, and return whether that was all."""
        while len(waiting) <= self.jobs:
            item = next(source, None)
            if item is None:
                return True
            if isinstance(item, Job):
                waiting.append(item)
            elif not isinstance(item, Later):
                yield item
            elif waiting or self._workers.busy or self._away:
                return False
            else:  # it waits for files that are tried again at the end
                yield from self._try_again()
        return False

    @property
    def started(self) -> bool:
        """Whether `start` has finished, so that files may have been started."""
        return self._shape is not None

    def rss_bytes(self) -> int:
        """Return the resident size of the whole tree now."""
        return self._workers.rss_bytes()

    def peak_bytes(self) -> int:
        """Return an upper bound of the whole tree's peak of resident memory so far."""
        return self._workers.peak_bytes()

    def close(self) -> None:
        """End every worker; a write in progress is undone or finished, never left half done."""
        self._workers.close()

    # How many workers, and who does what

    def _assign(self, waiting: deque[Job]) -> None:
        """Give idle workers jobs, and start another worker if that is worth it."""
        for child in self._workers:
            if not waiting:
                return
            if child.idle and (not self._under_pressure() or not self._workers.busy):
                job = waiting.popleft()
                self._give(child, job, last=not waiting)
        starting = any(c.ready is None for c in self._workers)
        if waiting and not starting and len(self._workers) < self._planned.workers:
            plan = self._planned
            self._spawn(threads=plan.threads, workers=plan.workers, share_bytes=plan.share_bytes)

    def _give(self, child: WorkerHandle, job: Job, *, last: bool) -> None:
        """Give a worker a job; the last jobs also get the cores that are free."""
        child.job = job
        child.stderr.forget()
        busy = sum(it.threads for it in self._workers if it.job is not None)
        child.send(Cores(child.threads + (self._cores - busy if last else 0)))
        child.clock.restart(self._patience_seconds + seconds_for_size(job.size_bytes))
        self._progress(job, 0.0, 0.0)
        child.send(job)

    def _under_pressure(self) -> bool:
        """Tell whether other programs need the memory; say so once, and once when it is over."""
        pressed = self._is_pressed()
        if pressed != self._pressed:
            self._pressed = pressed
            self._notice(
                "memory is short on this machine; going on with one file at a time"
                if pressed
                else "memory is no longer short; going on as before"
            )
        return pressed

    @property
    def _planned(self) -> budget.Shape:
        assert self._shape is not None, "start() comes first"  # noqa: S101 - a mistake of the caller
        return self._shape

    def _spawn(self, *, threads: int, workers: int, share_bytes: int = 0) -> WorkerHandle:
        """Start one of so many workers, and tell it its share if that is known."""
        child = self._workers.spawn(threads=threads, of=workers)
        if share_bytes:
            child.send(Limit(share_bytes))
        return child

    # What happens

    def _look(self) -> Iterator[Outcome]:
        """Wait a moment for messages; then check clocks and memory."""
        for child, message in self._workers.heard(LOOK_SECONDS):
            yield from self._lost(child) if message is None else self._heard(child, message)
        self._watch()

    def _heard(self, child: WorkerHandle, message: object) -> Iterator[Outcome]:
        match message:
            case Loading():
                child.libraries_loaded = True
            case Ready():
                child.ready = message
            case Notice(text):
                self._notice(text)
            case Progress(seconds, fraction) if child.job is not None:
                self._progress(child.job, seconds, fraction)
            case Writing() if child.job is not None:
                self._before_write(child.job, message)
                child.send(Go())
            case Done(outcome, peak_bytes, rss_bytes):
                child.peak_bytes = max(child.peak_bytes, peak_bytes)
                job, child.job = child.job, None
                self._recycle(child, rss_bytes)
                if isinstance(outcome, Failed) and job:
                    yield from self._failed(job, outcome)
                else:
                    yield outcome
            case Broken(error):
                raise error

    def _lost(self, child: WorkerHandle) -> Iterator[Outcome]:
        """Clean up after a worker that has ended, and take care of its file."""
        job = child.job
        status = self._workers.end(child)
        failure = child.post_mortem(status)
        if job is not None:
            yield from self._failed(job, failure)
        elif child.ready is None:
            self._failed_starts += 1
            # The first worker shows whether it can work at all; a later one may only have
            # started when other programs took the memory.
            if self._shape is None or self._failed_starts >= MOST_FAILED_STARTS:
                raise failed_start.reason(
                    self._options.names,
                    failure,
                    status=status,
                    libraries_loaded=child.libraries_loaded,
                )

    def _failed(self, job: Job, failure: Failed) -> Iterator[Outcome]:
        """Report a failure, unless the file will be tried again.

        A file whose share is missing waits for it. A file that may have failed because others
        were in work is tried alone, at the end.
        """
        if self._away.keeps(job):
            return
        if failure.kind in _WORTH_ANOTHER_TRY and self._alone is not job:
            self._retries.append(job)
        else:
            yield failure

    def _try_again(self) -> Iterator[Outcome]:
        """Do the files that were put aside one at a time, each in its own worker."""
        while self._retries:
            job = self._retries.popleft()
            for child in self._workers:
                self._workers.end(child)
            yield from self._do_alone(job)

    def _do_alone(self, job: Job) -> Iterator[Outcome]:
        """Give a job to a new worker with the whole budget, and wait for its end."""
        shape, self._alone = self._planned, job
        while not any(child.idle for child in self._workers):
            if not self._workers:  # also if one has ended before it was ready
                self._spawn(threads=shape.threads, workers=1, share_bytes=shape.alone_bytes)
            yield from self._look()
        self._give(next(iter(self._workers)), job, last=True)
        while self._workers.busy or self._away:
            yield from self._look()
            if self._away.back():
                yield from self._do_alone(job)

    def _recycle(self, child: WorkerHandle, rss_bytes: int) -> None:
        """End an idle worker that keeps too much of its share; `_assign` replaces it."""
        needed_bytes = child.ready.needed_bytes if child.ready else 0
        spare_bytes = self._planned.share_bytes - needed_bytes
        if rss_bytes > needed_bytes + spare_bytes // 2:
            self._workers.end(child)

    def _watch(self) -> None:
        """End workers that take too much time or memory; the next `_look` handles their end."""
        sizes = self._workers.sizes()
        for child in sizes:
            if not child.idle and child.clock.expired():
                child.kill("hung", "it took much too long, and its worker was ended")
        over_bytes = current_rss_bytes() + sum(sizes.values()) - self._options.max_mem_bytes
        if self._shape is not None and sizes and over_bytes > 0:
            largest = max(sizes, key=lambda child: sizes[child])
            took = format_size(sizes[largest])
            largest.kill("over-budget", f"it took {took}, more than the budget allows")
