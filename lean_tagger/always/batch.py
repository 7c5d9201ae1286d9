"""One batch: the command that tags, in its own process.

So the waiting process stays small whatever a batch needs, and an error in a batch does not end it.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from lean_tagger.run.child_process import start, starting


class Batch:
    """A run of ``lean-tag tag`` over some folders.

    Parameters
    ----------
    arguments : sequence of str
        Options and paths of the run.
    folders : sequence of str
        As for `within.Within`.
    """

    def __init__(self, arguments: Sequence[str], folders: Sequence[str]) -> None:
        # A file, not a pipe: the list may be longer than a pipe holds.
        with tempfile.TemporaryFile() as listed:
            listed.writelines(os.fsencode(folder) + b"\0" for folder in folders)
            listed.seek(0)
            with starting("a run"):
                self._process = start(
                    ["lean_tagger", "tag", "--json", "--quiet", "--only-in", "-", *arguments],
                    stdin=listed,
                    stdout=subprocess.PIPE,
                )
        assert self._process.stdout is not None  # noqa: S101 - narrows the type for mypy
        self._fd = self._process.stdout.fileno()
        self._rest = b""

    def fileno(self) -> int:
        """Return a descriptor that is readable when there are results or the batch has ended."""
        return self._fd

    def records(self) -> Iterator[dict[str, Any]] | None:
        """Wait for results and return them; None when there will be no more."""
        data = os.read(self._fd, 1 << 16)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return (json.loads(line) for line in lines)

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        assert self._process.stdout is not None  # noqa: S101 - narrows the type for mypy
        self._process.stdout.close()
        return self._process.wait()

    def stop(self) -> None:
        """Let it finish or undo its present file, and end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        while self.records() is not None:
            pass
        self.end()
