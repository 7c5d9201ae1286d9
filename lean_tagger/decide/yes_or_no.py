"""Decide on the scores of several models, where some answer one question with yes or no.

In general a field is the first model's that is sure enough of a value for it. Seven networks that
each know one mood are another matter: the first, not the strongest, would always have the say.
Those that stand side by side are therefore decided on together, as if they were one network.
"""

import itertools
from collections.abc import Iterator, Sequence

from lean_tagger.card import ModelSpec
from lean_tagger.jobs import Asked, quantised
from lean_tagger.rules import Decision, Rules, Track, decide


def decide_each(
    asked: Sequence[Asked], scores: Sequence[Sequence[float]], rules: Rules, track: Track
) -> list[Decision]:
    """Return a decision for each model.

    Parameters
    ----------
    asked : sequence of Asked
        The models, in the order in which they have a say.
    scores : sequence of sequence of float
        What each of them says.
    rules : Rules
        The run's.
    track : Track
        Whose music it is.

    Returns
    -------
    list of Decision
        What yes-or-no networks choose together stands in the decision of the one that is
        surest; the others of them choose nothing for that field.
    """
    found: list[Decision] = []
    pairs = list(zip(asked, scores, strict=True))
    for together, group in itertools.groupby(pairs, key=lambda it: is_yes_or_no(it[0].card)):
        members = list(group)
        if together:
            found += _jointly(members, rules, track)
        else:
            found += [
                decide(quantised(mine), by.card.labels, rules, track=track, abstain=by.card.abstain)
                for by, mine in members
            ]
    return found


def is_yes_or_no(card: ModelSpec) -> bool:
    """Tell whether a network has two labels of which one is the absence of the other."""
    opposed = len(card.labels) == 2 and any(label.least > 0 for label in card.labels)
    return opposed and not card.abstain  # which is about one network's scores


def _jointly(
    members: Sequence[tuple[Asked, Sequence[float]]], rules: Rules, track: Track
) -> Iterator[Decision]:
    labels = [label for by, _ in members for label in by.card.labels]
    values = [value for _, mine in members for value in quantised(mine)]
    whole = decide(values, labels, rules, track=track)
    surest: dict[str, str] = {}
    for step in whole.steps:  # strongest first
        if step.rule == "chosen":
            surest.setdefault(step.field, step.label)
    for by, _ in members:
        own = {label.name for label in by.card.labels}
        yield Decision(
            chosen={
                field: items if surest.get(field) in own else ()
                for field, items in whole.chosen.items()
            },
            when_unsure=whole.when_unsure,
            steps=tuple(step for step in whole.steps if step.label in own),
        )
