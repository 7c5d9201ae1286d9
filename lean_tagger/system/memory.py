"""How much memory a process takes, and two limits on it.

A budget is written as Docker writes it: ``1500M``, ``1.5G``, ``512MiB`` or plain bytes, and
every unit is binary (M is 1024² bytes).

`Guard` is the soft limit: it checks the resident size between two windows. `limit_data` is the
hard limit: it makes a single huge allocation fail, which a check between windows would miss.
"""

import contextlib
import functools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from lean_tagger.errors import ConfigError, OverBudgetError, StateError

with contextlib.suppress(ImportError):  # Windows lacks it
    # Early: once the address space is used up, it cannot be loaded to ask for the limit.
    import resource  # noqa: F401 - where it is used, it is there or not

_KIB, _MIB, _GIB = 1024, 1024**2, 1024**3
_UNITS = {"": 1, "k": _KIB, "m": _MIB, "g": _GIB, "t": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([kmgt]?)(?:i?b)?", re.ASCII | re.IGNORECASE)
NO_MEMORY = ("bad_alloc", "bad allocation", "annot allocate memory")
"""Parts of the messages of C++ and the C library when no memory is left."""

_LARGEST_BYTES = 2**63 - 1
# Longer than any sensible size; limits the work on hostile input.
_LONGEST_TEXT = 40
# Above this share of the budget, memory that malloc holds but does not use is given back.
_NEAR = 0.9


def parse_size(text: str) -> int:
    """Return the number of bytes that a user wrote.

    Parameters
    ----------
    text : str
        A number with an optional unit: ``1073741824``, ``64k``, ``1500M``, ``1.5G``,
        ``512MiB``, ``512MB``; case does not matter, and every unit is binary.

    Returns
    -------
    int
        Bytes, 1 or more; a fraction of a byte is dropped.

    Raises
    ------
    ConfigError
        The text is not a size, or the size is zero or beyond 64 bits.
    """
    shown = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."
    match = _SIZE.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise ConfigError(f"{shown!r} is not a memory size; write it as 1500M, 1.5G or 512MiB")
    number, unit = match.groups()
    if "." in number and not unit:
        raise ConfigError(f"{shown!r} lacks a unit; write it as 1500M, 1.5G or 512MiB")
    whole, _, fraction = number.partition(".")
    scale: int = 10 ** len(fraction)
    size_bytes = int(whole + fraction) * _UNITS[unit.lower()] // scale
    if not 0 < size_bytes <= _LARGEST_BYTES:
        extreme = "no memory at all" if size_bytes == 0 else "more memory than any machine has"
        raise ConfigError(f"{shown!r} is {extreme}; write it as 1500M, 1.5G or 512MiB")
    return size_bytes


def format_size(size_bytes: int) -> str:
    """Return a size for people, in whole MiB for the usual budgets.

    There is one unit up to 10 GiB, so that a peak and its budget are easy to compare
    ("104 MiB of 2048 MiB").
    """
    if size_bytes < _KIB:
        return f"{size_bytes} B"
    if size_bytes < _MIB:
        return f"{size_bytes / _KIB:.0f} KiB"
    if size_bytes < 10 * _GIB:
        return f"{size_bytes / _MIB:.0f} MiB"
    return f"{size_bytes / _GIB:.1f} GiB"


def current_rss_bytes() -> int:
    """Return the resident size of this process, in bytes, now.

    Raises
    ------
    StateError
        It cannot be read, as in a chroot without ``/proc``.
    """
    try:
        with open("/proc/self/statm", "rb", buffering=0) as statm:
            return _statm_rss_bytes(statm.read(128))
    except OSError:
        return _psutil_rss_bytes()


def peak_rss_bytes() -> int:
    """Return the highest resident size of this process so far, in bytes.

    ``VmHWM`` if there is one, since ``ru_maxrss`` of a child can report its parent's peak.
    """
    try:
        return _status_bytes(b"VmHWM:")
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return _psutil_rss_bytes()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB  # getrusage(2): bytes on macOS only


def process_rss_bytes(pid: int) -> int:
    """Return the resident size of another process, in bytes, now; 0 if there is none."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as statm:
            return _statm_rss_bytes(statm.read(128))
    except (OSError, IndexError):  # gone, or gone between open and read
        pass
    if Path("/proc/self/statm").exists():
        return 0
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def limit_data(share_bytes: int) -> None:
    """Make allocations fail that would take this process beyond its share.

    ``RLIMIT_DATA`` counts all private writable memory that a process has requested, also
    memory it never touched, which is more than its resident size. So the limit is what is
    requested now, plus what the share leaves above the present resident size.

    Parameters
    ----------
    share_bytes : int
        Most resident memory for the process; 0 lifts the limit.
    """
    try:
        import resource

        data_bytes = _status_bytes(b"VmData:")
    except (ImportError, OSError):  # Windows; macOS, where the limit has no effect
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = resource.RLIM_INFINITY
    if share_bytes:
        wanted = data_bytes + max(0, share_bytes - current_rss_bytes())
    if most != resource.RLIM_INFINITY:
        wanted = most if wanted == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


def process_limit_bytes() -> int | None:
    """Return the limit on a process's address space in bytes (``ulimit -v``); None without one.

    Reserved room that is never touched counts too, so a limit that looks ample may be too low.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit_bytes, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit_bytes == resource.RLIM_INFINITY else limit_bytes


def trim() -> None:
    """Give memory that malloc holds but does not use back to the system; glibc only."""
    malloc_trim = _malloc_trim()
    if malloc_trim is not None:
        malloc_trim(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    import ctypes

    try:
        found = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # musl and macOS; Windows
        return None
    found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_int
    return found


def _status_bytes(name: bytes) -> int:
    for line in Path("/proc/self/status").read_bytes().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * _KIB
    raise OSError(f"no {name!r} in /proc/self/status")


def _statm_rss_bytes(statm: bytes) -> int:
    return int(statm.split()[1]) * _PAGE_BYTES  # proc(5): the second number, in pages


def _psutil_rss_bytes() -> int:
    import psutil

    try:
        return int(psutil.Process().memory_info().rss)
    except (OSError, psutil.Error) as error:
        raise StateError(
            "the memory of a process cannot be read here, because /proc is not mounted; "
            "mount it: mount -t proc proc /proc"
        ) from error


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Guard:
    """A soft memory limit, checked between windows.

    A check reads a file that stays open; this takes a few µs. Make the guard in the process
    that it guards: after a fork it would read the parent's memory.

    Parameters
    ----------
    budget_bytes : int
        Most resident memory that the process may have; 0 checks nothing.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._near_bytes = int(budget_bytes * _NEAR)
        self._trimmed = False
        self._fd = -1
        if budget_bytes:
            try:
                self._fd = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
            except (AttributeError, OSError):
                self._fd = -1

    def check(self, path: str) -> None:
        """Check the resident size; near the budget, give unused memory back once.

        Parameters
        ----------
        path : str
            The file in work, for the error.

        Raises
        ------
        OverBudgetError
            The process is above its budget even after giving back what it can.
        """
        if not self.budget_bytes:
            return
        rss_bytes = self._rss_bytes()
        if rss_bytes < self._near_bytes:
            self._trimmed = False
            return
        # Once each time: a run that stays near its budget would otherwise trim at every window.
        if not self._trimmed or rss_bytes > self.budget_bytes:
            self._trimmed = True
            trim()
            rss_bytes = self._rss_bytes()
        if rss_bytes > self.budget_bytes:
            raise OverBudgetError(
                path,
                f"scoring this file took {format_size(rss_bytes)} of memory, above the budget "
                f"of {format_size(self.budget_bytes)}; allow more with --max-mem",
            )

    def close(self) -> None:
        """Close the file; later checks use a slower call."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def _rss_bytes(self) -> int:
        if self._fd < 0:
            return current_rss_bytes()
        return _statm_rss_bytes(os.pread(self._fd, 128, 0))
