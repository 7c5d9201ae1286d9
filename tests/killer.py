"""For workers of Dask in tests (``--preload killer``): ends a process that opens a certain file.

A file called ``kills-worker…`` ends the Dask worker while it is heard, one called ``kills-ear…``
the process below it that hears.
"""

import os
import signal
import threading
import time
from pathlib import Path


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(it) for task in tasks for it in task.read_text().split()]


def _opens(pid: int, name: str) -> bool:
    try:
        names = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(os.path.basename(it).startswith(name) for it in names)


def _watch() -> None:
    while True:
        try:
            for child in _children(os.getpid()):
                if _opens(child, "kills-worker"):
                    os.kill(os.getpid(), signal.SIGKILL)
                if _opens(child, "kills-ear"):
                    os.kill(child, signal.SIGSEGV)
        except OSError:
            pass
        time.sleep(0.005)


def dask_setup(_: object) -> None:
    """Start to watch; Dask calls this."""
    threading.Thread(target=_watch, daemon=True).start()
