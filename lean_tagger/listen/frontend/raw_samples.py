"""A front-end for networks that take the samples themselves."""

import numpy as np
import numpy.typing as npt

from lean_tagger.card import SamplesSpec


class RawSamples:
    """Raw samples, normalised if the card says so.

    Parameters
    ----------
    spec : SamplesSpec
        The constants.
    sample_rate_hz : int
        Of the windows; not used.
    patch_frames : int
        Samples of a patch.
    """

    def __init__(self, spec: SamplesSpec, *, sample_rate_hz: int, patch_frames: int) -> None:
        del sample_rate_hz
        self._spec = spec
        self._patch = np.empty((1, patch_frames), np.float32)

    def __call__(self, window: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the patch of one window.

        Parameters
        ----------
        window : (n,) float32
            A patch's samples. Fewer, but at least one, are repeated to fill it.

        Returns
        -------
        (1, patch_frames) float32
            Owned by this object and valid until the next call.
        """
        spec, patch = self._spec, self._patch[0]
        count = min(len(window), len(patch))
        samples = patch[:count]
        samples[:] = window[:count]
        # The normalisations as they are usually published; the constant keeps silence finite.
        if spec.normalise == "peak":
            samples /= max(float(samples.max()), -float(samples.min())) + np.float32(spec.epsilon)
        elif spec.normalise == "standard":
            samples -= samples.mean(dtype=np.float64)
            variance = float(np.dot(samples, samples)) / count
            samples /= np.float32(np.sqrt(variance + spec.epsilon))
        if spec.gain != 1.0:
            samples *= np.float32(spec.gain)
        for start in range(count, len(patch), count):
            rest = min(count, len(patch) - start)
            patch[start : start + rest] = samples[:rest]
        return self._patch
