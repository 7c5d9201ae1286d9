"""The protocol by which methods for own genres and similar tracks are compared."""

import importlib.util
from types import ModuleType

from conftest import shared


def load() -> ModuleType:
    """Return `score.py` of the shared features, or skip the test."""
    spec = importlib.util.spec_from_file_location("score", shared("ears") / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
