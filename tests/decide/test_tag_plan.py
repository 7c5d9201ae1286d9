"""What is decided from scores and existing tags."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.card import Label
from lean_tagger.decide import tag_plan
from lean_tagger.rules import DEFAULT, PLAYERS, Decision, Policy, adjusted, decide

LABELS = (
    Label("rock", "genre", "Rock"),
    Label("jazz", "genre", "Jazz"),
    Label("House", "genre", "House"),
    Label("chill", "mood", "Chill"),
    Label("Mellow", "mood", "Mellow"),
    Label("guitar", "instrument", "Guitar"),
    Label("no vocal", "vocals", "Instrumental"),
    Label("hard rock", "genre", "Rock"),
)
RULES = adjusted(DEFAULT, min_score=0.2, ratio=0.5, max_tags=2)


def names(scores: list[float]) -> dict[str, list[str]]:
    chosen = decide(scores, LABELS, RULES).chosen
    return {field: [name for name, _ in items] for field, items in chosen.items()}


def plan(
    path: str,
    chosen: Mapping[str, Sequence[tuple[str, float]]],
    previous: Mapping[str, tuple[str, ...]],
    *,
    policy: Policy,
    said: Mapping[str, object],
    player: str | None = None,
) -> tag_plan.TagPlan:
    decision = Decision(
        chosen={field: tuple(items) for field, items in chosen.items()}, when_unsure={}, steps=()
    )
    rules = adjusted(RULES, policy=policy, player=player)
    return tag_plan.plan(path, decision, previous, rules=rules, said=said)


def test_genres_go_to_genre_and_moods_to_mood_only() -> None:
    assert names([0.5, 0.0, 0.0, 0.4, 0.0, 0.99, 0.99, 0.0]) == {
        "genre": ["Rock"],
        "mood": ["Chill"],
    }


def test_strongest_first_and_no_more_than_the_maximum() -> None:
    assert names([0.5, 0.7, 0.6, 0, 0, 0, 0, 0])["genre"] == ["Jazz", "House"]


def test_a_label_far_below_the_best_is_left_out() -> None:
    assert names([0.9, 0.44, 0.46, 0, 0, 0, 0, 0])["genre"] == ["Rock", "House"]


def test_nothing_is_said_where_nothing_is_sure_enough() -> None:
    assert names([0.19] * 8) == {"genre": [], "mood": []}


def test_two_labels_of_one_display_name_are_one_tag_with_the_higher_score() -> None:
    chosen = decide([0.3, 0, 0, 0, 0, 0, 0, 0.6], LABELS, RULES).chosen
    assert chosen["genre"] == (("Rock", 0.6),)


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_every_choice_keeps_its_rule(scores: list[float]) -> None:
    for items in decide(scores, LABELS, RULES).chosen.values():
        values = [score for _, score in items]
        assert values == sorted(values, reverse=True)
        assert len(items) <= 2
        assert all(v >= 0.2 and v >= 0.5 * values[0] for v in values)


CHOSEN = {"genre": [("Jazz", 0.7), ("House", 0.4)], "mood": [("Chill", 0.3)]}


def changes(previous: dict[str, tuple[str, ...]], policy: Policy) -> dict[str, tuple[str, ...]]:
    made = plan("x", CHOSEN, previous, policy=policy, said={"model": "m"})
    return {field: values for field, values in made.changes.items() if field != "leantag"}


def test_fill_writes_only_what_is_missing() -> None:
    assert changes({"genre": ("Polka",)}, "fill") == {"mood": ("Chill",)}


def test_merge_adds_behind_what_is_there_without_repeating_it() -> None:
    assert changes({"genre": ("house",), "mood": ("Chill",)}, "merge") == {
        "genre": ("house", "Jazz")
    }


def test_overwrite_puts_ours_in_its_place() -> None:
    assert changes({"genre": ("Polka",), "mood": ("Chill",)}, "overwrite") == {
        "genre": ("Jazz", "House")
    }


@pytest.mark.parametrize("policy", ["fill", "merge", "overwrite"])
def test_a_second_plan_over_the_written_tags_changes_nothing(policy: Policy) -> None:
    first = plan("x", CHOSEN, {"genre": ("Polka",)}, policy=policy, said={})
    after = {"genre": ("Polka",), **first.changes}
    assert plan("x", CHOSEN, after, policy=policy, said={}).changes == {}


def test_nothing_sure_leaves_even_an_overwritten_field_alone() -> None:
    made = plan("x", {"genre": []}, {"genre": ("Polka",)}, policy="overwrite", said={"model": "m"})
    assert made.changes == {}


def test_every_change_says_where_it_came_from_and_what_was_there() -> None:
    made = plan("x", CHOSEN, {"genre": ("Polka",)}, policy="overwrite", said={"model": "m"})
    assert json.loads(made.changes["leantag"][0]) == {
        "model": "m",
        "wrote": {"genre": ["Jazz", "House"], "mood": ["Chill"]},
        "over": {"genre": ["Polka"]},
    }
    assert made.previous == {"genre": ("Polka",)}


SKA = {"genre": [("Ska", 0.9)]}


@pytest.mark.parametrize("policy", ["fill", "merge", "overwrite"])
def test_what_we_wrote_before_gives_way_to_what_we_would_write_now(policy: Policy) -> None:
    first = plan("x", CHOSEN, {"genre": ("Polka",)}, policy=policy, said={})
    after = {"genre": ("Polka",), **first.changes}
    other = {"genre": [("Ska", 0.9)], "mood": []}
    second = plan("x", other, after, policy=policy, said={})
    fresh = plan("x", other, {"genre": ("Polka",)}, policy=policy, said={})
    assert {**after, **second.changes}["genre"] == {"genre": ("Polka",), **fresh.changes}["genre"]
    assert second.changes["mood"] == ()


def test_when_nothing_of_ours_is_left_the_person_has_their_tags_and_no_trace_of_us() -> None:
    first = plan("x", CHOSEN, {"genre": ("Polka",)}, policy="overwrite", said={})
    second = plan("x", {"genre": [], "mood": []}, first.changes, policy="overwrite", said={})
    assert second.changes == {"genre": ("Polka",), "mood": (), "leantag": ()}


def test_what_somebody_changed_since_is_theirs() -> None:
    first = plan("x", CHOSEN, {}, policy="fill", said={})
    theirs = {**first.changes, "genre": ("Tango",)}
    assert (
        "genre" not in plan("x", {"genre": [("Ska", 0.9)]}, theirs, policy="fill", said={}).changes
    )


def test_a_field_that_is_not_asked_for_stays_known_as_ours() -> None:
    first = plan("x", CHOSEN, {}, policy="fill", said={})
    second = plan("x", {"genre": [("Ska", 0.9)]}, first.changes, policy="fill", said={})
    third = plan(
        "x", CHOSEN | {"mood": []}, {**first.changes, **second.changes}, policy="fill", said={}
    )
    assert third.changes["mood"] == ()


@given(st.text() | st.just('{"wrote":[],"over":7}') | st.just("[]"))
def test_any_text_in_the_field_is_no_reason_to_fail(text: str) -> None:
    made = plan("x", CHOSEN, {"genre": ("Polka",), "leantag": (text,)}, policy="fill", said={})
    assert made.changes["mood"] == ("Chill",)


@pytest.mark.parametrize("player", [None, *PLAYERS])
@pytest.mark.parametrize("policy", ["fill", "merge", "overwrite"])
def test_for_every_player_a_second_plan_changes_nothing(policy: Policy, player: str) -> None:
    chosen = {"genre": [("Hip-Hop/Rap; Trap", 0.7), ("R, B", 0.4)], "mood": [("Chill", 0.3)]}
    there = {"genre": ("Polka; Tango", "Ska")}
    first = plan("x", chosen, there, policy=policy, said={}, player=player)
    after = {**there, **first.changes}
    assert plan("x", chosen, after, policy=policy, said={}, player=player).changes == {}


def test_a_word_for_the_unsure_stands_only_in_an_empty_field_and_gives_way() -> None:
    unsure = Decision(chosen={"genre": ()}, when_unsure={"genre": "Unknown"}, steps=())
    rules = replace(RULES, fields=RULES.fields[:1])
    made = tag_plan.plan("x", unsure, {}, rules=rules, said={})
    assert made.changes["genre"] == ("Unknown",)
    assert tag_plan.plan("x", unsure, {"genre": ("Ska",)}, rules=rules, said={}).changes == {}
    later = plan("x", SKA, made.changes, policy="fill", said={})
    assert later.changes["genre"] == ("Ska",)
