"""What holds for all rules, scores and tags: the order of the steps, and doing it twice."""

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lean_tagger.card import Label
from lean_tagger.decide import tag_plan
from lean_tagger.rules import (
    DEFAULT,
    PLAYERS,
    FieldLayout,
    FieldRules,
    Policy,
    Rename,
    Rules,
    Track,
    decide,
)

NAMES = ["Rock", "Jazz", "Pop", "Hard Rock", "AC/DC", "Hip-Hop, Rap", "R&B", "Drum; Bass", "A / B"]
LABELS = (
    *(Label(name.lower(), "genre", name) for name in NAMES),
    Label("chill", "mood", "Chill"),
    Label("happy", "mood", "Happy"),
    Label("guitar", "instrument", "Guitar"),
)
VALUES = [*NAMES, "Chill", "Happy", "Dance", "Unknown"]

name = st.sampled_from(VALUES)
names = st.lists(name, max_size=4, unique=True).map(tuple)
score = st.floats(0, 1)
unit = st.sampled_from([0.0, 0.1, 0.5, 1.0])
# No circles: every value stands below one that comes later in the list.
tree = st.dictionaries(st.integers(0, len(VALUES) - 2), st.just(0), max_size=4).flatmap(
    lambda low: st.fixed_dictionaries({n: st.integers(n + 1, len(VALUES) - 1) for n in low})
)
trees = tree.map(
    lambda above: tuple(
        (VALUES[top], tuple(VALUES[n] for n in above if above[n] == top))
        for top in sorted(set(above.values()))
    )
)
pattern = st.sampled_from(["rock", ".*rock", "(.+) rock", "jazz|pop", ".*", "[a-j].*", "chill"])
renames = st.lists(st.builds(Rename, match=pattern, to=name), max_size=3).map(tuple)
layouts = st.sampled_from(
    [
        *PLAYERS.values(),
        FieldLayout(),
        FieldLayout(separator=" / "),
        FieldLayout(separator="; ", splits=("&",)),
    ]
)
policies = st.sampled_from(["fill", "merge", "overwrite"])


def fields(field: str) -> st.SearchStrategy[FieldRules]:
    return st.builds(
        FieldRules,
        name=st.just(field),
        min_score=unit,
        ratio=unit,
        max_tags=st.integers(1, 4),
        thresholds=st.dictionaries(name, unit, max_size=3).map(lambda d: tuple(d.items())),
        policy=policies,
        parents=st.sampled_from(["specific", "parent", "both"]),
        allow=st.just(()) | names,
        casing=st.sampled_from(["as-is", "title", "lower", "upper"]),
        when_unsure=st.none() | st.just("Unknown"),
    )


rules = st.builds(
    Rules,
    fields=st.tuples(fields("genre"), fields("mood")),
    renames=renames,
    ignore=names,
    ignore_artists=st.dictionaries(st.just("Miles"), names, max_size=1).map(
        lambda d: tuple(d.items())
    ),
    tree=trees,
    layout=layouts,
)
all_scores = st.lists(score, min_size=len(LABELS), max_size=len(LABELS))
tracks = st.sampled_from([Track(), Track(artist="Miles")])
held = st.lists(
    st.sampled_from([*VALUES, "Polka", "rock", "Jazz;Pop", "Rock / Pop", "A/B,C", "unknown"]),
    max_size=3,
    unique=True,
).map(tuple)


def plan(given: Rules, scores: list[float], there: dict[str, tuple[str, ...]]) -> tag_plan.TagPlan:
    decision = decide(scores, LABELS, given)
    return tag_plan.plan("x", decision, there, rules=given, said={})


@given(rules, all_scores, tracks)
def test_what_is_ignored_never_appears(given, scores, track):
    ignored = {value.casefold() for value in given.ignore}
    if track.artist:
        ignored |= {value.casefold() for _, values in given.ignore_artists for value in values}
    decision = decide(scores, LABELS, given, track=track)
    for items in decision.chosen.values():
        assert not ignored & {value.casefold() for value, _ in items}


@given(rules, all_scores)
def test_the_allowed_list_is_always_obeyed(given, scores):
    decision = decide(scores, LABELS, given)
    for field in given.fields:
        if field.allow:
            allowed = {value.casefold() for value in field.allow}
            assert {v.casefold() for v, _ in decision.chosen[field.name]} <= allowed


@given(rules, all_scores)
def test_casing_is_last(given, scores):
    as_is = dataclasses.replace(
        given, fields=tuple(dataclasses.replace(f, casing="as-is") for f in given.fields)
    )
    cased, plain = decide(scores, LABELS, given).chosen, decide(scores, LABELS, as_is).chosen
    for field in given.fields:
        one, other = cased[field.name], plain[field.name]
        assert [(v.casefold(), s) for v, s in one] == [(v.casefold(), s) for v, s in other]
        if field.casing in ("lower", "upper"):
            assert all(value == getattr(value, field.casing)() for value, _ in one)


