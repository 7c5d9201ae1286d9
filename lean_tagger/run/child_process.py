"""Common parts of all Python processes that we start."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lean_tagger


def _environment() -> dict[str, str]:
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


def start(arguments: Sequence[str], **given: Any) -> "subprocess.Popen[bytes]":
    """Start Python with a module of ours and its arguments; the rest is for `Popen`.

    Ctrl-C in the terminal does not reach it: that is ours to pass on.
    """
    # -P: a file in the user's folder must not be taken for a module.
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", *arguments], env=_environment(), process_group=0, **given
    )


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
