"""A journal of made-up tracks, heard by the shipped networks as far as it says."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lean_tagger.card import Part, load_card
from lean_tagger.jobs import Asked, Heard, Identity, Pooling, TrackInfo, Values
from lean_tagger.store.journal import Journal
from lean_tagger.store.model_keys import key_of

BOTH = ("msd-musicnn", "mtt-musicnn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One of them; its sound is that of a class, an artist and itself."""

    sounds: str
    artist: str
    fields: Values
    album: str = ""
    path: str = ""
    digest: str = ""
    albumartist: str = ""


def library(
    classes: Iterable[str], *, artists: int = 4, tracks: int = 8, tagged: int = 8
) -> list[Track]:
    """Return so many tracks of so many artists for each class, of which some have their genre."""
    return [
        Track(
            sounds=name,
            artist=f"{name} artist {artist}",
            album=f"{name} album {artist}",
            fields={"genre": (name,)} if number < tagged else {},
            path=f"/music/{name}/{artist}/{number}.mp3",
        )
        for name in classes
        for artist in range(artists)
        for number in range(tracks)
    ]


def write(
    path: Path, tracks: Iterable[Track], *, models: Iterable[str] = BOTH, noise: float = 1.0
) -> Path:
    """Put tracks on record in a new journal, and return its path."""
    keys = [_key(name) for name in models]
    with Journal(path) as journal:
        run = journal.begin_run("tag", version="", model="", options={})
        for number, track in enumerate(tracks):
            each = [_heard(track, number, of, noise) for of in range(len(keys))]
            journal.record(
                track.path or f"/music/{number}.mp3",
                run=run,
                key=keys[0],
                other_keys=keys[1:],
                identity=each[0].identity,
                status="unchanged",
                heard=replace(each[0], others=tuple(each[1:])),
            )
        journal.end_run(run, counts={}, ending="done")
    return path


def parts(track: Track, number: int, *, noise: float = 1.0) -> list[Part]:
    """Return what both networks hear in a track."""
    heard = [_heard(track, number, of, noise) for of in range(len(BOTH))]
    return [Part(values=it.values, embedding=it.embedding) for it in heard]


def _key(name: str):
    card = load_card(name)
    return key_of(Asked(card, Pooling(card.pooling, card.hop_frames)))


def _heard(track: Track, number: int, model: int, noise: float) -> Heard:
    def vector(of: str) -> np.ndarray:
        return np.random.default_rng([model, *of.encode()]).normal(size=200)

    own = np.random.default_rng([model, number]).normal(size=200)
    row = vector(track.sounds) + noise * (0.5 * vector(track.artist) + own)
    return Heard(
        identity=Identity(1, number, number),
        digest=track.digest or f"digest {number}",
        values=tuple(np.random.default_rng(number).random(50)),
        embedding=row.astype("<f4").tobytes(),
        windows=20,
        seconds=60.0,
        seconds_skipped=0.0,
        repeated=False,
        fields=track.fields,
        track=TrackInfo(artist=track.artist, albumartist=track.albumartist, album=track.album),
    )
