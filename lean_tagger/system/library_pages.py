"""Give back pages of libraries that were needed once, at the start.

Loading av, numpy and onnxruntime touches tens of megabytes of their files: relocations,
constructors, tables of symbols. The pages are clean, a copy of what is on the disk, yet they count
as resident until the system is short of memory. Given back, they come again from the page cache
one by one where they are still needed.
"""

import contextlib
import ctypes
import os
import re
import sys
from collections.abc import Iterator

_MADV_DONTNEED = 4  # madvise(2), Linux
# An address range, its rights, and the path of a file: proc(5), /proc/pid/smaps.
_MAPPING = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+\s+(/.*)")


def release() -> None:
    """Give back the clean pages of all libraries of this process; Linux only, never fatal.

    Only mappings that nobody can write and of which no page is a copy of our own: what is given
    back is exactly what the file holds.
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
    found: tuple[int, int] | None = None
    with open("/proc/self/smaps", "rb") as smaps:
        for line in smaps:
            if match := _MAPPING.match(line):
                start, end, rights, path = match.groups()
                fixed = b"w" not in rights and rights.endswith(b"p")
                on_disk = not path.endswith(b"(deleted)") and os.path.isabs(path)
                found = (int(start, 16), int(end, 16)) if fixed and on_disk else None
            elif found and line.startswith(b"Anonymous:") and int(line.split()[1]) == 0:
                yield found
                found = None
            elif not line[:1].isupper():  # another mapping, of no file
                found = None
