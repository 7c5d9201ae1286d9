"""The child of a `Calculation`: call one function, and send its values."""

import contextlib
import importlib
import os
import signal
import sys
from typing import BinaryIO

from lean_tagger.errors import LeanTagError
from lean_tagger.run import budget
from lean_tagger.run.child_process import end_with
from lean_tagger.run.messages import Broken, Ended, Value, receive, send
from lean_tagger.system.memory import limit_data, peak_rss_bytes


def main(arguments: list[str]) -> None:
    """Call the function from the first message on standard input.

    Parameters
    ----------
    arguments : list of str
        The process id of the parent, and the module to load while it finds out what to ask.
    """
    end_with(int(arguments[0]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent ends us
    with contextlib.suppress(BrokenPipeError), _outbox() as outbox:
        importlib.import_module(arguments[1])
        function, request, share_bytes = receive(sys.stdin.buffer)
        module, _, name = function.partition(":")
        try:
            call = getattr(importlib.import_module(module), name)
            limit_data(share_bytes)
            for value in call(request):
                send(outbox, Value(value))
        except MemoryError:
            limit_data(0)  # or there would be no memory to report it
            send(outbox, Broken(budget.too_little(share_bytes)))
        except LeanTagError as error:
            send(outbox, Broken(error))
        else:
            send(outbox, Ended(peak_rss_bytes()))


def _outbox() -> BinaryIO:
    """Return standard output, and keep everything else from printing to it."""
    fd = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(fd, "wb")


if __name__ == "__main__":
    main(sys.argv[1:])
