"""Common parts of all Python processes that we start."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lean_tagger
from lean_tagger.errors import StateError

_REMEDIES = {
    errno.EAGAIN: "allow more processes with ulimit -u",
    errno.EMFILE: "allow more files with ulimit -n",
    errno.ENFILE: "close other programs",
    errno.ENOMEM: "close other programs",
}


@contextlib.contextmanager
def starting(what: str, *, or_else: str = "") -> Iterator[None]:
    """Explain why a child could not be started.

    Parameters
    ----------
    what : str
        The child, for the message.
    or_else : str
        Another remedy if there are too many.

    Raises
    ------
    StateError
        The system gives no process, or the interpreter cannot be run.
    """
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise StateError(
                f"cannot start {what} with {sys.executable}: {error.strerror}; lean-tag needs the "
                "Python that it was installed with"
            ) from error
        raise StateError(f"cannot start {what}: {error.strerror}; {remedy}{or_else}") from error


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
