"""The model card: everything about a model that is not a weight, as data."""

from lean_tagger.card.card import Formerly, LabelVectors, ModelSpec, PatchLayout, Tensors
from lean_tagger.card.derived_head import DerivedHead, Part
from lean_tagger.card.label_vectors import WordList, read_words
from lean_tagger.card.labels import Abstain, Bound, Label, LabelKind
from lean_tagger.card.locate import (
    backbone_names,
    family_card,
    family_names,
    installed_models,
    load_card,
    load_cards,
    models_folder,
    read_json,
    readable_cards,
    shipped_models,
    user_models_folder,
)
from lean_tagger.card.origin import Accuracy, Agreement, Licence, WeightsOrigin
from lean_tagger.card.preprocessing import (
    AnyFrontend,
    Ends,
    FrontendSpec,
    LogMelSpec,
    Padding,
    SamplesSpec,
)
from lean_tagger.card.sound import (
    AnyResampler,
    DecodingSpec,
    LibsamplerateLinearSpec,
    LibsamplerateSincSpec,
    ResamplerSpec,
)

__all__ = [
    "Abstain",
    "Accuracy",
    "Agreement",
    "AnyFrontend",
    "AnyResampler",
    "Bound",
    "DecodingSpec",
    "DerivedHead",
    "Ends",
    "Formerly",
    "FrontendSpec",
    "Label",
    "LabelKind",
    "LabelVectors",
    "LibsamplerateLinearSpec",
    "LibsamplerateSincSpec",
    "Licence",
    "LogMelSpec",
    "ModelSpec",
    "Padding",
    "Part",
    "PatchLayout",
    "ResamplerSpec",
    "SamplesSpec",
    "Tensors",
    "WeightsOrigin",
    "WordList",
    "backbone_names",
    "family_card",
    "family_names",
    "installed_models",
    "load_card",
    "load_cards",
    "models_folder",
    "read_json",
    "read_words",
    "readable_cards",
    "shipped_models",
    "user_models_folder",
]
