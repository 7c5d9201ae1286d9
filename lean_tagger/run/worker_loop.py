"""A worker's loop: jobs arrive on one pipe, outcomes leave on another."""

import os
import time
from typing import BinaryIO

from lean_tagger.errors import BudgetError, LeanTagError, ModelError, StateError
from lean_tagger.jobs import Failed, Job, Outcome, Writing
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
    pack,
    receive,
)
from lean_tagger.run.worker import Worker, listener_class
from lean_tagger.system.free_lists import emptied
from lean_tagger.system.memory import (
    current_rss_bytes,
    format_size,
    limit_data,
    peak_rss_bytes,
    process_limit_bytes,
)

LOADING_BYTES = 256 << 20
"""Memory that loading a model may always take."""


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


def serve(inbox: BinaryIO, outbox_fd: int) -> None:
    """Load the models from the first message, then do jobs until the stream ends.

    Parameters
    ----------
    inbox : binary file
        Messages from the supervisor.
    outbox_fd : int
        A pipe for messages to the supervisor.
    """
    post = _Post(outbox_fd)
    options = receive(inbox)
    if options.listen:
        listener_class()  # a library that does not load is no fault of a model
    post.send(Loading())
    try:
        # A model may ask for gigabytes when it is loaded. The limit leaves enough room to
        # measure a model that needs more than the budget, and to report its need.
        limit_bytes = max(options.max_mem_bytes, LOADING_BYTES)
        limit_data(limit_bytes)
        try:
            worker = Worker(
                options,
                progress=post.progress,
                notice=lambda text: post.send(Notice(text)),
                before_write=lambda writing: _ask(inbox, post, writing),
            )
        except MemoryError as error:
            limit_data(0)  # or there would be no memory to report it
            if (most_bytes := process_limit_bytes()) is not None:
                raise BudgetError(
                    f"the model {options.names} needs more than the {format_size(most_bytes)} of "
                    "address space that a process may have here; lift that: ulimit -v unlimited"
                ) from error
            raise ModelError(
                f"the model {options.names} asks for more memory than the "
                f"{format_size(limit_bytes)} that it may have; allow more with --max-mem, or "
                "use another model"
            ) from error
        post.send(Ready(worker.model, worker.device, worker.needed_bytes))
        for message in emptied(iter(lambda: receive(inbox), None)):
            match message:
                case Limit(size):
                    worker.limit(size)
                case Cores(count):
                    worker.use_cores(count)
                case job:
                    outcome = _do(worker, job)
                    post.send(Done(outcome, peak_rss_bytes(), current_rss_bytes()))
    except LeanTagError as error:
        post.send(Broken(error))


def _ask(inbox: BinaryIO, post: _Post, writing: Writing) -> None:
    """Report a write, and wait until the supervisor has recorded it."""
    post.send(writing)
    if not isinstance(receive(inbox), Go):  # it is gone, so the write may not be on record
        raise SystemExit(0)


def _do(worker: Worker, job: Job) -> Outcome:
    """Do a job; an unexpected error costs only this file, and is named."""
    try:
        return worker.do(job)
    except StateError as error:
        raise StateError(f"{error} (at {job.path})") from error
    except LeanTagError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: a surprise costs one file
        message = f"unexpected {type(error).__name__}: {error}; please report this"
        return Failed(path=job.path, kind="unexpected", message=message)
