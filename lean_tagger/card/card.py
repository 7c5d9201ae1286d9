"""The model card: everything about a model that is not a weight, as data.

A model is two files: ``<name>.onnx`` and ``<name>.json``, the card. The card names the
resampler and the front-end with every constant, the patch, the tensors, the pooling, and
what each label *is*, so that nothing in the code depends on which model it runs.
"""

import json
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lean_tagger.card.labels import Abstain, Label
from lean_tagger.card.origin import Accuracy, Agreement, Licence, WeightsOrigin
from lean_tagger.card.preprocessing import AnyFrontend, Ends, LastPatch, ShortTrack
from lean_tagger.card.sound import AS_OURS, AnyResampler, DecodingSpec
from lean_tagger.errors import ConfigError
from lean_tagger.system.digest import sha256_of

PatchLayout = Literal[
    "frames_bands",
    "1_frames_bands",
    "frames_bands_1",
    "bands_frames",
    "1_bands_frames",
    "bands_frames_1",
    "samples",
    "1_samples",
    "samples_1",
    "embedding",
]
"""The input tensor's axes after the first, which counts patches; ``1`` is an axis of length 1.
``embedding`` is a head's: what another network makes of a patch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Names and shapes of the graph's tensors, all float32.

    Attributes
    ----------
    input : str
        Its shape is given by `layout`.
    logits : str or None
        (n, n_labels); None if the network gives only an embedding.
    embedding : str or None
        (n, dim), if the model has one.
    layout : PatchLayout
        The layout of a patch in the input tensor.
    batch : int or None
        Number of patches that the graph requires; None is any.
    """

    input: str
    logits: str | None = None
    embedding: str | None = None
    layout: PatchLayout = "frames_bands"
    batch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelVectors:
    """Labels that are vectors next to the embedding: words, as a text network hears them.

    The network's embedding of a track, the mean over its windows, is compared with each vector:
    ``logit = scale · cosine + bias``. Without a bias in the file, the words of one kind share a
    softmax, since such networks are trained to pick one text out of several; with one, each has
    its own sigmoid. `label_scores` explains why, and what it means for thresholds;
    `label_vectors` describes the file. ``lean-tag labels make`` writes one, and ``--labels``
    replaces it by another.

    Attributes
    ----------
    file : str
        An ``.npz`` next to the card.
    sha256 : str
        Of that file.
    scale : float or None
        Factor from cosine to logit; None if the file has it.
    """

    file: str
    sha256: str
    scale: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Formerly:
    """States that a card gives exactly the scores of an older one, and so keeps its identity.

    What was heard with the older card stays valid: no music is heard again only because the
    graph has one more output.

    Attributes
    ----------
    identity : str
        The older card's.
    of : str
        The identity that the card would have otherwise. It ties the statement to one card: a
        copy with other weights or constants is another model.
    """

    identity: str
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model card.

    Attributes
    ----------
    name, description : str
        Shown to people; ``name`` is also the files' stem.
    file : str
        The weights, next to the card.
    sha256 : str
        Of the weights.
    sample_rate_hz : int
        Sample rate of the network's input.
    resampler : AnyResampler
        Converts other rates to it.
    frontend : LogMelSpec or SamplesSpec
        From samples to patch frames.
    patch_frames, hop_frames : int
        Length and stride of patches; equal if patches touch. For `SamplesSpec` a frame is a
        sample.
    last_patch : {'drop', 'repeat', 'repeat_samples', 'zero'}
        What happens to an incomplete last patch; see `short_track`.
    short_track : {'repeat', 'repeat_samples', 'zero'}
        How a track shorter than one patch fills it: repeat its patch frames, repeat its samples
        (as often as they fit, then silence), or add silence.
    tensors : Tensors
        The graph's tensors.
    activation : {'logits', 'sigmoid', 'softmax', 'numbers'}
        What the graph's scores are; `Prediction.logits` says how they are used. Numbers, such
        as a valence from 1 to 9, are not probabilities and never become any.
    pooling : {'logit-mean', 'prob-mean'}
        How windows become one score per label by default.
    labels : tuple of Label
        In output order; empty if the network gives only an embedding.
    decoding : DecodingSpec
        How the makers' decoder differs from ours.
    documented : str or None
        The source that says how the makers resample.
    inexact : str or None
        How the sound differs from that of the makers' code.
    weights : {'onnx', 'derived'}
        What `file` holds: a network, or how to compute scores from what other models heard in
        a whole track; see `derived_head`.
    head_of : str or None
        The model that gives the embedding for this one. The keys about sound, from
        `sample_rate_hz` to `short_track`, then come from that model's card, not from this one.
    also_of : tuple of str
        Other models with scores and embeddings that a derived model uses.
    label_vectors : LabelVectors or None
        Labels that are compared with the embedding.
    abstain : tuple of Abstain
        When a track is not music.
    licence, source, accuracy
        Provenance, if known.
    agreement : Agreement or None
        For a variant: a faster network with scores slightly different from the published ones.
    formerly : Formerly or None
        The older card that it keeps the identity of.
    folder : str
        The card's folder; not a key of the card.
    backbone : ModelSpec or None
        The card that `head_of` names; not a key of the card.
    further : tuple of ModelSpec
        The cards that `also_of` names; not a key of the card.
    """

    name: str
    description: str
    file: str
    sha256: str
    sample_rate_hz: int
    resampler: AnyResampler
    frontend: AnyFrontend
    patch_frames: int
    hop_frames: int
    last_patch: LastPatch
    short_track: ShortTrack
    tensors: Tensors
    activation: Literal["logits", "sigmoid", "softmax", "numbers"]
    pooling: Literal["logit-mean", "prob-mean"]
    labels: tuple[Label, ...] = ()
    decoding: DecodingSpec = AS_OURS
    documented: str | None = None
    inexact: str | None = None
    weights: Literal["onnx", "derived"] = "onnx"
    head_of: str | None = None
    also_of: tuple[str, ...] = ()
    label_vectors: LabelVectors | None = None
    abstain: tuple[Abstain, ...] = ()
    licence: Licence | None = None
    source: WeightsOrigin | None = None
    accuracy: Accuracy | None = None
    agreement: Agreement | None = None
    formerly: Formerly | None = None
    folder: str = field(default="", metadata={"card": False})
    backbone: "ModelSpec | None" = field(default=None, metadata={"card": False})
    further: "tuple[ModelSpec, ...]" = field(default=(), metadata={"card": False})

    @property
    def parts(self) -> "tuple[ModelSpec, ...]":
        """The models that a derived model computes its scores from; empty for other models."""
        if self.weights != "derived" or self.backbone is None:
            return ()
        return (self.backbone, *self.further)

    @property
    def path(self) -> Path:
        """The weights."""
        return Path(self.folder) / self.file

    @property
    def identity(self) -> str:
        """SHA-256 of everything that affects scores, in hex: the key of scores in the journal.

        Values that are defaults do not count, so a new key of the card will not change the
        identities of today's cards.
        """
        own = self._own_identity()
        return self.formerly.identity if self.formerly and self.formerly.of == own else own

    def _own_identity(self) -> str:
        """Return the identity of a card that does not keep an older one."""
        said = _said(self)
        decides = {name: said[name] for name in _DECIDES if name in said}
        if self.label_vectors is not None:  # its place and name do not matter
            decides["label_vectors"] = [self.label_vectors.sha256, self.label_vectors.scale]
        if self.backbone is not None:
            decides["backbone"] = self.backbone.identity
        if self.further:
            decides["further"] = [it.identity for it in self.further]
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"))
        return sha256_of([text.encode()])

    @property
    def without_words(self) -> str:
        """The identity of the same network without words: of its embedding alone."""
        return replace(self, label_vectors=None, labels=()).identity

    @property
    def window_samples(self) -> int:
        """Number of samples that one patch covers."""
        return self.frontend.window_samples(self.patch_frames)

    @property
    def pad_samples(self) -> int:
        """Number of samples by which each end of the track is extended."""
        return self.frontend.track_pad_samples

    @property
    def ends(self) -> Ends:
        """How the track's two ends are extended."""
        return Ends(
            padding=self.frontend.track_padding,
            last_patch=self.last_patch,
            short_track=self.short_track,
            least_samples=self.frontend.least_samples,
            grid_samples=self.frontend.hop_samples,
        )

    @property
    def patch_shape(self) -> tuple[int, ...]:
        """Shape of a patch: (patch_frames, n_mels), or (samples,)."""
        return self.frontend.patch_shape(self.patch_frames)

    def hop_frames_for(self, hop_seconds: float | None) -> int:
        """Return the stride of the windows in patch frames; None takes the card's own.

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


OF_SOUND = (
    "sample_rate_hz",
    "resampler",
    "frontend",
    "patch_frames",
    "hop_frames",
    "last_patch",
    "short_track",
    "decoding",
)
"""Keys about sound; a head's card leaves them to the card of its backbone."""

ABOUT_SOUND = ("documented", "inexact")
"""Keys for people, which a head's page shows too."""

_DECIDES = ("sha256", *OF_SOUND, "tensors", "activation", "label_vectors")


def _said(card: Any) -> dict[str, Any]:
    """Return the values of a dataclass that are not its defaults."""
    values = ((it.name, getattr(card, it.name), it.default) for it in fields(card))
    return {
        name: _said(value) if is_dataclass(value) else value
        for name, value, default in values
        if value != default
    }
