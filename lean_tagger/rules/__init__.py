"""A person's own vocabulary: what a label is called, and whether it is written.

::

    rules.toml ─ load ─ Rules ─ adjusted ─ decide(scores, labels) ─ Decision ─ tags.plan
    check, template     DEFAULT  options                chosen, steps

`vocabulary` is the types, `toml` reads a file (with `lines` and `patterns`), `apply` is the
fixed order of the steps, `players` how values go into a field, `album` one opinion for a
whole album, `template` the file that a person starts from. Standard library only: the
supervisor and every worker load it.
"""

from lean_tagger.rules.album import NOISE, AlbumDecision, Outlier, Tie, album_key, pool
from lean_tagger.rules.apply import decide, strangers
from lean_tagger.rules.players import PLAIN, PLAYERS, Layout
from lean_tagger.rules.vocabulary import (
    DEFAULT,
    FIELDS,
    POLICIES,
    Decision,
    FieldRules,
    Policy,
    Rename,
    Rules,
    Step,
    Track,
    adjusted,
)

__all__ = [
    "DEFAULT",
    "FIELDS",
    "NOISE",
    "PLAIN",
    "PLAYERS",
    "POLICIES",
    "AlbumDecision",
    "Decision",
    "FieldRules",
    "Layout",
    "Outlier",
    "Policy",
    "Rename",
    "Rules",
    "Step",
    "Tie",
    "Track",
    "adjusted",
    "album_key",
    "check",
    "decide",
    "load",
    "pool",
    "strangers",
    "template",
]

# What reads and writes rules files comes late: few runs need it, and each process would
# hold it, 2 MiB of the supervisor's 25.


def load(path: str) -> Rules:
    """Read a rules file; see `toml.load`."""
    from lean_tagger.rules import toml

    return toml.load(path)


def check(path: str) -> list[str]:
    """Return all that is wrong with a rules file; see `toml.check`."""
    from lean_tagger.rules import toml

    return toml.check(path)


def template() -> str:
    """Return the file that a person starts from; see `template`."""
    from lean_tagger.rules.template import template as text

    return text()
