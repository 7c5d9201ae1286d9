"""SQLite finds the files that a plain evaluation of the query finds, and puts them in order."""

import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from madelibrary import MSD, MTT, NAMES, Made, make

from lean_tagger.errors import ConfigError
from lean_tagger.jobs import TrackInfo
from lean_tagger.library import query_tests
from lean_tagger.library.arithmetic.search import found
from lean_tagger.library.query import Query, Sort, Term, parse
from lean_tagger.library.query_sql import Condition
from lean_tagger.library.query_values import Range
from lean_tagger.library.search import Search
from lean_tagger.library.vocabulary import labels_on_record, meant_by
from lean_tagger.run.calculation import Calculation
from lean_tagger.store.features import Features
from lean_tagger.store.journal import Journal
from lean_tagger.store.tracks import Tracks

ONE = np.ones(2)
BOTH = {MSD: ONE, MTT: ONE}

LIBRARY = [
    Made(path="/music/Björk/Debut/01 Human Behaviour.flac", embeddings=BOTH, seconds=252.4,
         genre=("Electronic", "Pop"), mood=("Happy",), scores={"electronic": 0.7, "happy": 0.06},
         track=TrackInfo(artist="Björk", albumartist="Björk", album="Debut", year="1993-07-05",
                         title="Human Behaviour")),
    Made(path="/music/Bjo\u0308rk/Post/Hyperballad.mp3", embeddings={MSD: ONE}, seconds=321.0,
         genre=("Electronic",), scores={"electronic": 0.4, "female vocalists": 0.6},
         track=TrackInfo(artist="Bjo\u0308rk", album="Post", year="1995", title="Hyperballad")),
    Made(path="/music/AC\udc80DC/Thunder.mp3", embeddings={MTT: ONE}, seconds=300.0,
         genre=("Hard Rock",), scores={"rock": 0.9, "guitar": 0.8, "loud": 0.7}, effort="fast",
         track=TrackInfo(artist="AC/DC", year="90", title="Thunder")),
    Made(path="/music/none.ogg", embeddings=BOTH, seconds=59.2, track=None),
    Made(path="/music/line\nbreak.ogg", embeddings=BOTH, seconds=3601.0, mood=("Sad", "Calm"),
         scores={"piano": 0.5, "no vocals": 0.4, "soft": 0.05},
         track=TrackInfo(artist="Clara", title="The Étude", year="2019")),
    Made(path="/other/failed.mp3"),
    *(Made(path=f"/other/{n}.mp3", embeddings=BOTH, seconds=100.0 + n,
           scores={"rock": n / 10, "piano": (7 * n % 10) / 20, "soft": n / 1000},
           genre=("Rock",) if n % 2 else (),
           track=TrackInfo(artist=f"Band {n % 3}", year=str(1990 + n)))
      for n in range(9)),
]  # fmt: skip


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make(tmp_path_factory.mktemp("library") / "state", LIBRARY)
    with Journal(path) as journal:
        run = journal.begin_run("tag", version="0", model="", options={})
        for made, previous, written in (
            (LIBRARY[0], {}, {"genre": ("Electronic", "Pop")}),
            (
                LIBRARY[2],
                {"genre": ("Polka",), "genre@id3v1": ("Noise",)},
                {"genre": ("Hard Rock",)},
            ),
        ):
            number = journal.intend(
                made.path, run=run, identity=made.identity, previous=previous, written=written
            )
            journal.settle(number, "done")
        undone = journal.intend(
            LIBRARY[4].path, run=run, identity=LIBRARY[4].identity, previous={},
            written={"mood": ("Sad",)},
        )  # fmt: skip
        journal.settle(undone, "undone")
    return path


def paths(state: Path, query: Query) -> list[str]:
    with Features(state) as features:
        labels = tuple(labels_on_record(features, {}))
    blocks = found(Search(state=state, query=query, labels=labels))
    return [track.path for block in blocks for track in block]


# A plain evaluation, which knows the library and no SQL

WRITTEN = {0: ({}, ("Electronic", "Pop")), 2: (("Polka",), ("Hard Rock",))}


