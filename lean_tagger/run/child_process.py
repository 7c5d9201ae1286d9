"""Common parts of all processes that we start: the environment, and ending with their parent."""

import os
import signal
import sys
from pathlib import Path

import lean_tagger


def environment() -> dict[str, str]:
    """Return the environment of a child: this package, one BLAS thread, one malloc arena."""
    package = str(Path(lean_tagger.__file__).parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    return {
        **os.environ,
        "PYTHONPATH": path,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }


def end_with(parent_pid: int) -> None:
    """End this process when its parent ends, even by SIGKILL; Linux only.

    On other systems a child ends when it next reads from its parent or writes to it.
    """
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before we asked
        os._exit(1)
