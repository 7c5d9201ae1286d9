"""The LEANTAG field: small, and decided on as the journal is."""

import dataclasses
import json
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.card import load_card
from lean_tagger.decide import leantag_field, tag_plan
from lean_tagger.decide.decider import Decider
from lean_tagger.jobs import Heard, Identity, Ours, from_uint16, quantised, to_uint16
from lean_tagger.rules import DEFAULT
from lean_tagger.settings import LeantagForm, Settings
from lean_tagger.store.compact import float64_to_uint16

WHERE = Identity(1, 2, 3)
ASKED = Decider.of(Settings()).asked
LABELS = ASKED[0].card.labels
DIGEST = "25464c8708a4b252bfc5be9e8fd8b8cb-16000"


def heard(values: tuple[float, ...]) -> Heard:
    return Heard(
        identity=WHERE,
        digest=DIGEST,
        values=values,
        embedding=b"",
        windows=123,
        seconds=3456.789,
        seconds_skipped=0.0,
        repeated=False,
        fields={},
    )


def through_a_file(it: Heard, form: LeantagForm) -> Heard:
    """Return what is recognised in a file that was written with these scores."""
    said = leantag_field.of(it, ASKED, form=form)
    assert said is not None
    text = leantag_field.signed(said, {"genre": Ours(("Rock",), ())})
    found = leantag_field.heard_in({"leantag": (text,)}, ASKED[0], identity=WHERE)
    assert found is not None
    return dataclasses.replace(found, fields={})


def decided(it: Heard) -> tuple[object, ...]:
    plan = tag_plan.propose("/music/song.mp3", ASKED, it, rules=DEFAULT)
    return plan.tags, plan.sureness, plan.changes.get("genre")


def near_a_threshold(chance: random.Random) -> tuple[float, ...]:
    """Return random scores of which some lie between the steps next to a threshold."""
    values = [chance.random() ** 4 for _ in LABELS]
    for _ in range(6):
        bar = chance.choice([it.min_score for it in DEFAULT.fields])
        values[chance.randrange(len(values))] = min(1.0, max(0.0, bar + chance.gauss(0, 1e-5)))
    return tuple(values)


@pytest.mark.parametrize("form", ["short", "full"])
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_journal_and_field_decide_alike_on_random_scores(form: LeantagForm, count: int) -> None:
    """Those of 0.1.0's journal, too, which kept every digit as long as it was 0.1.0's."""
    chance = random.Random(7)
    for _ in range(count):
        old = heard(near_a_threshold(chance))
        new = dataclasses.replace(old, values=quantised(old.values))
        kept = float64_to_uint16(struct.pack(f"<{len(old.values)}d", *old.values))
        assert kept is not None
        journal = dataclasses.replace(new, values=from_uint16(kept))
        expected = decided(journal)
        assert decided(through_a_file(new, form)) == expected
        assert decided(old) == expected


def test_the_field_of_the_default_model_takes_at_most_500_bytes() -> None:
    said = leantag_field.of(heard(tuple(0.5 for _ in LABELS)), ASKED)
    assert said is not None
    kept = {
        "genre": Ours(("Alternative Rock", "Electronic", "Indie Rock"), ()),
        "mood": Ours(("Chillout", "Mellow"), ()),
    }
    assert len(leantag_field.signed(said, kept).encode()) <= 500


def test_the_full_form_names_every_score() -> None:
    said = leantag_field.of(heard(quantised(i / 50 for i in range(50))), ASKED, form="full")
    assert said is not None
    assert next(iter(said["scores"])) == LABELS[49].name  # the strongest first
    assert said["scores"][LABELS[25].name] == pytest.approx(0.5, abs=1e-5)


def test_no_field_is_left_where_none_is_wanted() -> None:
    values = [0.9 if label.name == "rock" else 0.01 for label in LABELS]
    made = tag_plan.propose("x", ASKED, heard(tuple(values)), rules=DEFAULT, leantag="none")
    assert made.changes == {"genre": ("Rock",), "leantag": ()}


def test_what_0_1_0_wrote_is_recognised_with_every_digit() -> None:
    values = tuple(i / 51 for i in range(50))
    text = json.dumps(
        {
            "lean-tag": "0.1.0",
            "model": "msd-musicnn",
            "sha256": load_card("msd-musicnn").identity[:16],
            "pool": ASKED[0].pooling.pool,
            "hop": ASKED[0].pooling.hop,
            "audio": DIGEST,
            "windows": 1,
            "seconds": 2.0,
            "skipped": 0.0,
            "repeated": True,
            "scores": {label.name: it for label, it in zip(LABELS, values, strict=True)},
            "wrote": {"genre": ["Folk"]},
            "over": {"genre": ["Polka"]},
        }
    )
    found = leantag_field.heard_in({"leantag": (text,)}, ASKED[0], identity=WHERE)
    assert found is not None
    assert found.values == values
    assert leantag_field.ours_in({"leantag": (text,)}) == {"genre": Ours(("Folk",), ("Polka",))}


def test_scores_of_other_labels_are_not_recognised() -> None:
    said = leantag_field.of(heard(tuple(0.5 for _ in LABELS)), ASKED)
    assert said is not None
    said["uint16"] = said["uint16"][:-8]  # four labels fewer
    text = leantag_field.signed(said, {})
    assert leantag_field.heard_in({"leantag": (text,)}, ASKED[0], identity=WHERE) is None


@given(st.lists(st.floats(0, 1)))
def test_scores_are_kept_to_half_a_step_and_rounding_twice_changes_nothing(
    values: list[float],
) -> None:
    kept = quantised(values)
    assert all(abs(a - b) <= 0.5 / 65535 + 1e-12 for a, b in zip(kept, values, strict=True))
    assert quantised(kept) == kept
    assert from_uint16(to_uint16(kept)) == kept


@given(st.text() | st.binary().map(lambda it: it.decode("latin-1")))
def test_any_text_as_scores_is_no_reason_to_fail(text: str) -> None:
    said = leantag_field.of(heard(tuple(0.5 for _ in LABELS)), ASKED)
    assert said is not None
    field = json.dumps({**said, "uint16": text})
    found = leantag_field.heard_in({"leantag": (field,)}, ASKED[0], identity=WHERE)
    assert found is None or len(found.values) == len(LABELS)
