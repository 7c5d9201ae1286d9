"""Turn signals into one clean end."""

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType


class Stop:
    """Turns Ctrl-C, SIGTERM and a closed terminal into one clean end.

    The first signal raises KeyboardInterrupt; the second ends the process at once, and with
    it the workers. A tag is written next to the file and moved into place, so the file is
    whole even then.
    """

    _NAMES = ("SIGINT", "SIGTERM", "SIGHUP")

    def __init__(self) -> None:
        self._caught = 0
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    @property
    def exit_code(self) -> int:
        """The exit code of a process that was ended by this signal, as shells have it."""
        return 128 + (self._caught or signal.SIGINT)

    def __enter__(self) -> "Stop":
        for name in self._NAMES:
            number = getattr(signal, name, None)
            # If it is ignored, the caller wants that: nohup, or a background job.
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue
            with contextlib.suppress(ValueError):  # not the main thread: leave it alone
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._caught:
            os._exit(128 + number)
        self._caught = number
        raise KeyboardInterrupt
