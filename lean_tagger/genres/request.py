"""What `learn`, `check` and `eval` are asked, as it crosses to the child that calculates."""

from dataclasses import dataclass
from typing import Literal

from lean_tagger.jobs import Asked
from lean_tagger.rules.junk import WORDS
from lean_tagger.store.rows import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """A model whose scores or embeddings are used.

    Attributes
    ----------
    name : str
        As its card has it.
    key : Key
        Under which the journal keeps what it heard.
    labels : tuple of (str, str, str)
        Name, kind and display form of each label.
    """

    name: str
    key: Key
    labels: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to learn from, or to compare with.

    Attributes
    ----------
    journal : str
        Its path.
    under : tuple of str
        Absolute paths of files and folders; everything on record without any.
    field : str
        Whose values are the classes.
    source : {'tags', 'folders', 'files'}
        Where the classes are from.
    files : tuple of str
        Playlists, and tables with a path and a label.
    models : tuple of Listened
        Whose embeddings are used, the first one also for its scores; the later ones as far as
        most tracks have them.
    all_models : bool
        Use all of these, also where few tracks have them.
    least_tracks, least_groups : int
        A class with less is pooled into its parent, or left out.
    precision : float
        Wanted of each class, 0 to 1.
    inherit : bool
        Where most tracks of an artist or album have one class by hand, that first.
    tree : tuple of (str, tuple of str)
        Values and those directly below each; see `rules.Rules.tree`.
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
    """Which scores to hold against what.

    Attributes
    ----------
    journal : str
        Its path.
    under : tuple of str
        Absolute paths of files and folders; everything on record without any.
    asked : Asked
        The model.
    field : str
        Whose values are the truth, without annotations.
    annotations : str
        A file with them; empty for the files' own tags.
    junk : tuple of str
        Values that say nothing.
    """

    journal: str
    under: tuple[str, ...] = ()
    asked: Asked
    field: str = "genre"
    annotations: str = ""
    junk: tuple[str, ...] = WORDS
