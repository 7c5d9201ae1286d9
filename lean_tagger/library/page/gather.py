"""Read the data for a page from a journal, as columns and counts."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from lean_tagger.library.markup import plain, without_folders
from lean_tagger.store import sql
from lean_tagger.store.journal import Journal, Run
from lean_tagger.store.tracks import Track, Tracks

_Value = TypeVar("_Value")

SHOWN_REASONS = 5
"""How many files are named for each reason; the table has all."""

UNSURE = "unsure"
"""Replaces ``unchanged`` if a file was heard but still has no genre."""


class Names:
    """Repeated texts, by number; 0 is the empty text."""

    def __init__(self) -> None:
        self._numbers = {"": 0}

    def number(self, text: str) -> int:
        """Return the number of a text; a new text gets one."""
        return self._numbers.setdefault(plain(text), len(self._numbers))

    def texts(self) -> list[str]:
        """Return all texts, by number."""
        return list(self._numbers)


@dataclass(slots=True)
class Rows:
    """The files to show, with a column for each property.

    Attributes
    ----------
    names, titles, years : list of str
        Names are without folders; a title is empty if the tags have none.
    folders, artists, albums, statuses, reasons : list of int
        Numbers in the texts of the same column.
    genres, before : list of list of int
        Numbers of genres: the present ones, and those before we wrote.
    seconds : list of int
        Length; 0 if it was not heard.
    digests : list of str
        Of the audio.
    texts : dict of str to Names
        Texts, by column.
    """

    names: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    years: list[str] = field(default_factory=list)
    folders: list[int] = field(default_factory=list)
    artists: list[int] = field(default_factory=list)
    albums: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    reasons: list[int] = field(default_factory=list)
    genres: list[list[int]] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    seconds: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    texts: dict[str, Names] = field(
        default_factory=lambda: {
            name: Names()
            for name in ("folders", "artists", "albums", "statuses", "reasons", "genres")
        }
    )


@dataclass(slots=True)
class Reason:
    """Why files failed or were left alone.

    Attributes
    ----------
    status : {'failed', 'skipped'}
        One of the two.
    count : int
        Number of files.
    examples : list of (str, str)
        Names relative to the root, and messages, for the first ones.
    """

    status: str
    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, message: str) -> None:
        """Count one more file."""
        self.count += 1
        if len(self.examples) < SHOWN_REASONS:
            self.examples.append((name, message))


@dataclass(slots=True)
class Counts:
    """Counts over all files within the root, also those that are not shown.

    Attributes
    ----------
    files, outside : int
        Number of files within the root, and elsewhere.
    statuses : Counter of str
        Their statuses in the last run that examined them; see `UNSURE`.
    reasons : dict of str to Reason
        By kind.
    heard, heard_seconds : int, float
        Files with scores on record, and their length.
    genres, genres_before : Counter of str
        Number of files for each genre, now and before we wrote.
    with_genre, with_genre_before : int
        Files with any.
    """

    files: int = 0
    outside: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Reason] = field(default_factory=dict)
    heard: int = 0
    heard_seconds: float = 0.0
    genres: Counter[str] = field(default_factory=Counter)
    genres_before: Counter[str] = field(default_factory=Counter)
    with_genre: int = 0
    with_genre_before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All data for a page.

    Attributes
    ----------
    root : str
        The folder to which names are relative.
    rows : Rows
        The files to show.
    counts : Counts
        Over all files.
    runs : list of Run
        Latest first.
    """

    root: str
    rows: Rows
    counts: Counts
    runs: list[Run]


def gather(state: Path, *, root: str, most: int) -> Gathered:
    """Read a journal.

    Parameters
    ----------
    state : Path
        The journal.
    root : str
        See `page.Request`.
    most : int
        Most files in `Gathered.rows`; of more, an even selection is taken.

    Raises
    ------
    StateError
        There is no journal, or it cannot be read.
    """
    with (
        Journal(state, locked=False, on_network=True) as journal,
        Tracks(state) as tracks,
    ):
        root = root or _common_folder(tracks)
        counts, rows = Counts(), Rows()
        counts.files, counts.outside = _numbers(tracks, root)
        shown = min(counts.files, most)
        before, why = _InStep(_genres_before(journal, root)), _InStep(_reasons(tracks, root))
        for number, track in enumerate(
            tracks.select(f"WHERE {sql.WITHIN} ORDER BY path", _span(root))
        ):
            name = os.fsencode(track.path)
            had = before.at(name, track.genre)
            kind, message = why.at(name, ("", ""))
            message = without_folders(message, root)
            _count(counts, track, had)
            if kind:
                reason = counts.reasons.setdefault(kind, Reason(track.status))
                reason.add(os.path.relpath(track.path, root), message)
            if (number + 1) * shown // counts.files > number * shown // counts.files:
                _add(rows, track, had, message, root)
        return Gathered(root=root, rows=rows, counts=counts, runs=journal.runs())


