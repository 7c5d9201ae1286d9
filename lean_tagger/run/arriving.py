"""Leave files alone that are still arriving, until they are whole.

An incomplete file would be heard only in part. Worse, our copy would take its name, the program
that writes it would go on writing to the old file, and the rest of the music would be lost.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from lean_tagger.jobs import Job, Skipped

_Item = TypeVar("_Item")

KIND = "arriving"


def settled(found: Iterable[_Item], seconds: float) -> Iterator[_Item | Skipped]:
    """Pass on what was found, but skip files that are still arriving.

    Parameters
    ----------
    found : iterable
        Jobs, and outcomes of the rest.
    seconds : float
        Time for which a file must not have changed.
    """
    for item in found:
        if isinstance(item, Job) and is_arriving(item.path, seconds):
            yield Skipped(
                path=item.path, kind=KIND, message="it is still arriving; the next run takes it"
            )
        else:
            yield item


def is_arriving(path: str, seconds: float) -> bool:
    """Tell whether a file changed within the last seconds, or is open for writing.

    A time in the future, as from a server with another clock, is ignored.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False  # opening it later will report what is wrong
    age = time.time() - max(found.st_mtime, found.st_ctime)
    return 0 <= age < seconds or _has_writer(path)


def _has_writer(path: str) -> bool:
    """Tell whether a process has a file open for writing, if the kernel shows it.

    The kernel refuses a lease on such a file (fcntl(2)). On network file systems, and for files of
    other users, it refuses every lease, with another error.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return False
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
