"""The memory and cores that this machine allows, and how much of them is free.

The memory allowed is the lowest of the physical memory and the limits of all control groups above
this process. (psutil would read the host of a container.)
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_MIB, _GIB = 1024**2, 1024**3

SMALL_RUN_BYTES = 144 * _MIB
"""Enough for a run with one worker and any one of our models."""

SYSTEM_BYTES = 8 * _MIB
"""Left for the kernel in a container that just holds that: page tables, sockets."""


def machine_limit_bytes() -> int:
    """Return the memory that this process can have, in bytes.

    It is the lowest of the physical memory and every control group's limit.
    """
    group_bytes = cgroup_limit_bytes(membership())
    return physical_bytes() if group_bytes is None else min(physical_bytes(), group_bytes)


def default_budget_bytes() -> int:
    """Return the default budget of a run, in bytes; see `default_budget`."""
    return default_budget(machine_limit_bytes())


def default_budget(limit_bytes: int) -> int:
    """Return the default budget for a machine that allows so much: 2 GiB, or half of it.

    Half of a small container would be too little for one worker; there it is what one needs.
    """
    small_bytes = min(SMALL_RUN_BYTES, limit_bytes - SYSTEM_BYTES)
    return min(2 * _GIB, max(limit_bytes // 2, small_bytes))


def cgroup_limit_bytes(membership: str, *, mounted: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the lowest memory limit of a process's control groups, in bytes.

    Parameters
    ----------
    membership, mounted
        As for `cgroup_limits`.

    Returns
    -------
    int or None
        ``None`` if nothing is limited, or there are no control groups.
    """
    found = cgroup_limits(membership, mounted=mounted)
    return min((limit_bytes for _, limit_bytes in found), default=None)


def cgroup_limits(
    membership: str, *, mounted: Path = Path("/sys/fs/cgroup")
) -> Iterator[tuple[Path, int]]:
    """Yield every memory limit of a process's control groups: the file, and its bytes.

    Every ancestor counts, because a group's own file says "max" when only its parent is
    limited. Inside a container the path may name folders that only the host sees; those are
    skipped, and the mounted root is the container's own group.

    Parameters
    ----------
    membership : str
        Content of ``/proc/<pid>/cgroup``: lines of ``id:controllers:path``.
    mounted : Path
        Where the control groups are mounted.
    """
    # Above `memory.high` the kernel stalls the process instead of killing it, which is no better.
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    # A controller that is mounted alone has one root, which would be yielded twice.
    for folder in dict.fromkeys(_group_folders(membership, "memory", mounted)):
        for name in names:
            if (limit_bytes := _read_limit(folder / name)) is not None:
                yield folder / name, limit_bytes


def _group_folders(membership: str, controller: str, mounted: Path) -> Iterator[Path]:
    """Yield the folders of all control groups above a process that limit one resource."""
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:  # version 2; "unified" is where hybrid systems mount it
            roots = [mounted, mounted / "unified"]
        elif controller in controllers.split(","):
            roots = [mounted / controller, mounted / controllers]
        else:
            continue
        for root in roots:
            yield from _ancestors(root, group)


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


def physical_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the memory that is built in, in bytes.

    In an LXC container, `meminfo` gives the container's limit and sysconf(3) the memory of its
    host; the lower one counts.
    """
    built_in_bytes = _pages_bytes("SC_PHYS_PAGES", "total")
    return min(built_in_bytes, _meminfo_bytes(meminfo, "MemTotal") or built_in_bytes)


def _pages_bytes(name: str, elsewhere: str) -> int:
    """Return a number of pages from sysconf(3), in bytes; or psutil's entry `elsewhere`."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf(name)
    except (AttributeError, OSError, ValueError):
        import psutil

        return int(getattr(psutil.virtual_memory(), elsewhere))


def _meminfo_bytes(meminfo: Path, name: str) -> int | None:
    """Return one entry of proc(5)'s meminfo, in bytes; ``None`` if it is missing."""
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def membership() -> str:
    """Return this process's control groups, as the kernel writes them; "" without any."""
    try:
        return Path("/proc/self/cgroup").read_text(errors="surrogateescape")
    except OSError:
        return ""


def usable_cores() -> int:
    """Return the cores that may be busy: the least of machine, affinity and control group quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in cpu_quotas(membership()))]))


def cpu_quotas(membership: str, *, mounted: Path = Path("/sys/fs/cgroup")) -> Iterator[float]:
    """Yield the CPU quota, in cores, of every control group above a process, if it has one.

    Parameters
    ----------
    membership, mounted
        As for `cgroup_limit_bytes`.
    """
    for folder in _group_folders(membership, "cpu", mounted):
        try:
            if (new := folder / "cpu.max").is_file():  # version 2: "quota period", in µs
                quota, period = new.read_text().split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text()
                period = (folder / "cpu.cfs_period_us").read_text()
            if quota.strip() not in {"max", "-1"}:
                yield int(quota) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue


LOW_MEMORY_SHARE = 0.05
"""Share of what the machine allows; with less available, memory is short."""

STALL_PERCENT = 10.0
"""Share of time in which some process waits for memory; above this, memory is short."""


def memory_is_short(limit_bytes: int, *, proc: Path = Path("/proc")) -> bool:
    """Tell whether other programs are short of memory.

    Parameters
    ----------
    limit_bytes : int
        What the machine allows; see `machine_limit_bytes`.
    proc : Path
        Where proc(5) is mounted.
    """
    low = available_bytes(proc / "meminfo") < LOW_MEMORY_SHARE * limit_bytes
    return low or memory_stalls(proc / "pressure") > STALL_PERCENT


def available_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the memory available without swapping, in bytes; an estimate outside Linux."""
    found_bytes = _meminfo_bytes(meminfo, "MemAvailable")
    if found_bytes is not None:
        return found_bytes
    return _pages_bytes("SC_AVPHYS_PAGES", "available")


def memory_stalls(root: Path = Path("/proc/pressure")) -> float:
    """Return the share of the last 10 s in which some process waited for memory, 0 to 100.

    Source: the kernel's pressure stall information; 0 where it has none.
    """
    try:
        some = (root / "memory").read_text().splitlines()[0]
        return float(some.split("avg10=")[1].split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
