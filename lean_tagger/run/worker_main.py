"""The worker's process: it ends with its supervisor, and when it is told to.

That is settled before anything heavy is loaded: the libraries take a second, in which the
supervisor may already be gone.
"""

import contextlib
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
        raise SystemExit(0)  # unlike the default, leaves a write in progress through `finally`

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us through the supervisor
    from lean_tagger.run.worker_loop import serve

    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, fd)


if __name__ == "__main__":
    main(sys.argv[1:])
