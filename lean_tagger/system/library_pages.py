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
# See proc(5), /proc/pid/smaps: address range, rights and path of a mapping, then a line for each
# property, the flags last. A page of its own (a relocated pointer) would be lost, in memory or
# swapped out.
_OF_A_FILE = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(/.*)$", re.MULTILINE)
_NO_OWN_PAGES = re.compile(rb"\nAnonymous: +0 kB\n"), re.compile(rb"\nSwap: +0 kB\n")


def release() -> None:
    """Give back the clean pages of all libraries of this process; Linux only, never fatal.

    These pages hold exactly what the file holds.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        with open("/proc/self/smaps", "rb") as smaps:
            told = smaps.read()
        for start, end in clean_mappings(told):
            madvise(start, end - start, _MADV_DONTNEED)  # it may be refused


def clean_mappings(smaps: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of each mapping that holds only the file's own pages.

    Parameters
    ----------
    smaps : bytes
        What the kernel tells of a process.
    """
    for mapping in smaps.split(b"VmFlags:"):
        found = _OF_A_FILE.search(mapping)
        if (
            found
            and not found[3].endswith(b"(deleted)")
            and all(nothing.search(mapping, found.end()) for nothing in _NO_OWN_PAGES)
        ):
            yield int(found[1], 16), int(found[2], 16)
