"""Pages of libraries that were needed once are given back, and come again when they are needed."""

import subprocess
import sys

import pytest

from lean_tagger.system.library_pages import clean_mappings

MAPPING = """7f0000000000-7f0000002000 {rights} 00001000 fe:00 123   {path}
Size:                  8 kB
Rss:                   8 kB
Private_Clean:         8 kB
Anonymous:      {anonymous:8} kB
LazyFree:              0 kB
Swap:           {swap:8} kB
SwapPss:               0 kB
VmFlags: rd mr mw me sd
"""

RELEASE = """
import numpy, av, onnxruntime
from lean_tagger.system import library_pages
from lean_tagger.system.memory import current_rss_bytes
before = current_rss_bytes()
library_pages.release()
after = current_rss_bytes()
assert numpy.linalg.inv(numpy.eye(3) * 2)[0, 0] == 0.5
assert numpy.fft.rfft(numpy.ones(8))[0] == 8
assert av.codec.Codec("mp3", "r").name.startswith("mp3")
print(before - after)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="madvise is asked on Linux only")
def test_libraries_that_were_loaded_give_back_ten_mebibytes_and_go_on_working() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RELEASE], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 10 << 20


def test_nothing_of_ours_is_lost() -> None:
    """A private mapping of a file keeps what was written into it."""
    script = """
import mmap, tempfile
from lean_tagger.system import library_pages
with tempfile.NamedTemporaryFile() as file:
    file.write(bytes(1 << 20)); file.flush()
    rights = mmap.PROT_READ | mmap.PROT_WRITE
    ours = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=rights)
    ours[:4] = b"ours"
    library_pages.release()
    assert ours[:4] == b"ours"
print("kept")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "kept\n"


@pytest.mark.parametrize(
    ("rights", "path", "anonymous", "swap", "given_back"),
    [
        ("r-xp", "/usr/lib/libc.so.6", 0, 0, True),
        ("r--p", "/usr/lib/a lib with spaces.so", 0, 0, True),
        ("r--p", "/usr/lib/libc.so.6", 4, 0, False),  # pointers that the loader has written
        ("r--p", "/usr/lib/libc.so.6", 0, 4, False),  # the same, swapped out
        ("rw-p", "/usr/lib/libc.so.6", 0, 0, False),
        ("r--s", "/usr/lib/libc.so.6", 0, 0, False),
        ("r-xp", "/usr/lib/libc.so.6 (deleted)", 0, 0, False),
        ("r-xp", "[vdso]", 0, 0, False),
        ("r--p", "", 0, 0, False),
    ],
)
def test_only_pages_that_a_file_still_holds_are_given_back(
    rights: str, path: str, anonymous: int, swap: int, *, given_back: bool
) -> None:
    mapping = MAPPING.format(rights=rights, path=path, anonymous=anonymous, swap=swap).encode()
    neighbour = MAPPING.format(rights="rw-p", path="[heap]", anonymous=8, swap=8).encode()
    found = list(clean_mappings(neighbour + mapping + neighbour))
    assert found == [(0x7F0000000000, 0x7F0000002000)] * given_back


@pytest.mark.parametrize("smaps", [b"", b"\n", b"VmFlags: rd\nVmFlags:", b"Swap: 0 kB\n"])
def test_a_kernel_that_tells_less_gets_nothing_back(smaps: bytes) -> None:
    assert not list(clean_mappings(smaps))


@pytest.mark.skipif(sys.platform != "linux", reason="madvise is asked on Linux only")
@pytest.mark.parametrize(
    "refused",
    [
        "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",  # smaps cannot be opened
        "ctypes.CDLL = lambda *_, **__: object()",  # a C library without madvise
        "sys.platform = 'freebsd13'",
    ],
)
def test_what_is_refused_is_no_error(refused: str) -> None:
    script = f"""
import ctypes, resource, sys
from lean_tagger.system import library_pages
{refused}
library_pages.release()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
