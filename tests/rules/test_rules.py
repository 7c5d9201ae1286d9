# ruff: noqa: E501 - a case is easier to read on one long line
"""What the rules make of scores: a table of cases, and what `explain` is told.

Each case is a rules file, what the model heard, what the field holds, and what it holds
after the plan was carried out. Values are parted by " | "; a field that holds nothing is "".
"""

import dataclasses
import pickle
from typing import NamedTuple

import pytest

from lean_tagger.card import Label
from lean_tagger.decide import tag_plan
from lean_tagger.errors import ConfigError
from lean_tagger.rules import DEFAULT, PLAYERS, Rules, Track, adjusted, decide, strangers
from lean_tagger.rules.read_file import parse

LABELS = (
    Label("rock", "genre", "Rock"),
    Label("jazz", "genre", "Jazz"),
    Label("pop", "genre", "Pop"),
    Label("metal", "genre", "Metal"),
    Label("heavy", "genre", "Heavy Metal"),
    Label("house", "genre", "House"),
    Label("hiphop", "genre", "Hip-Hop"),
    Label("rnb", "genre", "R&B"),
    Label("female", "vocals", "Female Vocals"),
    Label("guitar", "instrument", "Guitar"),
    Label("80s", "era", "1980s"),
    Label("chill", "mood", "Chill"),
    Label("happy", "mood", "Happy"),
)

HIP_TO_RAP = "[[rename]]\nmatch = 'hip.?hop'\nto = 'Rap'\n"
TREE = "[tree]\nRock = ['Metal', 'Pop']\nMetal = ['Heavy Metal']\n"
MILES = "[ignore.artists]\n'Miles Davis' = ['Rock', 'Pop']\n"
BIRDS = "[ignore.albums]\n'Birdsong' = ['*']\n"
UNSURE = "[genre]\nwhen_unsure = 'Unknown'\n"
LOOSE = "[genre]\nmin_score = 0\nratio = 0\nmax_tags = 9\n"


class Case(NamedTuple):
    name: str
    toml: str
    heard: str
    held: str
    expected: str
    field: str = "genre"
    track: Track = Track()


def policy(word: str, more: str = "") -> str:
    return f"[genre]\npolicy = '{word}'\n{more}"


def player(name: str, more: str = "") -> str:
    return f"[output]\nplayer = '{name}'\n{more}"


MERGE = policy("merge")
OVERWRITE = policy("overwrite")
BY_MILES = Track(artist="miles davis ")
FOR_MILES = Track(artist="Bill Evans", albumartist="MILES DAVIS")
ON_BIRDSONG = Track(album="birdsong")
IN_BIRDSONG = Track(folder="/music/Birdsong/")

