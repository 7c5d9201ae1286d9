"""Turn a window of samples into the network's input.

Every constant comes from the card. A front-end is made once for a model and called with each
window. Its arrays are allocated once, and its result is valid until the next call.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lean_tagger.card import FrontendSpec
from lean_tagger.listen.frontend.log_mel import LogMel
from lean_tagger.listen.frontend.raw_samples import RawSamples

Frontend: TypeAlias = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""From a window, (samples,) float32, to its patch, (1, …) float32."""

FRONTENDS: dict[str, Callable[..., Any]] = {"log_mel": LogMel, "samples": RawSamples}
"""Front-ends by the ``kind`` in a card."""


def frontend(spec: FrontendSpec, *, sample_rate_hz: int, patch_frames: int) -> Frontend:
    """Return the front-end that a card describes.

    Parameters
    ----------
    spec : FrontendSpec
        The constants.
    sample_rate_hz : int
        Of the windows.
    patch_frames : int
        Frames of a patch.
    """
    made: Frontend = FRONTENDS[spec.kind](
        spec, sample_rate_hz=sample_rate_hz, patch_frames=patch_frames
    )
    return made