@given(rules, all_scores)
def test_numbers_are_obeyed_and_the_best_comes_first(given, scores):
    decision = decide(scores, LABELS, given)
    for field in given.fields:
        found = [s for _, s in decision.chosen[field.name]]
        least = min([field.min_score, *(s for _, s in field.thresholds)])
        assert found == sorted(found, reverse=True)
        assert len(found) <= field.max_tags
        assert all(s >= least and s >= field.ratio * found[0] for s in found)
        values = [value.casefold() for value, _ in decision.chosen[field.name]]
        assert len(values) == len(set(values))


@given(rules, st.permutations(range(len(LABELS))), st.randoms())
def test_the_order_of_the_labels_does_not_matter(given, order, random):
    # Different scores: those that are equal stand in the order of the labels.
    scores = [n / len(LABELS) for n in range(1, len(LABELS) + 1)]
    random.shuffle(scores)
    one = decide(scores, LABELS, given)
    other = decide([scores[n] for n in order], [LABELS[n] for n in order], given)
    assert one.chosen == other.chosen
    assert one.steps == other.steps


@given(rules, all_scores)
def test_every_value_that_is_written_is_explained(given, scores):
    decision = decide(scores, LABELS, given)
    for field, items in decision.chosen.items():
        steps = [step for step in decision.steps if step.field == field]
        chosen = [(step.value, step.score) for step in steps if step.rule == "chosen"]
        assert sorted(chosen, key=str) == sorted(items, key=str)


@given(rules, all_scores)
def test_a_label_that_is_out_comes_to_nothing_later(given, scores):
    steps = decide(scores, LABELS, given).steps
    out = {(s.field, s.label): n for n, s in enumerate(steps) if s.rule in ("threshold", "ignore")}
    for n, step in enumerate(steps):
        assert n <= out.get((step.field, step.label), n)


@given(all_scores)
def test_the_default_is_what_numbers_alone_decide(scores):
    chosen = decide(scores, LABELS, DEFAULT).chosen
    for rule in DEFAULT.fields:
        field = rule.name
        mine = [(b.display, s) for b, s in zip(LABELS, scores, strict=True) if b.kind == field]
        best = max(s for _, s in mine)
        sure = [item for item in mine if item[1] >= max(rule.min_score, rule.ratio * best)]
        expected = sorted(sure, key=lambda item: -item[1])[: rule.max_tags]
        assert list(chosen[field]) == expected


@pytest.mark.slow
@settings(max_examples=400)
@given(rules, all_scores, held, held)
def test_retagging_twice_is_retagging_once(given, scores, genres, moods):
    there = {field: values for field, values in (("genre", genres), ("mood", moods)) if values}
    first = plan(given, scores, there)
    assert plan(given, scores, {**there, **first.changes}).changes == {}


@given(rules, all_scores, held)
def test_what_is_there_goes_only_where_it_may_be_overwritten(given, scores, genres):
    made = plan(given, scores, {"genre": genres} if genres else {})
    field = given.fields[0]
    word = (field.when_unsure or "").casefold()
    before = given.layout.parse([value for value in genres if value.casefold() != word])
    after = given.layout.parse(made.changes.get("genre", genres))
    if field.policy != "overwrite":
        assert set(map(str.casefold, before)) <= set(map(str.casefold, after))
    if not made.tags["genre"] and before:
        assert "genre" not in made.changes


@example(layout=FieldLayout(), values=[";", "; "])
@given(layouts, st.lists(st.text("ab;/,|\\ -", min_size=1).filter(str.strip), max_size=4))
def test_a_player_sees_the_values_that_were_meant(layout, values):
    meant = layout.values(value.strip() for value in values)
    assert layout.parse(layout.render(values)) == meant
    assert layout.values(meant) == meant


@given(layouts, st.lists(st.text("ab;/,|\\ -", min_size=1).filter(str.strip), max_size=4))
def test_no_value_is_dropped_for_the_characters_in_it(layout, values):
    assert len(layout.values(values)) == len({layout.clean(v).casefold() for v in values})
    assert all(layout.clean(value) for value in values)


@pytest.mark.parametrize("policy", ["fill", "merge", "overwrite"])
def test_a_plan_writes_at_all_unless_it_fills_a_full_field(policy: Policy):
    """So that none of the above holds because nothing is ever written."""
    field = dataclasses.replace(DEFAULT.fields[0], policy=policy)
    given = dataclasses.replace(DEFAULT, fields=(field,), layout=PLAYERS["plex"])
    made = plan(given, [0.9] * len(LABELS), {"genre": ("Polka",)})
    assert bool(made.changes) == (policy != "fill")
