"""The last lines that a worker's libraries print, which often say why it ended."""

import contextlib
import os

KEPT_BYTES = 4096
LONGEST_LINE = 300
"""Most characters of a line in a message."""


class StderrTail:
    """A pipe for a process's standard error that keeps the last few lines.

    Neither end ever waits: decoders print a line for each damaged frame, and lines that do not fit
    into the pipe are lost. We hold both ends, so the pipe never reports an end before `close`: if
    the process closes its own end, a selector does not wake up again and again.

    Attributes
    ----------
    write_fd : int
        For the process.
    """

    def __init__(self) -> None:
        self._read_fd, self.write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self.write_fd, False)
        self._kept = bytearray()

    def fileno(self) -> int:
        """Return the reading end, for a selector."""
        return self._read_fd

    def take(self) -> None:
        """Read what was printed, if anything was."""
        with contextlib.suppress(BlockingIOError):
            self._kept += os.read(self._read_fd, 1 << 16)  # as much as the pipe holds
        del self._kept[:-KEPT_BYTES]

    def forget(self) -> None:
        """Forget what was printed so far, as it does not concern the next file."""
        self._kept.clear()

    def last_line(self) -> str:
        """Return the last line that was printed; empty if none was."""
        lines = self._kept.decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1][:LONGEST_LINE] if said else ""

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read_fd)
        os.close(self.write_fd)
