"""The worker's process: it ends with its supervisor, or when it is told to.

This is set up before anything heavy is loaded: loading takes a second, in which the supervisor
may already have ended.
"""

import contextlib
import gc
import signal
import sys
from typing import Any

from lean_tagger.run.child_process import end_with


def main(arguments: list[str]) -> None:
    """Be a worker process: jobs arrive on standard input, messages leave on a pipe.

    Parameters
    ----------
    arguments : list of str
        The pipe's descriptor, and the supervisor's process id.
    """
    fd, parent_pid = map(int, arguments)
    end_with(parent_pid)

    def stop(*_: Any) -> None:
        raise SystemExit(0)  # unlike the default, this runs the `finally` of a write in progress

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us through the supervisor
    gc.disable()  # what is loaded is kept: a hundred collections find nothing, and take 30 ms
    from lean_tagger.run.worker_loop import serve

    gc.enable()
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, fd)


if __name__ == "__main__":
    main(sys.argv[1:])
