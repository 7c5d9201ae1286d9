"""What of an MP3 is louder than full scale, cut off, for networks whose makers heard it so.

Their decoder gives 16-bit integers, which cut each channel off; ours gives floats. The average of
the channels does not tell any more where one of them was too loud.
"""

import threading
from collections import deque
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]


class Overs:
    """The places where a track is louder than full scale, and what is heard if that is cut off.

    The decoder notes them, in a thread of its own or not; who listens takes them in their order.
    No more are kept than lie in the blocks between the two.
    """

    def __init__(self) -> None:
        self._runs: deque[tuple[int, Floats]] = deque()
        self._lock = threading.Lock()

    def note(self, start: int, samples: Floats) -> None:
        """Note what replaces the samples from `start` on; ascending, kept as it is."""
        with self._lock:
            self._runs.append((start, samples))

    def cut_off(self, start: int, block: Floats) -> Floats:
        """Return a block that begins at sample `start`, with what is louder cut off."""
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