class _InStep(Generic[_Value]):
    """Values by name, in sorted order; they must be asked for in the same order.

    Nothing is kept, since all writes of a large library would be too much.
    """

    def __init__(self, pairs: Iterable[tuple[bytes, _Value]]) -> None:
        self._pairs = iter(pairs)
        self._next = next(self._pairs, None)

    def at(self, name: bytes, otherwise: _Value) -> _Value:
        """Return the last value of a name."""
        found = otherwise
        while self._next is not None and self._next[0] <= name:
            if self._next[0] == name:
                found = self._next[1]
            self._next = next(self._pairs, None)
        return found


def _genres_before(journal: Journal, root: str) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """Yield what files held before each write; the first write of a file comes last."""
    for write in journal.writes(under=[root]):
        if "genre" in write.written:
            yield os.fsencode(write.path), write.previous.get("genre", ())


def _reasons(tracks: Tracks, root: str) -> Iterator[tuple[bytes, tuple[str, str]]]:
    # The plus chooses the index of paths, so that nothing is sorted in memory.
    yield from (
        (path, (kind, message))
        for path, kind, message in tracks.database.rows(
            f"SELECT path, kind, message FROM files WHERE {sql.WITHIN} "  # noqa: S608 - ours
            "AND +status IN ('failed', 'skipped') ORDER BY path",
            _span(root),
        )
    )


def _numbers(tracks: Tracks, root: str) -> tuple[int, int]:
    """Return the number of files within the root, and elsewhere."""
    ((every,),) = tracks.database.rows("SELECT count(*) FROM files")
    ((inside,),) = tracks.database.rows(
        f"SELECT count(*) FROM files WHERE {sql.WITHIN}",  # noqa: S608 - ours
        _span(root),
    )
    return int(inside), int(every - inside)


def _span(root: str) -> tuple[bytes, bytes]:
    return sql.spans([root])[-1] if root != "/" else (b"/", b"0")


def _common_folder(tracks: Tracks) -> str:
    """Return the common folder of all files, from the first and the last name."""
    ((first, last),) = tracks.database.rows("SELECT min(path), max(path) FROM files")
    if first is None:
        return "/"
    names = [os.path.dirname(os.fsdecode(name)) for name in (first, last)]
    return os.path.commonpath(names)


def status_of(track: Track) -> str:
    """Return a file's status; `UNSURE` if it has no genre and the scores chose none."""
    if track.status == "unchanged" and track.seconds and not track.genre:
        return UNSURE
    return track.status


def _count(counts: Counts, track: Track, had: tuple[str, ...]) -> None:
    counts.statuses[status_of(track)] += 1
    counts.heard += track.seconds > 0
    counts.heard_seconds += track.seconds
    counts.genres.update(set(track.genre))
    counts.genres_before.update(set(had))
    counts.with_genre += bool(track.genre)
    counts.with_genre_before += bool(had)


def _add(rows: Rows, track: Track, had: tuple[str, ...], reason: str, root: str) -> None:
    folder, name = os.path.split(os.path.relpath(track.path, root))
    texts = rows.texts
    rows.names.append(plain(name))
    rows.titles.append(plain(track.title))
    rows.years.append(plain(track.year))
    rows.folders.append(texts["folders"].number(folder))
    rows.artists.append(texts["artists"].number(track.artist or track.albumartist))
    rows.albums.append(texts["albums"].number(track.album))
    rows.statuses.append(texts["statuses"].number(status_of(track)))
    rows.reasons.append(texts["reasons"].number(reason))
    rows.genres.append([texts["genres"].number(it) for it in track.genre])
    rows.before.append([texts["genres"].number(it) for it in had])
    rows.seconds.append(round(track.seconds))
    rows.digests.append(track.digest)
