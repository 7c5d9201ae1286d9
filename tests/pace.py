"""Time limits that a busy machine does not break and an idle one does not loosen."""

import time
from collections.abc import Callable

PROBE_SECONDS = 0.1


def slowdown() -> float:
    """Return how many times longer than on an idle machine work takes now, at least 1."""
    started, busy = time.monotonic(), time.thread_time()
    while time.thread_time() - busy < PROBE_SECONDS:
        pass
    return max(1.0, (time.monotonic() - started) / PROBE_SECONDS)


def took_no_longer_than(seconds: float, *, since: float) -> bool:
    """Tell whether no more time has passed than these seconds of an idle machine.

    Parameters
    ----------
    seconds : float
        What is allowed where nothing else runs.
    since : float
        When it began, by `time.monotonic`.
    """
    elapsed = time.monotonic() - since
    return elapsed < seconds or elapsed < seconds * slowdown()


def comes_true(condition: Callable[[], bool], *, within: float) -> bool:
    """Wait for a condition, no longer than these seconds of an idle machine."""
    started = time.monotonic()
    while not condition():
        if not took_no_longer_than(within, since=started):
            return condition()
        time.sleep(0.01)
    return True
