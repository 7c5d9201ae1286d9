"""Write a file of ours completely or not at all."""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from lean_tagger.errors import ConfigError, StateError
from lean_tagger.system.files import NotRegularError, open_regular, sync_folder
from lean_tagger.system.temporary_files import name_for

HEAD_BYTES = 1024
_MODE = 0o666


@contextlib.contextmanager
def written_whole(path: str, *, mark: bytes) -> Iterator[BinaryIO]:
    """Open a temporary file that gets its final name once all of it is on the disk.

    Until then, and if the context ends with an error, an existing file stays as it is. A link
    is followed, and its target replaced.

    Parameters
    ----------
    path : str
        The file's name.
    mark : bytes
        Marks an existing file as ours, within its first `HEAD_BYTES`.

    Raises
    ------
    ConfigError
        A file of this name is not ours, or its folder does not exist.
    StateError
        It cannot be written.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    try:
        mode = _mode_of_ours(target, mark)
        temporary = os.path.join(folder, name_for(".tmp"))
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        try:
            with open(fd, "wb") as file:
                yield file
                file.flush()
                if mode is not None:
                    with contextlib.suppress(OSError):  # some file systems have no modes
                        os.fchmod(fd, mode)
                os.fsync(fd)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        sync_folder(folder)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}") from error


@contextlib.contextmanager
def written(path: str, *, mark: bytes) -> Iterator[BinaryIO]:
    """Do the same, but give a pipe or a device the bytes as they come."""
    if os.path.isfile(path) or not os.path.exists(path):
        with written_whole(path, mark=mark) as file:
            yield file
        return
    try:
        with open(path, "wb") as file:
            yield file
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}") from error


def _mode_of_ours(target: str, mark: bytes) -> int | None:
    """Return the mode of the file that is replaced; None if there is none."""
    try:
        fd = open_regular(target)
    except FileNotFoundError:
        if not os.path.isdir(os.path.dirname(target)):
            raise ConfigError(f"there is no folder {os.path.dirname(target)}") from None
        return None
    except NotRegularError as error:
        raise ConfigError(f"{target}: {error.strerror}; give another name") from error
    try:
        head, mode = os.read(fd, HEAD_BYTES), os.fstat(fd).st_mode
    finally:
        os.close(fd)
    if head and mark not in head:
        raise ConfigError(
            f"{target} already exists and was not written by this command; give another name, "
            "or remove it"
        )
    return stat.S_IMODE(mode)
