"""The worker's process: it ends with its supervisor, and when it is told to.

That is settled before anything heavy is loaded: the libraries take a second, in which the
supervisor may already be gone.
"""

import contextlib
import os
import signal
import sys
from typing import Any


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
    from lean_tagger.run.worker_loop import serve

    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, fd)


if __name__ == "__main__":
    main(sys.argv[1:])
