"""An executor that lets a Dask cluster hear; it writes nothing.

Tasks of 20 to 200 files go to the cluster, a few for each of its workers and never all. What comes
back is given on at once, so that it is in the journal whatever happens to the cluster then. A task
whose workers were lost again and again is parted: at the end each of its files goes once more,
with nothing else on the cluster that could be blamed for it, or it for that.
"""

import collections
import contextlib
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lean_tagger.cluster import hear
from lean_tagger.cluster.batches import batches, is_heard
from lean_tagger.cluster.path_map import THE_SAME, PathMap
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import ClusterError, ConfigError, LeanTagError
from lean_tagger.jobs import Failed, Heard, Job, Later, Outcome, Recognised, Restored, Tagged
from lean_tagger.run.messages import Ready
from lean_tagger.settings import Settings
from lean_tagger.system.memory import current_rss_bytes, peak_rss_bytes

TASKS_FOR_PLACE = 2
"""For each worker one that is heard and one that waits: more would only grow the scheduler."""

LOOK_SECONDS = 1.0
"""How often the cluster's size is asked for, and whether it is still there."""

CONNECT_SECONDS = 10.0
MOST_OF_LIMIT = 0.9
"""Of the memory that a Dask worker may have. Its nanny ends it at 95 %."""


@dataclass(slots=True)
class Cluster:
    """What a run uses of a cluster.

    Attributes
    ----------
    client : distributed.Client
        Connected; stays the caller's.
    path_map : PathMap
        What files are called there.
    not_heard : set of str
        Paths that came to nothing: they are reported, and not to be decided on.
    """

    client: Any
    path_map: PathMap = THE_SAME
    not_heard: set[str] = field(default_factory=set)

    def executor(self, options: Settings, **given: Any) -> "DaskExecutor":
        """Return what does a run's jobs; the parameters are those of `run.executor.executor`."""
        return DaskExecutor(
            options,
            self,
            patience_seconds=given["patience_seconds"],
            notice=given["notice"],
            on_start=given["on_start"],
            progress=given["progress"],
        )


