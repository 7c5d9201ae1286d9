"""Plan what to write, from what the rules chose and what a file holds.

Nothing here opens a file. Values that we wrote, according to LEANTAG, are not the user's choice:
a plan starts from what was there before, so that later rules replace our values and never the
user's.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from lean_tagger.decide import leantag_field
from lean_tagger.decide.derived import inherited
from lean_tagger.decide.yes_or_no import decide_each, is_yes_or_no
from lean_tagger.jobs import (
    Asked,
    Heard,
    Opinion,
    Ours,
    Tagged,
    TagStatus,
    TrackInfo,
    Values,
)
from lean_tagger.rules import (
    Decision,
    FieldLayout,
    Policy,
    Rules,
    Track,
    numbers_of,
)
from lean_tagger.rules.junk import is_junk
from lean_tagger.settings import LeantagForm


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
        For each value in `tags`, the score of its label.
    changes : mapping of str to tuple of str
        Field to its full new values; empty if there is nothing to write.
    previous : mapping of str to tuple of str
        What each changed field held; a missing key held nothing.
    by : mapping of str to str
        For each field with a value in `tags`, the model that chose it.
    junk : tuple of str
        Values of the genre field that say nothing.

    Examples
    --------
    >>> from lean_tagger import Tagger
    >>> plan = Tagger().tag("song.mp3", dry_run=True)
    >>> plan.tags
    {'genre': ('Electronic',), 'mood': ()}
    >>> sorted(plan.changes)  # no mood was sure enough; leantag says where the genre is from
    ['genre', 'leantag']
    >>> plan.previous  # the file had neither
    {}
    """

    path: str
    tags: Mapping[str, tuple[str, ...]]
    sureness: Mapping[str, float]
    changes: Mapping[str, tuple[str, ...]]
    previous: Mapping[str, tuple[str, ...]]
    by: Mapping[str, str]
    junk: tuple[str, ...] = ()


def decisions_on(
    path: str,
    asked: Sequence[Asked],
    heard: Heard,
    *,
    rules: Rules,
    values: Sequence[Sequence[float]] | None = None,
) -> dict[str, Decision]:
    """Apply the rules to the scores of one file; return a decision for each model.

    The first model that is sure enough of a value decides a field; decisions of later models do
    not have it. `yes_or_no` says which models decide together.

    If the album is unsure about a field, the track's own scores decide it.

    Parameters
    ----------
    path : str
        The file; its folder is the album if the tags name none.
    asked : sequence of Asked
        The models that gave the scores.
    heard : Heard
        The scores, with artist and album if known.
    rules : Rules
        The run's.
    values : sequence of sequence of float, optional
        Scores to use instead of the file's own, for each model; number fields keep its own.
    """
    track = track_of(path, heard.track)
    decisions: dict[str, Decision] = {}
    taken: set[str] = set()
    wholes = _wholes(asked, heard, rules, track, values)
    for by, whole, own in zip(asked, wholes, heard.each(), strict=True):
        numbers = numbers_of(own.values, by.card.labels, rules)
        decisions[by.card.name] = replace(
            whole,
            chosen={field: items for field, items in whole.chosen.items() if field not in taken},
            steps=tuple(step for step in whole.steps if step.field not in taken),
            numbers={field: text for field, text in numbers.items() if field not in taken},
        )
        taken |= {field for field, items in whole.chosen.items() if items} | set(numbers)
    return decisions


def track_of(path: str, known: TrackInfo | None) -> Track:
    """Return a file's artist and album in the form that the rules use."""
    known = known or TrackInfo()
    return Track(
        artist=known.artist,
        albumartist=known.albumartist,
        album=known.album,
        folder=path.rpartition("/")[0],
        compilation=known.compilation,
    )


def _wholes(
    asked: Sequence[Asked],
    heard: Heard,
    rules: Rules,
    track: Track,
    values: Sequence[Sequence[float]] | None,
) -> list[Decision]:
    """Return what each model decides: from the album's scores, then from the track's own."""
    heirs = [
        inherited(by.card, track, it.values) for by, it in zip(asked, heard.each(), strict=True)
    ]
    mine = [heir or it.values for heir, it in zip(heirs, heard.each(), strict=True)]
    own = decide_each(asked, mine, rules, track)
    if values is None:
        return own
    pooled = decide_each(
        asked, [heir or it for heir, it in zip(heirs, values, strict=True)], rules, track
    )
    together = {
        field
        for by, it in zip(asked, pooled, strict=True)
        if is_yes_or_no(by.card)
        for field, items in it.chosen.items()
        if items
    }
    return [
        _or_own(album, one, sure=together if is_yes_or_no(by.card) else set())
        for by, album, one in zip(asked, pooled, own, strict=True)
    ]


def _or_own(pooled: Decision, own: Decision, *, sure: Set[str]) -> Decision:
    """Return an album's decision, with the track's own for fields where the album is unsure.

    Another model has decided the fields in `sure` for the whole album.
    """
    unsure = {
        field
        for field, items in pooled.chosen.items()
        if not items and own.chosen[field] and field not in sure
    }
    return replace(
        pooled,
        chosen={f: own.chosen[f] if f in unsure else it for f, it in pooled.chosen.items()},
        steps=(
            *(step for step in pooled.steps if step.field not in unsure),
            *(step for step in own.steps if step.field in unsure),
        ),
    )


