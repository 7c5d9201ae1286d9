"""One decision for all tracks of an album.

An album is what has one album name and album artist in its tags, else one folder. Every
track has one vote. What is decided so is written as for a single file, track by track.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from lean_tagger.jobs import Heard, Job, Outcome, TrackInfo
from lean_tagger.rules import AlbumDecision, Outlier, Track, album_key, outliers, pool
from lean_tagger.store.journal import Known
from lean_tagger.store.judge import Judge
from lean_tagger.system.free_lists import emptied
from lean_tagger.system.packed_sort import PackedSort

_END = b"\n"  # of what the tracks of an album have in common, as Python writes it
_PLACE_DIGITS = 10  # of a file's place among those that were gone through


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

    Notes
    -----
    Neither the library nor an album stays in memory but for packed names: what was heard in a
    track is read for each look at it.
    """
    for paths in _albums(judge, under, notice=notice):
        album = _Album(judge, paths)
        decided: list[AlbumDecision] = []
        for n, by in enumerate(judge.asked):
            labels = by.card.labels
            one = pool((scores for _, scores in album.scores(n)), labels=labels)
            for text in _told(one, outliers(album.scores(n), one, labels=labels), album.folder):
                notice(text)
            decided.append(one)
        for known, _ in album:
            yield judge.judge_stored(known, scores=tuple(one.scores for one in decided))


class _Album:
    """The tracks of one album, each read from the journal whenever it is come to."""

    def __init__(self, judge: Judge, paths: PackedSort) -> None:
        self._judge, self._paths = judge, paths
        self.folder = os.path.dirname(os.fsdecode(next(iter(paths))))

    def __iter__(self) -> Iterator[tuple[Known, Heard]]:
        for path in self._paths:
            known = self._judge.recall(os.fsdecode(path))
            if known is not None and known.heard is not None:
                yield known, known.heard

    def scores(self, n: int) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Yield the path of each track, and what the n-th model heard in it."""
        for known, heard in self:
            yield known.path, heard.each()[n].values


def _albums(
    judge: Judge, under: Iterable[str], *, notice: Callable[[str], None]
) -> Iterator[PackedSort]:
    """Yield the paths of each album, in the order of each one's first."""
    by_key = PackedSort(_with_key(judge, under, notice=notice))
    by_first = PackedSort(_with_first(by_key))
    for _, album in groupby(by_first, key=lambda name: name[:_PLACE_DIGITS]):
        yield PackedSort(name[_PLACE_DIGITS:] for name in album)


def _with_key(
    judge: Judge, under: Iterable[str], *, notice: Callable[[str], None]
) -> Iterator[bytes]:
    """Yield the path of each file, behind its album's key and the file's place."""
    left_out = 0
    for place, known in enumerate(emptied(judge.files(under))):
        if known.heard is not None and judge.lacks_scores(known.heard):
            left_out += 1
        elif known.heard is not None:
            # Not hashlib: it would load OpenSSL, 3 MiB.
            key = repr(_key(known.path, known.heard)).encode() + _END
            yield key + b"%0*d" % (_PLACE_DIGITS, place) + os.fsencode(known.path)
    if left_out:
        notice(
            f"{left_out} tracks were compared with other words only, and are left out; run "
            "retag once without --album-genre, with -n if nothing is to be written"
        )


def _with_first(by_key: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the path of each file, behind the place of the first one of its album."""
    split = (name.partition(_END)[::2] for name in by_key)
    for _, album in groupby(split, key=lambda parts: parts[0]):
        first = b""
        for _, file in album:
            first = first or file[:_PLACE_DIGITS]
            yield first + file[_PLACE_DIGITS:]


def _key(path: str, heard: Heard) -> tuple[str, ...]:
    track = heard.track or TrackInfo()
    return album_key(
        Track(
            artist=track.artist,
            albumartist=track.albumartist,
            album=track.album,
            folder=os.path.dirname(path),
        )
    )


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
