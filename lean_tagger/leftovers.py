"""Our own temporary files, and what is left of them when a process was killed.

Loads nothing heavy: the supervisor sweeps behind a worker that it ended, and a worker sweeps
every folder that it comes to, for whoever was there before.
"""

import contextlib
import os
import re
import stat
import zlib

from lean_tagger import inplace

__all__ = ["name_for", "sweep"]

_NAME = re.compile(
    r"\.lean-tag-([0-9a-f]{8})-(\d+)-[0-9a-f]{16}\.(?:undo|tmp(?:\..{1,16})?)", re.ASCII
)


def name_for(suffix: str) -> str:
    """Return a name for a temporary file of this process, as ``.tmp.mp3`` or ``.undo``.

    The dot keeps players and our own walk away, the suffix stays because decoders look at
    it, and whose it is stands between them: a folder on the network has several machines.
    """
    return f".lean-tag-{_machine()}-{os.getpid()}-{os.urandom(8).hex()}{suffix}"


def sweep(folder: str, *, pid: int | None = None) -> list[str]:
    """Remove what processes of this machine that are gone left in a folder.

    What one of them was changing where it stands is put back; see `inplace`.

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
            gone = int(found[2]) == pid if pid is not None else not _is_alive(int(found[2]))
            with contextlib.suppress(OSError):
                if gone and stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                    if entry.name.endswith(".undo"):
                        inplace.recover(entry.path)
                    else:
                        os.unlink(entry.path)  # noqa: PTH108 - names may hold undecodable bytes
                    removed.append(entry.name)
    return removed


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # somebody else's
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - no pathlib for one line
            # proc(5): the state stands behind the name in brackets; Z waits to be buried.
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except (OSError, IndexError):
        return True


def _machine() -> str:
    # No hashlib here: it loads OpenSSL, 4 MiB of the supervisor's 25.
    return f"{zlib.crc32(os.uname().nodename.encode()):08x}"
