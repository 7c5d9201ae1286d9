# ruff: noqa: E501 - a case is easier to read on one long line
"""Reading a rules file: every fault with its line, and nothing that harms."""

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinned import thinned

from lean_tagger.card import load_card
from lean_tagger.errors import ConfigError
from lean_tagger.rules import DEFAULT, PLAYERS, check, load, strangers, template
from lean_tagger.rules.read_file import parse
from lean_tagger.rules.safe_regex import LONGEST_NAME, LONGEST_PATTERN, refusal
from lean_tagger.rules.toml_file import LARGEST_BYTES
from lean_tagger.rules.toml_lines import line_numbers


def complaints(text: str) -> list[str]:
    """Return "line: sentence" for each complaint."""
    with pytest.raises(ConfigError) as caught:
        parse(text, name="f")
    return [line.removeprefix("f:") for line in str(caught.value).splitlines()]


def test_the_template_says_what_counts_anyway():
    assert parse(template(), name="template") == DEFAULT


def test_every_example_in_the_template_is_one():
    text = re.sub(r"^#(?! |$)", "", template(), flags=re.MULTILINE)
    rules = parse(text, name="template")
    genre = rules.fields[0]
    assert all([rules.renames, rules.ignore, rules.ignore_artists, rules.ignore_albums])
    assert all([rules.tree, genre.thresholds, genre.when_unsure, rules.layout.player])
    assert strangers(rules, load_card("msd-musicnn").labels) == []


def test_an_empty_file_is_the_default():
    assert parse("", name="f") == DEFAULT
    assert parse("# nothing\r\n", name="f") == DEFAULT


@pytest.mark.parametrize("name", PLAYERS)
def test_every_player_can_be_named_in_the_file(name):
    assert parse(f"[output]\nplayer = '{name}'", name="f").layout == PLAYERS[name]


def test_single_parts_of_a_layout_go_before_the_preset():
    text = "[output]\nplayer = 'plex'\nseparator = ''\nsplits = []\nreplacement = '~'\nid3 = '2.3'"
    layout = parse(text, name="f").layout
    assert (layout.separator, layout.splits, layout.replacement) == (None, (), "~")
    assert (layout.player, layout.id3_version) == ("plex", 3)


