"""Runs as another user, for root's tests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def somebody(user: int, *groups: int) -> tuple[str, ...]:
    """Return the command by which a user runs another command; skip the test where none can.

    Python may be in a folder of root's: the right to search folders is left to the user.
    """
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    return (
        *("setpriv", f"--reuid={user}", f"--regid={user}"),
        f"--groups={','.join(map(str, groups or (user,)))}",
        *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"),
    )


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder for a test that others may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
