"""The model card: everything about a model that is not a weight, as data."""

from lean_tagger.spec.card import (
    Agreement,
    FrontendSpec,
    Label,
    LabelKind,
    ModelSpec,
    ResamplerSpec,
)
from lean_tagger.spec.library import (
    installed,
    load,
    models_folder,
    read_json,
    shipped,
    user_folder,
)

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
    "read_json",
    "shipped",
    "user_folder",
]
