"""The request of ``find`` to the child of a `run.calculation.Calculation`."""

from dataclasses import dataclass
from pathlib import Path

from lean_tagger.library.query import Query
from lean_tagger.library.vocabulary import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A request to find files.

    Attributes
    ----------
    state : Path
        The journal.
    query : Query
        Without ``like:``.
    labels : tuple of Label
        Give its words their meaning.
    """

    state: Path
    query: Query
    labels: tuple[Label, ...] = ()
