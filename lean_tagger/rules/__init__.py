"""The user's own vocabulary: what a label is called, and whether it is written.

::

    rules.toml ─ load ─ Rules ─ adjusted ─ decide(scores, labels) ─ Decision ─ tag_plan
    check, template     DEFAULT  options                chosen, steps

`model` has the types, `read_file` reads a file (with `toml_file` and `safe_regex`), `apply` has
the fixed order of the steps, `players` lays values out in a field, `album_vote` decides for a whole
album. Standard library only: the supervisor and every worker load it.
"""

from lean_tagger.rules.album_vote import (
    LEAST_TRACKS,
    NOISE,
    AlbumDecision,
    Outlier,
    album_folder,
    album_key,
    may_be_album,
    outliers,
    pool,
)
from lean_tagger.rules.apply import decide, numbers_of
from lean_tagger.rules.decision import Decision, Step, Track
from lean_tagger.rules.model import (
    DEFAULT,
    FIELDS,
    FieldRules,
    Policy,
    Rename,
    Rules,
    adjusted,
)
from lean_tagger.rules.players import PLAIN, PLAYERS, FieldLayout
from lean_tagger.rules.strangers import strangers

__all__ = [
    "DEFAULT",
    "FIELDS",
    "LEAST_TRACKS",
    "NOISE",
    "PLAIN",
    "PLAYERS",
    "AlbumDecision",
    "Decision",
    "FieldLayout",
    "FieldRules",
    "Outlier",
    "Policy",
    "Rename",
    "Rules",
    "Step",
    "Track",
    "adjusted",
    "album_folder",
    "album_key",
    "check",
    "decide",
    "load",
    "may_be_album",
    "numbers_of",
    "outliers",
    "pool",
    "strangers",
    "template",
]

# The modules for rules files are loaded late: few runs need them, and they take 2 MiB of the
# supervisor's 25.


def load(path: str) -> Rules:
    """Read a rules file; see `read_file.load`."""
    from lean_tagger.rules import read_file

    return read_file.load(path)


def check(path: str) -> list[str]:
    """Return everything that is wrong with a rules file; see `read_file.check`."""
    from lean_tagger.rules import read_file

    return read_file.check(path)


def template() -> str:
    """Return the rules file that a user starts from."""
    from importlib.resources import files

    return files("lean_tagger.rules").joinpath("template.toml").read_text(encoding="utf-8")
