"""The tracks on record, for lists, playlists and pages.

A track is one piece of audio, which may have several files; its tags come from one of these. This
works while a run holds the journal, in the process that prints or in the child of a
`run.calculation.Calculation`.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lean_tagger.store.compact import whole
from lean_tagger.store.database import Reader

PAGE = 1000
"""Files per block: about 1 MB."""

_SHOWN = """files.path, files.digest, files.status, files.artist, files.albumartist, files.album,
    files.year, files.title, files.fields,
    (SELECT max(seconds) FROM scores WHERE scores.digest = files.digest)"""


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
    artist, albumartist, album, year, title : str
        From its tags; empty if missing or not read.
    genre, mood : tuple of str
        The values of these fields when it was last examined.
    seconds : float
        Length of the audio; 0 if it was not heard.
    """

    path: str
    digest: str = ""
    status: str = ""
    artist: str = ""
    albumartist: str = ""
    album: str = ""
    year: str = ""
    title: str = ""
    genre: tuple[str, ...] = ()
    mood: tuple[str, ...] = ()
    seconds: float = 0.0

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
        block: list[Track] = []
        for track in self.select(""):
            block.append(track)
            if len(block) >= size:
                yield block
                block = []
        if block:
            yield block

    def select(self, clauses: str, values: Sequence[object] = ()) -> Iterator[Track]:
        """Yield files, with our own clauses after ``FROM files``."""
        statement = f"SELECT {_SHOWN} FROM files {clauses}"  # noqa: S608 - ours, with placeholders
        yield from self.database.read(_to_track, statement, values)


def _to_track(row: tuple[Any, ...]) -> Track:
    path, digest, status, artist, albumartist, album, year, title, kept, seconds = row
    fields = json.loads(whole(kept)) if kept else {}
    return Track(
        path=os.fsdecode(path),
        digest=digest or "",
        status=status,
        artist=artist or "",
        albumartist=albumartist or "",
        album=album or "",
        year=year or "",
        title=title or "",
        genre=tuple(fields.get("genre", ())),
        mood=tuple(fields.get("mood", ())),
        seconds=seconds or 0.0,
    )
