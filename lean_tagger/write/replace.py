"""Replace a file by an edited copy of itself: either all of it, or nothing.

The copy is made beside the original, checked there, made durable, and only then takes
the original's name in one step. At every moment the name leads to a whole file.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lean_tagger.errors import FileError, HardlinkedError, LeanTagError, StateError, WriteError
from lean_tagger.settings import WriteSettings
from lean_tagger.system import patch_in_place, temporary_files
from lean_tagger.system.files import sync_folder
from lean_tagger.write.source import Source

# A longer "suffix" is part of a title ("Vol. 2 with everybody"), and would not fit the name.
_LONGEST_SUFFIX_BYTES = 16


def replace(
    source: Source,
    real: str,
    *,
    fill: Callable[[int], None],
    check: Callable[[str], None],
    ways: WriteSettings,
) -> None:
    """Put an edited copy of a file in its place.

    Parameters
    ----------
    source : Source
        The original, open; its ``stat`` is the moment that the edit is based on.
    real : str
        The original's own name, symbolic links resolved.
    fill : Callable[[int], None]
        Writes the new content to a descriptor.
    check : Callable[[str], None]
        Looks at the finished copy, by name, and raises if it is not as it must be.
    ways : WriteSettings
        What becomes of hard links and of the modification time.

    Raises
    ------
    WriteError
        If the file may not be replaced, or changed meanwhile; whatever `check` raises.
    StateError
        If the disk is full.
    """
    _refuse_unsafe(source, real, ways)
    folder = os.path.dirname(real) or "."
    with _our_io(source.path):
        temporary, fd = _create(folder, real)
    try:
        with _our_io(source.path):
            fill(fd)
        check(temporary)
        with _our_io(source.path):
            _copy_attributes(source, fd)
            if ways.preserve_mtime:
                os.utime(fd, ns=(source.stat.st_atime_ns, source.stat.st_mtime_ns))
            os.fsync(fd)
            _refuse_if_changed(source, real)
            if source.stat.st_nlink > 1 and ways.hardlinks == "in-place":
                _change_in_place(source, real, fd, ways)
                os.unlink(temporary)
            else:
                os.replace(temporary, real)
    except BaseException:  # also Ctrl-C: nothing of ours is left behind
        with suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    sync_folder(folder)


def _change_in_place(source: Source, real: str, new_fd: int, ways: WriteSettings) -> None:
    """Take the bytes that differ over into the file itself, which keeps all its names."""
    if os.fstat(new_fd).st_size != source.size:
        raise HardlinkedError(
            source.path,
            "it has more than one hard link, and the new tag does not fit into the room of the "
            "old one; nothing was written (--hardlinks break writes, and parts them)",
        )
    folder, name = os.path.split(real)
    undo = os.path.join(folder, temporary_files.name_for(".undo"))
    fd = os.open(real, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        patch_in_place.change(fd, new_fd, name=name, undo=undo)
        if ways.preserve_mtime:
            os.utime(fd, ns=(source.stat.st_atime_ns, source.stat.st_mtime_ns))
    finally:
        os.close(fd)


def _refuse_unsafe(source: Source, real: str, ways: WriteSettings) -> None:
    if source.stat.st_nlink > 1 and ways.hardlinks == "skip":
        raise HardlinkedError(
            source.path,
            "it has more than one hard link, and replacing it would part them; nothing was "
            "written (see --hardlinks)",
        )
    # Without this, a file that its owner protected would be replaced all the same:
    # renaming asks for the folder's permission only, and root is never asked.
    if not source.stat.st_mode & 0o222:
        raise source.refuse("it is marked read-only; nothing was written")
    read_only_system = os.fstatvfs(source.fd).f_flag & os.ST_RDONLY  # said as itself, later
    if not read_only_system and not os.access(real, os.W_OK):
        if os.geteuid() in (0, source.stat.st_uid):
            raise source.refuse(
                "it is protected against changes (lsattr may show how); nothing was written"
            )
        raise source.refuse("it belongs to somebody else; nothing was written")


def _create(folder: str, real: str) -> tuple[str, int]:
    suffix = os.path.splitext(real)[1]
    if len(os.fsencode(suffix)) > _LONGEST_SUFFIX_BYTES:
        suffix = ""
    temporary = os.path.join(folder, temporary_files.name_for(f".tmp{suffix}"))
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    return temporary, os.open(temporary, flags, 0o600)


def _copy_attributes(source: Source, fd: int) -> None:
    owner = (source.stat.st_uid, source.stat.st_gid)
    with suppress(OSError):  # only root may give a file away, to a group of ours anyone
        os.fchown(fd, *owner)
    now = os.fstat(fd)
    if (now.st_uid, now.st_gid) != owner:
        raise source.refuse("its owner or group could not be kept; nothing was written")
    # After the owner, because changing the owner clears the set-user-ID bits.
    os.fchmod(fd, stat.S_IMODE(source.stat.st_mode))
    for name in _attribute_names(source.fd):
        value = os.getxattr(source.fd, name)
        try:
            os.setxattr(fd, name, value)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            # The user's own attributes and access lists must travel; labels that the
            # system keeps for itself (security.*, system.cifs_acl) are set by it.
            if name.startswith(("user.", "system.posix_acl")):
                raise source.refuse(
                    "its extended attributes cannot be kept; nothing was written"
                ) from error


def _attribute_names(fd: int) -> list[str]:
    if not hasattr(os, "listxattr"):  # Python offers them on Linux only
        return []
    try:
        return os.listxattr(fd)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            return []
        raise


def _refuse_if_changed(source: Source, real: str) -> None:
    then, now = source.stat, os.lstat(real)
    # The change time also moves when mode, owner or attributes do, which were copied too.
    same = all(
        getattr(then, key) == getattr(now, key)
        for key in ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    )
    if not same:
        raise source.refuse("it changed while it was being tagged; nothing was written")


@contextmanager
def _our_io(path: str) -> Iterator[None]:
    """Say what an error of the operating system in our own writing means."""
    try:
        yield
    except (LeanTagError, FileError):
        raise
    except OSError as error:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                raise StateError(
                    "the disk is full or the quota used up; the file being tagged is as it was"
                ) from error
            case errno.EROFS:
                message = "it is on a file system that is mounted read-only"
            case errno.EACCES | errno.EPERM:
                message = "it, or its folder, is protected against being replaced"
            case errno.ENOENT:
                message = "it went away while it was being tagged"
            case _:
                message = f"writing a copy beside it failed: {error.strerror}"
        raise WriteError(path, f"{message}; nothing was written") from error
