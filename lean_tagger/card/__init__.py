"""The model card: everything about a model that is not a weight, as data."""

from lean_tagger.card.card import (
    Accuracy,
    Agreement,
    Label,
    LabelKind,
    LabelVectors,
    Licence,
    ModelSpec,
    PatchLayout,
    Tensors,
    WeightsOrigin,
)
from lean_tagger.card.label_vectors import WordList, read_words
from lean_tagger.card.locate import (
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
from lean_tagger.card.preprocessing import Ends, FrontendSpec, Padding, ResamplerSpec, SamplesSpec

__all__ = [
    "Accuracy",
    "Agreement",
    "Ends",
    "FrontendSpec",
    "Label",
    "LabelKind",
    "LabelVectors",
    "Licence",
    "ModelSpec",
    "Padding",
    "PatchLayout",
    "ResamplerSpec",
    "SamplesSpec",
    "Tensors",
    "WeightsOrigin",
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
