"""The windows of a whole track."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.listen.windows import Rolling


def roll(chunks: Iterable[memoryview], **given: Any) -> Iterator[npt.NDArray[np.float32]]:
    """Yield each window, valid until the next; the options are those of `Rolling`."""
    rolling = Rolling(**given)
    for chunk in chunks:
        yield from rolling.push(chunk)
    yield from rolling.finish()