def connect(address: str) -> Any:
    """Return a client of the scheduler at an address; the caller closes it.

    Raises
    ------
    ConfigError
        Dask is not installed, or this is no address.
    ClusterError
        Nobody answers there.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigError("--dask needs Dask: pip install 'lean-tagger[dask]'") from error
    _silence()
    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address}; is it running, and may this machine reach it?"
        ) from error
    except (ValueError, TypeError, ImportError) as error:
        raise ConfigError(f"--dask {address!r} is no address, such as tcp://host:8786") from error


def _silence() -> None:
    """Let Dask print nothing: a cluster that is lost is told in one sentence, by us."""
    import logging

    for name in ["distributed", *logging.root.manager.loggerDict]:
        if name.partition(".")[0] in {"distributed", "tornado", "asyncio"}:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class _Task:
    jobs: tuple[Job, ...]
    alone: bool = False


class DaskExecutor:
    """Hears files on a Dask cluster; see `run.executor.Executor`.

    Parameters
    ----------
    options : Settings
        The run's; `max_mem_bytes` is for each worker of the cluster.
    cluster : Cluster
        Where.
    patience_seconds : float
        Least time that a file gets.
    progress, notice, on_start : callable
        As for `Supervisor`.
    """

    def __init__(
        self,
        options: Settings,
        cluster: Cluster,
        *,
        patience_seconds: float = hear.PATIENCE_SECONDS,
        progress: Callable[[Job, float, float], None] = lambda *_: None,
        notice: Callable[[str], None] = lambda _: None,
        on_start: Callable[[Ready], None] = lambda _: None,
    ) -> None:
        self._cluster, self._client = cluster, cluster.client
        self._progress, self._notice, self._on_start = progress, notice, on_start
        there = cluster.path_map.there
        self._request = hear.Request(
            settings=replace(
                options,
                dry_run=True,
                models=tuple(there(it) if os.sep in it else it for it in options.models),
                labels=there(options.labels) if options.labels else None,
            ),
            cards=tuple(it.card.identity for it in Decider.of(options).asked),
            run=uuid.uuid4().hex,
            patience_seconds=patience_seconds,
        )
        self._under_way: dict[Any, _Task] = {}
        self._again: collections.deque[_Task] = collections.deque()
        self._passed: collections.deque[Outcome] = collections.deque()
        self._started = self._closed = False
        self._said_empty = False
        self._woken = threading.Event()

    @property
    def started(self) -> bool:
        """Whether anything was given to the cluster."""
        return self._started

    def outcomes(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Outcome]:
        """Let the cluster hear what is to be heard, and yield what became of each file.

        What is no job passes through. What is to be written, put back or recognised is not for a
        cluster, and is passed over.

        Raises
        ------
        ClusterError
            It is gone. What it had told by then was yielded.
        LeanTagError
            What would go wrong with the next file too.
        """
        with _cluster_errors():
            places = max(1, self._places())
            fresh = map(_Task, batches(self._to_hear(found), places=places))
            while True:
                self._fill(fresh, most=TASKS_FOR_PLACE * places)
                while self._passed:
                    yield self._passed.popleft()
                if not self._under_way:
                    return
                for future in self._wait():
                    yield from self._ended(self._under_way.pop(future), future)
                places = max(1, self._places())

    def _to_hear(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Job]:
        """Yield what is to be heard, and put aside what became of others already."""
        for item in found:
            if is_heard(item):
                yield item
            elif not isinstance(item, Job | Later):
                self._passed.append(item)

    def _fill(self, fresh: Iterator[_Task], *, most: int) -> None:
        """Give the cluster tasks, up to so many; at the end, one by one, what is to go alone."""
        while len(self._under_way) < most and (task := next(fresh, None)) is not None:
            self._submit(task)
        if not self._under_way and self._again:
            self._submit(self._again.popleft())

    def rss_bytes(self) -> int:
        """Return the resident size of this process: the cluster has budgets of its own."""
        return current_rss_bytes()

    def peak_bytes(self) -> int:
        """Return the highest resident size of this process so far."""
        return peak_rss_bytes()

    def close(self) -> None:
        """Cancel what waits, and end what is heard on the cluster; it keeps no memory for us."""
        if self._closed:
            return
        self._closed = True
        futures = list(self._under_way)
        self._under_way.clear()
        # The cluster may be gone, which is no reason to end otherwise.
        with contextlib.suppress(Exception):
            if self._client.status != "running":
                return
            if futures:
                self._client.cancel(futures)
            self._client.run(hear.end, self._request.run, on_error="ignore")

    # One task

    def _places(self) -> int:
        """Return how many tasks the cluster can do at the same time now."""
        places = len(self._client.nthreads())
        if not places and not self._said_empty:
            self._said_empty = True
            self._notice("the cluster has no workers yet; waiting for the first")
        return places

    def _submit(self, task: _Task) -> None:
        there = self._cluster.path_map.there
        jobs = tuple(replace(job, path=there(job.path)) for job in task.jobs)
        future = self._client.submit(
            hear_on_worker, jobs, self._request, key=f"lean-tag-{uuid.uuid4().hex}", pure=False
        )
        future.add_done_callback(lambda _: self._woken.set())
        self._under_way[future] = task
        self._started = True

    def _wait(self) -> list[Any]:
        """Return what has ended, after a moment in any case.

        Raises
        ------
        ClusterError
            The scheduler has lost our tasks: it is gone, or was started again.
        """
        self._woken.wait(LOOK_SECONDS)
        self._woken.clear()
        if self._client.status != "running":
            raise ClusterError(_GONE)
        return [future for future in self._under_way if future.done()]

    def _ended(self, task: _Task, future: Any) -> Iterator[Outcome]:
        """Yield what a task came to, or part it."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise ClusterError(_GONE)
        error = future.exception() if future.status == "error" else None
        if isinstance(error, LeanTagError):
            raise error
        if isinstance(error, KilledWorker):
            yield from self._part(task)
            return
        if error is not None:
            raise ClusterError(
                f"a worker of the cluster cannot hear: {type(error).__name__}: {error}; it needs "
                f"the same lean-tag as this machine"
            )
        told = {it.path: it for it in future.result()}
        future.release()
        for job in task.jobs:
            yield from self._told(job, told[self._cluster.path_map.there(job.path)])

    def _part(self, task: _Task) -> Iterator[Outcome]:
        """Send each file of a lost task once more; one that was alone is what kills."""
        if not task.alone:
            self._again.extend(_Task((job,), alone=True) for job in task.jobs)
            return
        for job in task.jobs:
            message = "the machines that heard it were lost, one after the other"
            yield from self._told(job, Failed(path=job.path, kind="crashed", message=message))

    def _told(self, job: Job, outcome: Outcome) -> Iterator[Outcome]:
        """Yield an outcome under the name that the file has here."""
        if isinstance(outcome, Tagged):
            self._start_of(outcome)
            yield replace(outcome, path=job.path, heard=_at_home(outcome.heard, job))
            return
        if isinstance(outcome, Recognised | Restored):  # nobody asked a cluster for it
            return
        scored = outcome.scored
        if scored is None:
            self._cluster.not_heard.add(job.path)
        else:
            scored = replace(scored, path=job.path, heard=_at_home(scored.heard, job))
        yield replace(outcome, path=job.path, scored=scored)

    def _start_of(self, outcome: Tagged) -> None:
        """Say once what hears."""
        if self._on_start is not _nothing:
            self._on_start(Ready(outcome.model, "Dask", 0))
            self._on_start = _nothing