def plainly(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    return "".join(it for it in apart if unicodedata.category(it) != "Mn").casefold()


def texts(number: int, field: str) -> list[str]:
    made = LIBRARY[number]
    heard = bool(made.embeddings)
    before, wrote = WRITTEN.get(number, ((), ()))
    track = made.track if heard and made.track else TrackInfo()
    values: dict[str, Iterable[str]] = {
        "genre": made.genre,
        "mood": made.mood,
        "path": [made.path],
        "status": ["tagged" if heard else "failed"],
        "why": [] if heard else ["its audio is damaged"],
        "model": [NAMES[key] for key in made.embeddings],
        "effort": [made.effort] if heard else [],
        "wrote": wrote,
        "before": before,
    }
    if field in values:
        return list(values[field])
    text = getattr(track, field)
    return [text] if text else []


def number_of(number: int, asked: Term | Sort) -> float | None:
    made = LIBRARY[number]
    if asked.field == "length":
        return made.seconds if made.embeddings else None
    if asked.field == "year":
        year = re.search(r"\d{4}", "".join(texts(number, "year")))
        return int(year[0]) if year else None
    if asked.field == "confidence":
        return 1.0 if made.embeddings else None
    assert asked.field == "score"
    for key in (MSD, MTT):
        from madelibrary import LABELS

        if key in made.embeddings and asked.label in LABELS[key]:
            return made.heard(key).values[LABELS[key].index(asked.label)]
    return None


def anywhere(number: int) -> list[str]:
    made = LIBRARY[number]
    fields = ("genre", "mood", "artist", "albumartist", "album", "title")
    return ["/".join(made.path.split("/")[-3:]), *(t for f in fields for t in texts(number, f))]


def holds(number: int, term: Term) -> bool:
    return _holds(number, term) is not term.negated


def _holds(number: int, term: Term) -> bool:
    if term.how == "under":
        path = LIBRARY[number].path
        return path == term.text or path.startswith(term.text.rstrip("/") + "/")
    if term.how == "range" or (
        term.how == "there" and term.field in ("year", "length", "score", "confidence")
    ):
        value = number_of(number, term)
        return value is not None and term.range.first <= value <= term.range.last
    values = texts(number, term.field) if term.field else anywhere(number)
    if term.how == "there":
        return bool(values)
    if term.how == "matches":
        return any(
            re.search(term.text, unicodedata.normalize("NFC", v), re.I) for v in values or [""]
        )
    if term.how == "is":
        return unicodedata.normalize("NFC", term.text) in [
            unicodedata.normalize("NFC", v) for v in values
        ]
    if term.how == "is in any case":
        return plainly(term.text) in map(plainly, values)
    return any(plainly(term.text) in plainly(value) for value in values)


def naive(query: Query) -> list[str]:
    chosen = [
        number
        for number in range(len(LIBRARY))
        if any(all(holds(number, term) for term in group) for group in query.any_of)
    ]
    return sorted((LIBRARY[number].path for number in chosen), key=os.fsencode)


TEXT_FIELDS = st.sampled_from(
    ["genre", "mood", "artist", "albumartist", "album", "title", "path", "status", "why", "model",
     "effort", "wrote", "before"]
)  # fmt: skip
NEEDLES = st.sampled_from(
    ["rock", "ROCK", "electronic", "björk", "bjork", "BJO\u0308RK", "o", "the", "étude", "etude",
     "Hard Rock", "hard rock", "Pop", "1", "band 1", "AC/DC", "\udc80", "msd", "fast", "nothing",
     "\n", "failed", "audio"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.none(), st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.7, 59.2, 100, 252.4, 1990, 1995])
)
RANGES = st.builds(
    lambda a, b: Range(*sorted((-np.inf if a is None else a, np.inf if b is None else b))),
    NUMBERS,
    NUMBERS,
)
TERMS = st.one_of(
    st.builds(
        Term,
        field=TEXT_FIELDS,
        how=st.sampled_from(["contains", "is", "is in any case", "there"]),
        text=NEEDLES,
        negated=st.booleans(),
    ),
    st.builds(Term, field=TEXT_FIELDS, how=st.just("matches"), negated=st.booleans(),
              text=st.sampled_from(["^b", "rock$", "^$", "o.k", r"\d+", "É", "[aeiou]{2}", "."])),
    st.builds(Term, how=st.just("matches"), text=st.sampled_from(["^b", "r.ck", "^$"]),
              negated=st.booleans()),
    st.builds(Term, field=st.sampled_from(["year", "length", "confidence"]), range=RANGES,
              how=st.sampled_from(["range", "there"]), negated=st.booleans()),
    st.builds(Term, field=st.just("score"), range=RANGES,
              label=st.sampled_from(["rock", "piano", "happy", "soft"]),
              how=st.sampled_from(["range", "there"]), negated=st.booleans()),
    st.builds(Term, field=st.just("path"), how=st.just("under"), negated=st.booleans(),
              text=st.sampled_from(["/music", "/music/", "/", "/mus", "/other/3.mp3",
                                    "/music/AC\udc80DC"])),
)  # fmt: skip
QUERIES = st.builds(
    Query,
    any_of=st.lists(st.lists(TERMS, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUERIES)
def test_conditions_find_what_a_plain_evaluation_finds(state: Path, query: Query) -> None:
    query = _without_range_where_there(query)
    assert paths(state, query) == naive(query)


def _without_range_where_there(query: Query) -> Query:
    from dataclasses import replace

    return Query(
        any_of=tuple(
            tuple(replace(t, range=Range()) if t.how == "there" else t for t in group)
            for group in query.any_of
        )
    )


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.builds(
                Sort, field=st.sampled_from(["artist", "genre", "title"]), down=st.booleans()
            ),
            st.builds(Sort, field=st.sampled_from(["year", "length"]), down=st.booleans()),
            st.builds(Sort, field=st.just("score"), label=st.just("rock"), down=st.booleans()),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_sorts_put_files_in_order_and_what_is_not_known_last(
    state: Path, sorts: list[Sort]
) -> None:
    order = list(range(len(LIBRARY)))
    order.sort(key=lambda n: os.fsencode(LIBRARY[n].path))
    for sort in reversed(sorts):
        order.sort(key=_sort_key(sort), reverse=sort.down)
        order.sort(key=lambda n, s=sort: _value(n, s) is None)  # type: ignore[misc]
    assert paths(state, Query(sorts=tuple(sorts))) == [LIBRARY[n].path for n in order]


def _value(number: int, sort: Sort) -> str | float | None:
    if sort.field in ("artist", "genre", "title"):
        values = texts(number, sort.field)
        return plainly("\n".join(values)) if values else None
    return number_of(number, sort)


def _sort_key(sort: Sort) -> Callable[[int], tuple[bool, str | float]]:
    def key(number: int) -> tuple[bool, str | float]:
        value = _value(number, sort)
        return value is not None, value if value is not None else 0

    return key


def test_words_find_tags_and_what_was_heard_strongest_first(state: Path) -> None:
    query = parse("piano")
    order = paths(state, query)
    assert order[0] == LIBRARY[4].path  # 0.5, the highest
    scores = {it.path: it.scores.get("piano", 0.0) for it in LIBRARY}
    assert all(scores[path] >= 0.3 for path in order)
    assert [scores[path] for path in order] == sorted((scores[p] for p in order), reverse=True)
    assert paths(state, parse("hyperballad")) == [LIBRARY[1].path]
    assert paths(state, parse("hyperballad ^female")) == []
    assert set(paths(state, parse("^piano"))) == {it.path for it in LIBRARY} - set(order)


def test_a_word_that_a_label_denies_does_not_mean_it(state: Path) -> None:
    with Features(state) as features:
        labels = labels_on_record(features, {})
    assert "no vocals" not in {it.name for it in meant_by("vocals", labels)}
    assert {"no vocals", "no vocal"} <= {it.name for it in meant_by("instrumental", labels)}
    assert {it.name for it in meant_by("male", labels)}.isdisjoint({"female", "female vocalists"})
    assert {it.name for it in meant_by("hard rock", labels)} == {"hard rock"}
    assert meant_by("...", labels) == []
    assert meant_by("nothing of this name", labels) == []


def test_added_is_when_it_came_on_record(state: Path) -> None:
    everything = {it.path for it in LIBRARY}
    assert set(paths(state, parse("added:1d.."))) == everything
    assert paths(state, parse("added:..2020")) == []
    assert set(paths(state, parse("added-"))) == everything


def test_an_expression_that_takes_too_long_ends_the_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_tests, "REGEX_SECONDS", 0.2)
    title = "a" * 3000
    made = Made(path="/music/a.mp3", embeddings=BOTH, track=TrackInfo(title="t", album=title))
    state = make(tmp_path / "state", [made])
    started = time.monotonic()
    with pytest.raises(ConfigError, match="takes too long"):
        paths(state, parse("album::a*a*a*b"))
    assert time.monotonic() - started < 60


def test_statements_use_the_index_of_paths(state: Path) -> None:
    with Features(state) as features, Tracks(state) as tracks:
        condition = Condition(parse("path:/music/none.ogg"), features, tracks)
        where = condition._where()
        plan = list(
            tracks.database.rows(
                f"EXPLAIN QUERY PLAN SELECT 1 FROM files WHERE {where}", condition._values
            )
        )
        assert any("INDEX" in row[3] and "path>" in row[3] for row in plan)


def test_it_runs_in_a_child_that_stays_small(state: Path) -> None:
    with Calculation(
        "lean_tagger.library.arithmetic.search:found",
        Search(state=state, query=parse("genre:rock")),
        max_mem_bytes=150 << 20,
    ) as calculation:
        assert sum(map(len, calculation)) == 5
        assert calculation.peak_bytes < 60 << 20
