"""How much memory there is, how much this process takes, and a guard between the two.

A budget is written as Docker writes it: ``1500M``, ``1.5G``, ``512MiB`` or plain bytes, and
every unit is binary (M is 1024² bytes). What a machine gives is the lowest of its physical
memory and the limits of all control groups above this process; psutil alone reads a
container's host.

`Guard` is the soft limit: it looks at the resident size between two windows, so that a file
which grows without end becomes one failed file. It cannot stop a single large allocation;
that takes a hard limit, which is the worker's.
"""

import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path, PurePosixPath

from lean_tagger.errors import ConfigError, OverBudgetError

__all__ = [
    "Guard",
    "cgroup_limit_bytes",
    "current_rss_bytes",
    "default_budget_bytes",
    "format_size",
    "machine_limit_bytes",
    "parse_size",
    "peak_rss_bytes",
    "trim",
]

_KIB, _MIB, _GIB = 1024, 1024**2, 1024**3
_UNITS = {"": 1, "k": _KIB, "m": _MIB, "g": _GIB, "t": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([kmgt]?)(?:i?b)?", re.ASCII | re.IGNORECASE)
_LARGEST_BYTES = 2**63 - 1
# Longer than any size that makes sense; bounds the work on hostile input.
_LONGEST_TEXT = 40
# Above this share of the budget, freed memory that malloc still holds is given back first.
_NEAR = 0.9


def parse_size(text: str) -> int:
    """Return the number of bytes that a person wrote.

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
        The text is no size, or one that is zero or beyond 64 bits.
    """
    shown = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."
    match = _SIZE.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise ConfigError(f"{shown!r} is not a memory size; write it as 1500M, 1.5G or 512MiB")
    number, unit = match.groups()
    if "." in number and not unit:
        raise ConfigError(f"{shown!r} lacks a unit; write it as 1500M, 1.5G or 512MiB")
    size_bytes = int(Fraction(number) * _UNITS[unit.lower()])
    if not 0 < size_bytes <= _LARGEST_BYTES:
        extreme = "no memory at all" if size_bytes == 0 else "more memory than any machine has"
        raise ConfigError(f"{shown!r} is {extreme}; write it as 1500M, 1.5G or 512MiB")
    return size_bytes


def format_size(size_bytes: int) -> str:
    """Return a size for people: whole MiB in the range where budgets live.

    One unit up to 10 GiB, so that a peak and its budget compare at a glance
    ("104 MiB of 2048 MiB").
    """
    if size_bytes < _KIB:
        return f"{size_bytes} B"
    if size_bytes < _MIB:
        return f"{size_bytes / _KIB:.0f} KiB"
    if size_bytes < 10 * _GIB:
        return f"{size_bytes / _MIB:.0f} MiB"
    return f"{size_bytes / _GIB:.1f} GiB"


def machine_limit_bytes() -> int:
    """Return what this process can have, in bytes.

    The lowest of physical memory and every control group's limit.
    """
    try:
        membership = Path("/proc/self/cgroup").read_text(errors="surrogateescape")
    except OSError:
        membership = ""
    group_bytes = cgroup_limit_bytes(membership)
    physical_bytes = _physical_bytes()
    return physical_bytes if group_bytes is None else min(physical_bytes, group_bytes)


def default_budget_bytes() -> int:
    """Return the budget of a run for which none was given: 2 GiB, or half of the machine."""
    return min(2 * _GIB, machine_limit_bytes() // 2)


def cgroup_limit_bytes(membership: str, *, mounted: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the lowest memory limit of a process's control groups, in bytes.

    Every ancestor counts, because a group's own file says "max" when only its parent is
    limited. Inside a container the path may name folders that only the host sees; those are
    passed over, and the mounted root is the container's own group.

    Parameters
    ----------
    membership : str
        Content of ``/proc/<pid>/cgroup``: lines of ``id:controllers:path``.
    mounted : Path
        Where the control groups are mounted.

    Returns
    -------
    int or None
        ``None`` where nothing is limited, or there are no control groups.
    """
    limits = []
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:  # version 2; "unified" is where hybrid systems mount it
            roots, names = [mounted, mounted / "unified"], ["memory.max", "memory.high"]
        elif "memory" in controllers.split(","):
            roots, names = [mounted / "memory", mounted / controllers], ["memory.limit_in_bytes"]
        else:
            continue
        # Above `memory.high` the kernel stalls the process instead of killing it: no better.
        limits += [
            limit
            for root in roots
            for folder in _ancestors(root, group)
            for name in names
            if (limit := _read_limit(folder / name)) is not None
        ]
    return min(limits, default=None)


def _ancestors(root: Path, group: str) -> Iterator[Path]:
    """Yield the group's folder and all above it, down to the mounted root."""
    # A process outside of its cgroup namespace has a path that starts with "..".
    parts = [part for part in PurePosixPath(group).parts if part not in {"/", ".."}]
    for depth in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:depth])


def _read_limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except (OSError, ValueError):
        return None
    # A limit of 0 would be a group that nothing can run in; it is a reading error.
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        import psutil  # type: ignore[import-untyped]

        return int(psutil.virtual_memory().total)


def current_rss_bytes() -> int:
    """Return the resident size of this process, in bytes, now."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as statm:  # noqa: PTH123 - hot path
            return _statm_rss_bytes(statm.read(128))
    except OSError:
        return _psutil_rss_bytes()


def peak_rss_bytes() -> int:
    """Return the highest resident size that this process ever had, in bytes.

    ``VmHWM`` where there is one: ``ru_maxrss`` of a child can report its parent's peak.
    """
    try:
        for line in Path("/proc/self/status").read_bytes().splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * _KIB
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return _psutil_rss_bytes()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB  # getrusage(2): bytes on macOS only


def trim() -> None:
    """Give freed memory that malloc still holds back to the system; glibc only."""
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


def _statm_rss_bytes(statm: bytes) -> int:
    return int(statm.split()[1]) * _PAGE_BYTES  # proc(5): the second number, in pages


def _psutil_rss_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Guard:
    """A soft memory limit, checked between windows.

    One check is one read of a file that stays open: a few µs, against about 25 ms of work
    per window. Make it in the process that it guards: after a fork it would read the parent.

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
        """Look at the resident size; near the budget, give freed memory back once.

        Parameters
        ----------
        path : str
            The file in work, for the error.

        Raises
        ------
        OverBudgetError
            The process is above its budget, even after giving back what it can.
        """
        if not self.budget_bytes:
            return
        rss_bytes = self._rss_bytes()
        if rss_bytes < self._near_bytes:
            self._trimmed = False
            return
        # Once per approach: a run that lives near its budget would trim at every window.
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
        """Close the file that is read; the guard checks with a slower call from then on."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def _rss_bytes(self) -> int:
        if self._fd < 0:
            return current_rss_bytes()
        return _statm_rss_bytes(os.pread(self._fd, 128, 0))
