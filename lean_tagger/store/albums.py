"""One decision for all tracks of an album.

Tracks with one album name and artist in their tags are an album; on request, a folder is one too.
Every track has one vote. The decision is written track by track, as for single files.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from lean_tagger.decide.tag_plan import track_of
from lean_tagger.jobs import Heard, Job, Outcome
from lean_tagger.rules import (
    LEAST_TRACKS,
    AlbumDecision,
    Outlier,
    album_folder,
    album_key,
    may_be_album,
    outliers,
    pool,
)
from lean_tagger.store.journal import Known
from lean_tagger.store.judge import Judge
from lean_tagger.store.long_lists import AlbumList
from lean_tagger.system.free_lists import emptied
from lean_tagger.system.urls import full_name


def album_jobs(
    judge: Judge, under: Iterable[str], *, notice: Callable[[str], None]
) -> Iterator[Job | Outcome]:
    """Yield what is left to do for each file on record, album by album.

    Parameters
    ----------
    judge : Judge
        The run's.
    under : iterable of str
        Files and folders; if empty, all.
    notice : callable
        Called with ties, and with tracks that do not sound like their album.

    Notes
    -----
    Neither the library nor an album stays in memory: the scores of a track are read each time they
    are needed.
    """
    for paths in _by_album(judge, under, notice=notice):
        album = Album(judge, paths)
        decided = album.decided()
        for n, one in enumerate(decided):
            strange = outliers(album.scores(n), one, labels=judge.asked[n].card.labels)
            for text in _told(one, strange, album.folder):
                notice(text)
        for known, _ in album:
            yield judge.judge_stored(known, scores=tuple(one.scores for one in decided))


def tagged_album_jobs(
    judge: Judge, under: Iterable[str], *, notice: Callable[[str], None]
) -> Iterator[Job | Outcome]:
    """Yield the same, but with one decision only for albums that the tags name.

    The parameters are those of `album_jobs`; `notice` gets the result of each album.
    """
    for paths in _by_tagged_album(judge, under):
        scores = None
        if len(paths) >= LEAST_TRACKS:
            album = Album(judge, paths)
            decided = album.decided()
            notice(album.in_short(decided))
            scores = tuple(one.scores for one in decided)
        for path in paths:
            known = judge.recall(path)
            if known is not None:
                yield judge.judge_stored(known, scores=scores or own_scores(judge, known.heard))


def own_scores(judge: Judge, heard: Heard | None) -> tuple[tuple[float, ...], ...] | None:
    """Return what each model heard in a track, to decide it without its album."""
    if heard is None or judge.lacks_scores(heard):
        return None
    return tuple(it.values for it in heard.each())


class Album:
    """The tracks of one album, read from the journal each time they are needed."""

    def __init__(self, judge: Judge, paths: Iterable[str]) -> None:
        self._judge, self._paths = judge, paths
        self.folder = os.path.dirname(full_name(next(iter(paths))))

    def decided(self) -> list[AlbumDecision]:
        """Return the joint decision of its tracks, for each model."""
        return [
            pool((scores for _, scores in self.scores(n)), labels=by.card.labels)
            for n, by in enumerate(self._judge.asked)
        ]

    def in_short(self, decided: Sequence[AlbumDecision]) -> str:
        """Return the result in one line."""
        best = [
            (one.label, score)
            for one, by in zip(decided, self._judge.asked, strict=True)
            for label, score in zip(by.card.labels, one.scores, strict=True)
            if label.name == one.label
        ]
        said = ", ".join(f"{label} ({score:.0%})" for label, score in best)
        return f"{self.folder}: one album, most like {said}"

    def __iter__(self) -> Iterator[tuple[Known, Heard]]:
        for path in self._paths:
            known = self._judge.recall(full_name(path))
            if known is not None and known.heard is not None:
                yield known, known.heard

    def scores(self, n: int) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Yield the path of each track, and what the n-th model heard in it."""
        for known, heard in self:
            yield known.path, heard.each()[n].values


def _by_album(judge: Judge, under: Iterable[str], *, notice: Callable[[str], None]) -> AlbumList:
    """Return the files that were heard; each is on an album, be it that of its folder."""
    albums, left_out = AlbumList(), 0
    for known in emptied(judge.files(under)):
        if known.heard is not None and judge.lacks_scores(known.heard):
            left_out += 1
        elif known.heard is not None:
            albums.add(known.path, album_key(track_of(known.path, known.heard.track)))
    if left_out:
        notice(
            f"{left_out} tracks were only compared with other words, and are left out; run "
            "retag once without --album-genre, with -n to write nothing"
        )
    return albums


def _by_tagged_album(judge: Judge, under: Iterable[str]) -> AlbumList:
    """Return all files, of which some may be on no album."""
    albums = AlbumList()
    for known in emptied(judge.files(under)):
        decided = known.heard is not None and not judge.lacks_scores(known.heard)
        albums.add(known.path, tagged_key(known.path, known.heard) if decided else None)
    return albums


def tagged_key(path: str, heard: Heard | None) -> tuple[str, ...] | None:
    """Return the key of a track's album; None if it is on none."""
    track = track_of(path, heard.track if heard is not None else None)
    return (*album_key(track), album_folder(path)) if may_be_album(track) else None


def _told(decided: AlbumDecision, strangers: Iterable[Outlier], where: str) -> Iterator[str]:
    for tie in decided.ties:
        yield (
            f"{where}: a tie between {tie.label} ({tie.score:.0%}) and {tie.other} "
            f"({tie.other_score:.0%})"
        )
    for outlier in strangers:
        name = os.path.basename(outlier.path)
        yield (
            f"{where}: {name} sounds like {outlier.label} ({outlier.score:.0%}), "
            f"its album like {decided.label}"
        )
