"""On labelled music, what the journal gives finds the same kind of music as was measured."""

from pathlib import Path
from types import ModuleType

import earscore
import numpy as np
import pytest
from madelibrary import LABELS, MSD, MTT, Made, make

from lean_tagger.library.arithmetic.embeddings import blocks, spaces_of
from lean_tagger.library.arithmetic.similar import nearest, way
from lean_tagger.library.likeness import Compared, Likeness, Near, Way
from lean_tagger.store.features import Features


@pytest.fixture(scope="module")
def ears() -> ModuleType:
    return earscore.load()


@pytest.fixture(scope="module")
def tracks(ears: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    folder = tmp_path_factory.mktemp("music")
    features = ears.features()
    logits = {MSD: features["msd-musicnn/logits"], MTT: features["mtt-musicnn/logits"]}
    found = []
    for number in range(len(ears.tracks())):
        path = folder / f"{number:03d}.mp3"
        path.write_bytes(b"")
        scores = {
            label: float(1 / (1 + np.exp(-logits[key][number, index])))
            for key in (MTT, MSD)
            for index, label in enumerate(LABELS[key])
        }
        embeddings = {
            MSD: features["msd-musicnn/embedding"][number],
            MTT: features["mtt-musicnn/embedding"][number],
        }
        found.append(Made(path=str(path), embeddings=embeddings, scores=scores))
    return found


@pytest.fixture(scope="module")
def state(tracks: list[Made], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("library") / "state", tracks)


def test_the_same_kind_of_music_is_found_as_was_measured(
    state: Path, tracks: list[Made], ears: ModuleType
) -> None:
    places = {track.audio: number for number, track in enumerate(tracks)}
    vectors = np.zeros((len(tracks), 400), np.float32)
    with Features(state) as features:
        for block in blocks(features, spaces_of(features, (MSD, MTT))):
            rows = [places[digest] for digest in block.digests]
            vectors[rows] = np.concatenate(block.parts, axis=1)
    assert ears.similar_score(vectors) >= 0.54


def test_what_is_listed_is_in_the_order_of_those_cosines(state: Path, tracks: list[Made]) -> None:
    request = Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[17].audio,))
    compared, *nears = nearest(request)
    assert isinstance(compared, Compared)
    assert compared.tracks == len(nears) == len(tracks) - 1


def test_ways_between_kinds_of_music_go_in_even_steps(
    state: Path, tracks: list[Made], ears: ModuleType
) -> None:
    rows = ears.tracks()
    ambient, metal = (
        next(n for n, row in enumerate(rows) if row["label"] == label and row["synthetic"] == "0")
        for label in ("ambient", "metal")
    )
    request = Way(
        state=state,
        keys=(MSD, MTT),
        first=tracks[ambient].audio,
        last=tracks[metal].audio,
        steps=13,
    )
    nears = [it for it in way(request) if isinstance(it, Near)]
    places = np.array([it.cosines[1] - it.cosines[0] for it in nears])
    assert len(places) == 13
    assert (np.diff(places) > 0).all()
    inner = np.diff(places)[3:-3]  # the ends themselves have no near neighbours
    assert inner.max() < 2.5 * inner.mean()
