"""The model card: everything about a model that is not a weight, as data.

A model is two files: ``<name>.onnx`` and ``<name>.json``, the card. The card names the
resampler and the front-end with every constant, the patch, the tensors, the pooling, and
what each label *is*, so that nothing in the code depends on which model it runs.

Unknown keys are refused: a misspelt constant would otherwise give wrong tags in silence.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lean_tagger.errors import ConfigError

__all__ = [
    "Agreement",
    "FrontendSpec",
    "Label",
    "LabelKind",
    "ModelSpec",
    "ResamplerSpec",
    "installed",
    "load",
    "models_folder",
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
    folder : str
        Where the card was read from; not a key of the card.
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
    folder: str = field(default="", metadata={"card": False})

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


def models_folder() -> Path:
    """Return the folder of the models that came with the package.

    Inside the package when installed, beside it in a checkout.
    """
    here = Path(__file__).parent
    inside = here / "models"
    return inside if inside.is_dir() else here.parent / "models"


def installed() -> list[str]:
    """Return the names of the models that came with the package, sorted."""
    return sorted(card.stem for card in models_folder().glob("*.json"))


def load(name_or_path: str) -> ModelSpec:
    """Read a card.

    Parameters
    ----------
    name_or_path : str
        A shipped model's name ("msd-musicnn"), or the path of a ``.json`` card or of the
        ``.onnx`` file beside one.

    Raises
    ------
    ConfigError
        There is no such model; the card is no JSON, lacks a key, has one too many, or
        holds a value of the wrong type.
    """
    given = Path(name_or_path)
    if given.suffix in {".json", ".onnx"} or given.parent != Path():
        card = given.with_suffix(".json")
    else:
        card = models_folder() / f"{name_or_path}.json"
        if not card.is_file():
            raise ConfigError(
                f"there is no model {name_or_path!r}{_did_you_mean(name_or_path, installed())}; "
                f"installed: {', '.join(installed())}"
            )
    try:
        data = json.loads(card.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the model card {card}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the model card {card} is not JSON: {error}") from error
    spec = _build(ModelSpec, data, where=str(card), folder=str(card.parent.absolute()))
    assert isinstance(spec, ModelSpec)  # noqa: S101 - narrows the type for mypy
    _check(spec, card)
    return spec


def _check(spec: ModelSpec, card: Path) -> None:
    """Refuse values that have the right type and make no sense."""
    front = spec.frontend
    # Generous for any network that hears music; far beyond, only memory would be the limit.
    ranges = {
        "sample_rate_hz": (spec.sample_rate_hz, 1_000, 384_000),
        "patch_frames": (spec.patch_frames, 1, 100_000),
        "hop_frames": (spec.hop_frames, 1, 100_000),
        "n_fft": (front.n_fft, 2, 1 << 16),
        "hop_samples": (front.hop_samples, 1, 1 << 16),
        "n_mels": (front.n_mels, 1, 4_096),
        "zero_crossings": (spec.resampler.zero_crossings, 1, 1_024),
        "table_steps": (spec.resampler.table_steps, 256, 1 << 16),
        "rolloff": (spec.resampler.rolloff, 0.1, 1.0),
        "kaiser_beta": (spec.resampler.kaiser_beta, 0.0, 50.0),
        "log_gain": (front.log_gain, 1e-6, 1e9),
    }
    for key, (value, least, most) in ranges.items():
        if not least <= value <= most:  # also false for NaN
            raise ConfigError(f"{card}: {key!r} must be from {least:g} to {most:g}, not {value:g}")
    window_samples = spec.patch_frames * max(front.hop_samples, front.n_fft)
    if window_samples * max(1, spec.hop_frames // spec.patch_frames) > 1 << 26:
        raise ConfigError(f"{card}: a patch of that many frames is more than an hour of music")
    if not 0 <= front.f_min_hz < front.f_max_hz <= spec.sample_rate_hz / 2:
        raise ConfigError(f"{card}: f_min_hz and f_max_hz must lie in 0 to half the sample rate")
    if not spec.labels:
        raise ConfigError(f"{card}: 'labels' is empty")
    if Path(spec.file).name != spec.file:
        raise ConfigError(f"{card}: 'file' must be a name beside the card, not {spec.file!r}")


def _build(kind: type, data: object, *, where: str, **extra: object) -> Any:
    """Make the dataclass `kind` of a JSON object, refusing what does not fit it."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: expected a JSON object, found {type(data).__name__}")
    wanted = {f.name: f for f in fields(kind) if f.metadata.get("card", True)}
    for key in data:
        if key not in wanted:
            raise ConfigError(f"{where}: unknown key {key!r}{_did_you_mean(str(key), wanted)}")
    hints = get_type_hints(kind)
    values: dict[str, object] = dict(extra)
    for name, spec in wanted.items():
        if name in data:
            values[name] = _convert(hints[name], data[name], f"{where}: {name}")
        elif spec.default is MISSING:
            raise ConfigError(f"{where}: the key {name!r} is missing")
    return kind(**values)


def _convert(hint: Any, value: object, where: str) -> object:
    """Check one JSON value against the annotation of the field that it is for."""
    origin = get_origin(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, value, where=where)
    if origin is Literal:
        allowed = get_args(hint)
        if value not in allowed:
            hint_text = _did_you_mean(str(value), allowed)
            raise ConfigError(f"{where}: {value!r} is not one of {', '.join(allowed)}{hint_text}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list")
        item = get_args(hint)[0]
        return tuple(_convert(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin in {Union, types.UnionType}:
        inner = next(a for a in get_args(hint) if a is not type(None))
        return None if value is None else _convert(inner, value, where)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{where}: expected {hint.__name__}, found {type(value).__name__}")
    return value


def _did_you_mean(word: str, known: Any) -> str:
    from difflib import get_close_matches  # late: only a mistake needs it

    close = get_close_matches(word, [str(k) for k in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
