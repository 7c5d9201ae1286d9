"""What a network hears second by second, from a child process under the budget."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lean_tagger.library.heat_map import HeatMap
from lean_tagger.run.calculation import Calculation

Form = Literal["png", "svg", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for a taggram.

    Attributes
    ----------
    path : str
        The file.
    models : tuple of str
        Only the first one is used.
    labels : str or None
        A file of words that replaces those of the card.
    form : {'png', 'svg', 'json'} or None
        The wanted form; None is a `HeatMap`.
    """

    path: str
    models: tuple[str, ...]
    labels: str | None = None
    form: Form | None = None


def heard(request: Request, *, max_mem_bytes: int) -> Iterator[Any]:
    """Yield the bytes of a file in pieces, or one `HeatMap`.

    Raises
    ------
    LeanTagError
        The file cannot be heard, or the model cannot be loaded, perhaps with this budget.
    """
    with Calculation(
        "lean_tagger.library.arithmetic.taggram:hear", request, max_mem_bytes=max_mem_bytes
    ) as calculation:
        yield from calculation


def heat_maps(request: Request, *, max_mem_bytes: int) -> Iterator[HeatMap]:
    """Yield one picture, as `heard`."""
    yield from heard(request, max_mem_bytes=max_mem_bytes)
