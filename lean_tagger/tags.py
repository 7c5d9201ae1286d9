"""From what the rules chose and what a file holds to a plan of what to write.

Nothing here opens a file. What we wrote ourselves, by the LEANTAG field, is no choice of the
person's: a plan looks at what stood there before, so that later rules replace our values and
never theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lean_tagger import provenance
from lean_tagger.outcome import Heard, Ours, Pooling, Tagged, TagStatus, Track, Values
from lean_tagger.rules import Decision, Layout, Policy, Rules, decide
from lean_tagger.rules import Track as Whose
from lean_tagger.spec import ModelSpec

__all__ = ["TagPlan", "decision_on", "outcome", "plan", "propose"]


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


def decision_on(
    path: str,
    card: ModelSpec,
    values: Sequence[float],
    *,
    rules: Rules,
    track: Track | None,
) -> Decision:
    """Return what the rules say to the scores of one file.

    Parameters
    ----------
    path : str
        The file; its folder stands for the album where no tag does.
    card : ModelSpec
        Of the model that gave the scores.
    values : sequence of float
        In the order of the card's labels.
    rules : Rules
        The run's.
    track : Track or None
        Whose it is, where that is known.
    """
    folder, _, _ = path.rpartition("/")
    known = track or Track()
    whose = Whose(
        artist=known.artist, albumartist=known.albumartist, album=known.album, folder=folder
    )
    return decide(values, card.labels, rules, track=whose)


def propose(
    path: str,
    card: ModelSpec,
    heard: Heard,
    *,
    rules: Rules,
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
    rules : Rules
        The run's.
    pooling : Pooling
        How the scores came to be; goes into the LEANTAG field, by which the file is known
        again when the journal is lost.
    values : sequence of float, optional
        Scores to decide by in place of the file's own.
    """
    scores = heard.values if values is None else values
    decision = decision_on(path, card, scores, rules=rules, track=heard.track)
    said = provenance.of(heard, card, pooling=pooling)
    return plan(path, decision, heard.fields, rules=rules, said=said)


def plan(
    path: str,
    decision: Decision,
    previous: Values,
    *,
    rules: Rules,
    said: Mapping[str, object],
) -> TagPlan:
    """Return what to write, given what is there.

    Parameters
    ----------
    path : str
        The file.
    decision : Decision
        Of the rules.
    previous : mapping of str to tuple of str
        The file's present values by field; a missing key holds nothing.
    rules : Rules
        What becomes of values that are there, and how values are laid out.
    said : mapping
        What the LEANTAG field is to hold; written along with any other change, as JSON,
        with what we wrote and over what: so a later decision knows which values are ours.
    """
    changes: dict[str, tuple[str, ...]] = {}
    ours_before = provenance.ours_in(previous)
    kept: dict[str, Ours] = {}
    for field, items in decision.chosen.items():
        there = previous.get(field, ())
        mine = ours_before.get(field)
        before = mine.before if mine and mine.written == there else there
        ours = tuple(name for name, _ in items)
        word = decision.when_unsure.get(field)
        wanted = _combine(before, ours, rules.policies[field], layout=rules.layout, word=word)
        if wanted != there:
            changes[field] = wanted
        if wanted != before:
            kept[field] = Ours(wanted, before)
    for field, mine in ours_before.items():
        if field not in decision.chosen and mine.written == previous.get(field, ()):
            kept[field] = mine
    if changes:
        changes["leantag"] = (provenance.signed(said, kept),) if kept else ()
    return TagPlan(
        path=path,
        tags={
            field: rules.layout.values(name for name, _ in items)
            for field, items in decision.chosen.items()
        },
        sureness={
            rules.layout.clean(name): score
            for items in decision.chosen.values()
            for name, score in reversed(items)
        },
        changes=changes,
        previous={field: previous[field] for field in changes if field in previous},
    )


def _combine(
    there: tuple[str, ...],
    ours: tuple[str, ...],
    policy: Policy,
    *,
    layout: Layout,
    word: str | None,
) -> tuple[str, ...]:
    """Return what a field is to hold; one that holds only `word` counts as empty."""
    unsure = layout.render(() if word is None else (word,))
    held = tuple(value for value in there if value.casefold() not in map(str.casefold, unsure))
    if not ours:
        return there if held else unsure or there
    if policy == "overwrite" or not held:
        return layout.render(ours)
    return there if policy == "fill" else layout.extend(held, ours)


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
        effort=heard.effort,
        of_windows=heard.of_windows or heard.windows,
        confidence=heard.confidence,
    )
