"""Cases of which a few run among the fast tests, and all of them with ``-m slow or not slow``."""

from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet


def thinned(
    names: str | tuple[str, ...], cases: Iterable[Any], *, fast: int, **options: Any
) -> pytest.MarkDecorator:
    """Return what `pytest.mark.parametrize` does, with all but the first `fast` cases slow."""
    several = not isinstance(names, str) or "," in names
    marked = []
    for number, case in enumerate(cases):
        found = ParameterSet.extract_from(case, force_tuple=not several)
        marks = [*found.marks, pytest.mark.slow] if number >= fast else found.marks
        marked.append(pytest.param(*found.values, marks=marks, id=found.id))
    return pytest.mark.parametrize(names, marked, **options)
