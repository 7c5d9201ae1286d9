"""Files that are still arriving: they are left alone until they are whole.

A copy would be heard in part. Worse, its writer would go on with the file that our rename took
the name from, and the rest of the music would be lost.
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
    """Pass on what was found, but jobs of files that are still arriving as skipped.

    Parameters
    ----------
    found : iterable
        Jobs, and what became of the rest.
    seconds : float
        How long a file must not have changed.
    """
    for item in found:
        if isinstance(item, Job) and is_arriving(item.path, seconds):
            yield Skipped(path=item.path, kind=KIND, message="it is still arriving; next time")
        else:
            yield item


def is_arriving(path: str, seconds: float) -> bool:
    """Tell whether a file changed within the last seconds, or somebody has it open to write.

    A time in the future, such as from a server with another clock, says nothing.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False  # whoever opens it will say what is wrong
    age = time.time() - max(found.st_mtime, found.st_ctime)
    return 0 <= age < seconds or _has_writer(path)


def _has_writer(path: str) -> bool:
    """Tell whether a process has a file open to write, where the kernel says so.

    It gives nobody a lease on such a file (fcntl(2)); on network file systems, and on files of
    other users, it gives none at all, with another error.
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
