"""The model card: everything about a model that is not a weight, as data."""

from lean_tagger.spec.card import (
    Accuracy,
    Agreement,
    Label,
    LabelKind,
    LabelVectors,
    Layout,
    Licence,
    ModelSpec,
    Source,
    Tensors,
)
from lean_tagger.spec.library import (
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
from lean_tagger.spec.sound import Ends, FrontendSpec, Padding, ResamplerSpec, SamplesSpec
from lean_tagger.spec.words import WordList, read_words

__all__ = [
    "Accuracy",
    "Agreement",
    "Ends",
    "FrontendSpec",
    "Label",
    "LabelKind",
    "LabelVectors",
    "Layout",
    "Licence",
    "ModelSpec",
    "Padding",
    "ResamplerSpec",
    "SamplesSpec",
    "Source",
    "Tensors",
    "WordList",
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
