"""Labels that are wrong more often need more; speech gets no genre; junk counts as empty."""

import pytest

from lean_tagger.card import load_card
from lean_tagger.decide import tag_plan
from lean_tagger.rules import DEFAULT, Rules, adjusted, decide
from lean_tagger.rules.read_file import parse

CARD = load_card("msd-musicnn")
STANDARD = load_card("standard")


def chosen(scores: dict[str, float], rules: Rules = DEFAULT) -> tuple[str, ...]:
    values = [scores.get(label.name, 0.02) for label in CARD.labels]
    decision = decide(values, CARD.labels, rules, abstain=CARD.abstain)
    return tuple(name for name, _ in decision.chosen["genre"])


@pytest.mark.parametrize("label", ["jazz", "indie", "experimental"])
def test_doubtful_labels_need_more(label: str) -> None:
    assert chosen({label: 0.3}) == ()
    assert len(chosen({label: 0.36})) == 1
    assert chosen({"rock": 0.25}) == ("Rock",)


def test_who_says_a_minimum_says_it_for_all_labels() -> None:
    assert chosen({"jazz": 0.3}, adjusted(DEFAULT, min_score=0.2)) == ("Jazz",)
    assert chosen({"jazz": 0.3}, parse("[genre]\nmin_score = 0.2", name="r")) == ("Jazz",)
    assert chosen({"jazz": 0.3}, parse("[genre.thresholds]\njazz = 0.1", name="r")) == ("Jazz",)
    assert chosen({"jazz": 0.3}, parse("[genre]\nbars = false", name="r")) == ("Jazz",)
    assert chosen({"jazz": 0.3}, parse("[genre]\nmax_tags = 1", name="r")) == ()


SPEECH = {"Hip-Hop": 0.4, "instrumental": 0.005, "blues": 0.3}


def test_speech_gets_no_genre_and_is_told_so() -> None:
    assert chosen(SPEECH) == ()
    values = [SPEECH.get(label.name, 0.02) for label in CARD.labels]
    steps = decide(values, CARD.labels, DEFAULT, abstain=CARD.abstain).steps
    assert "it sounds like speech" in {step.did for step in steps}


@pytest.mark.parametrize(
    "change", [{"Hip-Hop": 0.7}, {"instrumental": 0.02}, {"rock": 0.5}], ids=str
)
def test_what_is_not_clearly_speech_keeps_its_genre(change: dict[str, float]) -> None:
    assert chosen(SPEECH | change)


def test_speech_can_have_a_genre_where_the_rules_say_so() -> None:
    assert chosen(SPEECH, parse("[genre]\nabstain = false", name="r"))


def held(rules: Rules, there: tuple[str, ...], ours: float = 0.9) -> tuple[str, ...]:
    values = [ours if label.name == "rock" else 0.0 for label in CARD.labels]
    decision = decide(values, CARD.labels, rules)
    plan = tag_plan.plan("/x", decision, {"genre": there}, rules=rules, said={})
    return plan.changes.get("genre", there)


@pytest.mark.parametrize("junk", ["Other", "(12)", "12", "http://x.org", "Unknown"])
def test_junk_gives_way_only_where_that_is_asked_for(junk: str) -> None:
    asked = adjusted(DEFAULT, replace_junk=True)
    assert held(DEFAULT, (junk,)) == (junk,)
    assert held(asked, (junk,)) == ("Rock",)
    assert held(asked, (junk,), ours=0.0) == (junk,), "nothing sure is no reason to remove"
    assert held(asked, ("Polka",)) == ("Polka",)


def test_the_list_of_junk_is_the_rules() -> None:
    rules = parse("[junk]\nwords = ['Polka']\nreplace = true", name="r")
    assert held(rules, ("Polka",)) == ("Rock",)
    assert held(rules, ("Other",)) == ("Other",)


def test_standard_says_what_msd_musicnn_says_and_classical() -> None:
    from lean_tagger.card import DerivedHead, Part

    head = DerivedHead(STANDARD)
    mtt = load_card("mtt-musicnn")
    first = [0.1 + 0.001 * number for number in range(len(CARD.labels))]

    def said(electronic: float, **more: float) -> tuple[float, ...]:
        values = list(first)
        values[[it.name for it in CARD.labels].index("electronic")] = electronic
        others = [more.get(label.name, 0.0) for label in mtt.labels]
        return head([Part(values=values, embedding=b""), Part(values=others, embedding=b"")])

    assert said(0.1, classical=0.4, classic=0.6)[-1] == 0.6
    assert said(0.2, classical=0.4, classic=0.6)[-1] == 0.0
    assert list(said(first[4], jazz=1.0)[:-1]) == first
