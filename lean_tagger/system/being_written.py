"""Find out whether another program has a file open for writing, such as a download.

Such a file must not be replaced: the other program would go on writing into the old file, which
has no name any more, and the rest of the music would be lost.
"""

import os
import sys
from contextlib import suppress

from lean_tagger.system import mounts


def being_written(path: str) -> bool:
    """Tell whether a program has a file open for writing, if the kernel shows it.

    The kernel refuses a read lease on such a file (fcntl(2), F_SETLEASE). It also refuses one if a
    server has not allowed this machine to cache the file, so the answer is not used for files on a
    network. For files of other users it gives no answer either.
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
        return not _on_a_network(path)
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def _on_a_network(path: str) -> bool:
    with suppress(OSError, ValueError):
        mount = mounts.find(os.path.realpath(path), mounts.table())
        return mount is not None and mount.network
    return False
