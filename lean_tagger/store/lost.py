"""Look for files that are not where we wrote to them, if nobody says where they are.

The nearest folder that is still there is searched first. If that is not enough, the one with all
files on record follows, then the one above it. Only files that look like one on record are hashed:
those with its inode, or its size and time. So a file is found that was renamed or moved on its
disk, also if its tags were changed since. Any other is found only if its folder is named.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from lean_tagger.jobs import Failed, Identity, Job, Recognise, Skipped
from lean_tagger.store.journal import Write
from lean_tagger.store.moved import examined
from lean_tagger.store.whereabouts import Whereabouts
from lean_tagger.system.scratch import LongSet

Walk = Callable[[list[str]], Iterable[Job | Skipped | Failed]]


def lost_jobs(
    whereabouts: Whereabouts, writes: Iterable[Write], *, walk: Walk, notice: Callable[[str], None]
) -> Iterator[Job]:
    """Yield a job for each file to recognise: it changed, or may be one that is missing.

    Parameters
    ----------
    whereabouts : Whereabouts
        The journal's.
    writes : iterable of Write
        In the order of names.
    walk : callable
        Finds the music in folders.
    notice : callable
        Called once if folders are searched.
    """
    search = _Search(whereabouts, walk)
    missing = 0
    for path, _ in groupby(writes, key=lambda write: write.path):
        yield from examined(whereabouts, path)
        if _is_there(whereabouts, path):
            continue
        missing += 1
        if missing == 1:
            notice("some files may have been moved; looking for them")
        yield from search.folder(_folder_left(path))
    common = whereabouts.common_folder()
    for folder in (common, os.path.dirname(common)):
        if search.found < missing:
            yield from search.folder(folder)


class _Search:
    """Finds files that are new in their folders, and look like another one on record.

    Attributes
    ----------
    found : int
        How many.
    """

    def __init__(self, whereabouts: Whereabouts, walk: Walk) -> None:
        self._whereabouts, self._walk = whereabouts, walk
        self._searched, self._seen, self.found = "", LongSet(), 0

    def folder(self, path: str) -> Iterator[Job]:
        """Yield a job for each in a folder that has not just been searched; never in all."""
        if path == os.sep or _is_within(path, self._searched):
            return
        self._searched = path
        for item in self._walk([path]):
            if isinstance(item, Job) and item.identity and self._is_like(item.path, item.identity):
                name = os.fsencode(item.path)
                if name not in self._seen:
                    self._seen.add(name)
                    self.found += 1
                    yield replace(item, recognise=Recognise(audio=True))

    def _is_like(self, path: str, identity: Identity) -> bool:
        known = self._whereabouts.at(path)
        if known is not None and known.identity.matches(identity):
            return False
        return self._whereabouts.looks_like_another(path, identity)


def _is_there(whereabouts: Whereabouts, path: str) -> bool:
    """Tell whether a name probably leads to the file that had it."""
    try:
        inode = Identity.at(path).inode
    except OSError:
        return False
    known = whereabouts.at(path)
    return known is not None and known.identity.inode in (inode, 0)


def _folder_left(path: str) -> str:
    """Return the nearest folder above a path that is still there."""
    folder = os.path.dirname(path)
    while not os.path.isdir(folder) and folder != os.sep:
        folder = os.path.dirname(folder)
    return folder


def _is_within(folder: str, other: str) -> bool:
    return bool(other) and os.path.join(folder, "").startswith(os.path.join(other, ""))
