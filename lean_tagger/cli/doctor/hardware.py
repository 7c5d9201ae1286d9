"""What a doctor says about the machine: processor, and control of memory."""

import contextlib
import os
import platform
from pathlib import Path
from typing import Any

from lean_tagger.errors import StateError
from lean_tagger.system import machine
from lean_tagger.system.memory import current_rss_bytes

FEATURES = (
    *("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8"),
    *("neon", "asimd", "asimdhp", "asimddp", "i8mm", "sve", "sve2"),
)
"""Features that the network's kernels use, as /proc/cpuinfo names them."""


def cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, Any]:
    """Return the processor's model, relevant features, cores, and limits on them."""
    facts: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in cpuinfo.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip().lower(), value.strip())
    flags = f"{facts.get('flags', '')} {facts.get('features', '')}".split()
    named = (facts.get(key) for key in ("model", "model name", "hardware"))
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "model": next((n for n in named if n and not n.isdigit()), platform.machine()),
        "features": [name for name in FEATURES if name in flags],
        "cores": os.cpu_count() or 1,
        "affinity": affinity,
        "quota": min(machine.cpu_quotas(machine.membership()), default=None),
        "usable": machine.usable_cores(),
    }


def memory_groups_off(proc: Path = Path("/proc")) -> bool:
    """Tell whether the kernel was started without memory control groups.

    Raspberry Pi OS does so. ``/proc/cgroups`` shows it; for a kernel that no longer lists the
    controller there, the command line does, where the last word counts.
    """
    with contextlib.suppress(OSError):
        for line in (proc / "cgroups").read_text().splitlines():
            words = line.split()
            if len(words) == 4 and words[0] == "memory":  # name, hierarchy, groups, enabled
                return words[3] == "0"
    off = False
    with contextlib.suppress(OSError):
        for word in (proc / "cmdline").read_text(errors="replace").split():
            key, _, value = word.partition("=")
            if key in {"cgroup_disable", "cgroup_enable"} and "memory" in value.split(","):
                off = key == "cgroup_disable"
    return off


def why_memory_is_unseen() -> str | None:
    """Return why the memory of a process cannot be read; ``None`` if it can."""
    try:
        current_rss_bytes()
    except StateError as error:
        return str(error)
    return None