CASES = [
    # Nothing said: as it always was
    Case("the sure one", "", "rock .5", "", "Rock"),
    Case("strongest first", "", "rock .4, jazz .5", "", "Jazz | Rock"),
    Case("nothing sure: nothing said", "", "rock .19, jazz .1", "", ""),
    Case("exactly the minimum is enough", "", "rock .2", "", "Rock"),
    Case("far below the best is left out", "", "rock .9, jazz .44, pop .46", "", "Rock | Pop"),
    Case("three at most", "", "rock .9, jazz .8, pop .7, house .6", "", "Rock | Jazz | Pop"),
    Case("instruments, voices and eras go nowhere", "", "guitar .9, female .9, 80s .9", "", ""),
    Case("moods go to mood", "", "chill .3, rock .9", "", "Chill", "mood"),
    Case("a mood needs less", "", "chill .08", "", "Chill", "mood"),
    Case("a genre is no mood", "", "rock .9", "", "", "mood"),
    Case("what is there stays", "", "rock .9", "Polka", "Polka"),
    # Numbers
    Case("a lower minimum", "[genre]\nmin_score = 0.1", "rock .1", "", "Rock"),
    Case("a minimum for one field", "[genre]\nmin_score = 0.9", "chill .3", "", "Chill", "mood"),
    Case("one at most", "[genre]\nmax_tags = 1", "rock .5, jazz .4", "", "Rock"),
    Case("a ratio of one: ties only", "[genre]\nratio = 1", "rock .5, jazz .5, pop .49", "",
         "Rock | Jazz"),
    Case("a ratio of nothing", "[genre]\nratio = 0", "rock .9, jazz .2", "", "Rock | Jazz"),
    Case("a label that is trusted less", "[genre.thresholds]\njazz = 0.6",
         "rock .4, jazz .5", "", "Rock"),
    Case("a label that is trusted more", "[genre.thresholds]\njazz = 0.1", "jazz .1, pop .1", "",
         "Jazz"),
    Case("a threshold by the name that is shown", "[genre.thresholds]\n'hip-HOP' = 0.6",
         "hiphop .5", "", ""),
    Case("a threshold follows the label and not its new name",
         "[genre.thresholds]\n'Hip-Hop' = 0.6\n" + HIP_TO_RAP, "hiphop .5", "", ""),
    Case("a new name has no threshold", "[genre.thresholds]\nRap = 0.6\n" + HIP_TO_RAP,
         "hiphop .5", "", "Rap"),
    Case("a label below its own threshold is no best", "[genre.thresholds]\nrock = 0.95",
         "rock .9, jazz .3", "", "Jazz"),
    # Rename
    Case("another name", HIP_TO_RAP, "hiphop .5", "", "Rap"),
    Case("the whole name has to match", "[[rename]]\nmatch = 'metal'\nto = 'Loud'",
         "heavy .5, metal .4", "", "Heavy Metal | Loud"),
    Case("a part, where it is asked for", "[[rename]]\nmatch = '.*metal'\nto = 'Loud'",
         "heavy .5, metal .4", "", "Loud"),
    Case("groups", "[[rename]]\nmatch = '(.+) metal'\nto = '\\1 Noise'", "heavy .5", "",
         "Heavy Noise"),
    Case("the first that matches",
         HIP_TO_RAP + "[[rename]]\nmatch = 'Hip-Hop|Rap'\nto = 'Other'", "hiphop .5", "", "Rap"),
    Case("two that become one count with the better score",
         "[[rename]]\nmatch = 'pop|house'\nto = 'Dance'", "pop .3, house .5, jazz .4", "",
         "Dance | Jazz"),
    Case("they take one place of the three", "[[rename]]\nmatch = 'pop|house'\nto = 'Dance'",
         "pop .5, house .5, jazz .4, rock .3", "", "Dance | Jazz | Rock"),
    Case("a number would be another genre in ID3", "[[rename]]\nmatch = '.*(hop)|(.)op'\nto = '\\1'",
         "pop .5, rock .4", "", "Rock"),
    # Ignore
    Case("never", "[ignore]\neverywhere = ['rock']", "rock .9, jazz .3", "", "Jazz"),
    Case("what is ignored is no best", "[ignore]\neverywhere = ['Rock']", "rock .9, jazz .2", "",
         "Jazz"),
    Case("ignored by its new name", HIP_TO_RAP + "[ignore]\neverywhere = ['RAP']", "hiphop .9",
         "", ""),
    Case("its old name is nobody's any more", HIP_TO_RAP + "[ignore]\neverywhere = ['Hip-Hop']",
         "hiphop .9", "", "Rap"),
    Case("for one artist", MILES, "rock .5, jazz .4", "", "Jazz", track=BY_MILES),
    Case("for one album artist", MILES, "rock .5, jazz .4", "", "Jazz", track=FOR_MILES),
    Case("not for another", MILES, "rock .5", "", "Rock", track=Track(artist="Miles")),
    Case("for one album", BIRDS, "rock .5", "", "", track=ON_BIRDSONG),
    Case("for a folder without album tags", BIRDS, "rock .5", "", "", track=IN_BIRDSONG),
    Case("a folder is not looked at where there is an album", BIRDS, "rock .5", "", "Rock",
         track=Track(album="Other", folder="/music/Birdsong")),
    # Parents
    Case("the specific one", TREE, "rock .6, metal .5", "", "Metal"),
    Case("the most specific one", TREE, "rock .6, metal .5, heavy .4", "", "Heavy Metal"),
    Case("nothing specific", TREE, "rock .6", "", "Rock"),
    Case("nothing specific that is near", TREE, "rock .6, metal .2", "", "Rock"),
    Case("siblings", TREE, "metal .6, pop .5", "", "Metal | Pop"),
    Case("the topmost", "[genre]\nparents = 'parent'\n" + TREE, "heavy .6, jazz .5", "",
         "Rock | Jazz"),
    Case("both", "[genre]\nparents = 'both'\n" + TREE, "heavy .6", "",
         "Heavy Metal | Metal | Rock"),
    Case("an ignored parent stays away",
         "[genre]\nparents = 'both'\n[ignore]\neverywhere = ['Metal']\n" + TREE, "heavy .6", "",
         "Heavy Metal | Rock"),
    Case("an ignored top leaves the next",
         "[genre]\nparents = 'parent'\n[ignore]\neverywhere = ['rock']\n" + TREE, "heavy .6", "",
         "Metal"),
    Case("the tree knows new names", "[genre]\nparents = 'parent'\n[tree]\nUrban = ['Rap']\n"
         + HIP_TO_RAP, "hiphop .6", "", "Urban"),
    # Allow
    Case("only these", "[genre]\nallow = ['Jazz', 'Pop']", "rock .9, jazz .4", "", "Jazz"),
    Case("spelt like this", "[genre]\nallow = ['JAZZ']", "jazz .4", "", "JAZZ"),
    Case("by the new name", "[genre]\nallow = ['Rap']\n" + HIP_TO_RAP, "hiphop .4", "", "Rap"),
    Case("parents are looked for first",
         "[genre]\nallow = ['Rock']\nparents = 'parent'\n" + TREE, "heavy .4", "", "Rock"),
    Case("what is not allowed does not push its parent out",
         "[genre]\nallow = ['Rock']\n" + TREE, "rock .5, heavy .5", "", "Rock"),
    # Casing
    Case("lower", "[genre]\ncasing = 'lower'", "hiphop .4, rnb .3", "", "hip-hop | r&b"),
    Case("upper", "[genre]\ncasing = 'upper'", "heavy .4", "", "HEAVY METAL"),
    Case("title", "[genre]\ncasing = 'title'\n[[rename]]\nmatch = 'pop'\nto = \"80s drum'n'bass DJ\"",
         "pop .4, rnb .3", "", "80s Drum'n'bass DJ | R&B"),
    Case("casing comes last", "[genre]\nallow = ['JAZZ']\ncasing = 'lower'", "jazz .4", "",
         "jazz"),
    # Policies
    Case("keep fills what is empty", policy("keep"), "rock .5", "", "Rock"),
    Case("fill is the same word", policy("fill"), "rock .5", "Polka", "Polka"),
    Case("merge adds behind", MERGE, "rock .5, jazz .4", "jazz | Polka", "jazz | Polka | Rock"),
    Case("overwrite", OVERWRITE, "rock .5", "Polka | Jazz", "Rock"),
    Case("a policy for one field", OVERWRITE, "chill .5", "Sad", "Sad", "mood"),
    Case("nothing sure never removes", OVERWRITE, "rock .1", "Polka", "Polka"),
    Case("a field that is not written", "[genre]\nwrite = false", "rock .9", "", ""),
    # When unsure
    Case("a word for nothing", UNSURE, "rock .1", "", "Unknown"),
    Case("something is there", UNSURE, "rock .1", "Polka", "Polka"),
    Case("the word gives way", UNSURE, "rock .5", "unknown", "Rock"),
    Case("the word gives way in a merge", UNSURE + "policy = 'merge'", "rock .5",
         "Unknown | Polka", "Polka | Rock"),
    Case("nobody asked for an album of birds", UNSURE + BIRDS, "rock .5", "", "",
         track=ON_BIRDSONG),
    # Players
    Case("navidrome splits at a slash", player("navidrome", "[[rename]]\nmatch = 'pop'\nto = 'Pop/Rock, Disco'"),
         "pop .5, jazz .4", "", "Pop-Rock - Disco | Jazz"),
    Case("plex gets one value", player("plex"), "rock .5, jazz .4", "", "Rock;Jazz"),
    Case("plex: merged into what is joined", MERGE + player("plex"), "rock .5, pop .4",
         "Polka; rock", "Polka;rock;Pop"),
    Case("plex: nothing to add", MERGE + player("plex"), "rock .5", "Polka ; Rock",
         "Polka ; Rock"),
    Case("navidrome: it is in there", MERGE + player("navidrome"), "rock .5", "Polka/Rock",
         "Polka/Rock"),
    Case("kodi splits at a slash between spaces only",
         player("kodi", "[[rename]]\nmatch = 'pop'\nto = 'A/B / C'"), "pop .5", "", "A/B - C"),
    Case("a separator of one's own", "[output]\nseparator = ' + '", "rock .5, rnb .4", "",
         "Rock + R&B"),
    Case("a replacement of one's own",
         "[output]\nsplits = ['&']\nreplacement = '+'", "rnb .5", "", "R+B"),
    # All of it at once, in its order
    Case("everything", LOOSE + "parents = 'both'\nallow = ['rap', 'urban', 'POP']\n"
         "casing = 'title'\n[ignore]\neverywhere = ['Rock']\n[tree]\nUrban = ['Rap']\n"
         "Rock = ['Pop']\n" + HIP_TO_RAP,
         "rock .9, hiphop .8, pop .7, jazz .6", "", "Rap | Urban | POP"),
]  # fmt: skip


