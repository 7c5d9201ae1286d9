"""Find out in advance whether a file can be written, without changing anything.

To replace a file takes more than to write into it: a folder where a new file may be made, room
for a copy, and the right to give that copy the original's owner and mode. A dry run checks this
too. Where the system does not say, the file counts as writable, and the write itself finds out.
"""

import errno
import os
import struct
from typing import Literal

from lean_tagger.errors import (
    BeingWrittenError,
    HardlinkedError,
    NoPermissionError,
    NoRoomError,
    ReadOnlyError,
)
from lean_tagger.system import mounts
from lean_tagger.system.being_written import being_written

Way = Literal["replace", "in-place"]

REFUSALS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}
)
"""Errors of a file system that does not support a call; other errors are failures."""

# FS_IOC_GETFLAGS and two of its flags, linux/fs.h; the call's number holds the size of a long.
_GET_FLAGS = 0x8000_6601 | struct.calcsize("l") << 16
_IMMUTABLE, _APPEND_ONLY = 0x10, 0x20


def way_to_write(path: str, *, hardlinks: str, preserve_mtime: bool) -> Way:
    """Return how a file can be written.

    Parameters
    ----------
    path : str
        The file; a symbolic link is followed.
    hardlinks : {'skip', 'break', 'in-place'}
        What to do with a file that has several names.
    preserve_mtime : bool
        Keep its modification time, which only its owner may do.

    Returns
    -------
    {'replace', 'in-place'}
        In place if a new file would break hard links, or would have another owner.

    Raises
    ------
    HardlinkedError, BeingWrittenError, ReadOnlyError, NoPermissionError
        Neither way is possible.
    OSError
        There is no such file.
    """
    real = os.path.realpath(path, strict=True)
    folder = os.path.dirname(real)
    found, above = os.stat(real), os.stat(folder)
    if found.st_nlink > 1 and hardlinks == "skip":
        raise HardlinkedError(
            path,
            "it has more than one hard link, and replacing it would break them; nothing was "
            "written (see --hardlinks)",
        )
    refuse_while_written(path, real)
    _refuse_read_only(path, real, folder, found)
    _refuse_unpermitted(path, real, folder, found)
    way: Way = "replace"
    if found.st_nlink > 1 and hardlinks == "in-place":
        way = "in-place"
    elif not _can_be_replaced(real, found, above):
        if found.st_nlink > 1:  # its other names should stay as they are
            raise NoPermissionError(
                path,
                f"it belongs to user {found.st_uid}, and a new file would not; nothing was "
                "written (run lean-tag as that user, or as root)",
            )
        way = "in-place"
    if way == "in-place" and preserve_mtime and os.geteuid() not in (0, found.st_uid):
        raise NoPermissionError(
            path,
            f"it belongs to user {found.st_uid}, and only they may keep its time; nothing was "
            "written (leave --preserve-mtime out, or run as that user)",
        )
    return way


def refuse_while_written(path: str, real: str) -> None:
    """Refuse a file that another program is writing, where the kernel tells.

    Raises
    ------
    BeingWrittenError
        A program has it open for writing.
    """
    if being_written(real):
        raise BeingWrittenError(
            path,
            "another program has it open for writing and may not be finished; nothing was written "
            "(run lean-tag again later)",
        )


def refuse_without_room(path: str) -> None:
    """Refuse where a copy of the file does not fit on the disk, if that is certain.

    Raises
    ------
    NoRoomError
        It does not fit. Nothing is raised if blocks may be shared or compressed.
    OSError
        There is no such file.
    """
    real = os.path.realpath(path, strict=True)
    found = os.stat(real)
    system = os.statvfs(os.path.dirname(real))
    free_blocks = system.f_bfree if os.geteuid() == 0 else system.f_bavail  # some are root's
    free_bytes = free_blocks * system.f_frsize
    # A sparse file may stay sparse; if its blocks are not known, its length counts.
    needed_bytes = min(found.st_size, found.st_blocks * 512 or found.st_size)
    if not system.f_blocks or free_bytes >= needed_bytes:
        return
    mount = mounts.find(real, mounts.table())
    if mount is not None and mount.copies_take_room:
        raise NoRoomError(
            path,
            f"the disk is full: a copy of this file takes {-(-needed_bytes >> 10)} KiB, and "
            f"{free_bytes >> 10} KiB are free; the file is as it was",
        )


def _refuse_read_only(path: str, real: str, folder: str, found: os.stat_result) -> None:
    """Refuse files that are protected against everybody.

    Without this, a file that its owner protected would still be replaced: renaming only needs
    permission for the folder, and root needs none.
    """
    if not found.st_mode & 0o222:
        raise ReadOnlyError(
            path, "it is marked read-only; nothing was written (chmod u+w lifts that)"
        )
    if os.statvfs(real).f_flag & os.ST_RDONLY:
        raise ReadOnlyError(
            path, "it is on a file system that is mounted read-only; nothing was written"
        )
    for name, what in ((real, "it"), (folder, "its folder")):
        if _flags(name) & (_IMMUTABLE | _APPEND_ONLY):
            raise ReadOnlyError(
                path,
                f"{what} is protected against changes; nothing was written (chattr -ia lifts that)",
            )


def _refuse_unpermitted(path: str, real: str, folder: str, found: os.stat_result) -> None:
    """Refuse files that this user may not write."""
    me, owner = os.geteuid(), found.st_uid
    if not _may(real, os.W_OK):
        if me == owner and not found.st_mode & 0o200:
            reason = "you may not write it yourself; nothing was written (chmod u+w allows it)"
        elif me in (0, owner):
            reason = "it is protected against changes (lsattr may show how); nothing was written"
        else:
            reason = (
                f"it belongs to somebody else, user {owner}, and you may not write it; nothing "
                "was written (run as that user, or ask for permission)"
            )
        raise NoPermissionError(path, reason)
    if not _may(folder, os.W_OK | os.X_OK):
        raise NoPermissionError(
            path,
            "you may not write to its folder, where a copy has to be made; nothing was written "
            f"(ask its owner, user {os.stat(folder).st_uid}, for permission)",
        )


def _can_be_replaced(real: str, found: os.stat_result, above: os.stat_result) -> bool:
    """Tell whether a new file in its folder could have its owner and group; True if unknown."""
    me = os.geteuid()
    if me == 0:
        return True
    groups = {os.getegid(), *os.getgroups(), above.st_gid}  # new files may inherit the folder's
    if found.st_uid == me and found.st_gid in groups:
        return True
    mount = mounts.find(real, mounts.table())
    return mount is None or not mount.keeps_owners  # then every file has the same owner


def _may(name: str, what: int) -> bool:
    """Tell whether this process may do something with a file or a folder."""
    return os.access(name, what, effective_ids=os.access in os.supports_effective_ids)


def _flags(name: str) -> int:
    """Return what chattr(1) set on a file or folder; 0 if that is not known."""
    try:
        import fcntl

        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (ImportError, OSError):
        return 0
    try:
        answer = fcntl.ioctl(fd, _GET_FLAGS, bytes(struct.calcsize("l")))
        return int.from_bytes(answer[:4], "little" if struct.pack("=i", 1)[0] else "big")
    except OSError:
        return 0
    finally:
        os.close(fd)
