"""Copy a file's owner, group, mode, access lists and attributes.

A new file takes some of these from its folder, and some file systems give every file the same.
So the result is checked, not whether a call succeeds.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from lean_tagger.system.obstacles import REFUSALS

_ACCESS_LISTS = ("system.posix_acl_access", "system.nfs4_acl", "system.richacl")
_OURS_TO_KEEP = (*_ACCESS_LISTS, "user.")
"""Prefixes of the attributes to copy; the system manages others (security.*)."""


def take_over_owner(fd: int, new_fd: int) -> bool:
    """Give a new file the owner and group of an old one; return whether it has them now."""
    wanted = _owner(fd)
    if _owner(new_fd) != wanted:
        with _asked():  # only root may change the owner; the group may be one of our own
            os.fchown(new_fd, *wanted)
    return _owner(new_fd) == wanted


def take_over(fd: int, new_fd: int) -> str | None:
    """Give a new file everything else that an old one has, and nothing more.

    Parameters
    ----------
    fd, new_fd : int
        The old file and the new one, which has its owner and group already: a new owner
        clears the set-user-ID bits. Nobody else may open it yet.

    Returns
    -------
    str or None
        What could not be kept, for a sentence; ``None`` if everything was kept.

    Raises
    ------
    OSError
        The disk is full or broken.
    """
    lost = _take_over_attributes(fd, new_fd)
    mode = _mode(fd)
    if _mode(new_fd) != mode:  # after the access list, which sets the mode too
        with _asked():
            os.fchmod(new_fd, mode)
        if _mode(new_fd) != mode:
            return "its permissions"
    return lost


def _take_over_attributes(fd: int, new_fd: int) -> str | None:
    names, new_names = _names(fd), _names(new_fd)
    lost = None
    for name in sorted({*names, *new_names}):
        kept = name.startswith(_OURS_TO_KEEP)
        value, new_value = _value(fd, name), _value(new_fd, name)
        if value == new_value or (value is None and not kept):
            continue
        try:
            if value is None:  # it came from the folder
                os.removexattr(new_fd, name)
            else:
                os.setxattr(new_fd, name, value)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            if kept and _value(new_fd, name) != value:
                lost = "its access list" if name in _ACCESS_LISTS else "its extended attributes"
    return lost


@contextlib.contextmanager
def _asked() -> Iterator[None]:
    """Ignore a refusal by the file system; the result is checked later."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise


def _owner(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_uid, found.st_gid


def _mode(fd: int) -> int:
    return stat.S_IMODE(os.fstat(fd).st_mode)


def _names(fd: int) -> list[str]:
    if not hasattr(os, "listxattr"):  # Python offers them on Linux only
        return []
    try:
        return os.listxattr(fd)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            return []
        raise


def _value(fd: int, name: str) -> bytes | None:
    """Return an attribute's value; ``None`` if there is none, or it may not be read."""
    try:
        return os.getxattr(fd, name)
    except OSError:
        return None
