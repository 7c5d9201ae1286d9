"""What every file has of a word is what a look at its texts and scores one by one says."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from madelibrary import LABELS, MSD, MTT, Made, make

from lean_tagger.jobs import TrackInfo, from_uint16
from lean_tagger.library.arithmetic.words import scales_of, shares_of
from lean_tagger.library.query_tests import folded
from lean_tagger.library.vocabulary import Label, labels_on_record, meant_by
from lean_tagger.store.features import Features
from lean_tagger.store.tracks import Track, Tracks

KINDS = {"msd-musicnn": {"happy": "mood", "Mellow": "mood"}}
NAMES = ["Étude", "Rock", "Élan rock", "the end", "Пісня", ""]


def library(count: int = 40) -> list[Made]:
    dice = np.random.default_rng(5)
    found = []
    for number in range(count):
        keys = ((MSD, MTT), (MSD,), (MTT,), ())[number % 4]
        scores = {label: float(dice.random()) ** 3 for key in keys for label in LABELS[key]}
        found.append(
            Made(
                path=f"/music/rocky/{number % 7}/{NAMES[number % 6]} {number}\udcff.mp3",
                digest=f"{number - number % 5 % 2:032x}",  # some audio has two files
                embeddings={key: np.ones(2) for key in keys},
                scores=scores,
                track=TrackInfo(artist=NAMES[number % 5], title=NAMES[number % 3]),
                genre=(("Rock",), ("E\u0301lectro",), ())[number % 3],
            )
        )
    return found


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("words") / "state", library())


WORDS = ["rock", "etude", "calm", "happy", "female", "vocals", "no vocals", "пісня", "39", "e", "/"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*WORDS, "nothing of this name"]), max_size=4, unique=True))
def test_shares_are_those_of_a_look_at_each_file(state: Path, words: list[str]) -> None:
    with Features(state) as features, Tracks(state) as tracks:
        labels = labels_on_record(features, KINDS)
        shares = shares_of(words, features, tracks, labels)
        assert list(shares) == words
        files = next(tracks.blocks())
        rows = [row for (row,) in tracks.database.rows("SELECT rowid FROM files")]
        for word in words:
            wanted = [_share(word, file, features, labels) for file in files]
            assert [shares[word][row] for row in rows] == pytest.approx(wanted, abs=1e-6)


def _share(word: str, file: Track, features: Features, labels: list[Label]) -> float:
    name = "/".join(file.path.split("/")[-3:])
    texts = (name, file.artist, file.albumartist, file.album, file.title, *file.genre, *file.mood)
    found = float(any(folded(word) in folded(text) for text in texts if text))
    (scales,) = scales_of(features, [meant_by(word, labels)])
    for label, scale in scales.items():
        scores = from_uint16(features.scores_of(file.digest, label.key))
        if scores and scores[label.index] >= scale.strong:
            found = max(found, scores[label.index] / scale.highest)
    return found


def test_a_label_is_strong_in_a_fifth_of_the_library_or_where_it_is_clear(state: Path) -> None:
    with Features(state) as features:
        labels = [it for it in labels_on_record(features, KINDS) if it.name in ("happy", "rock")]
        happy = [it for it in labels if it.kind == "mood"]
        assert happy
        scores = {
            label: [
                found[label.index]
                for block in features.sample(label.key)
                for _, packed in block
                if (found := from_uint16(packed))
            ]
            for label in labels
        }
        (scales,) = scales_of(features, [labels])
        for label, scale in scales.items():
            upper = sorted(scores[label])[int((1 - 0.2 / len(labels)) * len(scores[label]))]
            assert scale.highest == pytest.approx(max(scores[label]))
            least = 0.0 if label.kind == "mood" else 0.1
            assert scale.strong == pytest.approx(max(min(upper, 0.3), least))


def test_without_anything_on_record_there_is_nothing(tmp_path: Path) -> None:
    state = make(tmp_path / "state", [])
    with Features(state) as features, Tracks(state) as tracks:
        assert list(shares_of(["rock"], features, tracks, [])["rock"]) == [0.0]