def _nothing(_: Ready) -> None:
    pass


_GONE = (
    "the Dask scheduler is gone, or was started again; what was heard is on record, and the same "
    "command goes on from there"
)


@contextlib.contextmanager
def _cluster_errors() -> Iterator[None]:
    """Translate what Dask raises when its scheduler is gone."""
    from concurrent.futures import CancelledError

    from distributed.comm import CommClosedError

    try:
        yield
    except (CommClosedError, CancelledError, TimeoutError, OSError) as error:
        raise ClusterError(_GONE) from error


def _at_home(heard: Heard | None, job: Job) -> Heard | None:
    """Return what was heard, of the file here where it is surely the same.

    The same size and time, on another machine: inodes mean nothing there. Any other file keeps the
    identity that the cluster saw, so that it is known again only by its audio.
    """
    if heard is None or job.identity is None:
        return heard
    if heard.identity.without_inode() != job.identity.without_inode():
        return heard
    return replace(heard, identity=job.identity)


def hear_on_worker(jobs: tuple[Job, ...], request: hear.Request) -> list[Outcome]:
    """Hear files on a worker of Dask, with what its memory limit and its threads allow."""
    from distributed import get_worker

    worker = get_worker()
    settings = request.settings
    limit_bytes = getattr(getattr(worker, "memory_manager", None), "memory_limit", None)
    if limit_bytes:
        allowed_bytes = int(limit_bytes * MOST_OF_LIMIT)
        budget_bytes = min(settings.max_mem_bytes or allowed_bytes, allowed_bytes)
        settings = replace(settings, max_mem_bytes=budget_bytes)
    cores = int(worker.state.nthreads)
    return hear.hear_jobs(jobs, replace(request, settings=settings, cores=cores))


def hear_on(
    client: Any,
    paths: Iterable[str | os.PathLike[str]],
    settings: Settings | None = None,
    *,
    path_map: PathMap = THE_SAME,
) -> Iterator[hear.Row]:
    """Hear files on the cluster of a `distributed.Client`, and yield rows as they come.

    Nothing is written and no journal is read: the rows are the caller's. See `hear.hear`.

    Raises
    ------
    LeanTagError
        As `hear.hear`, and ClusterError where the cluster is lost.
    """
    runner = DaskExecutor(settings or Settings(), Cluster(client, path_map))
    with contextlib.closing(runner):
        # The cluster has to see them; this machine need not.
        jobs = (Job(os.fsdecode(path), size_bytes=0) for path in paths)
        for outcome in runner.outcomes(jobs):
            yield hear.row(outcome.path, outcome)
