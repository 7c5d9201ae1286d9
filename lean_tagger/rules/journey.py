"""Labels on their way through the steps of the rules, and a note of each step."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lean_tagger.rules.decision import RuleName, Step
from lean_tagger.rules.model import FieldRules

if TYPE_CHECKING:  # questions to the journal need no cards, and start sooner without
    from lean_tagger.card import Label


@dataclass(frozen=True, slots=True)
class Candidate:
    """A label on its way through the steps; `value` is what it stands for so far."""

    order: int
    label: "Label"
    score: float
    value: str


class Journey:
    """The labels of one field on their way through the steps, and what happened to each."""

    def __init__(self, field: FieldRules) -> None:
        self.field = field
        self.steps: list[tuple[Candidate, Step]] = []

    def note(self, candidate: Candidate, rule: RuleName, did: str, value: str | None) -> None:
        """Record what a rule did to a candidate; None as the value: it is out."""
        step = Step(
            field=self.field.name,
            label=candidate.label.name,
            score=candidate.score,
            rule=rule,
            value=value,
            did=did,
        )
        self.steps.append((candidate, step))

    def drop(self, candidate: Candidate, rule: RuleName, did: str) -> None:
        """Record that a rule dropped a candidate."""
        self.note(candidate, rule, did, None)

    def turn(self, candidate: Candidate, rule: RuleName, value: str, did: str) -> Candidate:
        """Record a new value for a candidate; return the candidate with it."""
        self.note(candidate, rule, did, value)
        return replace(candidate, value=value)

    def sorted_steps(self) -> list[Step]:
        """Return the steps by label, strongest first, then in order."""
        ranked = sorted(self.steps, key=lambda item: (-item[0].score, item[0].order))
        return [step for _, step in ranked]
