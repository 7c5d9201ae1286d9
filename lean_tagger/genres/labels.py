"""Find the classes of a track by its tags, its folder, a playlist or a table.

Values that lean-tag wrote are not the user's and are not learnt from.
"""

import csv
import io
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from lean_tagger.decide import leantag_field
from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Values
from lean_tagger.rules.junk import is_junk, meaning
from lean_tagger.system.files import open_regular

MOST_FILE_BYTES = 256 << 20
PLAYLISTS = frozenset({".m3u", ".m3u8"})
_SPLIT = re.compile(r"\s*[;\0]\s*|\s+/\s+")
_AND = re.compile(r"\band\b|\bn\b|[&+]")
_COLUMNS = {"path": ("path", "file", "filename", "mp3_path"), "label": ("label", "genre", "mood")}


def fold(value: str) -> str:
    """Return the same form for all spellings of a genre: "Hip-Hop", "hip hop", "HipHop"."""
    text = _AND.sub("n", value.casefold().replace("'n'", "n").replace("\u2019n\u2019", "n"))
    return "".join(letter for letter in text if letter.isalnum())


def own_values(fields: Values, field: str) -> tuple[str, ...]:
    """Return the user's own values of a field: those there, without the ones we added."""
    there = fields.get(field, ())
    ours = leantag_field.ours_in(fields).get(field)
    if ours is None:
        return there
    if ours.written == there:
        return ours.before
    added = {value for value in ours.written if value not in ours.before}
    return tuple(value for value in there if value not in added)


def has_ours(fields: Values, field: str) -> bool:
    """Tell whether a field is not empty and holds only what lean-tag wrote."""
    return bool(fields.get(field)) and not own_values(fields, field)


def split(values: Iterable[str]) -> list[str]:
    """Return single values; people and programs join several with ``;`` or a slash."""
    parts = (part for value in values for part in _SPLIT.split(value))
    return [meaning(part) for part in parts if part.strip()]


def classes(values: Iterable[str], junk: tuple[str, ...]) -> list[str]:
    """Return the classes in values, each once, in their spelling; no junk."""
    found: dict[str, str] = {}
    for value in split(values):
        if not is_junk(value, junk):
            found.setdefault(fold(value), value)
    return list(found.values())


class Spellings:
    """Counts of the spellings of each class."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, value: str) -> str:
        """Count a spelling, and return its class."""
        key = fold(value)
        self._counts[key][value] += 1
        return key

    def of(self, key: str) -> str:
        """Return the most frequent spelling; among equals, the alphabetically first."""
        return min(self._counts[key].items(), key=lambda item: (-item[1], item[0]))[0]

    def variants(self) -> Iterator[list[tuple[str, int]]]:
        """Yield the spellings of each class that has several, most frequent first."""
        for key in sorted(self._counts):
            if len(self._counts[key]) > 1:
                yield sorted(self._counts[key].items(), key=lambda item: (-item[1], item[0]))


def folder_class(path: str, under: Sequence[str]) -> tuple[str, ...]:
    """Return the name of a file's folder directly below one of the given folders."""
    for base in under:
        inside = os.path.relpath(path, base).split(os.sep)
        if inside[0] != os.pardir and len(inside) > 1:
            return (inside[0],)
    return ()


class FromFiles:
    """The classes that playlists and tables give to files.

    Parameters
    ----------
    files : sequence of str
        ``.m3u`` and ``.m3u8`` are playlists, each a class with its name. All others are tables
        with a header, separated by commas or tabs, with the columns ``path`` and ``label``.
    under : sequence of str
        Folders to search for relative names, after the file's own folder.

    Raises
    ------
    ConfigError
        A file cannot be read, or has another form.

    Attributes
    ----------
    by_path : dict of str to list of str
        Classes of each file, by its absolute path.
    missing : int
        Number of named files that do not exist.
    """

    def __init__(self, files: Sequence[str], under: Sequence[str]) -> None:
        self.by_path: dict[str, list[str]] = {}
        self.missing = 0
        self._under = under
        for name in files:
            rows = _playlist(name) if Path(name).suffix.lower() in PLAYLISTS else _table(name)
            for path, label in rows:
                self._take(name, path, label)

    def _take(self, name: str, path: str, label: str) -> None:
        bases = [os.path.dirname(os.path.abspath(name)), *self._under]
        found = (os.path.normpath(os.path.join(base, path)) for base in bases)
        there = next((it for it in found if os.path.lexists(it)), None)
        if there is None:
            self.missing += 1
        else:
            self.by_path.setdefault(there, []).append(label)


def text_lines(name: str) -> Iterator[str]:
    """Yield the lines of a text file with their ends: UTF-8, or UTF-16 with a byte order mark.

    They come one at a time: a data set's annotations are larger than the budget has room for.

    Raises
    ------
    ConfigError
        It cannot be read, is too large, or has another encoding.
    """
    try:
        with open(open_regular(Path(name)), "rb") as file:
            if os.fstat(file.fileno()).st_size > MOST_FILE_BYTES:
                most = MOST_FILE_BYTES >> 20
                raise ConfigError(f"{name} is larger than {most} MiB, too large for this")
            coding = "utf-16" if file.read(2) in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
            file.seek(0)
            with io.TextIOWrapper(file, encoding=coding, newline="") as text:
                yield from text
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeError as error:
        where = f"{name}:{_undecodable_line(name)}"
        raise ConfigError(f"{where}: this is not UTF-8; save the file as UTF-8") from error
    except ValueError as error:
        raise ConfigError(f"cannot read {name}: {error}") from error


def _undecodable_line(name: str) -> int:
    """Return the first line that is not UTF-8, from 1; decoders read ahead."""
    with open(name, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8-sig")
            except UnicodeDecodeError:
                return number
    return 1


def _playlist(name: str) -> Iterator[tuple[str, str]]:
    label = Path(name).stem
    for line in text_lines(name):
        if line.strip() and not line.startswith("#"):
            yield line.strip(), label


def table_rows(name: str) -> Iterator[list[str]]:
    """Yield the rows of a table that are not empty, the header first.

    Raises
    ------
    ConfigError
        As `text_lines`; or it is not a table.
    """
    lines = text_lines(name)
    first = next(lines, "")
    separator = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
    try:
        for row in csv.reader(chain([first], lines), delimiter=separator):
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error as error:
        raise ConfigError(f"{name} is not a table: {error}") from error


def _table(name: str) -> Iterator[tuple[str, str]]:
    rows = table_rows(name)
    header = [cell.strip().casefold() for cell in next(rows, [])]
    places = {
        what: next((header.index(word) for word in words if word in header), None)
        for what, words in _COLUMNS.items()
    }
    path, label = places["path"], places["label"]
    if path is None or label is None:
        raise ConfigError(
            f"{name} has no columns 'path' and 'label' in its first line, but "
            f"{', '.join(map(repr, header)) or 'nothing'}"
        )
    for row in rows:
        if len(row) > max(path, label) and row[path].strip():
            yield row[path], row[label]
