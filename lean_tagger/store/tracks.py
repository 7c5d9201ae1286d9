"""The tracks on record, for lists, playlists and pages.

A track is one piece of audio, which may have several files; its tags come from one of these. This
works while a run holds the journal, in the process that prints or in the child of a
`run.calculation.Calculation`.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lean_tagger.jobs import Identity, TrackInfo, Values
from lean_tagger.store import sql
from lean_tagger.store.database import Reader
from lean_tagger.store.rows import to_info, to_values

PAGE = 1000
"""Files per block: about 1 MB."""

_SHOWN = """files.path, files.digest, files.status, files.size, files.mtime_ns, files.inode,
    files.fields, files.artist, files.albumartist, files.album, files.year, files.title,
    (SELECT max(seconds) FROM scores WHERE scores.digest = files.digest)"""


_NEVER, _NOTHING = Identity(0, 0, 0), TrackInfo()


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A file on record.

    Attributes
    ----------
    path : str
        Its name; undecodable bytes are surrogates (PEP 383).
    digest : str
        Of its audio; empty if it was not heard.
    status : str
        Its outcome in the last run that examined it.
    identity : Identity
        The identity when it was last examined; zeros if it is not on record.
    fields : mapping of str to tuple of str
        The values of our fields then; empty if they were not read.
    info : TrackInfo or None
        Artist, album and title, if they were read.
    seconds : float
        Length of the audio; 0 if it was not heard.
    """

    path: str
    digest: str = ""
    status: str = ""
    identity: Identity = _NEVER
    fields: Values = field(default_factory=dict)
    info: TrackInfo | None = None
    seconds: float = 0.0

    @property
    def artist(self) -> str:
        """Return the artist from its tags; like all of these, empty if missing or not read."""
        return self._told.artist

    @property
    def albumartist(self) -> str:
        """Return its album's artist."""
        return self._told.albumartist

    @property
    def album(self) -> str:
        """Return its album."""
        return self._told.album

    @property
    def year(self) -> str:
        """Return its year."""
        return self._told.year

    @property
    def title(self) -> str:
        """Return its title."""
        return self._told.title

    @property
    def genre(self) -> tuple[str, ...]:
        """Return its genres when it was last examined."""
        return self.fields.get("genre", ())

    @property
    def mood(self) -> tuple[str, ...]:
        """Return its moods when it was last examined."""
        return self.fields.get("mood", ())

    @property
    def _told(self) -> TrackInfo:
        return self.info or _NOTHING

    @property
    def performer(self) -> str:
        """The artist, to tell performers apart; empty if not known."""
        return (self.albumartist or self.artist).casefold()

    @property
    def name(self) -> str:
        """Artist and title, or the file's name without these tags."""
        if self.artist and self.title:
            return f"{self.artist} - {self.title}"
        return self.title or os.path.splitext(os.path.basename(self.path))[0]


class Tracks(Reader):
    """A journal, opened to read its tracks; a context manager that closes it.

    Parameters
    ----------
    path : Path
        The journal.

    Attributes
    ----------
    database : Database
        For other queries.

    Raises
    ------
    StateError
        It does not exist, or cannot be read.
    """

    def at(self, path: str) -> Track | None:
        """Return the file with this name."""
        return next(self.select("WHERE files.path = ?", [os.fsencode(path)]), None)

    def of_audio(self, digest: str) -> Iterator[Track]:
        """Yield the files on record with this audio, sorted by name."""
        yield from self.select("WHERE files.digest = ? ORDER BY files.path", [digest])

    def blocks(self, *, size: int = PAGE) -> Iterator[list[Track]]:
        """Yield every file on record in blocks, in the order of recording."""
        tracks = self.select("")
        while block := list(islice(tracks, size)):
            yield block

    def heard(self, under: Iterable[str] = ()) -> Iterator[Track]:
        """Yield these files and folders, or all; in path order.

        Files that were never heard are left out.
        """
        for span in sql.spans(under):
            yield from self.select(
                f"WHERE {sql.WITHIN} AND files.digest IS NOT NULL ORDER BY path", span
            )

    def select(self, clauses: str, values: Sequence[object] = ()) -> Iterator[Track]:
        """Yield files, with our own clauses after ``FROM files``."""
        statement = f"SELECT {_SHOWN} FROM files {clauses}"  # noqa: S608 - ours, with placeholders
        yield from self.database.read(_to_track, statement, values)


def _to_track(row: tuple[Any, ...]) -> Track:
    path, digest, status, *identity, fields = row[:7]
    *info, seconds = row[7:]
    return Track(
        path=os.fsdecode(path),
        digest=digest or "",
        status=status,
        identity=Identity(*identity),
        fields=to_values(fields) if fields else {},
        info=to_info(*info),
        seconds=seconds or 0.0,
    )
