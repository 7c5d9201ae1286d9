"""The labels of a model, and when it should give no genre."""

from dataclasses import dataclass
from typing import Literal

LabelKind = Literal["genre", "mood", "instrument", "vocals", "era", "other", "number"]


@dataclass(frozen=True, slots=True)
class Label:
    """One thing the model can say.

    Attributes
    ----------
    name : str
        The name, as the model's authors spell it.
    kind : LabelKind
        What it is; decides the field that it may go to, if any.
    display : str
        The name for people, as it goes into a tag.
    least : float
        Lowest probability, 0 to 1, with which it is written unless a rule names it. For a label
        with its opposite next to it, less than half means the opposite.
    low, high : float
        The ends of a number's scale. A number is kept as its share of the way from low to high,
        so that it fits where probabilities are kept.
    parent : str
        Its parent value, if the tree in the rules does not name it: "Electronic" for "House".
        Empty if there is none.
    bar : float
        Lowest probability if the user gives no minimum at all, for a label that was measured to
        be wrong more often than others with the same score.
    """

    name: str
    kind: LabelKind
    display: str
    least: float = 0.0
    low: float = 0.0
    high: float = 1.0
    parent: str = ""
    bar: float = 0.0

    def shown(self, kept: float) -> float:
        """Return the number for a kept share, or the probability unchanged."""
        return self.low + kept * (self.high - self.low) if self.kind == "number" else kept

    def share(self, shown: float) -> float:
        """Return the share that is kept for a number: 0 to 1, also for one beyond its scale."""
        if self.kind != "number":
            return shown
        return min(1.0, max(0.0, (shown - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Bound:
    """A label, and a probability from 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstain:
    """Scores that show that a network does not hear music, so that no genre is given.

    All conditions must hold; if the model lacks one of the labels, they do not.

    Attributes
    ----------
    why : str
        What it is instead, for people: ``speech``.
    first : str or None
        The strongest genre.
    below, from_ : tuple of Bound
        Labels that score less than the bound, and at least the bound.
    """

    why: str
    first: str | None = None
    below: tuple[Bound, ...] = ()
    from_: tuple[Bound, ...] = ()
