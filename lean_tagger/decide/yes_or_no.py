"""Decide from the scores of several models, when some are yes-or-no networks.

Usually the first model that is sure enough of a value decides a field. With seven networks that
each know one mood, that would always favour the first, not the strongest. So neighbouring
yes-or-no networks decide together, as if they were one network.
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
        The models; earlier ones decide first.
    scores : sequence of sequence of float
        Scores of each model.
    rules : Rules
        The run's.
    track : Track
        Artist and album of the file.

    Returns
    -------
    list of Decision
        The joint choice of yes-or-no networks is in the decision of the surest one; the others
        choose nothing for that field.
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
    """Tell whether a network has two labels and one is the absence of the other."""
    opposed = len(card.labels) == 2 and any(label.least > 0 for label in card.labels)
    return opposed and not card.abstain  # `abstain` is about one network's scores


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