def scores(heard: str) -> list[float]:
    given = {name: float(score) for name, score in (pair.split() for pair in heard.split(", "))}
    assert given.keys() <= {label.name for label in LABELS}
    return [given.get(label.name, 0.0) for label in LABELS]


def values(text: str) -> tuple[str, ...]:
    return tuple(text.split(" | ")) if text else ()


def after(
    rules: Rules, heard: str, held: dict[str, tuple[str, ...]], track: Track
) -> tag_plan.TagPlan:
    decision = decide(scores(heard), LABELS, rules, track=track)
    return tag_plan.plan("x", decision, held, rules=rules, said={})


def test_the_table_is_long_enough():
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_is_written(case):
    rules = parse(case.toml, name="rules.toml")
    held = {case.field: values(case.held)} if case.held else {}
    plan = after(rules, case.heard, held, case.track)
    assert {**held, **plan.changes}.get(case.field, ()) == values(case.expected)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_doing_it_twice_is_doing_it_once(case):
    rules = parse(case.toml, name="rules.toml")
    held = {case.field: values(case.held)} if case.held else {}
    first = after(rules, case.heard, held, case.track)
    second = after(rules, case.heard, {**held, **first.changes}, case.track)
    assert second.changes == {}


def explained(toml: str, heard: str, track: Track = BY_MILES) -> list[tuple[str, str, str | None]]:
    decision = decide(scores(heard), LABELS, parse(toml, name="r"), track=track)
    return [(step.label, step.rule, step.value) for step in decision.steps]


