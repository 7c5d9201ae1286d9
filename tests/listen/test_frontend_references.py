"""Every front-end computes what the one that its family was trained with computes.

For development: the peers are in the extra `reference`, and these tests skip without them.
"""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import CLIPS, DATA, SHARED
from familycards import card_of, heard, streamed
from frontendpeers import BY_ESSENTIA, BY_LIBROSA

from lean_tagger.card import LogMelSpec, ModelSpec, family_card, family_names

LIMIT = 1e-4
"""In the log domain, of a single band of a single frame."""

needs_librosa = pytest.mark.skipif(find_spec("librosa") is None, reason="needs librosa")
needs_essentia = pytest.mark.skipif(find_spec("essentia") is None, reason="needs essentia")


def card_without_rounding(family: str) -> ModelSpec:
    """float16, where a card asks for it, is one step or none; test_frontend.py looks at that."""
    card = card_of(family)
    assert isinstance(card.frontend, LogMelSpec)
    return replace(card, frontend=replace(card.frontend, mel_rounding="none"))


@needs_librosa
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("family", BY_LIBROSA)
def test_streamed_patches_are_librosas(family: str, clip: str) -> None:
    card = card_without_rounding(family)
    samples = heard(DATA / clip, card)
    want = BY_LIBROSA[family](samples)
    got = streamed(card, samples)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= LIMIT


@needs_essentia
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("family", BY_ESSENTIA)
def test_streamed_patches_are_essentias(family: str, clip: str) -> None:
    card = card_of(family)
    samples = heard(DATA / clip, card)
    want = BY_ESSENTIA[family](samples)
    got = streamed(card, samples)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= LIMIT


TRACKS = sorted(p for p in (SHARED / "music").glob("*") if p.suffix in {".mp3", ".ogg"})
"""Whole tracks of minutes: several patches of every family."""


@pytest.mark.skipif(not TRACKS, reason="no full track is next to this checkout")
@needs_librosa
@needs_essentia
@pytest.mark.parametrize("family", BY_LIBROSA)
def test_whole_tracks_are_the_peers(family: str) -> None:
    card = card_without_rounding(family)
    for track in shortest(TRACKS):
        samples = heard(track, card)
        got = streamed(card, samples)
        for peers in (BY_LIBROSA, BY_ESSENTIA):
            if family in peers:
                want = peers[family](samples)
                assert got.shape == want.shape
                assert np.abs(got - want).max() <= LIMIT


def shortest(tracks: list[Path]) -> list[Path]:
    return sorted(tracks, key=lambda track: track.stat().st_size)[:2]


def test_every_family_that_takes_a_spectrogram_has_a_peer() -> None:
    spectrograms = {
        family for family in family_names() if isinstance(card_of(family).frontend, LogMelSpec)
    }
    assert spectrograms == set(BY_LIBROSA)
    assert set(BY_ESSENTIA) == {f for f in spectrograms if "essentia" in str(sources(f)).lower()}


def sources(family: str) -> list[str]:
    found: list[str] = family_card(family)["sources"]
    return found
