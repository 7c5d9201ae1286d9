"""Our own temporary files, and what is left of them when a process was killed.

Loads nothing heavy: the supervisor sweeps behind a worker that it ended, and a worker sweeps
every folder that it comes to, for whoever was there before.
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

    The dot keeps players and our own walk away, the suffix stays because decoders look at
    it, and whose it is stands between them: a folder on the network has several machines,
    and after a power cut the same number may soon be another process.
    """
    pid = os.getpid()
    birth = _birth(pid) or "0" * 8
    return f".lean-tag-{_machine()}-{pid}-{birth}{os.urandom(4).hex()}{suffix}"


def sweep(folder: str, *, pid: int | None = None) -> list[str]:
    """Remove what processes of this machine that are gone left in a folder.

    What one of them was changing where it stands is put back; see `patch_in_place`.

    Parameters
    ----------
    folder : str
        Its files, not those below.
    pid : int, optional
        Of one process that is known to be gone; by default, of all that are.

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
    """Tell whether a process is there, and is the one that was born then."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # somebody else's
    try:
        if _status(pid)[0] == b"Z":  # it waits to be buried
            return False
    except (OSError, IndexError):
        return True
    now = _birth(pid)
    return not now or birth in ("0" * 8, now)


def _birth(pid: int) -> str:
    """Return a mark of when a process began, of this start of the machine; Linux only."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            began = file.read() + _status(pid)[19]  # in ticks since then
    except (OSError, IndexError):
        return ""
    return f"{zlib.crc32(began):08x}"


def _status(pid: int) -> list[bytes]:
    """Return the fields of proc(5)'s stat that stand behind the name in brackets."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def _machine() -> str:
    # No hashlib here: it loads OpenSSL, 4 MiB of the supervisor's 25.
    return f"{zlib.crc32(os.uname().nodename.encode()):08x}"
