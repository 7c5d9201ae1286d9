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
    families,
    family,
    installed,
    load,
    load_all,
    models_folder,
    read_json,
    readable,
    shipped,
    user_folder,
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
    "families",
    "family",
    "installed",
    "load",
    "load_all",
    "models_folder",
    "read_json",
    "read_words",
    "readable",
    "shipped",
    "user_folder",
]
