"""The model card: everything about a model that is not a weight, as data."""

from lean_tagger.spec.card import (
    Agreement,
    FrontendSpec,
    Label,
    LabelKind,
    ModelSpec,
    ResamplerSpec,
)
from lean_tagger.spec.library import installed, load, load_all, models_folder

__all__ = [
    "Agreement",
    "FrontendSpec",
    "Label",
    "LabelKind",
    "ModelSpec",
    "ResamplerSpec",
    "installed",
    "load",
    "load_all",
    "models_folder",
]
