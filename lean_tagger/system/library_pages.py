"""Give back pages of libraries that were needed once, at the start.

Loading av, numpy and onnxruntime touches tens of megabytes of their files: relocations,
constructors, tables of symbols. The pages are clean, a copy of what is on the disk, yet they count
as resident until the system is short of memory. Given back, they come again from the page cache
one by one where they are still needed.
"""

import contextlib
import ctypes
import re
import sys
from collections.abc import Iterator

_MADV_DONTNEED = 4  # madvise(2), Linux
# A mapping of a file that nobody can write and of which no page is a copy of our own: address
# range, rights and path; then a line for each thing that is told, proc(5), /proc/pid/smaps. One
# pass of the expression over all of it: line by line in Python takes 10 ms more.
_CLEAN = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(/.*)\n(?:[A-Z].*\n)*?Anonymous: +0 kB$",
    re.MULTILINE,
)


def release() -> None:
    """Give back the clean pages of all libraries of this process; Linux only, never fatal.

    What is given back is exactly what the file holds.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for start, end in list(_clean_mappings()):
            madvise(start, end - start, _MADV_DONTNEED)  # a refusal changes nothing


def _clean_mappings() -> Iterator[tuple[int, int]]:
    """Yield where each mapping of a file starts and ends that holds no page but the file's."""
    with open("/proc/self/smaps", "rb") as smaps:
        for start, end, path in _CLEAN.findall(smaps.read()):
            if not path.endswith(b"(deleted)"):
                yield int(start, 16), int(end, 16)
