"""The model card: everything about a model that is not a weight, as data.

A model is two files: ``<name>.onnx`` and ``<name>.json``, the card. The card names the
resampler and the front-end with every constant, the patch, the tensors, the pooling, and
what each label *is*, so that nothing in the code depends on which model it runs.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lean_tagger.errors import ConfigError

__all__ = [
    "Agreement",
    "FrontendSpec",
    "Label",
    "LabelKind",
    "ModelSpec",
    "ResamplerSpec",
]

LabelKind = Literal["genre", "mood", "instrument", "vocals", "era", "other"]


@dataclass(frozen=True, slots=True)
class Label:
    """One thing the model can say.

    Attributes
    ----------
    name : str
        As the model's authors spell it.
    kind : LabelKind
        What it is; decides which field it may go to, if any.
    display : str
        As a person wants to read it in a tag.
    """

    name: str
    kind: LabelKind
    display: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResamplerSpec:
    """A windowed-sinc resampler (J. O. Smith, "Digital Audio Resampling"; resampy 0.2).

    Attributes
    ----------
    kind : {'windowed_sinc'}
        The only kind there is.
    zero_crossings : int
        Of the sinc, on each side.
    table_steps : int
        Entries of the filter table per zero crossing.
    rolloff : float
        Cutoff as a fraction of the lower Nyquist frequency.
    kaiser_beta : float
        Of the Kaiser window over the sinc.
    """

    kind: Literal["windowed_sinc"]
    zero_crossings: int
    table_steps: int
    rolloff: float
    kaiser_beta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendSpec:
    """A log-mel spectrogram.

    Attributes
    ----------
    kind : {'log_mel'}
        The only kind there is.
    n_fft, hop_samples : int
        STFT length and stride, in samples at the model's rate.
    window : {'hann_periodic'}
        Over each transform.
    padding : {'reflect'}
        How the track's two ends are continued by ``n_fft // 2`` samples (centred STFT).
    spectrum : {'power'}
        Squared magnitude.
    n_mels : int
        Number of mel bands.
    f_min_hz, f_max_hz : float
        Edges of the lowest and highest band.
    mel_scale, mel_norm : {'slaney'}
        Auditory Toolbox scale, triangles of unit area.
    mel_rounding : {'float16', 'none'}
        Precision to which the mel bands are rounded before the logarithm.
    log_gain : float
        ``c`` of ``log10(1 + c·x)``.
    """

    kind: Literal["log_mel"]
    n_fft: int
    hop_samples: int
    window: Literal["hann_periodic"]
    padding: Literal["reflect"]
    spectrum: Literal["power"]
    n_mels: int
    f_min_hz: float
    f_max_hz: float
    mel_scale: Literal["slaney"]
    mel_norm: Literal["slaney"]
    mel_rounding: Literal["float16", "none"]
    log_gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Names of the graph's tensors.

    Attributes
    ----------
    input : str
        float32 (n, patch_frames, n_mels).
    logits : str
        float32 (n, n_labels).
    embedding : str or None
        float32 (n, dim), where the model has one.
    """

    input: str
    logits: str
    embedding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """Who made the weights, and on what terms they travel."""

    id: str
    holder: str
    notice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the weights came from."""

    package: str
    sha256: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Published accuracy: areas under the ROC and precision-recall curves, 0 to 1."""

    dataset: str
    roc_auc: float
    pr_auc: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How close a variant's scores come to those of the network that it stands in for.

    Attributes
    ----------
    model : str
        That network's name.
    tracks : int
        Whole tracks that both have scored.
    same_top_genre, top_five_shared : float
        Share of the tracks with the same best genre, and of the five best labels that both
        name, 0 to 1.
    max_difference, mean_difference : float
        Of a track's probabilities.
    """

    model: str
    tracks: int
    same_top_genre: float
    top_five_shared: float
    max_difference: float
    mean_difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model card.

    Attributes
    ----------
    name, description : str
        As shown to people; ``name`` is also the files' stem.
    file : str
        The weights, beside the card.
    sha256 : str
        Of the weights.
    sample_rate_hz : int
        What the network hears.
    resampler : ResamplerSpec
        How any other rate gets there.
    frontend : FrontendSpec
        From samples to patch frames.
    patch_frames, hop_frames : int
        Length and stride of a patch; equal where patches touch.
    last_patch : {'drop'}
        What becomes of an incomplete last patch.
    short_track : {'repeat'}
        A track shorter than one patch: its frames are repeated to fill one.
    tensors : Tensors
        The graph's tensor names.
    activation : {'logits'}
        What the graph's scores are.
    pooling : {'logit-mean'}
        How windows become one score per label.
    labels : tuple of Label
        In output order.
    licence, source, accuracy
        Provenance.
    agreement : Agreement or None
        For a variant, a faster network whose scores are not exactly the published one's.
    head_of : str or None
        For a head, the model whose embedding of each patch it hears: it has that model's rate,
        front-end and patches, and its card does not name them.
    folder : str
        Where the card was read from; not a key of the card.
    backbone : ModelSpec or None
        The card of `head_of`; not a key of the card.
    """

    name: str
    description: str
    file: str
    sha256: str
    sample_rate_hz: int
    resampler: ResamplerSpec
    frontend: FrontendSpec
    patch_frames: int
    hop_frames: int
    last_patch: Literal["drop"]
    short_track: Literal["repeat"]
    tensors: Tensors
    activation: Literal["logits"]
    pooling: Literal["logit-mean"]
    labels: tuple[Label, ...]
    licence: Licence
    source: Source
    accuracy: Accuracy
    agreement: Agreement | None = None
    head_of: str | None = None
    folder: str = field(default="", metadata={"card": False})
    backbone: "ModelSpec | None" = field(default=None, metadata={"card": False})

    @property
    def identity(self) -> str:
        """The sha256 of all that decides scores, in hexadecimal digits."""
        if self.backbone is None:
            return self.sha256
        import hashlib  # late: it takes 4 MiB, and the supervisor has no other use for it

        return hashlib.sha256(f"{self.backbone.identity}{self.sha256}".encode()).hexdigest()

    @property
    def path(self) -> Path:
        """The weights."""
        return Path(self.folder) / self.file

    @property
    def window_samples(self) -> int:
        """Samples under one patch: derived, never chosen."""
        return (self.patch_frames - 1) * self.frontend.hop_samples + self.frontend.n_fft

    @property
    def pad_samples(self) -> int:
        """Samples by which each end of the track is continued (centred STFT)."""
        return self.frontend.n_fft // 2

    def hop_frames_for(self, hop_seconds: float | None) -> int:
        """Return the stride of the windows in patch frames, the card's own for None.

        Raises
        ------
        ConfigError
            It is not above 0.
        """
        if hop_seconds is None:
            return self.hop_frames
        if not 0 < hop_seconds < float("inf"):
            raise ConfigError(f"--hop-seconds must be above 0, not {hop_seconds:g}")
        return max(1, round(hop_seconds * self.sample_rate_hz / self.frontend.hop_samples))
