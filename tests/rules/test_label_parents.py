"""What a label itself says stands above it counts where the tree of the rules says nothing."""

import pytest

from lean_tagger.card import Label
from lean_tagger.catalogue.label_kinds import absent, labels
from lean_tagger.rules import Rules, decide
from lean_tagger.rules.read_file import parse

LABELS = (
    Label("Electronic---House", "genre", "House", parent="Electronic"),
    Label("Electronic---Techno", "genre", "Techno", parent="Electronic"),
    Label("electronic", "genre", "Electronic"),
    Label("Rock---Grunge", "genre", "Grunge", parent="Rock"),
)


def chosen(toml: str, *scores: float) -> list[str]:
    rules = parse(toml, name="rules.toml") if toml else Rules()
    return [value for value, _ in decide(scores, LABELS, rules).chosen["genre"]]


def how(word: str, more: str = "") -> str:
    return f"[genre]\nparents = '{word}'\n{more}"


@pytest.mark.parametrize(
    ("toml", "scores", "expected"),
    [
        ("", (0.6, 0.0, 0.0, 0.0), ["House"]),
        ("", (0.6, 0.0, 0.7, 0.0), ["House"]),  # the more specific one
        (how("parent"), (0.6, 0.5, 0.0, 0.4), ["Electronic", "Rock"]),
        (how("both"), (0.6, 0.0, 0.0, 0.0), ["House", "Electronic"]),
        (how("parent", "[tree]\nDance = ['House']\n"), (0.6, 0, 0, 0), ["Dance"]),
        (how("parent", "[tree]\nAll = ['Electronic']\n"), (0.6, 0, 0, 0), ["All"]),
        (how("both", "[tree]\nHouse = ['Electronic']\n"), (0.6, 0, 0, 0), ["House", "Electronic"]),
        (how("parent", "[ignore]\neverywhere = ['electronic']\n"), (0.6, 0, 0, 0), ["House"]),
        (
            how("parent", "[[rename]]\nmatch = 'House'\nto = 'Deep'\n"),
            (0.6, 0.0, 0.0, 0.0),
            ["Deep"],  # another value, of which nothing is known
        ),
    ],
)
def test_the_labels_parent_counts_where_the_tree_says_nothing(toml, scores, expected):
    assert chosen(toml, *scores) == expected


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0)])
def test_of_several_values_below_one_the_surest_is_named(order):
    scores, labels_now = (0.5, 0.6, 0.7, 0.0), [LABELS[n] for n in order]
    steps = decide([scores[n] for n in order], labels_now, Rules()).steps
    assert [(it.label, it.did) for it in steps if it.rule == "parents"] == [
        ("electronic", "'Techno' is more specific")
    ]


def test_a_discogs_style_stands_below_its_genre():
    names = ["Electronic---House", "Funk / Soul---Disco", "Reggae---Reggae", "Non-Music---Speech"]
    found = [(it["display"], it["kind"], it.get("parent")) for it in labels(names, task="genre")]
    assert found == [
        ("House", "genre", "Electronic"),
        ("Disco", "genre", "Funk Soul"),  # players part values at a slash
        ("Reggae", "genre", None),
        ("Speech", "other", None),
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["happy", "non_happy"], {"non_happy"}),
        (["not_danceable", "danceable"], {"not_danceable"}),
        (["atonal", "tonal"], {"atonal"}),
        (["voice", "instrumental"], set()),
        (["no vocals", "rock"], set()),  # says something by itself
        (["ambient", "acoustic"], set()),
        ([], set()),
    ],
)
def test_which_classes_only_say_that_another_is_not_there(names, expected):
    assert absent(names) == expected