def test_each_step_says_what_became_of_the_label():
    toml = HIP_TO_RAP + "[genre]\nallow = ['RAP', 'Jazz', 'House', 'Metal']\ncasing = 'lower'\n"
    toml += "max_tags = 2\n[genre.thresholds]\npop = 0.6\n[ignore]\neverywhere = ['R&B']\n"
    heard = "hiphop .8, jazz .7, house .6, pop .5, rnb .45, heavy .44, metal .3"
    assert explained(toml, heard) == [
        ("hiphop", "rename", "Rap"),
        ("hiphop", "allow", "RAP"),
        ("hiphop", "casing", "rap"),
        ("hiphop", "chosen", "rap"),
        ("jazz", "casing", "jazz"),
        ("jazz", "chosen", "jazz"),
        ("house", "casing", "house"),
        ("house", "max_tags", None),
        ("pop", "threshold", None),
        ("rnb", "ignore", None),
        ("heavy", "allow", None),
        ("metal", "casing", "metal"),
        ("metal", "ratio", None),
    ]


def test_labels_that_nobody_would_miss_are_not_explained():
    assert explained("", "rock .5, jazz .05, pop .049") == [
        ("rock", "chosen", "Rock"),
        ("jazz", "threshold", None),
    ]


def test_of_two_labels_that_become_one_the_weaker_says_whose_place_it_is():
    toml = "[[rename]]\nmatch = 'pop|house'\nto = 'Dance'\n"
    assert explained(toml, "pop .3, house .5")[-1] == ("pop", "same", None)


