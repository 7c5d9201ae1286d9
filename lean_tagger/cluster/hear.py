"""From paths to rows: the work of each machine in a cluster, for any engine.

A process below the engine's own does the hearing: if it crashes, hangs or grows, only its file is
lost, never the engine's worker. That process loads the network once and stays for the next call. We
keep it within a budget, since engines only watch their own process.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import lean_tagger
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Failed, Identity, Job, Outcome, Tagged
from lean_tagger.run.budget import SUPERVISOR_BYTES
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings
from lean_tagger.system import machine
from lean_tagger.system.memory import current_rss_bytes
from lean_tagger.system.urls import is_url

Row = dict[str, Any]
"""What is known about one file; see `hear`."""

PATIENCE_SECONDS = 60.0
HOST_MARGIN_BYTES = 32 << 20
"""How much the engine's own process may still grow while we hear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How to hear a batch.

    Attributes
    ----------
    settings : Settings
        The run's; `max_mem_bytes` is for one worker of the engine and all below it.
    cores : int
        Number of cores that it may keep busy.
    version : str
        Version of the lean-tag that sends the request.
    cards : tuple of str
        The identities of its models; empty checks nothing.
    run : str
        The run's name, so that it can be ended; see `end`.
    patience_seconds : float
        Least time that a file gets.
    """

    settings: Settings
    cores: int = 1
    version: str = lean_tagger.__version__
    cards: tuple[str, ...] = ()
    run: str = ""
    patience_seconds: float = PATIENCE_SECONDS


class _Ear:
    """The supervisor of this process, which is kept from batch to batch."""

    def __init__(self) -> None:
        # One thread, because the system may end a child process with the thread that started it.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lean-tag")
        self._request: Request | None = None
        self._supervisor: Supervisor | None = None
        self._ended: set[str] = set()

    def hear(self, jobs: Sequence[Job], request: Request) -> list[Outcome]:
        return self._thread.submit(self._hear, jobs, request).result()

    def end(self, run: str) -> None:
        """End a run's work here, without waiting for it."""
        self._ended.add(run)
        self._thread.submit(self._end, run)

    def _hear(self, jobs: Sequence[Job], request: Request) -> list[Outcome]:
        if request != self._request:
            self._close()
            _check(request)
            self._supervisor, self._request = _supervisor(request), request
        assert self._supervisor is not None  # noqa: S101 - narrows the type for mypy
        outcomes = []
        try:
            for outcome in self._supervisor.outcomes(self._wanted(jobs, request.run)):
                outcomes.append(outcome)
        except BaseException:
            self._close()
            raise
        return outcomes

    def _wanted(self, jobs: Sequence[Job], run: str) -> Iterator[Job]:
        """Yield jobs until the run is ended."""
        for job in jobs:
            if run in self._ended:
                return
            yield job

    def _end(self, run: str) -> None:
        if self._request is not None and self._request.run == run:
            self._close()

    def _close(self) -> None:
        if self._supervisor is not None:
            self._supervisor.close()
        self._supervisor = self._request = None


_ear: _Ear | None = None
_making = threading.Lock()


def _of_this_process() -> _Ear:
    global _ear  # noqa: PLW0603 - a network is loaded once for each process
    with _making:
        _ear = _ear or _Ear()
        return _ear


def hear_jobs(jobs: Sequence[Job], request: Request) -> list[Outcome]:
    """Hear files, write nothing, and return their outcomes, in any order.

    Raises
    ------
    LeanTagError
        An error that the next file would meet too.
    """
    return _of_this_process().hear(jobs, request)


def end(run: str) -> None:
    """End a run's work in this process, and free its memory."""
    _of_this_process().end(run)


def hear(
    paths: Iterable[str | os.PathLike[str]], settings: Settings | None = None, *, cores: int = 1
) -> list[Row]:
    """Hear files, write nothing, and return a row for each, in the order of the paths.

    Parameters
    ----------
    paths : iterable of path
        Files as this machine sees them.
    settings : Settings, optional
        The models, and the rules for the tags; `max_mem_bytes` is the budget of this process and
        all below it.
    cores : int
        Number of cores that may be busy.

    Returns
    -------
    list of dict
        ``path``; ``identity``: size in bytes, time in ns and inode, None if there is no file;
        ``digest`` of the audio; ``scores`` by label, 0 to 1; ``embedding``, bytes of
        little-endian float32, empty if the model has none; ``tags`` by field; ``seconds`` of
        audio; ``failure``, None or why it could not be heard.

    Raises
    ------
    LeanTagError
        An error that the next file would meet too: no such model, a budget that is too small.

    Examples
    --------
    >>> from lean_tagger.cluster.hear import hear
    >>> [row] = hear(["song.mp3"])
    >>> row["tags"]["genre"], row["failure"]
    (('Electronic',), None)
    """
    names = [os.fsdecode(path) for path in paths]
    found = {name: look(name) for name in names}
    jobs = [job for job in found.values() if isinstance(job, Job)]
    request = Request(settings=settings or Settings(), cores=cores)
    heard = {it.path: it for it in hear_jobs(jobs, request)}
    return [
        row(name, it if isinstance(it := found[name], Failed) else heard[name]) for name in names
    ]


def row(path: str, outcome: Outcome) -> Row:
    """Return a file's outcome as plain data; see `hear`."""
    scored = outcome if isinstance(outcome, Tagged) else getattr(outcome, "scored", None)
    heard = scored.heard if scored else None
    identity = heard.identity if heard else None
    failure = None if isinstance(outcome, Tagged) or scored else getattr(outcome, "message", None)
    return {
        "path": path,
        "identity": identity and (identity.size_bytes, identity.mtime_ns, identity.inode),
        "digest": heard.digest if heard else "",
        "scores": dict(scored.scores) if scored else {},
        "embedding": heard.embedding if heard else b"",
        "tags": dict(scored.tags) if scored else {},
        "seconds": scored.seconds if scored else 0.0,
        "failure": failure,
    }


def look(path: str) -> Job | Failed:
    """Return the job for a file on this machine, or why there is none."""
    if is_url(path):
        return Job(path, size_bytes=0)
    try:
        identity = Identity.at(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Failed(path=path, kind="unreadable", message=f"cannot open the file: {reason}")
    return Job(path, identity.size_bytes, identity)


def _check(request: Request) -> None:
    """Refuse to hear with another version or model than requested."""
    if request.version != lean_tagger.__version__:
        raise ConfigError(
            f"a worker of the cluster has lean-tag {lean_tagger.__version__}, and this is "
            f"{request.version}; install the same on both"
        )
    if not request.cards:
        return
    for asked, identity in zip(Decider.of(request.settings).asked, request.cards, strict=True):
        if asked.card.identity != identity:
            raise ConfigError(
                f"the model {asked.card.name} is a different one on a worker of the cluster; "
                "install the same on both"
            )


def _supervisor(request: Request) -> Supervisor:
    settings = request.settings
    budget_bytes = settings.max_mem_bytes or machine.default_budget_bytes()
    host_bytes = max(0, current_rss_bytes() + HOST_MARGIN_BYTES - SUPERVISOR_BYTES)
    return Supervisor(
        replace(settings, dry_run=True, listen=True, max_mem_bytes=budget_bytes),
        jobs=request.cores,
        patience_seconds=request.patience_seconds,
        host_bytes=host_bytes,
    )
