"""Decide which tags a track gets: from scores and existing tags to a plan.

Nothing here opens a file. A label reaches the field of its kind only: genres the genre
field, moods the mood field; an instrument, an era or a voice reaches none.

A field gets the labels that score at least `min_score` *and* at least `ratio` of the
field's best, at most `max_tags` of them, strongest first. Nothing is written where nothing
is sure enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lean_tagger import provenance
from lean_tagger.outcome import Heard, Ours, Pooling, Tagged, TagStatus
from lean_tagger.spec import Label, ModelSpec

__all__ = [
    "RULES",
    "Policy",
    "Rule",
    "Step",
    "TagPlan",
    "adjust",
    "choose",
    "explain",
    "outcome",
    "plan",
    "propose",
]

Policy = Literal["fill", "merge", "overwrite"]

KINDS = {"genre": "genre", "mood": "mood"}
"""Which kind of label each field takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a label is sure enough for its field.

    Attributes
    ----------
    min_score : float
        Lowest score, 0 to 1.
    ratio : float
        Lowest share of the field's best score, 0 to 1.
    max_tags : int
        Most values in the field.
    """

    min_score: float
    ratio: float
    max_tags: int


RULES: Mapping[str, Rule] = {
    "genre": Rule(min_score=0.20, ratio=0.5, max_tags=3),
    "mood": Rule(min_score=0.08, ratio=0.5, max_tags=2),
}
"""The defaults, found by looking at what msd-musicnn says of 81 tracks: the music of four
games (Debian's supertuxkart-data, wesnoth-1.16-music, asc-music, torus-trooper-data) and the
two examples of musicnn's own documentation. Electronic and rock pieces score 0.3 to 0.5 as
such; battle music for orchestra, for which the model has no label, scores "jazz" 0.12 to
0.19. From 0.20 on, 50 of the 81 get a genre, 1.2 on average, and the rest get none rather
than a guess. Moods were rare in the training data and score low (0.037 at most here), so a
mood is written only where it stands far out, and on none of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPlan:
    """What to write into one file.

    Attributes
    ----------
    path : str
        The file.
    tags : mapping of str to tuple of str
        What the scores say, by field, strongest first.
    sureness : mapping of str to float
        For each value in `tags`, the score of the label behind it.
    changes : mapping of str to tuple of str
        Field to its full new values; empty where there is nothing to write.
    previous : mapping of str to tuple of str
        What each changed field held; a missing key held nothing.
    """

    path: str
    tags: Mapping[str, tuple[str, ...]]
    sureness: Mapping[str, float]
    changes: Mapping[str, tuple[str, ...]]
    previous: Mapping[str, tuple[str, ...]]


def adjust(
    rules: Mapping[str, Rule],
    *,
    min_score: float | None = None,
    ratio: float | None = None,
    max_tags: int | None = None,
) -> dict[str, Rule]:
    """Return the rules with what is not None put into every field's."""
    return {
        field: Rule(
            min_score=rule.min_score if min_score is None else min_score,
            ratio=rule.ratio if ratio is None else ratio,
            max_tags=rule.max_tags if max_tags is None else max_tags,
        )
        for field, rule in rules.items()
    }


def choose(
    scores: Sequence[float], labels: Sequence[Label], rules: Mapping[str, Rule]
) -> dict[str, list[tuple[str, float]]]:
    """Return, by field, the display names that are sure enough, with their scores.

    Parameters
    ----------
    scores : sequence of float
        In the order of `labels`.
    labels : sequence of Label
        The model's vocabulary. Two labels with one display name are one tag.
    rules : mapping of str to Rule
        The fields to fill.

    Returns
    -------
    dict
        Every field of `rules`, possibly empty; strongest first, ties in label order.
    """
    chosen: dict[str, list[tuple[str, float]]] = {}
    for field, rule in rules.items():
        best: dict[str, float] = {}
        for label, score in zip(labels, scores, strict=True):
            if label.kind == KINDS[field]:
                best[label.display] = max(best.get(label.display, 0.0), float(score))
        ranked = sorted(best.items(), key=lambda item: -item[1])
        floor = max(rule.min_score, rule.ratio * ranked[0][1]) if ranked else 1.0
        chosen[field] = [item for item in ranked if item[1] >= floor][: rule.max_tags]
    return chosen


class Step(NamedTuple):
    """What became of one label.

    Attributes
    ----------
    label : str
        Its name in the model.
    score : float
        0 to 1.
    result : str
        In words.
    """

    label: str
    score: float
    result: str


LEAST_TOLD = 0.02
"""A label below this had no chance, and is not told of."""


def explain(
    scores: Sequence[float], labels: Sequence[Label], rules: Mapping[str, Rule]
) -> list[Step]:
    """Return what the rules make of each label that had a chance, strongest first.

    Parameters
    ----------
    scores, labels, rules
        As for `choose`, of whose decision this is the reason.
    """
    chosen = choose(scores, labels, rules)
    taken = {field: {name for name, _ in items} for field, items in chosen.items()}
    fields = {kind: field for field, kind in KINDS.items() if field in rules}
    steps = []
    for label, score in sorted(zip(labels, scores, strict=True), key=lambda item: -item[1]):
        if score < LEAST_TOLD:
            break
        field = fields.get(label.kind)
        if field is None:
            result = f"{label.kind}: goes into no field that is written"
        elif label.display in taken[field]:
            result = f"{field}: {label.display}"
        else:
            result = f"{field}: {_why_not(score, rules[field], chosen[field])}"
        steps.append(Step(label.name, float(score), result))
    return steps


def _why_not(score: float, rule: Rule, chosen: Sequence[tuple[str, float]]) -> str:
    if score < rule.min_score:
        return f"not sure enough, below {rule.min_score:.0%}"
    if chosen and score < rule.ratio * chosen[0][1]:
        return f"below {rule.ratio:.0%} of the best, {chosen[0][0]}"
    return f"there are {rule.max_tags} stronger ones"


def plan(
    path: str,
    chosen: Mapping[str, Sequence[tuple[str, float]]],
    previous: Mapping[str, tuple[str, ...]],
    *,
    policy: Policy,
    said: Mapping[str, object],
) -> TagPlan:
    """Return what to write, given what is there.

    Parameters
    ----------
    path : str
        The file.
    chosen : mapping
        From `choose`.
    previous : mapping of str to tuple of str
        The file's present values by field; a missing key holds nothing.
    policy : {'fill', 'merge', 'overwrite'}
        Only write into an empty field; add behind what is there; put ours in its place.
    said : mapping
        What the LEANTAG field is to hold; written along with any other change, as JSON,
        with what we wrote and over what: so a later decision knows which values are ours.
    """
    changes: dict[str, tuple[str, ...]] = {}
    ours_before = provenance.ours_in(previous)
    kept: dict[str, Ours] = {}
    for field, items in chosen.items():
        ours = tuple(name for name, _ in items)
        there = previous.get(field, ())
        mine = ours_before.get(field)
        # What we wrote ourselves is no choice of the person's: what stood there before is.
        before = mine.before if mine and mine.written == there else there
        wanted = _combine(before, ours, policy) if ours else before
        if wanted != there:
            changes[field] = wanted
        if wanted != before:
            kept[field] = Ours(wanted, before)
    for field, mine in ours_before.items():
        if field not in chosen and mine.written == previous.get(field, ()):
            kept[field] = mine
    if changes:
        changes["leantag"] = (provenance.signed(said, kept),) if kept else ()
    return TagPlan(
        path=path,
        tags={field: tuple(name for name, _ in items) for field, items in chosen.items()},
        sureness={name: score for items in chosen.values() for name, score in items},
        changes=changes,
        previous={field: previous[field] for field in changes if field in previous},
    )


def propose(
    path: str,
    card: ModelSpec,
    heard: Heard,
    *,
    policy: Policy,
    rules: Mapping[str, Rule],
    pooling: Pooling,
    values: Sequence[float] | None = None,
) -> TagPlan:
    """Return what to write, from what was heard in a file and what it holds now.

    Parameters
    ----------
    path : str
        The file; not opened.
    card : ModelSpec
        Of the model that heard it.
    heard : Heard
        The scores, and the file's present fields.
    policy, rules
        As for `plan` and `choose`.
    pooling : Pooling
        How the scores came to be; goes into the LEANTAG field, by which the file is known
        again when the journal is lost.
    values : sequence of float, optional
        Scores to decide by in place of the file's own.
    """
    chosen = choose(heard.values if values is None else values, card.labels, rules)
    said = provenance.of(heard, card, pooling=pooling)
    return plan(path, chosen, heard.fields, policy=policy, said=said)


def outcome(
    plan: TagPlan, heard: Heard, card: ModelSpec, status: TagStatus, *, known: bool
) -> Tagged:
    """Return the outcome of a file that was decided on; `known` if not heard in this run."""
    ranked = sorted(zip(card.labels, heard.values, strict=True), key=lambda item: -item[1])
    return Tagged(
        path=plan.path,
        model=card.name,
        status=status,
        seconds=heard.seconds,
        windows=heard.windows,
        seconds_skipped=heard.seconds_skipped,
        repeated=heard.repeated,
        scores={label.name: score for label, score in ranked},
        tags=plan.tags,
        written={field: values for field, values in plan.changes.items() if field in plan.tags},
        sureness=plan.sureness,
        known=known,
        heard=heard,
    )


def _combine(there: tuple[str, ...], ours: tuple[str, ...], policy: Policy) -> tuple[str, ...]:
    if policy == "overwrite" or not there:
        return ours
    if policy == "fill":
        return there
    known = {value.casefold() for value in there}
    return there + tuple(value for value in ours if value.casefold() not in known)
