"""Our own temporary files, and the removal of those that a killed process left.

Loads nothing heavy: the supervisor sweeps after a worker that it ended, and a worker sweeps
every folder that it comes to.
"""

import contextlib
import os
import re
import stat
import zlib

from lean_tagger.system import patch_in_place

_NAME = re.compile(
    r"\.lean-tag-([0-9a-f]{8})-(\d+)-([0-9a-f]{8})[0-9a-f]{8}\.(?:undo|tmp(?:\..{1,16})?)",
    re.ASCII,
)


def name_for(suffix: str) -> str:
    """Return a name for a temporary file of this process, as ``.tmp.mp3`` or ``.undo``.

    The dot hides it from players and from our own walk, and decoders need the suffix. Between
    them are machine and process: several machines may use a network folder, and after a power
    cut another process may have the same number.
    """
    pid = os.getpid()
    birth = _birth(pid) or "0" * 8
    return f".lean-tag-{_machine()}-{pid}-{birth}{os.urandom(4).hex()}{suffix}"


def sweep(folder: str, *, pid: int | None = None) -> list[str]:
    """Remove what dead processes of this machine left in a folder.

    A file that one of them was changing in place is restored; see `patch_in_place`.

    Parameters
    ----------
    folder : str
        Only its own files, not those in folders below.
    pid : int, optional
        A process that is known to be dead; by default all dead ones.

    Returns
    -------
    list of str
        The names that were removed.
    """
    removed = []
    with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found is None or found[1] != _machine():
                continue
            owner = int(found[2])
            gone = owner == pid if pid is not None else not _is_alive(owner, found[3])
            with contextlib.suppress(OSError):
                if gone and stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                    if entry.name.endswith(".undo"):
                        patch_in_place.recover(entry.path)
                    else:
                        os.unlink(entry.path)
                    removed.append(entry.name)
    return removed


def _is_alive(pid: int, birth: str) -> bool:
    """Tell whether a process exists and is the one that started at that time."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # it belongs to another user
    try:
        if _status(pid)[0] == b"Z":  # dead, not reaped yet
            return False
    except (OSError, IndexError):
        return True
    now = _birth(pid)
    return not now or birth in ("0" * 8, now)


def _birth(pid: int) -> str:
    """Return a mark for the start of a process and of the machine; Linux only."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            began = file.read() + _status(pid)[19]  # in ticks since the machine started
    except (OSError, IndexError):
        return ""
    return f"{zlib.crc32(began):08x}"


def _status(pid: int) -> list[bytes]:
    """Return the fields of proc(5)'s stat after the name in brackets."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def _machine() -> str:
    # No hashlib here: it loads OpenSSL, 4 MiB of the supervisor's 25.
    return f"{zlib.crc32(os.uname().nodename.encode()):08x}"
