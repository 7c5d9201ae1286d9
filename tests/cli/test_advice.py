"""What is recommended behind a summary."""

from lean_tagger.cli.advice import advices
from lean_tagger.run.summary import Summary


def test_another_model_is_recommended_where_many_tracks_stay_without_a_genre() -> None:
    (said,) = advices(Summary(unchanged=60, tagged=40, unsure=40), by_default_model=True)
    assert "40 of 100" in said
    assert "--model standard" in said


def test_nothing_is_recommended_to_who_chose_a_model_or_has_few_such_tracks() -> None:
    assert not list(advices(Summary(unchanged=60, unsure=40), by_default_model=False))
    assert not list(advices(Summary(unchanged=900, unsure=40), by_default_model=True))
    assert not list(advices(Summary(unchanged=5, unsure=5), by_default_model=True))


def test_genres_that_say_nothing_are_counted_most_frequent_first() -> None:
    (said,) = advices(Summary(junk={"12": 1, "Other": 7}), by_default_model=True)
    assert said.startswith("genres that say nothing: Other (7), 12 (1);")
    assert "--replace-junk" in said


def test_who_replaces_them_is_not_told_how() -> None:
    junk = Summary(junk={"Other": 7})
    (said,) = advices(junk, by_default_model=True, replaces_junk=True)
    assert "--replace-junk" not in said
    assert "give way" in said
