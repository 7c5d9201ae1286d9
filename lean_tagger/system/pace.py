"""Let other programs have processors and disks first.

Both are inherited by every process that is started afterwards.
"""

import contextlib
import os
import sys

GENTLE = 10
"""Niceness, nice(1): a normal process gets about ten times as much of a busy core."""


def be_gentle() -> None:
    """Let other programs go first from now on, as far as the system can."""
    with contextlib.suppress(OSError):
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        if nice < GENTLE:
            os.setpriority(os.PRIO_PROCESS, 0, GENTLE)
    if sys.platform == "linux":
        import psutil  # late: few commands need it

        with contextlib.suppress(OSError, psutil.Error):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
