"""Changes in folders, as the kernel reports them: inotify(7).

Names are bytes here, as on the disk. (The package watchfiles fails on names that are not UTF-8,
and takes 6 MiB.)
"""

import ctypes
import os
import struct
import sys
from typing import NamedTuple

MODIFY, CLOSE_WRITE, MOVED_TO, CREATE = 0x2, 0x8, 0x80, 0x100
UNMOUNT, OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
FOLDER = 0x40000000
_ONLY_FOLDERS, _CLOSE_ON_EXEC, _DO_NOT_BLOCK = 0x01000000, 0o2000000, 0o4000
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name
_READ_BYTES = 1 << 16


class Event(NamedTuple):
    """One thing that happened in a watched folder.

    Attributes
    ----------
    watch : int
        The folder, as `Inotify.add` returned it; -1 with `OVERFLOW`.
    mask : int
        What happened: one of the constants above, with `FOLDER` if it happened to a folder.
    name : bytes
        The file or folder in it; empty if it happened to the watched folder itself.
    """

    watch: int
    mask: int
    name: bytes


class Inotify:
    """One queue of events.

    Raises
    ------
    OSError
        The kernel has no inotify, or no more queues for this user.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError("only Linux has inotify")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._checked(self._libc.inotify_init1(_CLOSE_ON_EXEC | _DO_NOT_BLOCK))

    def fileno(self) -> int:
        """Return the descriptor that is readable when something happened."""
        return self.fd

    def add(self, folder: bytes) -> int:
        """Watch a folder, without what is below it, and return its number.

        Raises
        ------
        OSError
            It cannot be watched; ``ENOSPC`` if this user may watch no more folders.
        """
        mask = MODIFY | CLOSE_WRITE | MOVED_TO | CREATE | _ONLY_FOLDERS
        return self._checked(
            self._libc.inotify_add_watch(self.fd, ctypes.c_char_p(folder), ctypes.c_uint32(mask))
        )

    def read(self) -> list[Event]:
        """Return the events that one read gives; it never waits."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return []
        events, at = [], 0
        while at < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            events.append(Event(watch, mask, data[at : at + length].rstrip(b"\0")))
            at += length
        return events

    def close(self) -> None:
        """Stop watching."""
        os.close(self.fd)

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
