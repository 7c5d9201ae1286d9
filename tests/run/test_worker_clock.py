"""The clock of a worker runs while it stands still or computes, not while others keep it back."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lean_tagger.run.worker_clock import LONGEST_LOOK_SECONDS, Signs, WorkerClock, _counted, signs

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@contextlib.contextmanager
def process(source: str) -> Iterator[int]:
    """Run Python, and give its process id once it has printed a line."""
    with subprocess.Popen(
        [sys.executable, "-c", f"print(flush=True)\n{source}"], stdout=subprocess.PIPE
    ) as made:
        assert made.stdout is not None
        made.stdout.readline()
        try:
            yield made.pid
        finally:  # else whatever fails waits for it for ever
            made.kill()


def spent(clock: WorkerClock, *, seconds: float) -> tuple[float, float]:
    """Look at a clock for a while; return what it counts, and how long it was looked at.

    On a busy machine, looks may be far apart, and of each time between two a second counts.
    """
    started = looked = time.monotonic()
    of_looks = 0.0
    while looked < started + seconds:
        time.sleep(0.05)
        clock.expired()
        now = time.monotonic()
        of_looks += min(now - looked, LONGEST_LOOK_SECONDS)
        looked = now
    return clock._spent_seconds, of_looks


def test_it_runs_while_a_process_sleeps() -> None:
    with process("import time; time.sleep(60)") as pid:
        counted, looked = spent(WorkerClock(pid, 60), seconds=1)
        assert 0.7 * looked <= counted <= 1.5 * looked


def test_it_runs_while_a_process_is_stopped_alone() -> None:
    with process("while True: pass") as pid:
        os.kill(pid, signal.SIGSTOP)
        counted, looked = spent(WorkerClock(pid, 60), seconds=1)
        assert 0.7 * looked <= counted <= 1.5 * looked


def test_of_a_busy_process_it_counts_the_processor_time() -> None:
    with process("while True: pass") as pid:
        before, clock = signs(pid), WorkerClock(pid, 60)
        (counted, _), after = spent(clock, seconds=1), signs(pid)
        assert before is not None
        assert after is not None
        used = after.cpu_seconds - before.cpu_seconds  # a little more than at the last look
        assert 0 < used / 2 <= counted <= used + 0.02


def test_it_expires_when_what_is_allowed_is_spent_and_not_before() -> None:
    with process("import time; time.sleep(60)") as pid:
        clock = WorkerClock(pid, 0.5)
        assert not clock.expired()
        spent(clock, seconds=0.8)
        assert clock.expired()
        clock.restart(60.0)
        assert not clock.expired()


def test_what_passed_while_nobody_looked_hardly_counts() -> None:
    """The supervisor was stopped too: of hours a second counts."""
    with process("import time; time.sleep(60)") as pid:
        clock = WorkerClock(pid, 60)
        clock._looked -= 3600.0
        clock.expired()
        assert clock._spent_seconds <= LONGEST_LOOK_SECONDS


def test_a_process_that_only_reads_and_writes_is_no_idle_one() -> None:
    still, moved = Signs(1.0, 100, runnable=False), Signs(1.0, 65636, runnable=False)
    assert _counted(0.2, still, still) == 0.2
    assert _counted(0.2, still, moved) == 0.0


def test_a_process_that_waits_for_a_processor_is_no_idle_one() -> None:
    assert _counted(0.2, Signs(1.0, 0, runnable=True), Signs(1.0, 0, runnable=True)) == 0.0


def test_several_threads_count_once() -> None:
    assert _counted(0.2, Signs(1.0, 0, runnable=True), Signs(1.8, 0, runnable=True)) == 0.2


def test_without_signs_the_wall_clock_has_to_do() -> None:
    assert signs(0) is None
    assert _counted(0.2, None, None) == 0.2
