"""Arithmetic over the journal, in a child process under the memory budget.

The supervisor loads no numpy and stays small. Code that needs arrays is in the ``arithmetic/``
folders, as generator functions. `Calculation` runs one of them in a process of its own and yields
its values. A `Child` that is started before anything else loads numpy while the command finds out
what to ask.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any, BinaryIO

from lean_tagger.errors import BudgetError, StateError
from lean_tagger.run.budget import SUPERVISOR_BYTES, too_little
from lean_tagger.run.child_process import start, starting
from lean_tagger.run.failed_start import ran_out
from lean_tagger.run.messages import Broken, Ended, Value, receive, send
from lean_tagger.run.stderr_tail import StderrTail
from lean_tagger.system.memory import format_size

LEAST_BYTES = 40 << 20
"""Memory of a child with numpy, SQLite and some rows (measured: 31 MiB)."""


class Child:
    """A process that waits to be told what to calculate.

    Use it in a ``with`` statement, or hand it to a `Calculation`, which then ends it.

    Parameters
    ----------
    module : str
        The module to load while waiting.

    Attributes
    ----------
    process : subprocess.Popen
        With pipes for messages.
    stderr : StderrTail
        What it complains about.

    Raises
    ------
    StateError
        The system gives no process.
    """

    def __init__(self, module: str) -> None:
        with starting("the process that calculates"):
            self._start(module)
        self.input, self.output = _pipes(self.process)
        self._closed = False

    def _start(self, module: str) -> None:
        self.stderr = StderrTail()
        try:
            self.process = start(
                ["lean_tagger.run.calculation_main", str(os.getpid()), module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.stderr.write_fd,
            )
        except BaseException:
            self.stderr.close()
            raise

    def __enter__(self) -> "Child":
        """Return the child itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    @property
    def waits(self) -> bool:
        """Whether it can still be told something."""
        return not self._closed

    def close(self) -> None:
        """End it, whatever it is doing."""
        if self._closed:
            return
        self._closed = True
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.input.close()
        self.output.close()
        self.stderr.close()


class Calculation:
    """One call of a generator function in a child process.

    Use it in a ``with`` statement; leaving it early ends the child.

    Parameters
    ----------
    function : str
        ``module:function``, such as ``lean_tagger.library.arithmetic.similar:nearest``. It takes
        `request` and yields values.
    request : object
        Anything that can be pickled. It crosses a pipe, so it must not hold rows of the journal.
    max_mem_bytes : int
        The budget of supervisor and child together.
    child : Child or None
        One that was started before; None, or one that has ended, makes a new one start.

    Attributes
    ----------
    peak_bytes : int
        The child's highest resident size; 0 until its last value has been read.

    Raises
    ------
    BudgetError
        The budget is too small for any child.
    StateError
        The system gives no process.
    """

    def __init__(
        self, function: str, request: object, *, max_mem_bytes: int, child: Child | None = None
    ) -> None:
        share_bytes = max_mem_bytes - SUPERVISOR_BYTES
        if share_bytes < LEAST_BYTES:
            least = SUPERVISOR_BYTES + LEAST_BYTES
            raise BudgetError(
                f"a budget of {format_size(max_mem_bytes)} is too little: this command needs at "
                f"least {format_size(least)} (--max-mem {least >> 20}M), and more for a network "
                "or a large library"
            )
        self.peak_bytes = 0
        self._max_mem_bytes = max_mem_bytes
        self._child = child if child and child.waits else Child(function.partition(":")[0])
        with contextlib.suppress(BrokenPipeError):
            send(self._child.input, (function, request, share_bytes))

    def __enter__(self) -> "Calculation":
        """Return the calculation itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.close()

    def __iter__(self) -> Iterator[Any]:
        """Yield the function's values as they come.

        Raises
        ------
        BudgetError
            The child needed more memory than its share.
        StateError
            It ended without a message.
        LeanTagError
            An error of ours that the function raised.
        """
        while (message := receive(self._child.output)) is not None:
            match message:
                case Value(value):
                    yield value
                case Broken(error):
                    raise error
                case Ended(peak_bytes):
                    self.peak_bytes = peak_bytes
                    return
        raise self._post_mortem()

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._child.close()

    def _post_mortem(self) -> BudgetError | StateError:
        status = self._child.process.wait()
        self._child.stderr.take()
        if status == -signal.SIGKILL:
            return BudgetError(
                "the process that calculates was killed, probably because memory ran out; close "
                f"other programs, or give it less than {format_size(self._max_mem_bytes)}"
            )
        said = self._child.stderr.last_line()
        if ran_out(said):  # OpenBLAS ends the process itself
            return too_little(self._max_mem_bytes - SUPERVISOR_BYTES)
        ended = f"the process that calculates ended with status {status}"
        return StateError(f"{ended}: {said}" if said else ended)


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[BinaryIO, BinaryIO]:
    assert process.stdin is not None  # noqa: S101 - narrows the type for mypy
    assert process.stdout is not None  # noqa: S101 - narrows the type for mypy
    return process.stdin, process.stdout  # type: ignore[return-value]  # both are binary
