"""One worker process, from its supervisor's side."""

import contextlib
import os
import signal
import subprocess

from lean_tagger.jobs import Failed, Job
from lean_tagger.run.child_process import start
from lean_tagger.run.messages import Inbox, Ready, pack
from lean_tagger.run.stderr_tail import StderrTail
from lean_tagger.run.worker_clock import START_SECONDS, WorkerClock
from lean_tagger.settings import Settings
from lean_tagger.system import temporary_files

_PROCESS = "lean_tagger.run.worker_main"  # never imported here, because it loads heavy libraries

STOP_SECONDS = 1.0
"""Time between asking a worker to end and killing it."""


class WorkerHandle:
    """One worker process, from its supervisor's side.

    Parameters
    ----------
    options : Settings
        Its part of the run's settings.
    start_seconds : float
        Time allowed for loading its model.

    Attributes
    ----------
    fd : int
        A pipe with its messages, which ends with the process.
    stderr : StderrTail
        The last lines that its libraries printed.
    libraries_loaded : bool
        Whether it has come as far as its model.
    ready : Ready or None
        Its message that the model is loaded.
    job : Job or None
        Its present job.
    clock : WorkerClock
        Measures the time for that job, or for its start.
    peak_bytes : int
        Its highest resident size, as far as known.
    killed_for : Failed or None
        Why the supervisor ended it.
    """

    def __init__(self, options: Settings, *, start_seconds: float = START_SECONDS) -> None:
        read_fd, write_fd = os.pipe()
        self.stderr = StderrTail()
        try:
            self.process = start(
                [_PROCESS, str(write_fd), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self.stderr.write_fd,
                pass_fds=[write_fd],
            )
        except BaseException:
            os.close(read_fd)
            self.stderr.close()
            raise
        finally:
            os.close(write_fd)
        self.fd = read_fd
        self.libraries_loaded = False
        self.inbox = Inbox()
        self.ready: Ready | None = None
        self.job: Job | None = None
        self.threads = options.threads
        self.clock = WorkerClock(self.pid, start_seconds)
        self.peak_bytes = 0
        self.killed_for: Failed | None = None
        self.send(options)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def idle(self) -> bool:
        """Whether it waits for a job."""
        return self.ready is not None and self.job is None

    def send(self, message: object) -> None:
        """Send a message; if the worker is gone, its other pipe shows it."""
        assert self.process.stdin is not None  # noqa: S101 - narrows the type for mypy
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(pack(message))
            self.process.stdin.flush()

    def kill(self, kind: str, message: str) -> None:
        """Kill it, and record why; the first reason counts."""
        if self.killed_for is None:
            path = self.job.path if self.job else ""
            self.killed_for = Failed(path=path, kind=kind, message=message)
            self.process.kill()  # also ends a stopped process, unlike other signals

    def end(self) -> int:
        """Close its pipes, wait for the process and return its exit status."""
        assert self.process.stdin is not None  # noqa: S101 - narrows the type for mypy
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        os.close(self.fd)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.stderr.take()
        self.stderr.close()
        if self.job is not None:
            folder = os.path.dirname(os.path.realpath(self.job.path))
            temporary_files.sweep(folder, pid=self.pid)
        return status

    def post_mortem(self, status: int) -> Failed:
        """Return why it ended, from its exit status and the last lines of its libraries."""
        if self.killed_for is not None:
            return self.killed_for
        path, kind, said = self.job.path if self.job else "", "crashed", self.stderr.last_line()
        if status == -signal.SIGKILL:
            message, kind, said = (
                "its worker was killed, probably because memory ran out",
                "killed",
                "",
            )
        elif status < 0:
            what = "it crashed the decoder" if path else "it crashed"
            message = f"{what} ({signal.Signals(-status).name})"
        else:
            message = f"its worker ended with status {status}"
        return Failed(path=path, kind=kind, message=f"{message}: {said}" if said else message)
