"""Replace a file by an edited copy of itself, completely or not at all.

The copy is made next to the original, checked there, made durable, and only then takes
the original's name in one step. At every moment the name leads to a whole file.

If this user may not give the copy the original's owner, the original's own bytes are changed
instead, provided that the new tag fits; see `system.patch_in_place`.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lean_tagger.errors import (
    FileError,
    HardlinkedError,
    LeanTagError,
    NoPermissionError,
    ObstacleError,
    StateError,
    WriteError,
)
from lean_tagger.jobs import Identity
from lean_tagger.settings import WriteSettings
from lean_tagger.system import obstacles, patch_in_place, temporary_files
from lean_tagger.system.files import sync_folder
from lean_tagger.write.attributes import take_over, take_over_owner
from lean_tagger.write.source import Source

# A longer "suffix" is part of a title ("Vol. 2 with everybody"), and would make a name too long.
_LONGEST_SUFFIX_BYTES = 16


def replace(
    source: Source,
    real: str,
    *,
    fill: Callable[[int], None],
    check: Callable[[str], None],
    ways: WriteSettings,
) -> Identity:
    """Replace a file by an edited copy, and return the identity of that.

    Parameters
    ----------
    source : Source
        The original, open; its ``stat`` is the state on which the edit is based.
    real : str
        The original's own name, with symbolic links resolved.
    fill : Callable[[int], None]
        Writes the new content to a descriptor.
    check : Callable[[str], None]
        Checks the finished copy, by name, and raises if it is wrong.
    ways : WriteSettings
        What to do with hard links and the modification time.

    Raises
    ------
    ObstacleError
        If the file may not be written; see `system.obstacles`.
    WriteError
        If it changed in the meantime; and errors from `check`.
    StateError
        If the disk is full.
    """
    folder = os.path.dirname(real) or "."
    with _our_io(source.path):
        way = _way(source, real, ways)
        temporary, fd = _create(folder, real)
    try:
        with _our_io(source.path):
            fill(fd)
            fits = os.fstat(fd).st_size == source.size
            if way == "in-place" and not fits:
                raise misfit(source)
        check(temporary)
        with _our_io(source.path):
            if way == "replace" and not take_over_owner(source.fd, fd):
                if source.stat.st_nlink > 1:  # its other names should stay as they are
                    raise source.refuse("its owner or group could not be kept; nothing was written")
                if not fits:
                    raise misfit(source)
                way = "in-place"
            if way == "replace":
                if lost := take_over(source.fd, fd):
                    raise source.refuse(f"{lost} could not be kept; nothing was written")
                if ways.preserve_mtime:
                    _keep_time(source, fd)
            os.fsync(fd)
            obstacles.refuse_while_written(source.path, real)
            _refuse_if_changed(source, real)
            if way == "in-place":
                identity = _change_in_place(source, real, fd, ways)
                os.unlink(temporary)
            else:
                identity = Identity.of(os.fstat(fd))
                os.replace(temporary, real)
    except BaseException:  # also Ctrl-C: leave no file of ours behind
        with suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    sync_folder(folder)
    return identity


def _way(source: Source, real: str, ways: WriteSettings) -> obstacles.Way:
    try:
        return obstacles.way_to_write(
            real, hardlinks=ways.hardlinks, preserve_mtime=ways.preserve_mtime
        )
    except ObstacleError as error:
        error.path = source.path  # as it was given
        raise


def misfit(source: Source) -> ObstacleError:
    """Return the error for a file that may only be changed in place, without room for that."""
    if source.stat.st_nlink > 1:
        return HardlinkedError(
            source.path,
            "it has more than one hard link, and the new tag does not fit into the room of the "
            "old one; nothing was written (--hardlinks break writes, and separates them)",
        )
    return NoPermissionError(
        source.path,
        "a new file would not have its owner and group, and the tag does not fit in place; "
        "nothing was written "
        f"(run lean-tag as user {source.stat.st_uid}, or as root)",
    )


def _change_in_place(source: Source, real: str, new_fd: int, ways: WriteSettings) -> Identity:
    """Copy the bytes that differ into the file itself, which keeps everything else."""
    folder, name = os.path.split(real)
    undo = os.path.join(folder, temporary_files.name_for(".undo"))
    fd = os.open(real, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if ways.preserve_mtime:  # if that is refused, then before anything is changed
            _keep_time(source, fd)
        patch_in_place.change(fd, new_fd, name=name, undo=undo)
        if ways.preserve_mtime:
            _keep_time(source, fd)
        return Identity.of(os.fstat(fd))
    finally:
        os.close(fd)


def _keep_time(source: Source, fd: int) -> None:
    try:
        os.utime(fd, ns=(source.stat.st_atime_ns, source.stat.st_mtime_ns))
    except OSError as error:
        if error.errno not in obstacles.REFUSALS:
            raise
        raise NoPermissionError(
            source.path,
            "its time cannot be kept here; nothing was written (leave --preserve-mtime out)",
        ) from error


def _create(folder: str, real: str) -> tuple[str, int]:
    suffix = os.path.splitext(real)[1]
    if len(os.fsencode(suffix)) > _LONGEST_SUFFIX_BYTES:
        suffix = ""
    temporary = os.path.join(folder, temporary_files.name_for(f".tmp{suffix}"))
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    return temporary, os.open(temporary, flags, 0o600)


def _refuse_if_changed(source: Source, real: str) -> None:
    then, now = source.stat, os.lstat(real)
    # The change time also moves with mode, owner or attributes, which were copied too.
    same = all(
        getattr(then, key) == getattr(now, key)
        for key in ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    )
    if not same:
        raise source.refuse("it changed while it was being tagged; nothing was written")


@contextmanager
def _our_io(path: str) -> Iterator[None]:
    """Explain an error of the operating system in our own writing."""
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
                message = f"writing a copy next to it failed: {error.strerror}"
        raise WriteError(path, f"{message}; nothing was written") from error
