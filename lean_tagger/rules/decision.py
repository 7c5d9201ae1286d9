"""The decision of the rules about one track, with each step."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RuleName = Literal[
    "abstain",
    "threshold",
    "rename",
    "ignore",
    "parents",
    "allow",
    "casing",
    "same",
    "ratio",
    "max_tags",
    "chosen",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What a file's tags and path say; used by the rules for artists and albums.

    Names are compared as a whole without regard to case; spaces at the ends do not count.

    Attributes
    ----------
    artist, albumartist, album : str
        From its tags; empty if missing. A rule for an artist applies if either of the first
        two has that name.
    folder : str
        The folder's path. Without an album tag, its last part is the album's name.
    compilation : bool
        The tags say that the album is by several artists.
    """

    artist: str = ""
    albumartist: str = ""
    album: str = ""
    folder: str = ""
    compilation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One effect of one rule on one label, for people.

    Attributes
    ----------
    field : str
        The field that the label would go to.
    label : str
        As the model spells it.
    score : float
        Score of the label, 0 to 1.
    rule : RuleName
        The rule; "same" means that two labels became one value, "chosen" is the end.
    value : str or None
        What the label stands for after this; None if it is out.
    did : str
        What the rule did, in words.
    """

    field: str
    label: str
    score: float
    rule: RuleName
    value: str | None
    did: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The result of applying the rules to scores.

    Attributes
    ----------
    chosen : mapping of str to tuple of (str, float)
        Values with their scores, strongest first, for every field that may be written.
    when_unsure : mapping of str to str
        By field, the word for an empty field if nothing was chosen, if the rules have one.
    steps : tuple of Step
        By field, strongest label first, and in the order of the rules.
    numbers : mapping of str to str
        By field, a number as text for the tags.
    """

    chosen: Mapping[str, tuple[tuple[str, float], ...]]
    when_unsure: Mapping[str, str]
    steps: tuple[Step, ...]
    numbers: Mapping[str, str] = dataclasses.field(default_factory=dict)
