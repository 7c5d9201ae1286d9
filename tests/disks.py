"""Small disks for the tests: made, mounted, and unmounted whatever happens."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def have(*tools: str) -> None:
    """Skip the test where it lacks the rights or the tools for disks."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount disks")
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")


def make(image: Path, size_mib: int, *command: str) -> Path:
    """Make a file with an empty file system, by the `command` that gets its name."""
    with image.open("wb") as file:
        file.truncate(size_mib << 20)
    subprocess.run([*command, image], check=True, capture_output=True)
    return image


def ext4(image: Path, size_mib: int = 8) -> Path:
    """Make a file with an ext4 that has a journal, and does nothing later by itself."""
    have("mkfs.ext4")
    lazy = "lazy_itable_init=0,lazy_journal_init=0"
    return make(image, size_mib, "mkfs.ext4", "-q", "-b", "1024", "-E", lazy)


@contextmanager
def mounted(*what: str | Path, at: Path, may_skip: bool = False) -> Iterator[Path]:
    """Mount, by what comes before the folder in a mount command; unmount in the end.

    With `may_skip`, a machine that cannot do that skips the test; without, it fails.
    """
    at.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *what, at], capture_output=True, text=True, check=False)
    if done.returncode and may_skip:
        pytest.skip(f"this cannot be mounted here: {done.stderr.partition(chr(10))[0]}")
    assert done.returncode == 0, done.stderr
    try:
        yield at
    finally:
        if subprocess.run(["umount", at], check=False, capture_output=True).returncode:
            subprocess.run(["umount", "--lazy", at], check=True)
            raise AssertionError(f"something still uses {at}")
