"""Decide albums during a walk: when it has left a folder and all in that was heard.

A file on no album is written as soon as it is heard. A file on an album is held until the walk has
left its folder (discs count as one) and everything in it was heard. So whatever ends a run, all
albums before that are finished. An album of one or two files is decided file by file.

A file that was decided before keeps its decision, which is in its LEANTAG. A track that is added
later follows the votes of the others and does not change them. `retag` decides all of them again.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from lean_tagger.decide import leantag_field
from lean_tagger.jobs import Failed, Heard, Identity, Job, Later, Outcome, Skipped, Tagged
from lean_tagger.rules import LEAST_TRACKS, album_folder
from lean_tagger.store.albums import Album, own_scores, tagged_key
from lean_tagger.store.judge import Judge
from lean_tagger.store.long_lists import AlbumList, AlbumPaths, FolderFiles
from lean_tagger.store.recorder import Recorder
from lean_tagger.system.urls import full_name

MOST_AT_ONCE = 8
"""Most folders with files that still have to be heard; at this number no new one is started."""


@dataclass(slots=True)
class _Folder:
    """A folder that the walk is in, or has left.

    Attributes
    ----------
    name : str
        The folder of its albums; for discs, the one above.
    number : int
        Its number in the list of files.
    waiting : deque of str
        Files that may still be heard.
    """

    name: str
    number: int
    waiting: deque[str] = field(default_factory=deque)


class AlbumsOnTheWay:
    """Turns found files into jobs; those on albums come twice, to hear and to write.

    Parameters
    ----------
    judge : Judge
        The run's.
    recorder : Recorder
        The run's; it knows what has been heard.
    notice : callable
        Called with the result of each album.
    """

    def __init__(self, judge: Judge, recorder: Recorder, *, notice: Callable[[str], None]) -> None:
        self._judge, self._recorder, self._notice = judge, recorder, notice
        self._folders: deque[_Folder] = deque()
        self._files, self._albums = FolderFiles(), AlbumList()
        self._count = itertools.count()

    def jobs(self, found: Iterable[Job | Skipped | Failed]) -> Iterator[Job | Outcome | Later]:
        """Yield jobs for the found files, and outcomes for those that need none."""
        for item in found:
            yield from self._come_to(album_folder(item.path))
            yield from self._take(item) if isinstance(item, Job) else [item]
        while self._folders:
            yield from self._finish_first()

    def _come_to(self, name: str) -> Iterator[Job | Outcome | Later]:
        """Start a folder, unless the walk is in it; finish those that can be finished."""
        if not self._folders or self._folders[-1].name != name:
            self._folders.append(_Folder(name, next(self._count)))
        while len(self._folders) > MOST_AT_ONCE or (
            len(self._folders) > 1 and not self._waits(self._folders[0])
        ):
            yield from self._finish_first()

    def _finish_first(self) -> Iterator[Job | Outcome | Later]:
        first = self._folders[0]
        self._note_held()
        if self._waits(first):
            yield Later()
        else:
            self._folders.popleft()
            yield from self._decide(first)

    def _waits(self, folder: _Folder) -> bool:
        """Tell whether some file of a folder still has to be heard; forget those that were."""
        while folder.waiting and not self._recorder.is_at(folder.waiting[0]):
            folder.waiting.popleft()
        return bool(folder.waiting)

    def _note_held(self) -> None:
        """Note which files were heard and wait for their albums."""
        numbers = {folder.name: folder.number for folder in self._folders}
        while self._recorder.held:
            path = self._recorder.held.pop()
            self._files.put(numbers[album_folder(path)], path, undecided=True)

    def _take(self, job: Job) -> Iterator[Job | Outcome]:
        """Start a file: yield it, unless everything is known and it may be on an album."""
        folder = self._folders[-1]
        next_ = self._judge.judge_found(job)
        if isinstance(next_, Job) and next_.heard is None:
            self._files.put(folder.number, job.path, undecided=False)
            folder.waiting.append(job.path)
            yield replace(next_, hold=True)
            self._note_held()
            self._waits(folder)
            return
        heard = next_.heard if isinstance(next_, Job | Tagged) else None
        if heard is None or tagged_key(full_name(job.path), heard) is None:
            yield next_
            return
        decided = bool(leantag_field.ours_in(heard.fields))
        self._files.put(folder.number, job.path, undecided=not decided)
        if decided:
            yield next_

    def _decide(self, folder: _Folder) -> Iterator[Job | Outcome]:
        """Yield jobs or outcomes for the files of a folder, album by album."""
        self._albums.clear()
        for path in self._files.of(folder.number, undecided=True):
            self._albums.add(path, self._key(path))
        for path in self._files.of(folder.number, undecided=False):
            self._albums.add_voter(path, self._key(path))
        self._files.forget(folder.number)
        for album in self._albums:
            scores = self._scores(album)
            for path in album.undecided():
                # Without a journal, LEANTAG says that a file was decided before.
                yield from self._again(path, None if self._was_decided(path) else scores)

    def _key(self, path: str) -> tuple[str, ...] | None:
        return tagged_key(full_name(path), self._heard(path))

    def _was_decided(self, path: str) -> bool:
        heard = self._heard(path)
        return heard is not None and bool(leantag_field.ours_in(heard.fields))

    def _heard(self, path: str) -> Heard | None:
        known = self._judge.recall(full_name(path))
        return known.heard if known is not None else None

    def _scores(self, paths: AlbumPaths) -> tuple[tuple[float, ...], ...] | None:
        """Return an album's scores for each model; None if it has too few files."""
        if len(paths) < LEAST_TRACKS:
            return None
        album = Album(self._judge, paths)
        decided = album.decided()
        self._notice(album.in_short(decided))
        return tuple(one.scores for one in decided)

    def _again(
        self, path: str, scores: tuple[tuple[float, ...], ...] | None
    ) -> Iterator[Job | Outcome]:
        """Yield the job or outcome for a file that was heard."""
        try:
            identity = Identity.at(path)
        except OSError as error:
            message = f"it is gone: {error.strerror}"
            yield Failed(path=path, kind="unreadable", message=message)
            return
        job = Job(path, identity.size_bytes, identity)
        own = own_scores(self._judge, self._heard(path))
        yield self._judge.judge_found(job, scores=scores or own)