def test_a_step_names_the_rule_in_words():
    rules = parse(MILES + "[genre.thresholds]\njazz = 0.5", name="r")
    steps = decide(scores("rock .9, jazz .4"), LABELS, rules, track=BY_MILES).steps
    assert [step.did for step in steps] == [
        "ignored for the artist 'Miles Davis'",
        "0.400 is below 0.500",
    ]


def test_options_go_before_the_file_and_leave_the_rest():
    toml = "[genre]\nmin_score = 0.4\nmax_tags = 5\n[genre.thresholds]\njazz = 0.1\n"
    rules = adjusted(
        parse(toml, name="r"), fields=("genre",), policy="merge", min_score=0.3, player="plex"
    )
    (genre,) = rules.written
    assert (genre.min_score, genre.thresholds, genre.max_tags) == (0.3, (), 5)
    assert rules.policies == {"genre": "merge"}
    assert rules.layout == PLAYERS["plex"]


def test_no_options_change_nothing():
    rules = parse(LOOSE + TREE + player("kodi"), name="r")
    assert adjusted(rules) == rules


def test_a_field_that_the_file_leaves_alone_is_written_if_asked_for():
    rules = parse("[mood]\nwrite = false", name="r")
    assert [field.name for field in rules.written] == ["genre"]
    assert [field.name for field in adjusted(rules, fields=["mood"]).written] == ["mood"]


@pytest.mark.parametrize("options", [{"player": "winamp"}, {"fields": ["title"]}])
def test_what_does_not_exist_is_refused(options):
    with pytest.raises(ConfigError, match="there are"):
        adjusted(DEFAULT, **options)


def test_rules_cross_to_another_process():
    rules = parse(CASES[-1].toml, name="r")
    assert pickle.loads(pickle.dumps(rules)) == rules
    hash(rules)


def test_the_digest_does_not_change_between_runs():
    assert DEFAULT.digest == "74247f887113cc29"


def test_the_digest_sees_a_change_of_meaning_only():
    one = parse("[ignore]\neverywhere = ['A', 'B']\n[tree]\nX = ['Y']\nZ = ['V', 'W']", name="r")
    same = parse(
        "# another day\n[tree]\nZ = ['W', 'V']\nX = ['Y']\n[ignore]\neverywhere = ['B', 'A']",
        name="r",
    )
    assert one.digest == same.digest != DEFAULT.digest
    assert (
        parse("[genre]\nratio = 1", name="r").digest
        == parse("[genre]\nratio = 1.0", name="r").digest
    )


@pytest.mark.parametrize("case", [case for case in CASES if case.toml and "fill" not in case.toml
                                  and "keep" not in case.toml], ids=lambda case: case.name)  # fmt: skip
def test_the_digest_sees_every_rule(case):
    assert parse(case.toml, name="r").digest != DEFAULT.digest


def test_the_order_of_renames_counts():
    renames = parse(HIP_TO_RAP + "[[rename]]\nmatch = '.*'\nto = 'X'", name="r")
    turned = dataclasses.replace(renames, renames=renames.renames[::-1])
    assert turned.digest != renames.digest


def test_names_that_a_model_does_not_have_are_told():
    toml = "[genre.thresholds]\njaz = 0.5\nrock = 0.5\n[ignore]\neverywhere = ['Rap', 'Polka']\n"
    toml += HIP_TO_RAP + "[[rename]]\nmatch = 'hip hopp'\nto = 'Y'\n"
    found = strangers(parse(toml, name="r"), LABELS)
    assert [sentence.split("'")[1] for sentence in found] == ["jaz", "hip hopp", "Polka"]


def test_a_long_name_is_not_tried_against_expressions():
    long = (Label("x", "genre", "a" * 65),)
    rules = parse("[[rename]]\nmatch = 'a*'\nto = 'B'", name="r")
    assert decide([0.9], long, rules).chosen["genre"] == (("a" * 65, 0.9),)
