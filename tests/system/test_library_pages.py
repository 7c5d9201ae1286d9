"""Pages of libraries that were needed once are given back, and come again when they are needed."""

import subprocess
import sys

import pytest

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
