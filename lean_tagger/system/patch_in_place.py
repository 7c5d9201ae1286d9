"""Change some bytes of a file in place, in a way that can recover from a crash.

This is for files with several hard links, which a rename would break. The bytes that will be
lost first go into a small file next to it. After a crash that file is still there, and the next
process puts the bytes back. Standard library only: the supervisor does that for a worker that
died.
"""

import contextlib
import errno
import json
import os
import zlib

from lean_tagger.system.files import sync_folder

_BLOCK_BYTES = 1 << 20


def change(fd: int, new_fd: int, *, name: str, undo: str) -> None:
    """Give a file the content of another one of the same size; only differing bytes are written.

    Parameters
    ----------
    fd : int
        The file, open for reading and writing.
    new_fd : int
        A file with the new content.
    name : str
        The file's name in its folder.
    undo : str
        Path of the file with the old bytes, next to it; removed when this returns.

    Raises
    ------
    OSError
        Writing failed; the file is as it was, or `recover` makes it so.
    """
    start, end = _difference(fd, new_fd)
    if start == end:
        return
    before = os.pread(fd, end - start, start)
    head = {"name": name, "start": start, "bytes": len(before), "crc": zlib.crc32(before)}
    line = json.dumps(head).encode() + b"\n"
    folder = os.path.dirname(undo)
    undo_fd = os.open(undo, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _write_all(undo_fd, line + before, 0)
        os.fsync(undo_fd)
        sync_folder(folder)
        try:
            _write_all(fd, os.pread(new_fd, end - start, start), start)
            os.fsync(fd)
        except OSError:
            _write_all(fd, before, start)  # the same blocks: this works on a full disk too
            os.fsync(fd)
            raise
    finally:
        os.close(undo_fd)
        # Only now: if putting the bytes back failed too, the next run tries again.
        if os.pread(fd, end - start, start) in (before, os.pread(new_fd, end - start, start)):
            os.unlink(undo)
    sync_folder(folder)


def recover(undo: str) -> bool:
    """Put back the bytes that an interrupted change had begun to replace.

    Parameters
    ----------
    undo : str
        The file that the change left; removed when the bytes are back.

    Returns
    -------
    bool
        Whether bytes were put back; False if the change had not begun.

    Raises
    ------
    PermissionError
        The file was left by another user who does not own the music either. In a shared
        folder, such a file could make us write anything into anybody's files.
    """
    with open(undo, "rb") as file:
        owner = os.fstat(file.fileno()).st_uid
        line, _, before = file.read().partition(b"\n")
    put_back = False
    with contextlib.suppress(
        ValueError, KeyError, TypeError
    ):  # incomplete: the change had not begun
        head = json.loads(line)
        whole = len(before) == head["bytes"] and zlib.crc32(before) == head["crc"]
        if whole and os.path.basename(head["name"]) == head["name"]:
            target = os.path.join(os.path.dirname(undo), head["name"])
            fd = os.open(target, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if owner not in (os.geteuid(), os.fstat(fd).st_uid):
                    raise PermissionError(errno.EPERM, "it belongs to somebody else", undo)
                _write_all(fd, before, head["start"])
                os.fsync(fd)
            finally:
                os.close(fd)
            put_back = True
    os.unlink(undo)
    return put_back


def _difference(fd: int, new_fd: int) -> tuple[int, int]:
    """Return the span in which two files of the same size differ."""
    start = end = position = 0
    while block := os.pread(fd, _BLOCK_BYTES, position):
        other = os.pread(new_fd, _BLOCK_BYTES, position)
        if block != other:
            here = [i for i, (a, b) in enumerate(zip(block, other, strict=False)) if a != b]
            start = position + here[0] if start == end else start
            end = position + here[-1] + 1
        position += len(block)
    return start, end


def _write_all(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
