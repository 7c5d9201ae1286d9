"""One opinion for an album."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.card import Label
from lean_tagger.rules import (
    DEFAULT,
    NOISE,
    AlbumDecision,
    Outlier,
    Track,
    album_key,
    decide,
    outliers,
    pool,
)

LABELS = (
    Label("rock", "genre", "Rock"),
    Label("jazz", "genre", "Jazz"),
    Label("chill", "mood", "Chill"),
    Label("guitar", "instrument", "Guitar"),
)


def decided(tracks: dict[str, list[float]], *, labels=LABELS) -> AlbumDecision:
    return pool(tracks.values(), labels=labels)


def strangers(tracks: dict[str, list[float]], *, labels=LABELS) -> list[Outlier]:
    return list(outliers(tracks.items(), decided(tracks, labels=labels), labels=labels))


score = st.floats(0, 1)
albums = st.dictionaries(
    st.text(max_size=3), st.lists(score, min_size=4, max_size=4), min_size=1, max_size=6
)


def test_every_track_has_one_vote_and_the_logits_are_averaged():
    album = decided({"a": [0.9, 0.1, 0, 0], "b": [0.5, 0.2, 0, 0]})
    expected = 1 / (1 + math.exp(-(math.log(9) + 0) / 2))
    assert album.scores[0] == pytest.approx(expected)
    assert album.label == "rock"


@given(st.lists(st.floats(0.001, 0.999), min_size=4, max_size=4))
def test_an_album_of_one_track_says_what_the_track_says(scores):
    assert decided({"a": scores}).scores == pytest.approx(scores)


@given(albums)
def test_the_order_of_the_tracks_does_not_matter(tracks):
    turned = dict(reversed(tracks.items()))
    one, other = decided(tracks), decided(turned)
    assert (one.scores, one.ties) == (other.scores, other.ties)
    assert {o.path for o in strangers(tracks)} == {o.path for o in strangers(turned)}


@given(albums)
def test_an_album_lies_between_its_tracks(tracks):
    for n, pooled in enumerate(decided(tracks).scores):
        column = [row[n] for row in tracks.values()]
        assert min(column) - 1e-6 <= pooled <= max(column) + 1e-6


def test_a_score_of_nothing_does_not_outvote_the_rest():
    tracks = {str(n): [0.9, 0.1, 0, 0] for n in range(9)} | {"z": [0.0, 1.0, 0, 0]}
    assert decided(tracks).label == "rock"


def test_what_is_pooled_can_be_decided_on():
    album = decided({"a": [0.3, 0.15, 0, 0], "b": [0.25, 0.1, 0, 0]})
    chosen = decide(album.scores, LABELS, DEFAULT).chosen["genre"]
    assert [value for value, _ in chosen] == ["Rock"]


def test_labels_nearer_than_the_noise_are_a_tie():
    (tie,) = decided({"a": [0.40, 0.36, 0.39, 0.39]}).ties
    assert (tie.label, tie.other) == ("rock", "jazz")
    assert tie.score - tie.other_score == pytest.approx(0.04)
    assert decided({"a": [0.40, 0.34, 0, 0]}).ties == ()


def test_what_nobody_hears_is_no_tie():
    assert decided({"a": [0.04, 0.03, 0, 0]}).ties == ()


def test_a_track_that_sounds_like_something_else_is_told():
    tracks = {"a": [0.8, 0.1, 0, 0], "b": [0.8, 0.1, 0, 0.9], "c": [0.2, 0.6, 0, 0]}
    (outlier,) = strangers(tracks)
    assert (outlier.path, outlier.label, outlier.score) == ("c", "jazz", 0.6)


def test_a_tie_within_a_track_makes_it_no_outlier():
    tracks = {"a": [0.8, 0.1, 0, 0], "b": [0.40, 0.40 + NOISE * 0.9, 0, 0]}
    assert strangers(tracks) == []


def test_a_model_without_genres_has_no_strongest():
    album = decided({"a": [0.5]}, labels=LABELS[3:])
    assert (album.label, album.ties) == (None, ())
    assert strangers({"a": [0.5]}, labels=LABELS[3:]) == []


@pytest.mark.parametrize("tracks", [{}, {"a": [0.5]}, {"a": [0.5] * 4, "b": [0.5] * 5}])
def test_scores_that_do_not_fit_are_refused(tracks):
    with pytest.raises(ValueError, match="one"):
        decided(tracks)


def test_an_album_is_its_name_and_its_album_artist():
    one = Track(artist="A", albumartist="Various", album="Hits", folder="/1")
    other = Track(artist="B", albumartist="VARIOUS ", album="hits", folder="/2")
    assert album_key(one) == album_key(other)
    assert album_key(one) != album_key(Track(albumartist="Someone", album="Hits", folder="/1"))


def test_without_an_album_artist_the_artist_counts():
    one = Track(artist="A", album="Hits")
    assert album_key(one) == album_key(Track(albumartist="a", album="Hits"))
    assert album_key(one) != album_key(Track(artist="B", album="Hits"))


def test_without_an_album_the_folder_counts():
    assert album_key(Track(artist="A", folder="/x")) == album_key(Track(artist="B", folder="/x"))
    assert album_key(Track(folder="/x")) != album_key(Track(folder="/X"))
    assert album_key(Track(folder="/x")) != album_key(Track(artist="folder", album="/x"))
