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
    models_folder,
    read_json,
    shipped,
    user_folder,
)
from lean_tagger.spec.sound import Ends, FrontendSpec, Padding, ResamplerSpec, SamplesSpec

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
    "families",
    "family",
    "installed",
    "load",
    "models_folder",
    "read_json",
    "shipped",
    "user_folder",
]
