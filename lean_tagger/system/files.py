"""Open a file that may be anything, and make a folder's entries durable."""

import contextlib
import errno
import os
import stat
from pathlib import Path


class NotRegularError(OSError):
    """The name belongs to a folder, a pipe, a socket or a device; `strerror` says so."""


def open_regular(path: str | Path) -> int:
    """Open a regular file for reading; the caller closes the descriptor.

    This never waits; opening a pipe usually does, until somebody writes into it.

    Raises
    ------
    NotRegularError
        It is not a regular file.
    OSError
        It cannot be opened.
    ValueError
        There is a NUL in the name.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise NotRegularError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise NotRegularError(errno.EINVAL, "it is not a regular file")
    except BaseException:
        os.close(fd)
        raise
    return fd


def sync_folder(folder: str | Path) -> None:
    """Make the names in a folder durable, if its file system can.

    Some network file systems cannot. After a power cut, such a folder may still show the state
    from before a rename. That state is whole, so this is not an error.
    """
    with contextlib.suppress(OSError):
        fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
