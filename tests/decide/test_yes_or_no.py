"""Networks that each answer one question are decided on together."""

import dataclasses

import pytest

from lean_tagger.card import Label, ModelSpec, load_card
from lean_tagger.decide.yes_or_no import decide_each, is_yes_or_no
from lean_tagger.jobs import Asked, Pooling
from lean_tagger.rules import Rules, Track
from lean_tagger.rules.read_file import parse

STOCK = load_card("msd-musicnn")


def asked(name: str, *labels: Label) -> Asked:
    card: ModelSpec = dataclasses.replace(STOCK, name=name, labels=labels, abstain=())
    return Asked(card, Pooling("logit-mean", 1))


def mood(word: str) -> Asked:
    """Return a network that knows one mood; its labels stand in either order."""
    there = Label(word, "mood", word.title(), least=0.5)
    absent = Label(f"non_{word}", "other", f"Not {word.title()}")
    return asked(f"mood_{word}", *((there, absent) if len(word) % 2 else (absent, there)))


def heard(*pairs: tuple[Asked, float]) -> list[tuple[float, ...]]:
    """Return the scores of networks that are so sure of their mood."""
    return [
        tuple(score if label.kind == "mood" else 1 - score for label in by.card.labels)
        for by, score in pairs
    ]


HAPPY, SAD, PARTY = map(mood, ("happy", "sad", "party"))
THEMES = asked("themes", Label("calm", "mood", "Calm"), Label("dark", "mood", "Dark"))


def chosen(decisions: list, field: str = "mood") -> list[list[str]]:
    return [[value for value, _ in it.chosen[field]] for it in decisions]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.6, 0.9, 0.1), [[], ["Sad", "Happy"], []]),  # the surest speaks for all
        ((0.9, 0.6, 0.7), [["Happy", "Party"], [], []]),  # two at most
        ((0.4, 0.3, 0.49), [[], [], []]),  # each is more likely absent
        ((0.0, 0.0, 1.0), [[], [], ["Party"]]),
    ],
)
def test_the_strongest_of_all_moods_are_chosen_not_the_first_networks(scores, expected):
    models = [HAPPY, SAD, PARTY]
    found = heard(*zip(models, scores, strict=True))
    assert chosen(decide_each(models, found, Rules(), Track())) == expected


def test_each_networks_steps_are_about_its_own_labels():
    found = decide_each([HAPPY, SAD], heard((HAPPY, 0.6), (SAD, 0.9)), Rules(), Track())
    assert [{step.label for step in it.steps} for it in found] == [{"happy"}, {"sad"}]


def test_other_networks_are_decided_on_by_themselves_and_part_those_around_them():
    models = [HAPPY, THEMES, SAD]
    scores = [*heard((HAPPY, 0.6)), (0.5, 0.1), *heard((SAD, 0.9))]
    assert chosen(decide_each(models, scores, Rules(), Track())) == [["Happy"], ["Calm"], ["Sad"]]


def test_one_alone_is_decided_on_as_ever():
    rules = parse("[mood]\nwhen_unsure = 'None'\n", name="rules.toml")
    (found,) = decide_each([SAD], heard((SAD, 0.2)), rules, Track())
    assert (dict(found.chosen), dict(found.when_unsure)) == (
        {"genre": (), "mood": ()},
        {"mood": "None"},
    )


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (HAPPY, True),
        (THEMES, False),
        (asked("voice", Label("voice", "vocals", "V"), Label("no", "vocals", "N")), False),
        (asked("embedding"), False),
        (Asked(STOCK, Pooling("logit-mean", 1)), False),
    ],
)
def test_which_networks_answer_with_yes_or_no(by, expected):
    assert is_yes_or_no(by.card) is expected
