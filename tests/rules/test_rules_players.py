"""How values are laid out for each player, also in real files."""

import pytest
from audiofiles import fingerprint, make

from lean_tagger import write
from lean_tagger.decide import tag_plan
from lean_tagger.rules import DEFAULT, PLAIN, PLAYERS, Decision, FieldLayout, adjusted

VALUES = ("Hip-Hop/Rap", "Drum; Bass", "Funk / Soul", "Rock, Pop", "R&B", r"A\B", "C|D")

RENDERED = {
    "navidrome": ("Hip-Hop-Rap", "Drum - Bass", "Funk - Soul", "Rock - Pop", "R&B", r"A\B", "C|D"),
    "jellyfin": ("Hip-Hop-Rap", "Drum - Bass", "Funk - Soul", "Rock, Pop", "R&B", "A-B", "C-D"),
    "plex": (r"Hip-Hop/Rap;Drum - Bass;Funk / Soul;Rock, Pop;R&B;A\B;C|D",),
    "kodi": ("Hip-Hop/Rap", "Drum; Bass", "Funk - Soul", "Rock, Pop", "R&B", r"A\B", "C|D"),
    "lyrion": ("Hip-Hop/Rap", "Drum - Bass", "Funk / Soul", "Rock, Pop", "R&B", r"A\B", "C|D"),
    "foobar2000": ("Hip-Hop/Rap", "Drum - Bass", "Funk / Soul", "Rock, Pop", "R&B", r"A\B", "C|D"),
}


@pytest.mark.parametrize("player", PLAYERS)
def test_what_goes_into_the_file(player):
    assert PLAYERS[player].render(VALUES) == RENDERED[player]


def test_for_nobody_in_particular_nothing_changes():
    assert PLAIN.render(VALUES) == VALUES
    assert PLAIN.parse(VALUES) == VALUES


def test_no_values_are_no_value():
    assert PLAYERS["plex"].render(()) == ()


def test_two_values_that_become_one_are_written_once():
    assert PLAYERS["navidrome"].render(["A/B", "a-b", "C"]) == ("A-B", "C")


def test_runs_of_characters_are_replaced_together():
    assert PLAYERS["navidrome"].clean("A;;/B") == "A-B"
    assert PLAYERS["kodi"].clean("A / / B") == "A - B"


def test_nothing_else_is_left_of_a_value_than_the_replacement():
    assert PLAYERS["navidrome"].clean(" / ") == "-"


@pytest.mark.parametrize(
    ("held", "after"),
    [
        ((), ("Rock",)),
        (("Rock",), ("Rock",)),
        (("rock",), ("rock",)),
        (("Pop;ROCK",), ("Pop;ROCK",)),
        (("Pop; Jazz",), ("Pop;Jazz;Rock",)),
        (("Pop", "Jazz"), ("Pop;Jazz;Rock",)),
        ((" ; ",), ("Rock",)),
    ],
)
def test_a_joined_field_is_taken_apart_to_be_extended(held, after):
    assert PLAYERS["plex"].extend(held, ["Rock"]) == after


def test_what_somebody_else_wrote_is_not_rewritten_for_a_player():
    assert PLAYERS["navidrome"].extend(("AC/DC",), ["Rock"]) == ("AC/DC", "Rock")


def test_a_spaced_separator_needs_its_spaces():
    layout = FieldLayout(separator=" / ")
    assert layout.render(["A/B", "C"]) == ("A/B / C",)
    assert layout.parse(["A/B / C"]) == ("A/B", "C")


def test_a_separator_with_a_space_behind_is_found_without():
    assert FieldLayout(separator="; ").parse(["A;B; C"]) == ("A", "B", "C")


def test_a_long_value_of_somebody_else_is_parsed_in_linear_time():
    text = " " * 1_000_000 + "/"
    assert PLAYERS["kodi"].parse([text]) == ()
    assert PLAYERS["navidrome"].parse([text]) == ()


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a"])
@pytest.mark.parametrize("policy", ["fill", "merge", "overwrite"])
@pytest.mark.parametrize("player", ["plex", "navidrome"])
def test_in_a_file_doing_it_twice_is_doing_it_once(tmp_path, suffix, policy, player):
    path = str(make(tmp_path / f"a.{suffix}", suffix))
    chosen = {"genre": (("Rock", 0.9), ("Hip-Hop/Rap", 0.8)), "mood": (("Sad", 0.5),)}
    decision = Decision(chosen=chosen, when_unsure={}, steps=())
    rules = adjusted(DEFAULT, policy=policy, player=player)
    seen = []
    for _ in range(2):
        plan = tag_plan.plan(path, decision, write.read(path), rules=rules, said={})
        write.write(path, plan.changes, fingerprint=fingerprint, previous=plan.previous)
        seen.append(bool(plan.changes))
        assert write.read(path)["genre"] == PLAYERS[player].render(["Rock", "Hip-Hop/Rap"])
    assert seen == [True, False]
