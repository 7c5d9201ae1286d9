"""One decision for all tracks of an album.

An album is what has one album name and album artist in its tags, else one folder. Every
track has one vote. What is decided so is written as for a single file, track by track.
"""

import os
from collections.abc import Callable, Iterable, Iterator

from lean_tagger.jobs import Job, Outcome, TrackInfo
from lean_tagger.rules import AlbumDecision, Track, album_key, pool
from lean_tagger.store.journal import Known
from lean_tagger.store.judge import Judge


def album_jobs(
    judge: Judge, under: Iterable[str], *, notice: Callable[[str], None]
) -> Iterator[Job | Outcome]:
    """Yield what is left to do for each file on record, album by album.

    Parameters
    ----------
    judge : Judge
        The run's.
    under : iterable of str
        Files and folders; all without any.
    notice : callable
        Told of ties, and of tracks that sound like something else than their album.
    """
    albums: dict[tuple[str, ...], list[str]] = {}
    left_out = 0
    for known in judge.files(under):
        if known.heard is not None and judge.lacks_scores(known.heard):
            left_out += 1
        elif known.heard is not None:
            albums.setdefault(_key(known), []).append(known.path)
    if left_out:
        notice(
            f"{left_out} tracks were compared with other words only, and are left out; run "
            "retag once without --album-genre, with -n if nothing is to be written"
        )
    for paths in albums.values():
        known_files = (judge.recall(path) for path in paths)
        tracks = [it for it in known_files if it is not None and it.heard is not None]
        heard = {it.path: it.heard.each() for it in tracks if it.heard is not None}
        decided = [
            pool({path: it[n].values for path, it in heard.items()}, labels=by.card.labels)
            for n, by in enumerate(judge.asked)
        ]
        for one in decided:
            for text in _told(one, os.path.dirname(paths[0])):
                notice(text)
        for known in tracks:
            yield judge.judge_stored(known, scores=tuple(one.scores for one in decided))


def _key(known: Known) -> tuple[str, ...]:
    track = (known.heard.track if known.heard else None) or TrackInfo()
    return album_key(
        Track(
            artist=track.artist,
            albumartist=track.albumartist,
            album=track.album,
            folder=os.path.dirname(known.path),
        )
    )


def _told(decided: AlbumDecision, where: str) -> Iterator[str]:
    for tie in decided.ties:
        yield (
            f"{where}: a tie between {tie.label} ({tie.score:.0%}) and {tie.other} "
            f"({tie.other_score:.0%})"
        )
    for outlier in decided.outliers:
        name = os.path.basename(outlier.path)
        yield (
            f"{where}: {name} sounds like {outlier.label} ({outlier.score:.0%}), "
            f"its album like {decided.label}"
        )
