"""A query either makes sense or gives one error, with the place where that shows."""

import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lean_tagger.library.query import FIELDS, Query, Sort, Term, parse
from lean_tagger.library.query_tokens import QueryError, join, tokens
from lean_tagger.library.query_values import Range

LABELS = ("rock", "hard rock", "Hip-Hop", "female vocalists", "00s")


def terms(text: str) -> tuple[Term, ...]:
    (group,) = parse(text, LABELS).any_of
    return group


def refused(text: str) -> QueryError:
    with pytest.raises(QueryError) as raised:
        parse(text, LABELS)
    return raised.value


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("piano", Term(text="piano")),
        ('"hard rock"', Term(text="hard rock")),
        ("^vocals", Term(text="vocals", negated=True)),
        ("-vocals", Term(text="vocals", negated=True)),
        ("AC/DC", Term(text="AC/DC")),
        ("genre:rock", Term(field="genre", text="rock")),
        ("GENRE:Rock", Term(field="genre", text="Rock")),
        ('artist:"The Doors"', Term(field="artist", text="The Doors")),
        ('artist:The" "Doors', Term(field="artist", text="The Doors")),
        (r'title:"a \"quote\""', Term(field="title", text='a "quote"')),
        (r"title:\d", Term(field="title", text=r"\d")),
        ("genre:=Rock", Term(field="genre", how="is", text="Rock")),
        ("genre:=~rock", Term(field="genre", how="is in any case", text="rock")),
        ('genre:"=rock"', Term(field="genre", text="=rock")),
        ("genre:", Term(field="genre", how="there")),
        ("^genre:", Term(field="genre", how="there", negated=True)),
        ("title::^the", Term(field="title", how="matches", text="^the")),
        ("::^the", Term(how="matches", text="^the")),
        ("title:a:b", Term(field="title", text="a:b")),
        ('"a:b"', Term(text="a:b")),
        ("year:1990..1999", Term(field="year", how="range", range=Range(1990, 1999))),
        ("year:1990", Term(field="year", how="range", range=Range(1990, 1990))),
        ("year:..1999", Term(field="year", how="range", range=Range(last=1999))),
        ("score.rock:0.4..", Term(field="score", label="rock", how="range", range=Range(0.4))),
        (
            'score."hard rock":0.4..',
            Term(field="score", label="hard rock", how="range", range=Range(0.4)),
        ),
        (
            "score.hip_hop:..0.5",
            Term(field="score", label="Hip-Hop", how="range", range=Range(last=0.5)),
        ),
        ("length:5..", Term(field="length", how="range", range=Range(5))),
        ("length:1:02:03.5..", Term(field="length", how="range", range=Range(3723.5))),
        ("path:/music", Term(field="path", how="under", text="/music")),
        ("/music/a.mp3", Term(field="path", how="under", text="/music/a.mp3")),
        ("~/Music", Term(field="path", how="under", text="~/Music")),
        ("path:live", Term(field="path", text="live")),
        ("C+", Term(text="C+")),
    ],
)
def test_parts_mean_what_beets_users_expect(text: str, term: Term) -> None:
    assert terms(text) == (term,)


def test_a_length_is_all_of_its_second() -> None:
    (term,) = terms("length:..5:00")
    assert term.range.last == pytest.approx(301, abs=1e-6)
    assert term.range.last < 301


