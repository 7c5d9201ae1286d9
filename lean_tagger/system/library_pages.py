"""Give back pages of libraries that only the start needed.

Loading av, numpy and onnxruntime touches tens of megabytes of their files: relocations,
constructors, tables of symbols. The pages are clean copies of the disk, yet they count as resident
until the system is short of memory. After they are given back, those that are still needed return
one by one from the page cache.
"""

import contextlib
import ctypes
import re
import sys
from collections.abc import Iterator

_MADV_DONTNEED = 4  # madvise(2), Linux
# A read-only mapping of a file without private pages: a line with address range, rights and path,
# then a line for each property; see proc(5), /proc/pid/smaps. The expression runs once over all
# of it, since a loop over lines takes 10 ms more.
_CLEAN = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(/.*)\n(?:[A-Z].*\n)*?Anonymous: +0 kB$",
    re.MULTILINE,
)


def release() -> None:
    """Give back the clean pages of all libraries of this process; Linux only, never fatal.

    These pages hold exactly what the file holds.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for start, end in list(_clean_mappings()):
            madvise(start, end - start, _MADV_DONTNEED)  # it may be refused


def _clean_mappings() -> Iterator[tuple[int, int]]:
    """Yield start and end of each mapping that holds only the file's own pages."""
    with open("/proc/self/smaps", "rb") as smaps:
        for start, end, path in _CLEAN.findall(smaps.read()):
            if not path.endswith(b"(deleted)"):
                yield int(start, 16), int(end, 16)