FAULTS = [
    ("unknown table", "\n[genr]\n", "2: unknown key 'genr'; did you mean 'genre'?"),
    ("unknown key", "[genre]\n\nmin_scor = 0.1", "3: unknown key 'min_scor'; did you mean 'min_score'?"),
    ("unknown, like nothing", "zzz = 1", "1: unknown key 'zzz'; there are genre, mood, rename, ignore, junk, tree, output"),
    ("unknown in a list of tables", "[[rename]]\nmatch='a'\nto='B'\n[[rename]]\nmatch='c'\nto='D'\nwith='E'",
     "7: unknown key 'with'; there are match, to"),
    ("unknown in ignore", "ignore.artist = {}", "1: unknown key 'artist'; did you mean 'artists'?"),
    ("no table", "x = 0\ngenre = 3", "1: unknown key 'x'; there are genre, mood, rename, ignore, junk, tree, output",
     "2: 'genre' must be a table, as in [genre]"),
    ("text for a number", "[mood]\nmin_score = '0.5'", "2: 'min_score' must be a number from 0 to 1"),
    ("true for a number", "[mood]\nratio = true", "2: 'ratio' must be a number from 0 to 1"),
    ("not a number", "[mood]\nratio = nan", "2: 'ratio' must be a number from 0 to 1"),
    ("infinite", "[mood]\nmin_score = -inf", "2: 'min_score' must be a number from 0 to 1"),
    ("percent", "[mood]\nmin_score = 20", "2: 'min_score' must be a number from 0 to 1"),
    ("a threshold", "[genre.thresholds]\nA = 0.5\nB = 2", "3: 'B' must be a number from 0 to 1"),
    ("a threshold twice", "[genre.thresholds]\nrock = 0.5\nRock = 0.6", "3: 'Rock' and 'rock' are the same"),
    ("no values at all", "[genre]\nmax_tags = 0", "2: 'max_tags' must be a whole number from 1 to 100"),
    ("half a value", "[genre]\nmax_tags = 1.5", "2: 'max_tags' must be a whole number from 1 to 100"),
    ("a huge number", "[genre]\nmax_tags = 9999999999999999999999999", "2: 'max_tags' must be a whole number from 1 to 100"),
    ("yes", "[genre]\nwrite = 'yes'", "2: 'write' must be true or false"),
    ("a policy", "[genre]\npolicy = 'overwrit'", "2: 'policy' must be one of keep, fill, merge, overwrite (did you mean 'overwrite'?)"),
    ("a list for a word", "[genre]\npolicy = ['merge']", "2: 'policy' must be one of keep, fill, merge, overwrite"),
    ("parents", "[genre]\nparents = 'all'", "2: 'parents' must be one of specific, parent, both"),
    ("casing", "[genre]\ncasing = 'Title'", "2: 'casing' must be one of as-is, title, lower, upper (did you mean 'title'?)"),
    ("a word for a list", "[genre]\nallow = 'Rock'", "2: 'allow' must be a list of names, as in [\"Rock\", \"Pop\"]"),
    ("an item of a long list", "[genre]\nallow = [\n  'Rock', # one\n  'Pop', 7,\n  'rock',\n]",
     "4: a name must be text in quotes", "5: 'rock' is on this list twice"),
    ("an empty name", "[ignore]\neverywhere = ['']", "2: a name must not be empty"),
    ("spaces", "[ignore]\neverywhere = ['Rock ']", "2: the name 'Rock ' has spaces at an end"),
    ("a control character", '[genre]\nwhen_unsure = "a\\u0000b"', "2: the name 'a\\x00b' has characters that cannot be shown"),
    ("a long name", f"[ignore]\neverywhere = ['{'x' * 101}']", f"2: the name '{'x' * 37}...' is longer than 100 characters"),
    ("a number for ID3", "[genre]\nallow = ['17']", "2: ID3 tags would take '17' for one of their own genre numbers"),
    ("allowed and ignored", "[ignore]\neverywhere = ['rock']\n[genre]\nallow = ['Rock']",
     "4: 'Rock' is allowed here but ignored everywhere"),
    ("a rename without an end", "[[rename]]\nmatch = 'a'", "1: this rename has no 'to'"),
    ("one table for renames", "[rename]\nmatch = 'a'\nto = 'b'", "1: each rename must be a table of its own, as in [[rename]]"),
    ("no expression", "[[rename]]\nto = 'X'\nmatch = '(('", "3: this is not a regular expression: missing ), unterminated subpattern at position 1"),
    ("an expression that is a number", "[[rename]]\nto = 'X'\nmatch = 1", "3: 'match' must be a regular expression in quotes"),
    ("an expression that never ends", "[[rename]]\nto = 'X'\nmatch = '(a+)+'",
     "3: a repeated group must not repeat or choose inside: it could take for ever"),
    ("a group that is not there", "[[rename]]\nto = '\\2'\nmatch = '(a)'", "2: 'to' does not fit the expression: invalid group reference 2 at position 1"),
    ("an artist without a list", "[ignore.artists]\nA = ['x']\n'B C' = 'x'", "3: 'B C' must be a list of names, as in [\"Rock\", \"Pop\"]"),
    ("two parents", "[tree]\nA = ['X']\nB = ['x']", "3: 'x' is below 'A' already"),
    ("a circle", "[tree]\nA = ['B']\nB = ['C']\nC = ['a']", "2: 'A' is above itself", "3: 'B' is above itself", "4: 'C' is above itself"),
    ("a player", "[output]\nplayer = 'navidrom'", "2: 'player' must be one of navidrome, jellyfin, plex, kodi, lyrion, foobar2000 (did you mean 'navidrome'?)"),
    ("an ID3 version", "[output]\nid3 = 2.3", "2: 'id3' must be one of 2.3, 2.4"),
    ("a separator", "[output]\nseparator = ' and '", "2: 'separator' must be one to five characters that are neither letters nor digits"),
    ("a separator of spaces", "[output]\nseparator = ' '", "2: 'separator' must be one to five characters that are neither letters nor digits"),
    ("splits", "[output]\nsplits = ['/', 'x']", "2: 'splits' must be a list of strings of one to five characters that are neither letters nor digits"),
    ("a replacement", "[output]\nreplacement = '--'", "2: 'replacement' must be one character that is neither a letter nor a digit nor a space"),
    ("a replacement of itself", "[output]\nsplits = ['-']", "2: '-' would be the 'replacement' of itself; choose another"),
    ("a key twice", "[genre]\nratio = 1\nratio = 0", "3: this is not TOML: cannot overwrite a value"),
    ("a table twice", "[genre]\n[mood]\n[genre]", "3: this is not TOML: cannot declare ('genre',) twice"),
    ("no end", "[genre]\nallow = ['a'", "2: this is not TOML: unclosed array"),
    ("keys after a text of several lines", '[genre]\nwhen_unsure = """a\nb"""\nx = 1',
     "2: the name 'a\\nb' has characters that cannot be shown", "4: unknown key 'x'; there are write, policy, min_score, bars, abstain, thresholds, ratio, max_tags, parents, casing, allow, when_unsure"),
    ("all at once", "mood.ratio = 2\n[genre]\n'ra\\u0074io' = 1\n\"ra\\u0074io\" = 3 # ratio",
     "1: 'ratio' must be a number from 0 to 1", "3: unknown key 'ra\\\\u0074io'; there are write, policy, min_score, bars, abstain, thresholds, ratio, max_tags, parents, casing, allow, when_unsure", "4: 'ratio' must be a number from 0 to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [(t, list(e)) for _, t, *e in FAULTS],
                         ids=[name for name, *_ in FAULTS])  # fmt: skip
def test_each_fault_is_told_with_its_line(text, expected):
    assert complaints(text) == expected


def test_a_line_is_the_same_with_the_line_ends_of_windows():
    assert complaints("\r\n[genre]\r\nratio = 2\r\n")[0].startswith("3:")


def test_more_faults_than_anybody_reads_are_counted():
    found = complaints("\n".join(f"k{n} = 1" for n in range(1000)))
    assert len(found) == 51
    assert found[-1] == "51: there are 950 more mistakes from here on"


def test_a_file_is_named_in_every_complaint(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text("[genre]\nratio = 2\nmax_tags = 'x'")
    found = check(str(path))
    assert [line.removeprefix(f"{path}:")[:2] for line in found] == ["2:", "3:"]
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    assert str(caught.value).splitlines() == found


def test_a_good_file_has_no_complaints(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_bytes(b"\xef\xbb\xbf" + template().encode())
    assert check(str(path)) == []
    assert load(str(path)) == DEFAULT


def test_what_is_not_utf8_is_told_with_its_line(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_bytes(b"[ignore]\neverywhere = [\n'Chans\xf3n']")
    assert check(str(path)) == [f"{path}:3: this is not UTF-8; save the file as UTF-8"]


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_bytes(b"#" * (LARGEST_BYTES + 1))
    assert check(str(path)) == [f"{path}:1: the file is larger than 256 KiB, too large to be rules"]


def test_what_cannot_be_read_is_told(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert check(str(pipe)) == [f"cannot read the rules {pipe}: it is not a regular file"]
    assert check(str(tmp_path)) == [f"cannot read the rules {tmp_path}: Is a directory"]
    assert "No such file" in check(str(tmp_path / "none"))[0]
    assert len(check("a\0b")) == 1


HOSTILE = {
    "deep": "a = " + "[" * 50_000,
    "deep and closed": "a = " + "[" * 300 + "]" * 300,
    "deep tables": "a = " + "{a=" * 20_000,
    "a dotted key": ".".join(["a"] * 2_000) + " = 1",
    "many dotted keys": "\n".join(f"a{n}.b.c.d.e.f.g.h = 1" for n in range(8_000)),
    "many keys": "\n".join(f"rat{n} = 1" for n in range(20_000)),
    "one long key": "a" * 200_000 + " = 1",
    "many lists": "[genre]\nallow = [" + "[[1]]," * 20_000 + "]",
    "many children": "[tree]\nA = [" + ",".join(f"'{n}x'" for n in range(20_000)) + "]\nx=1",
    "a long chain": "[tree]\n" + "\n".join(f"n{n} = ['n{n + 1}']" for n in range(12_000)) + "\nx=1",
    "many renames": "[[rename]]\nmatch = 'a'\nto = 'b'\n" * 4_000,
    "a long expression": f"[[rename]]\nto = 'x'\nmatch = '{'(a?)' * 40_000}'",
    "a long number": "genre.ratio = " + "9" * 4_000,
    "line ends": "\n" * 200_000 + "x",
}


@thinned("text", HOSTILE.values(), ids=HOSTILE, fast=7)
def test_a_hostile_file_is_refused_in_seconds(text):
    assert len(text) <= LARGEST_BYTES
    start = time.process_time()
    assert complaints(text)
    assert time.process_time() - start < 10


@given(st.text(max_size=200) | st.text("[]{}=\"'\\\n.,#ab1 ", max_size=60))
def test_any_text_is_rules_or_a_refusal(text):
    found = ""
    try:
        parse(text, name="f")
    except ConfigError as error:
        found = str(error)
    assert all(re.match(r"f:\d+: ", line) for line in found.splitlines())


def test_lines_of_keys_and_items():
    text = """# a comment [not.a.table]
top = 1
[a.'b c']
"d.e" = [1, '''
]''',
  { x = 2, y = "}" }, # ]
]
f.g = 2020-01-01

[[list]]
[[list]]
k = '#'
[list.sub]
z = \"\"\"\\\"\"\"\"\"\"
last = 0
"""
    lines = line_numbers(text)
    b = ("a", "b c")
    wanted = {("top",): 2, b: 3, (*b, "d.e"): 4, (*b, "d.e", 1): 4, (*b, "d.e", 2): 6,
              (*b, "d.e", 2, "y"): 6, (*b, "f", "g"): 8, ("list", 0): 10, ("list", 1): 11,
              ("list", 1, "k"): 12, ("list", 1, "sub", "z"): 14, ("list", 1, "sub", "last"): 15}  # fmt: skip
    assert {path: lines.get(path) for path in wanted} == wanted


GOOD = ["rock", ".*metal", "(indie|alt(ernative)?) .*", "(.+) metal", "r(?:&|n|and)b", "hip.?hop",
        r"\d0s", "[^a-z]+x", "(ab)+", "(?P<n>a)b", "a{2,3}", r"(.)\1", "(?=.*x).*", r"\(a+\)+", "[)+]+"]  # fmt: skip
COSTLY = ["(a+)+", "(a*)*b", "(a|b)*", "(?:a|aa)+$", "((a)+)+", "(a?){30}", ".*.*.*.*x", "(.*,){9}",
          "(a|a)" * 20, "a?" * 30 + "a" * 30, "(?x)(a+) +", "([a]*)*", "(?:(?:x+))+", "(a{1,9}){9}",
          "(a{,}b)+", "(.*)(.*)(.*)(.*)"]  # fmt: skip


@pytest.mark.parametrize("pattern", GOOD)
def test_an_expression_that_costs_nothing_is_accepted(pattern):
    assert refusal(pattern) is None


@pytest.mark.parametrize("pattern", COSTLY)
def test_an_expression_that_could_take_for_ever_is_refused(pattern):
    found = refusal(pattern)
    assert found is not None
    assert "for ever" in found or "flag x" in found


@pytest.mark.parametrize("pattern", ["[[a]", "(?i", "a" * (LONGEST_PATTERN + 1), "(?<=a+)b", "*"])
def test_what_is_no_expression_is_refused(pattern):
    assert refusal(pattern) is not None


@given(st.text(".*+?{}2,|()[]a\\b^$x:=!<", min_size=1, max_size=40), st.sampled_from("ab."))
def test_what_is_accepted_is_matched_at_once(pattern, letter):
    if refusal(pattern) is None:
        start = time.process_time()
        re.compile(pattern, re.IGNORECASE).fullmatch(letter * (LONGEST_NAME - 1) + "!")
        assert time.process_time() - start < 1


def test_the_costliest_accepted_expression_is_matched_in_a_second():
    pattern = "(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a).*.*.*x"
    assert refusal(pattern) is None
    start = time.process_time()
    assert re.fullmatch(pattern, "a" * LONGEST_NAME) is None
    assert time.process_time() - start < 2


def test_the_template_is_in_the_package():
    import lean_tagger.rules

    assert (Path(lean_tagger.rules.__file__).parent / "template.toml").is_file()