def test_a_date_is_all_of_its_day_month_or_year() -> None:
    for text, first, last in (
        ("2026", (2026, 1, 1), (2027, 1, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2024-02", (2024, 2, 1), (2024, 3, 1)),
        ("2026-05-31", (2026, 5, 31), (2026, 6, 1)),
    ):
        (term,) = terms(f"added:{text}")
        begin, end = (time.mktime((*day, 0, 0, 0, 0, 0, -1)) for day in (first, last))
        assert term.range.first == begin
        assert term.range.last == pytest.approx(end, abs=1e-3)
        assert term.range.last < end
    (term,) = terms("added:2w..")
    assert term.range.first == pytest.approx(time.time() - 14 * 86400, abs=60)


def test_parts_together_are_and_a_comma_is_or() -> None:
    query = parse("a b , c, d")
    assert [[term.text for term in group] for group in query.any_of] == [["a", "b"], ["c"], ["d"]]


def test_sorts_are_in_their_order() -> None:
    query = parse('genre+ score."hard rock"- added-', LABELS)
    assert query.sorts == (
        Sort(field="genre"),
        Sort(field="score", label="hard rock", down=True),
        Sort(field="added", down=True),
    )
    assert query.conditions is None
    assert query.any_of == ((),)


def test_seeds_are_apart_from_conditions() -> None:
    query = parse('like:"/music/a song.mp3" ^like:other.mp3 genre:rock')
    assert (query.like, query.unlike) == (("/music/a song.mp3",), ("other.mp3",))
    assert query.conditions == Query(any_of=((Term(field="genre", text="rock"),),))


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("genr:rock", 0, "did you mean 'genre'"),
        ("a ^genr:rock", 3, "did you mean 'genre'"),
        ("yaer+", 0, "did you mean 'year'"),
        ("score:0.4", 5, "score of which label"),
        ("score.rok:0.4..", 6, "did you mean 'rock'"),
        ("score.rock:2..", 11, "from 0 to 1"),
        ("score.rock:high", 11, "is not a number"),
        ("year:199x", 5, "is not a year"),
        ("year:1999..1990", 5, "starts above its end"),
        ("length:5m", 7, "is not a length"),
        ("added:yesterday", 6, "is not a date"),
        ("added:2026-02-30", 6, "no day"),
        ("added:2026-13", 6, "no day"),
        ('a "b', 2, "not closed"),
        ('a ""', 2, "no word"),
        (", a", 0, "before this comma"),
        ("a , , b", 4, "before this comma"),
        ("a ,", 2, "after this comma"),
        (":rock", 0, "no field before this colon"),
        ("title::", 7, "no expression"),
        ("title::(", 7, "not a regular expression"),
        ("title::(a+)+$", 7, "take for ever"),
        ("x title::a.*b.*c.*d.*e", 9, "take for ever"),
        ("like:", 5, "like what"),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, at: int, said: str) -> None:
    error = refused(text)
    assert said in error.sentences[0]
    assert error.at == at
    _, excerpt, caret = error.sentences
    assert excerpt == f"  {text}"
    assert caret == " " * (at + 2) + "^"


def test_the_place_shows_in_a_long_query_too() -> None:
    _, excerpt, caret = refused("word " * 100 + "genr:x").sentences
    assert len(excerpt) < 110
    assert excerpt[caret.index("^") :].startswith("genr:x")


ANYTHING = st.text(
    st.one_of(
        st.sampled_from('"\\ ,^-:=~.+/ ..0123456789'), st.characters(), st.sampled_from("\udc80é́")
    ),
    max_size=40,
)
PARTS = st.lists(
    st.one_of(
        st.sampled_from(
            [*FIELDS, "score.", "score.rock", "like", ":", "::", "..", "+", "-", ",", " ", "^", '"']
        ),
        st.sampled_from(["1990", "4:30", "0.5", "2026-05-31", "2w", "rock", "(a+)+", "[", "\\"]),
    ),
    max_size=12,
).map("".join)


@given(st.one_of(ANYTHING, PARTS))
@example('"')
@example("^")
@example("^^^:")
@example("a" * 20_000)
@example(" , ".join("a" * 300))
def test_everything_makes_sense_or_gives_one_error_with_a_place(text: str) -> None:
    query, error = outcome(text)
    if error is not None:
        assert 0 <= error.at <= len(text)
        message, excerpt, caret = error.sentences
        assert message
        assert caret.strip() == "^"
        assert len(caret) <= len(excerpt) + 1
    if query is not None:
        assert all(not math.isnan(it.range.first) for group in query.any_of for it in group)


def outcome(text: str) -> tuple[Query | None, QueryError | None]:
    """Return what a query means, or what is wrong with it."""
    try:
        return parse(text, LABELS), None
    except QueryError as error:
        return None, error


@given(st.text(st.characters(exclude_characters='"\\')))
def test_in_quotes_everything_is_a_word(text: str) -> None:
    if text.strip():
        assert terms(f'"{text}"') == (Term(text=text),)


@given(st.lists(st.text(st.characters(exclude_characters='"'), min_size=1), min_size=2))
def test_arguments_of_a_command_stay_parts(arguments: list[str]) -> None:
    parts = [it for it in arguments if it.strip(",") == it]
    if len(parts) > 1:
        assert [it.text for it in tokens(join(parts))] == parts


def test_one_argument_is_a_whole_query() -> None:
    assert join(["genre:rock year:1990.."]) == "genre:rock year:1990.."
    assert terms(join(["artist:The Doors", "live"])) == (
        Term(field="artist", text="The Doors"),
        Term(text="live"),
    )
