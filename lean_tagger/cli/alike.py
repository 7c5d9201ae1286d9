"""Similar tracks, as items of a listing."""

import argparse
import math
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from lean_tagger.cli import option_types
from lean_tagger.cli.console import Console
from lean_tagger.cli.library_session import Library
from lean_tagger.cli.listing import Item
from lean_tagger.library.likeness import MIX_SECONDS, Compared, Likeness, Near, Way
from lean_tagger.library.shared_labels import shared_labels
from lean_tagger.library.versions import same_song
from lean_tagger.run.calculation import Calculation, Child
from lean_tagger.store.features import Features
from lean_tagger.store.tracks import Track, Tracks

MOST_GONE = 2000
"""After so many missing files and none that is there, a share is away: ask for no more."""

_FUNCTIONS = {
    Likeness: "lean_tagger.library.arithmetic.similar:nearest",
    Way: "lean_tagger.library.arithmetic.similar:way",
}


def add_alike(group: argparse._ActionsContainer) -> None:
    """Add which similar tracks are wanted."""
    add = group.add_argument
    add(
        "--per-artist",
        type=option_types.count,
        metavar="N",
        help="at most N tracks of one artist or band",
    )
    add("--long", action="store_true", help="also tracks over 20 minutes, such as mixes")
    add(
        "--explain",
        action="store_true",
        help="say how far away each is, and what was heard in both",
    )


class Alike:
    """Asks a child process for tracks, and makes items of them.

    Parameters
    ----------
    library : Library
        What is asked.
    request : Likeness or Way
        What is wanted.
    given : argparse.Namespace
        The options of `add_alike`.
    max_mem_bytes : int
        The budget.
    child : Child or None
        A waiting child.
    """

    def __init__(
        self,
        library: Library,
        request: Likeness | Way,
        given: argparse.Namespace,
        *,
        max_mem_bytes: int,
        child: Child | None = None,
    ) -> None:
        self._library, self._request = library, request
        self._max_mem_bytes, self._child = max_mem_bytes, child
        self._per_artist, self._explain = given.per_artist, given.explain
        self._seeds = (
            request.seeds if isinstance(request, Likeness) else (request.first, request.last)
        )
        self._compared: Compared | None = None
        self.gone = 0

    def items(self) -> Iterator[Item]:
        """Yield the tracks that are there, in order; a way includes its two ends."""
        by_artist = Counter[str]()
        shown: list[Track] = []
        with (
            Tracks(self._library.state) as tracks,
            Features(self._library.state) as features,
        ):
            seeds = [track for it in self._seeds for track in islice(tracks.of_audio(it), 1)]
            ends = seeds if isinstance(self._request, Way) else []
            yield from map(_end, ends[:1])
            for near in self._nears():
                track = self._present(near)
                if track is None and self.gone >= MOST_GONE and not shown:
                    break
                if track is None:
                    continue
                by_artist[track.performer] += 1
                many = self._per_artist and by_artist[track.performer] > self._per_artist
                if many and track.performer:
                    continue
                version = _version(near, track, [*seeds, *shown])
                yield self._item(near, track, version, features)
                shown.append(track)
            yield from map(_end, ends[-1:])

    def tell(self, console: Console) -> None:
        """Say which tracks were not compared, and why."""
        if self._compared is None:
            return
        if it := self._compared.unheard:
            has = "1 track has" if it == 1 else f"{it} tracks have"
            console.notice(
                f"{has} no embedding on record by {' or '.join(self._library.names)}, and "
                f"{'is' if it == 1 else 'are'} left out until lean-tag hears them"
            )
        if it := self._compared.too_long:
            console.notice(
                f"{'1 track is' if it == 1 else f'{it} tracks are'} longer than 20 minutes, and "
                "left out; --long takes them in"
            )

    def _nears(self) -> Iterator[Near]:
        with Calculation(
            _FUNCTIONS[type(self._request)],
            self._request,
            max_mem_bytes=self._max_mem_bytes,
            child=self._child,
        ) as calculation:
            for value in calculation:
                if isinstance(value, Compared):
                    self._compared = value
                else:
                    yield value

    def _present(self, near: Near) -> Track | None:
        """Return the file of a track that is there."""
        for track in near.files:
            if os.path.exists(track.path):
                return track
        self.gone += 1
        return None

    def _item(self, near: Near, track: Track, version: Track | None, features: Features) -> Item:
        notes: list[str] = []
        more: dict[str, Any] = {
            "likeness": round(near.cosine, 4),
            "to_each": [round(it, 4) for it in near.cosines],
            "version_of": version.path if version else None,
        }
        if version:
            kind = "sounds like the same recording as" if near.version else "another version of"
            notes.append(f"{kind} {version.name}")
        if self._explain:
            found = shared_labels(features, self._library.labels, track.digest, self._seeds)
            more["shared"] = {it.name: [round(it.score, 4), round(it.other, 4)] for it in found}
            labels = ", ".join(f"{it.name} {it.score:.0%} ({it.other:.0%})" for it in found)
            notes.append(f"distance {1 - near.cosine:.3f}; in both: {labels or 'no label'}")
        return Item(track=track, lead=f"{near.cosine:4.0%}", notes=notes, more=more)


def most_seconds(given: argparse.Namespace) -> float:
    """Return the greatest length of a track."""
    return math.inf if given.long else MIX_SECONDS


def _end(track: Track) -> Item:
    """Return one end of a way."""
    return Item(track=track, lead="    ", more={"likeness": 1.0, "to_each": [], "version_of": None})


def _version(near: Near, track: Track, others: list[Track]) -> Track | None:
    """Return the seed or the shown track that this one is another version of."""
    if near.version:
        return next((it for it in others if it.digest == near.version), None)
    return next((it for it in others if same_song(track, it)), None)
