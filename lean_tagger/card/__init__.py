"""The model card: everything about a model that is not a weight, as data."""

from lean_tagger.card.card import LabelVectors, ModelSpec, PatchLayout
from lean_tagger.card.derived_head import DerivedHead, Part
from lean_tagger.card.label_vectors import read_words
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
from lean_tagger.card.preprocessing import (
    AnyFrontend,
    Ends,
    FrontendSpec,
    LogMelSpec,
    SamplesSpec,
)
from lean_tagger.card.sound import (
    AnyResampler,
    LibsamplerateLinearSpec,
    LibsamplerateSincSpec,
    ResamplerSpec,
)

__all__ = [
    "Abstain",
    "AnyFrontend",
    "AnyResampler",
    "Bound",
    "DerivedHead",
    "Ends",
    "FrontendSpec",
    "Label",
    "LabelKind",
    "LabelVectors",
    "LibsamplerateLinearSpec",
    "LibsamplerateSincSpec",
    "LogMelSpec",
    "ModelSpec",
    "Part",
    "PatchLayout",
    "ResamplerSpec",
    "SamplesSpec",
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
