"""One decision for all tracks of an album.

Tracks with one album name and artist in their tags are an album; on request, a folder is one too.
Every track has one vote. The decision is written track by track, as for single files.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice

from lean_tagger.decide.tag_plan import whose
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
from lean_tagger.system.free_lists import emptied
from lean_tagger.system.packed_sort import PackedSort

_END = b"\n"  # ends an album's key, as Python writes it
_PLACE_DIGITS = 10  # digits of a file's position in the walk


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
    Only packed names of the library and an album stay in memory: the scores of a track are read
    each time they are needed.
    """
    for paths in _albums(_with_key(judge, under, notice=notice)):
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

    Parameters
    ----------
    judge : Judge
        The run's.
    under : iterable of str
        Files and folders; if empty, all.
    notice : callable
        Called with the result of each album.
    """
    for paths in _albums(_with_tagged_key(judge, under)):
        scores = None
        if _has_at_least(paths, LEAST_TRACKS):
            album = Album(judge, paths)
            decided = album.decided()
            notice(album.in_short(decided))
            scores = tuple(one.scores for one in decided)
        for path in paths:
            known = judge.recall(os.fsdecode(path))
            if known is not None:
                yield judge.judge_stored(known, scores=scores or own_scores(judge, known.heard))


def own_scores(judge: Judge, heard: Heard | None) -> tuple[tuple[float, ...], ...] | None:
    """Return what each model heard in a track, to decide it without its album."""
    if heard is None or judge.lacks_scores(heard):
        return None
    return tuple(it.values for it in heard.each())


class Album:
    """The tracks of one album, read from the journal each time they are needed."""

    def __init__(self, judge: Judge, paths: Iterable[bytes]) -> None:
        self._judge, self._paths = judge, paths
        self.folder = os.path.dirname(os.fsdecode(next(iter(paths))))

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
            known = self._judge.recall(os.fsdecode(path))
            if known is not None and known.heard is not None:
                yield known, known.heard

    def scores(self, n: int) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Yield the path of each track, and what the n-th model heard in it."""
        for known, heard in self:
            yield known.path, heard.each()[n].values


def _has_at_least(paths: Iterable[bytes], count: int) -> bool:
    return sum(1 for _ in islice(paths, count)) == count


def _albums(with_key: Iterable[bytes]) -> Iterator[PackedSort]:
    """Yield the paths of each album, in the order of their first tracks."""
    by_key = PackedSort(with_key)
    by_first = PackedSort(_with_first(by_key))
    for _, album in groupby(by_first, key=lambda name: name[:_PLACE_DIGITS]):
        yield PackedSort(name[_PLACE_DIGITS:] for name in album)


def _with_key(
    judge: Judge, under: Iterable[str], *, notice: Callable[[str], None]
) -> Iterator[bytes]:
    """Yield the path of each file, after its album's key and the file's position."""
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
            f"{left_out} tracks were only compared with other words, and are left out; run "
            "retag once without --album-genre, with -n to write nothing"
        )


def _with_tagged_key(judge: Judge, under: Iterable[str]) -> Iterator[bytes]:
    """Yield the path of each file, after its album's key and the file's position.

    A file that is on no album, or is unknown, has its own key.
    """
    for place, known in enumerate(judge.files(under)):
        key = tagged_key(known.path, known.heard)
        if known.heard is None or judge.lacks_scores(known.heard):
            key = None
        text = repr(key if key is not None else place).encode()
        yield text + _END + b"%0*d" % (_PLACE_DIGITS, place) + os.fsencode(known.path)


def tagged_key(path: str, heard: Heard | None) -> tuple[str, ...] | None:
    """Return the key of a track's album; None if it is on none."""
    track = whose(path, heard.track if heard is not None else None)
    return (*album_key(track), album_folder(path)) if may_be_album(track) else None


def _with_first(by_key: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the path of each file, after the position of its album's first file."""
    split = (name.partition(_END)[::2] for name in by_key)
    for _, album in groupby(split, key=lambda parts: parts[0]):
        first = b""
        for _, file in album:
            first = first or file[:_PLACE_DIGITS]
            yield first + file[_PLACE_DIGITS:]


def _key(path: str, heard: Heard) -> tuple[str, ...]:
    return album_key(whose(path, heard.track))


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
