"""The worker processes of a supervisor: started, heard, measured and ended."""

import os
import selectors
from collections.abc import Iterator
from dataclasses import replace

from lean_tagger.run.child_process import starting
from lean_tagger.run.worker_handle import WorkerHandle
from lean_tagger.settings import Settings
from lean_tagger.system.memory import current_rss_bytes, peak_rss_bytes, process_rss_bytes


class Workers:
    """Those that run now, and how much memory all of them took.

    Iterating over it goes over a copy: a worker may be ended on the way.

    Parameters
    ----------
    options : Settings
        The run's; `max_mem_bytes` is what all workers may take together.
    start_seconds : float
        How long a worker may take to load its model.
    """

    def __init__(self, options: Settings, *, start_seconds: float) -> None:
        self._options, self._start_seconds = options, start_seconds
        self._selector = selectors.DefaultSelector()
        self._running: list[WorkerHandle] = []
        self._ended_peak_bytes = 0

    def __iter__(self) -> Iterator[WorkerHandle]:
        """Yield them, in the order in which they were started."""
        return iter(tuple(self._running))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._running)

    @property
    def busy(self) -> bool:
        """Whether any is at a file."""
        return any(child.job is not None for child in self._running)

    def spawn(self, *, threads: int, of: int) -> WorkerHandle:
        """Start a worker, one of so many.

        Raises
        ------
        StateError
            The system gives no process.
        """
        options = replace(
            self._options,
            threads=threads,
            max_gpu_mem_bytes=-(-self._options.max_gpu_mem_bytes // of),  # 0 is no limit
        )
        with starting("a worker process", or_else=", or ask for fewer at a time with --jobs"):
            child = WorkerHandle(options, start_seconds=self._start_seconds)
        self._running.append(child)
        for source in (child.fd, child.stderr):
            self._selector.register(source, selectors.EVENT_READ, child)
        return child

    def end(self, child: WorkerHandle) -> int:
        """End a worker and return its exit status."""
        others_bytes = sum(it.peak_bytes for it in self._running if it is not child)
        self._ended_peak_bytes = max(self._ended_peak_bytes, child.peak_bytes + others_bytes)
        self._selector.unregister(child.fd)
        self._selector.unregister(child.stderr)
        self._running.remove(child)
        return child.end()

    def close(self) -> None:
        """End them all; a write in progress is undone or finished, never left half."""
        for child in self._running:
            child.process.terminate()
        for child in self:
            self.end(child)
        self._selector.close()

    def heard(self, seconds: float) -> Iterator[tuple[WorkerHandle, object]]:
        """Wait so long for messages, and yield each with its worker; None is the end of one."""
        for key, _ in self._selector.select(seconds):
            child = key.data
            if child not in self._running:  # ended while an earlier message was read
                continue
            if key.fd != child.fd:
                child.stderr.take()
            elif data := os.read(child.fd, 1 << 16):
                for message in child.inbox.feed(data):
                    yield child, message
            else:
                yield child, None

    def sizes(self) -> dict[WorkerHandle, int]:
        """Return the resident size of each in bytes, which also counts towards its peak."""
        sizes = {child: process_rss_bytes(child.pid) for child in self._running}
        for child, rss_bytes in sizes.items():
            child.peak_bytes = max(child.peak_bytes, rss_bytes)
        return sizes

    def rss_bytes(self) -> int:
        """Return the resident size of this process and theirs now."""
        return current_rss_bytes() + sum(process_rss_bytes(it.pid) for it in self._running)

    def peak_bytes(self) -> int:
        """Return a bound on the highest resident size of this process and theirs so far.

        The sum of each process's own peak: never less than what they had together.
        """
        now = sum(max(it.peak_bytes, process_rss_bytes(it.pid)) for it in self._running)
        return peak_rss_bytes() + max(now, self._ended_peak_bytes)
