"""An executor that lets a Dask cluster listen; it writes nothing.

Tasks of 20 to 200 files go to the cluster, a few for each worker and never all at once. Results
are passed on at once, so they are in the journal whatever happens to the cluster. If a task loses
its workers again and again, it is split: at the end each of its files is tried once more, alone on
the cluster, to find the one at fault.
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
"""For each worker, one task in work and one that waits; more would only grow the scheduler."""

LOOK_SECONDS = 1.0
"""How often the cluster's size is checked, and whether it is still there."""

CONNECT_SECONDS = 10.0
MOST_OF_LIMIT = 0.9
"""Share of a Dask worker's memory limit. Its nanny ends it at 95 %."""


@dataclass(slots=True)
class Cluster:
    """A run's use of a cluster.

    Attributes
    ----------
    client : distributed.Client
        Connected; the caller closes it.
    path_map : PathMap
        The names of files on the cluster.
    not_heard : set of str
        Paths that failed: they are already reported and will not be decided.
    """

    client: Any
    path_map: PathMap = THE_SAME
    not_heard: set[str] = field(default_factory=set)

    def executor(self, options: Settings, **given: Any) -> "DaskExecutor":
        """Return a run's executor; the parameters are those of `Supervisor`."""
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
        Dask is not installed, or this is not an address.
    ClusterError
        No scheduler answers there.
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
        raise ConfigError(
            f"--dask {address!r} is not an address such as tcp://host:8786"
        ) from error


def _silence() -> None:
    """Let Dask print nothing: we report a lost cluster in one sentence."""
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
        The cluster.
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
        """Let the cluster hear files, and yield their outcomes.

        Items other than jobs pass through. Jobs that write, restore or recognise are not for a
        cluster and are skipped.

        Raises
        ------
        ClusterError
            It is gone. Its results until then were yielded.
        LeanTagError
            An error that the next file would meet too.
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
        """Give the cluster up to so many tasks; at the end, one by one, the files to try alone."""
        while len(self._under_way) < most and (task := next(fresh, None)) is not None:
            self._submit(task)
        if not self._under_way and self._again:
            self._submit(self._again.popleft())

    def rss_bytes(self) -> int:
        """Return the resident size of this process; the cluster has its own budgets."""
        return current_rss_bytes()

    def peak_bytes(self) -> int:
        """Return the highest resident size of this process so far."""
        return peak_rss_bytes()

    def close(self) -> None:
        """Cancel waiting tasks, end those in work, and free the memory on the cluster."""
        if self._closed:
            return
        self._closed = True
        futures = list(self._under_way)
        self._under_way.clear()
        # The cluster may be gone, which does not change how the run ends.
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
        """Wait a moment at most, and return the tasks that have ended.

        Raises
        ------
        ClusterError
            The scheduler has lost our tasks: it is gone, or was restarted.
        """
        self._woken.wait(LOOK_SECONDS)
        self._woken.clear()
        if self._client.status != "running":
            raise ClusterError(_GONE)
        return [future for future in self._under_way if future.done()]

    def _ended(self, task: _Task, future: Any) -> Iterator[Outcome]:
        """Yield the outcomes of a task, or split it."""
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
                f"a worker of the cluster failed: {type(error).__name__}: {error}; it needs "
                f"the same lean-tag as this machine"
            )
        told = {it.path: it for it in future.result()}
        future.release()
        for job in task.jobs:
            yield from self._told(job, told[self._cluster.path_map.there(job.path)])

    def _part(self, task: _Task) -> Iterator[Outcome]:
        """Try each file of a lost task once more; one that was alone is at fault."""
        if not task.alone:
            self._again.extend(_Task((job,), alone=True) for job in task.jobs)
            return
        for job in task.jobs:
            message = "all machines that tried to hear it were lost"
            yield from self._told(job, Failed(path=job.path, kind="crashed", message=message))

    def _told(self, job: Job, outcome: Outcome) -> Iterator[Outcome]:
        """Yield an outcome under the file's name on this machine."""
        if isinstance(outcome, Tagged):
            self._start_of(outcome)
            yield replace(outcome, path=job.path, heard=_at_home(outcome.heard, job))
            return
        if isinstance(outcome, Recognised | Restored):  # a cluster does no such jobs
            return
        scored = outcome.scored
        if scored is None:
            self._cluster.not_heard.add(job.path)
        else:
            scored = replace(scored, path=job.path, heard=_at_home(scored.heard, job))
        yield replace(outcome, path=job.path, scored=scored)

    def _start_of(self, outcome: Tagged) -> None:
        """Say once which model runs, and where."""
        if self._on_start is not _nothing:
            self._on_start(Ready(outcome.model, "Dask", 0))
            self._on_start = _nothing


def _nothing(_: Ready) -> None:
    pass


_GONE = (
    "the Dask scheduler is gone, or was restarted; what was heard is on record, and the same "
    "command goes on from there"
)


@contextlib.contextmanager
def _cluster_errors() -> Iterator[None]:
    """Translate Dask's errors when its scheduler is gone."""
    from concurrent.futures import CancelledError

    from distributed.comm import CommClosedError

    try:
        yield
    except (CommClosedError, CancelledError, TimeoutError, OSError) as error:
        raise ClusterError(_GONE) from error


def _at_home(heard: Heard | None, job: Job) -> Heard | None:
    """Return what was heard, with the identity of the file here if it is surely the same.

    It is the same if size and time are equal; inodes differ between machines. Other files keep the
    identity from the cluster, so that they are recognised only by their audio.
    """
    if heard is None or job.identity is None:
        return heard
    if heard.identity.without_inode() != job.identity.without_inode():
        return heard
    return replace(heard, identity=job.identity)


def hear_on_worker(jobs: tuple[Job, ...], request: hear.Request) -> list[Outcome]:
    """Hear files on a Dask worker, within its memory limit and threads."""
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

    Nothing is written and no journal is read. See `hear.hear` for the rows.

    Raises
    ------
    LeanTagError
        As `hear.hear`, and ClusterError if the cluster is lost.
    """
    runner = DaskExecutor(settings or Settings(), Cluster(client, path_map))
    with contextlib.closing(runner):
        # The cluster must be able to read them; this machine need not.
        jobs = (Job(os.fsdecode(path), size_bytes=0) for path in paths)
        for outcome in runner.outcomes(jobs):
            yield hear.row(outcome.path, outcome)
