"""Decode ahead of the network: the producer's thread and its bounded queue.

Decoding and the network take about the same time, and both let other threads run meanwhile
(FFmpeg, the matrix products and ONNX Runtime release the interpreter lock), so one file keeps
two cores busy. The consumer gets the same blocks in the same order as without it.
"""

import threading
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

DEPTH = 4
"""Blocks that may wait: enough for the consumer's longest step, three seconds of music."""

Block: TypeAlias = tuple[int, memoryview]

STACK_BYTES = 1 << 20
"""Stack of the thread; the usual 8 MiB would count against the limit on data."""


def ahead(blocks: Iterable[Block], *, block_samples: int) -> Generator[Block]:
    """Iterate in a separate thread, a few blocks ahead.

    Parameters
    ----------
    blocks : iterable of (int, memoryview)
        Rate in Hz, and at most `block_samples` float32 samples. Only the thread iterates them,
        and it stops when this generator has ended or was closed.
    block_samples : int
        Length of the buffers, which are allocated once.

    Yields
    ------
    (int, memoryview)
        The same; valid until the next is asked for.

    Raises
    ------
    BaseException
        Whatever the iteration raises, at the same position.
    """
    free: SimpleQueue[npt.NDArray[np.float32]] = SimpleQueue()
    full: SimpleQueue[tuple[npt.NDArray[np.float32], int, int] | BaseException | None]
    full = SimpleQueue()
    for _ in range(DEPTH):
        free.put(np.empty(block_samples, np.float32))
    ended = threading.Event()

    def produce() -> None:
        try:
            for rate_hz, block in blocks:
                buffer = free.get()
                if ended.is_set():
                    return
                buffer[: len(block)] = block
                full.put((buffer, len(block), rate_hz))
            full.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits
            full.put(error)

    thread = _started(produce)
    try:
        while (item := full.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            buffer, count, rate_hz = item
            yield rate_hz, buffer[:count].data
            free.put(buffer)
    finally:
        ended.set()
        free.put(np.empty(0, np.float32))  # it may be waiting for a buffer
        thread.join()


def _started(function: Callable[[], None]) -> threading.Thread:
    usual = threading.stack_size(STACK_BYTES)
    try:
        # A daemon: the process may end while a dead network share blocks the thread in a read.
        thread = threading.Thread(target=function, name="decoder", daemon=True)
        thread.start()
    finally:
        threading.stack_size(usual)
    return thread
