"""Tags that an older lean-tag did not read: artist, album, year and title of files on record.

A worker that hears nothing reads them once, when a query needs them for the first time.
"""

import os
from collections.abc import Iterable, Iterator

from lean_tagger.jobs import Identity, Job, Outcome, Recognise, Recognised, TrackInfo
from lean_tagger.store.database import Database
from lean_tagger.store.sql import PAGE


class UnreadTags:
    """The files without tags on record.

    Parameters
    ----------
    database : Database
        The journal's; held if something will be recorded.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def any(self) -> bool:
        """Tell whether there is such a file."""
        return next(self._page(b""), None) is not None

    def jobs(self) -> Iterator[Job]:
        """Yield a job for each of them that exists, sorted by name."""
        last = b""
        while page := list(self._page(last)):
            for (path,) in page:  # no statement is open now, so the rows may be changed
                name = os.fsdecode(path)
                try:
                    identity = Identity.at(name)
                except OSError:
                    continue  # it may come back, and is read then
                recognise = Recognise(audio=False, track=True)
                yield Job(name, identity.size_bytes, identity, recognise=recognise)
            last = page[-1][0]

    def note(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Record what was read, and pass it on; a file that cannot be read gets empty tags."""
        for outcome in outcomes:
            track = outcome.track if isinstance(outcome, Recognised) else None
            self._note(outcome.path, track or TrackInfo())
            yield outcome

    def _note(self, path: str, track: TrackInfo) -> None:
        with self._database.change(may_wait=True) as connection:
            connection.execute(
                """UPDATE files SET artist = ?, albumartist = ?, album = ?, year = ?, title = ?
                WHERE path = ?""",
                (
                    track.artist,
                    track.albumartist,
                    track.album,
                    track.year,
                    track.title,
                    os.fsencode(path),
                ),
            )

    def _page(self, last: bytes) -> Iterator[tuple[bytes]]:
        return self._database.rows(
            "SELECT path FROM files WHERE path > ? AND title IS NULL AND digest IS NOT NULL "
            "ORDER BY path LIMIT ?",
            (last, PAGE),
        )
