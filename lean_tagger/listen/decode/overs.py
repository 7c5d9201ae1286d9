"""Clip an MP3 at full scale, for networks whose makers used clipped samples.

Their decoder gives 16-bit integers, which clip each channel; ours gives floats. The average of
the channels no longer shows where a channel was too loud.
"""

import threading
from collections import deque
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]


class Overs:
    """The places where a track is louder than full scale, and the clipped samples for them.

    The decoder notes them, perhaps in its own thread; the listener takes them in order. Only
    those in the blocks between the two are kept.
    """

    def __init__(self) -> None:
        self._runs: deque[tuple[int, Floats]] = deque()
        self._lock = threading.Lock()

    def note(self, start: int, samples: Floats) -> None:
        """Note the clipped samples from `start` on; call it in ascending order."""
        with self._lock:
            self._runs.append((start, samples))

    def cut_off(self, start: int, block: Floats) -> Floats:
        """Return the block that begins at sample `start`, clipped."""
        end, found = start + len(block), block
        with self._lock:
            runs = list(self._runs)
            while self._runs and self._runs[0][0] + len(self._runs[0][1]) <= end:
                self._runs.popleft()
        for first, samples in runs:
            last = first + len(samples)
            if last <= start or first >= end:
                continue
            if found is block:
                found = block.copy()
            a, b = max(first, start), min(last, end)
            found[a - start : b - start] = samples[a - first : b - first]
        return found
