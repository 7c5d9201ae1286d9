"""The model card: everything about a model that is not a weight, as data.

A model is two files: ``<name>.onnx`` and ``<name>.json``, the card. The card names the
resampler and the front-end with every constant, the patch, the tensors, the pooling, and
what each label *is*, so that nothing in the code depends on which model it runs.
"""

import json
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lean_tagger.card.preprocessing import AnyFrontend, Ends, LastPatch, ShortTrack
from lean_tagger.card.sound import AS_OURS, AnyResampler, DecodingSpec
from lean_tagger.errors import ConfigError
from lean_tagger.system.digest import sha256_of

LabelKind = Literal["genre", "mood", "instrument", "vocals", "era", "other", "number"]

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
"""The input tensor's axes behind the first, which counts patches; ``1`` is an axis of length 1.
``embedding`` is a head's: what another network makes of a patch."""


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
        As a user wants to read it in a tag.
    least : float
        Probability, 0 to 1, below which it is not written where no rule names it: of a label
        that has its opposite next to it, less than half means the opposite.
    low, high : float
        Of a number, the ends of its scale. What is kept of one is its share of the way from low
        to high, which fits where probabilities are kept, and is none.
    parent : str
        The value that stands above it, where a tree of the rules says nothing of it: "Electronic"
        of "House". Empty if nothing does.
    bar : float
        The same where the user says no minimum at all: of a label that was measured to be
        wrong more often than others with the same score.
    """

    name: str
    kind: LabelKind
    display: str
    least: float = 0.0
    low: float = 0.0
    high: float = 1.0
    parent: str = ""
    bar: float = 0.0

    def shown(self, kept: float) -> float:
        """Return the number that is kept as this, or the probability as it is."""
        return self.low + kept * (self.high - self.low) if self.kind == "number" else kept

    def share(self, shown: float) -> float:
        """Return what is kept of a number: 0 to 1, also for one beyond its scale."""
        if self.kind != "number":
            return shown
        return min(1.0, max(0.0, (shown - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Bound:
    """A label, and a probability from 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstain:
    """By which scores a network shows that it has no music before it, so that it gets no genre.

    All has to hold; without one of its labels it does not.

    Attributes
    ----------
    why : str
        What it then is, for people: ``speech``.
    first : str or None
        The strongest genre.
    below, from_ : tuple of Bound
        Labels that score less than this, and no less than that.
    """

    why: str
    first: str | None = None
    below: tuple[Bound, ...] = ()
    from_: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Names and shapes of the graph's tensors, all float32.

    Attributes
    ----------
    input : str
        Shaped as `layout` says.
    logits : str or None
        (n, n_labels); None where the network gives an embedding only.
    embedding : str or None
        (n, dim), where the model has one.
    layout : PatchLayout
        How a patch lies in the input tensor.
    batch : int or None
        Number of patches that the graph insists on; None is any.
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
    a sigmoid of its own. The top of `label_scores` says why, and what it means for thresholds;
    the top of `label_vectors` says what is in the file. ``lean-tag labels make`` writes one, and
    ``--labels`` puts another in its place.

    Attributes
    ----------
    file : str
        An ``.npz`` next to the card.
    sha256 : str
        Of that file.
    scale : float or None
        Factor from cosine to logit; None where the file says it.
    """

    file: str
    sha256: str
    scale: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """Who made the weights, and on what terms they travel."""

    id: str
    holder: str
    notice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsOrigin:
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
class Formerly:
    """That a card gives the scores of an older one to the last bit, and so keeps its identity.

    What was heard with the older one counts on: nobody's music is heard again for a graph that
    has one more output.

    Attributes
    ----------
    identity : str
        The older card's.
    of : str
        What the identity would be otherwise, by which this is said of one card only: a copy with
        other weights or constants is another model.
    """

    identity: str
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model card.

    Attributes
    ----------
    name, description : str
        As shown to people; ``name`` is also the files' stem.
    file : str
        The weights, next to the card.
    sha256 : str
        Of the weights.
    sample_rate_hz : int
        What the network hears.
    resampler : AnyResampler
        How any other rate gets there.
    frontend : LogMelSpec or SamplesSpec
        From samples to patch frames.
    patch_frames, hop_frames : int
        Length and stride of a patch; equal where patches touch. For `SamplesSpec` a frame is
        a sample.
    last_patch : {'drop', 'repeat', 'repeat_samples', 'zero'}
        What becomes of an incomplete last patch; see `short_track`.
    short_track : {'repeat', 'repeat_samples', 'zero'}
        How a track shorter than one patch fills it: its patch frames are repeated, its samples
        are (as often as they fit whole, then silence), or silence follows it.
    tensors : Tensors
        The graph's tensors.
    activation : {'logits', 'sigmoid', 'softmax', 'numbers'}
        What the graph's scores are; see `Prediction.logits` for what becomes of them. Numbers,
        such as a valence from 1 to 9, are no probabilities and never become any.
    pooling : {'logit-mean', 'prob-mean'}
        How windows become one score per label, where nobody says otherwise.
    labels : tuple of Label
        In output order; none where the network gives an embedding only.
    decoding : DecodingSpec
        What the makers' decoder does otherwise than ours.
    documented : str or None
        Where it is said how the makers resample.
    inexact : str or None
        In what the sound is not exactly as the makers' code has it.
    weights : {'onnx', 'derived'}
        What is in `file`: a network; or how scores follow from what other models heard in a
        whole track, see `derived_head`.
    head_of : str or None
        The model whose embedding this one takes. What is said of sound, from `sample_rate_hz`
        to `short_track`, is then that model's, and no key of this card.
    also_of : tuple of str
        Further models from whose scores and embeddings those of a derived one follow.
    label_vectors : LabelVectors or None
        Labels that are compared with the embedding.
    abstain : tuple of Abstain
        When what is heard is no music.
    licence, source, accuracy
        Provenance, where it is known.
    agreement : Agreement or None
        For a variant, a faster network whose scores are not exactly the published one's.
    formerly : Formerly or None
        Whose identity it keeps.
    folder : str
        Where the card was read from; not a key of the card.
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
        """The models from which the scores of a derived one follow; of any other, none."""
        if self.weights != "derived" or self.backbone is None:
            return ()
        return (self.backbone, *self.further)

    @property
    def path(self) -> Path:
        """The weights."""
        return Path(self.folder) / self.file

    @property
    def identity(self) -> str:
        """SHA-256 of all that decides scores, in hex: the key to what is known of a track.

        What is as it is by default does not count, so that a key of the card that is new one
        day changes no identity of today.
        """
        own = self._own_identity()
        return self.formerly.identity if self.formerly and self.formerly.of == own else own

    def _own_identity(self) -> str:
        """Return the identity of a card that keeps no older one's."""
        said = _said(self)
        decides = {name: said[name] for name in _DECIDES if name in said}
        if self.label_vectors is not None:  # wherever the file is, and whatever it is called
            decides["label_vectors"] = [self.label_vectors.sha256, self.label_vectors.scale]
        if self.backbone is not None:
            decides["backbone"] = self.backbone.identity
        if self.further:
            decides["further"] = [it.identity for it in self.further]
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"))
        return sha256_of([text.encode()])

    @property
    def without_words(self) -> str:
        """The identity of the same network with no words to compare: of its embedding alone."""
        return replace(self, label_vectors=None, labels=()).identity

    @property
    def window_samples(self) -> int:
        """Samples under one patch."""
        return self.frontend.window_samples(self.patch_frames)

    @property
    def pad_samples(self) -> int:
        """Samples by which each end of the track is continued."""
        return self.frontend.track_pad_samples

    @property
    def ends(self) -> Ends:
        """What becomes of the track's two ends."""
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
"""Keys that say how a network hears, which a head's card leaves to the card that it names."""

ABOUT_SOUND = ("documented", "inexact")
"""Keys that tell people of it, which a head's page shows too."""

_DECIDES = ("sha256", *OF_SOUND, "tensors", "activation", "label_vectors")


def _said(card: Any) -> dict[str, Any]:
    """Return the values of a dataclass that are not its defaults."""
    values = ((it.name, getattr(card, it.name), it.default) for it in fields(card))
    return {
        name: _said(value) if is_dataclass(value) else value
        for name, value, default in values
        if value != default
    }
