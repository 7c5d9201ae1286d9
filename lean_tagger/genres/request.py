"""The requests of `learn`, `check` and `eval` to the child process that calculates."""

from dataclasses import dataclass
from typing import Literal

from lean_tagger.jobs import Asked
from lean_tagger.rules.junk import WORDS
from lean_tagger.store.rows import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """A model with scores or embeddings that are used.

    Attributes
    ----------
    name : str
        The name in its card.
    key : Key
        Its key in the journal.
    labels : tuple of (str, str, str)
        Name, kind and display form of each label.
    """

    name: str
    key: Key
    labels: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to learn from, or to compare.

    Attributes
    ----------
    journal : str
        Its path.
    under : tuple of str
        Absolute paths of files and folders; if empty, everything on record.
    field : str
        The field with the classes.
    source : {'tags', 'folders', 'files'}
        Where the classes come from.
    files : tuple of str
        Playlists, and tables with a path and a label.
    models : tuple of Listened
        Models with the embeddings; the first one's scores are used too. The others are used if
        most tracks have them.
    all_models : bool
        Use all of these, even if few tracks have them.
    least_tracks, least_groups : int
        A class with fewer is pooled into its parent, or left out.
    precision : float
        Wanted precision of each class, 0 to 1.
    inherit : bool
        First use the class that most tracks of an artist or album have by hand.
    tree : tuple of (str, tuple of str)
        Values, and the values directly below each; see `rules.Rules.tree`.
    junk : tuple of str
        Values that say nothing.
    limit : int
        Most findings of each kind.
    """

    journal: str
    under: tuple[str, ...] = ()
    field: str = "genre"
    source: Literal["tags", "folders", "files"] = "tags"
    files: tuple[str, ...] = ()
    models: tuple[Listened, ...]
    all_models: bool = False
    least_tracks: int = 20
    least_groups: int = 3
    precision: float = 0.8
    inherit: bool = False
    tree: tuple[tuple[str, tuple[str, ...]], ...] = ()
    junk: tuple[str, ...] = WORDS
    limit: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRequest:
    """Which scores to compare with what.

    Attributes
    ----------
    journal : str
        Its path.
    under : tuple of str
        Absolute paths of files and folders; everything on record without any.
    asked : Asked
        The model.
    field : str
        The field with the true values, if there are no annotations.
    annotations : str
        A file with the true values; empty for the files' own tags.
    junk : tuple of str
        Values that say nothing.
    """

    journal: str
    under: tuple[str, ...] = ()
    asked: Asked
    field: str = "genre"
    annotations: str = ""
    junk: tuple[str, ...] = WORDS
