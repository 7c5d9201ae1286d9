"""The part of a card about how a file becomes samples at the network's rate."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from lean_tagger.card.preprocessing import Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingSpec:
    """How the makers' decoder differs from others.

    Attributes
    ----------
    mp3 : {'float', 'int16'}
        Type of decoded MP3 samples. Loud MP3s exceed full scale, which int16 clips in each
        channel.
    mp4_delay : {'dropped', 'kept'}
        The encoder's delay at the start of an MP4: dropped as its edit list says, or heard.
    """

    mp3: Literal["float", "int16"] = "float"
    mp4_delay: Literal["dropped", "kept"] = "dropped"


AS_OURS = DecodingSpec()
"""The makers' decoder does the same as ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResamplerSpec:
    """A windowed-sinc resampler (J. O. Smith, "Digital Audio Resampling"; resampy 0.2).

    Attributes
    ----------
    kind : {'windowed_sinc'}
        The name of this resampler.
    zero_crossings : int
        Zero crossings of the sinc, on each side.
    table_steps : int
        Entries of the filter table per zero crossing.
    rolloff : float
        Cutoff as a fraction of the lower Nyquist frequency.
    kaiser_beta : float
        Shape of the Kaiser window over the sinc.
    """

    kind: Literal["windowed_sinc"]
    zero_crossings: int
    table_steps: int
    rolloff: float
    kaiser_beta: float

    @property
    def reach_samples(self) -> float:
        """Distance from an output to its farthest tap, in samples of the lower rate."""
        return self.zero_crossings

    @property
    def ranges(self) -> Ranges:
        """The ranges of the constants."""
        return {
            "zero_crossings": (self.zero_crossings, 1, 1_024),
            "table_steps": (self.table_steps, 256, 1 << 16),
            "rolloff": (self.rolloff, 0.1, 1.0),
            "kaiser_beta": (self.kaiser_beta, 0.0, 50.0),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LibsamplerateSincSpec:
    """A sinc converter of libsamplerate: a windowed sinc with a cutoff that follows the rates.

    Attributes
    ----------
    kind : {'libsamplerate_sinc'}
        The name of this resampler.
    half_width : float
        Half width of the filter, in samples of the lower rate.
    table_steps : int
        Entries of the filter table per such sample.
    rolloff : float
        Cutoff as a fraction of the lower Nyquist frequency.
    kaiser_beta : float
        Shape of the Kaiser window over the sinc.
    """

    kind: Literal["libsamplerate_sinc"]
    half_width: float
    table_steps: int
    rolloff: float
    kaiser_beta: float

    @property
    def reach_samples(self) -> float:
        """Distance from an output to its farthest tap, in samples of the lower rate."""
        return self.half_width

    @property
    def ranges(self) -> Ranges:
        """The ranges of the constants."""
        return {
            "half_width": (self.half_width, 1.0, 1_024.0),
            "table_steps": (self.table_steps, 16, 1 << 16),
            "rolloff": (self.rolloff, 0.1, 1.0),
            "kaiser_beta": (self.kaiser_beta, 0.0, 50.0),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LibsamplerateLinearSpec:
    """The linear converter of libsamplerate: a line from each sample to the next, and no filter.

    Attributes
    ----------
    kind : {'libsamplerate_linear'}
        The name of this resampler.
    """

    kind: Literal["libsamplerate_linear"]

    @property
    def reach_samples(self) -> float:
        """Distance from an output to its farthest tap, in samples of the lower rate."""
        return 2.0

    @property
    def ranges(self) -> Ranges:
        """The ranges of the constants: there are none."""
        return {}


AnyResampler: TypeAlias = ResamplerSpec | LibsamplerateSincSpec | LibsamplerateLinearSpec
"""The resamplers that a card may name, told apart by their ``kind``."""
