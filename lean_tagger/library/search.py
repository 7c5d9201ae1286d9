"""What ``find`` asks the child of a `run.calculation.Calculation`."""

from dataclasses import dataclass
from pathlib import Path

from lean_tagger.library.query import Query
from lean_tagger.library.vocabulary import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for.

    Attributes
    ----------
    state : Path
        The journal.
    query : Query
        Without what it is to be like.
    labels : tuple of Label
        By which its words are understood.
    """

    state: Path
    query: Query
    labels: tuple[Label, ...] = ()
