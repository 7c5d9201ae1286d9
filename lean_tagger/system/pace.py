"""Stay out of the way: others first, for processors and for disks.

Both are inherited by every process that is started afterwards.
"""

import contextlib
import os
import sys

GENTLE = 10
"""Of nice(1): a process without it gets about ten times as much of a busy core."""


def be_gentle() -> None:
    """Let others go first from now on; what the system does not offer is left out."""
    with contextlib.suppress(OSError):
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        if nice < GENTLE:
            os.setpriority(os.PRIO_PROCESS, 0, GENTLE)
    if sys.platform == "linux":
        import psutil  # late: few commands need it

        with contextlib.suppress(OSError, psutil.Error):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