def propose(
    path: str,
    asked: Sequence[Asked],
    heard: Heard,
    *,
    rules: Rules,
    values: Sequence[Sequence[float]] | None = None,
    leantag: LeantagForm = "short",
) -> TagPlan:
    """Return what to write, from what was heard in a file and its present values.

    Parameters
    ----------
    path : str
        The file; not opened.
    asked : sequence of Asked
        The models that heard it. Their details go into the LEANTAG field, which identifies the
        file if the journal is lost.
    heard : Heard
        The scores, and the file's present fields.
    rules : Rules
        The run's.
    values : sequence of sequence of float, optional
        Scores to use instead of the file's own, for each model.
    leantag : {'short', 'full', 'none'}
        What the LEANTAG field should say; see `leantag_field`.
    """
    decisions = decisions_on(path, asked, heard, rules=rules, values=values)
    chosen: dict[str, tuple[tuple[str, float], ...]] = {}
    numbers: dict[str, str] = {}
    by: dict[str, str] = {}
    for name, decision in decisions.items():
        chosen |= decision.chosen
        numbers |= decision.numbers
        by |= {field: name for field, items in decision.chosen.items() if items}
        by |= dict.fromkeys(decision.numbers, name)
    one = replace(decisions[asked[0].card.name], chosen=chosen, numbers=numbers)
    said = leantag_field.of(heard, asked, form=leantag, album=values)
    return plan(path, one, heard.fields, rules=rules, said=said, by=by)


def plan(
    path: str,
    decision: Decision,
    previous: Values,
    *,
    rules: Rules,
    said: Mapping[str, object] | None,
    by: Mapping[str, str] | None = None,
) -> TagPlan:
    """Return what to write, given the present values.

    Parameters
    ----------
    path : str
        The file.
    decision : Decision
        Of the rules.
    previous : mapping of str to tuple of str
        The file's present values by field; a missing key is empty.
    rules : Rules
        What to do with present values, and how values are laid out.
    said : mapping or None
        The content of the LEANTAG field, or None for no such field. It is written as JSON along
        with any other change. It includes what we wrote and what that replaced, so that a later
        decision knows which values are ours.
    by : mapping of str to str, optional
        The model that chose the values of a field.
    """
    changes: dict[str, tuple[str, ...]] = {}
    ours_before = leantag_field.ours_in(previous)
    kept: dict[str, Ours] = {}
    policies = {**rules.policies, **rules.number_policies}
    values = {field: tuple(name for name, _ in it) for field, it in decision.chosen.items()}
    values |= {field: (text,) for field, text in decision.numbers.items()}
    for field, ours in values.items():
        there = previous.get(field, ())
        mine = ours_before.get(field)
        before = mine.before if mine and mine.written == there else there
        word = decision.when_unsure.get(field)
        junk = junk_in(field, before, rules) if rules.replace_junk else ()
        wanted = _combine(before, ours, policies[field], layout=rules.layout, word=word, junk=junk)
        if wanted != there:
            changes[field] = wanted
        if wanted != before:
            kept[field] = Ours(wanted, before)
    for field, mine in ours_before.items():
        if field not in values and mine.written == previous.get(field, ()):
            kept[field] = mine
    if changes:
        text = leantag_field.signed(said, kept) if kept and said is not None else None
        changes["leantag"] = () if text is None else (text,)
    return TagPlan(
        path=path,
        tags={field: rules.layout.values(names) for field, names in values.items()},
        sureness={
            rules.layout.clean(name): score
            for items in decision.chosen.values()
            for name, score in reversed(items)
        },
        changes=changes,
        previous={field: previous[field] for field in changes if field in previous},
        by=by or {},
        junk=junk_in("genre", previous.get("genre", ()), rules),
    )


def _combine(
    there: tuple[str, ...],
    ours: tuple[str, ...],
    policy: Policy,
    *,
    layout: FieldLayout,
    word: str | None,
    junk: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Return the new values of a field; one with only `word` or junk counts as empty."""
    unsure = layout.render(() if word is None else (word,))
    empty = {value.casefold() for value in (*unsure, *junk)}
    held = tuple(value for value in there if value.casefold() not in empty)
    if not ours:
        return there if held or junk else unsure or there
    if policy == "overwrite" or not held:
        return layout.render(ours)
    return there if policy == "fill" else layout.extend(held, ours)


def junk_in(field: str, values: tuple[str, ...], rules: Rules) -> tuple[str, ...]:
    """Return the genres among a field's values that say nothing."""
    if field != "genre":
        return ()
    return tuple(value for value in values if is_junk(value, rules.junk))


def outcome(
    plan: TagPlan, heard: Heard, asked: Sequence[Asked], status: TagStatus, *, known: bool
) -> Tagged:
    """Return the outcome of a file that was decided; `known` if it was not heard in this run."""
    first, *others = map(_opinion, asked, heard.each())
    return Tagged(
        path=plan.path,
        model=first.model,
        status=status,
        seconds=heard.seconds,
        windows=first.windows,
        seconds_skipped=heard.seconds_skipped,
        repeated=first.repeated,
        scores=first.scores,
        tags=plan.tags,
        written={field: values for field, values in plan.changes.items() if field in plan.tags},
        sureness=plan.sureness,
        known=known,
        heard=heard,
        effort=heard.effort,
        of_windows=heard.of_windows or heard.windows,
        confidence=heard.confidence,
        others=tuple(others),
        by=plan.by,
        junk=plan.junk,
    )


def _opinion(asked: Asked, heard: Heard) -> Opinion:
    ranked = sorted(zip(asked.card.labels, heard.values, strict=True), key=lambda item: -item[1])
    return Opinion(
        model=asked.card.name,
        windows=heard.windows,
        repeated=heard.repeated,
        scores={label.name: label.shown(score) for label, score in ranked},
    )
