"""Annotations of a data set: the labels of each of its files.

Three layouts are known by their first line:

- MagnaTagATune's ``annotations_final.csv``: ``clip_id``, a column of 0 and 1 for each label, and
  ``mp3_path`` below the folder with the clips;
- MTG-Jamendo's TSV: ``TRACK_ID ... PATH DURATION TAGS``, the tags as ``genre---rock``;
- ``path`` and ``label``, or ``path`` and several columns of labels; a path may be repeated.
"""

import os
from collections.abc import Iterator, Sequence

from lean_tagger.errors import ConfigError
from lean_tagger.genres.labels import table_rows

_PATHS = ("mp3_path", "path", "file", "filename")
_LABELS = ("label", "labels", "genre", "mood", "tag", "tags")
_NO_LABELS = frozenset({"clip_id", "track_id", "artist_id", "album_id", "duration", *_PATHS})


class Annotations:
    """A file with annotations.

    Parameters
    ----------
    name : str
        Its path.
    under : sequence of str
        Absolute paths of the wanted files and folders; all files without any. Files are
        searched for in these, in the folders around them, and next to the annotations. Files
        elsewhere do not count: the test set of MagnaTagATune is its folders d, e and f.

    Raises
    ------
    ConfigError
        It cannot be read, or has another layout.

    Attributes
    ----------
    labels : list of str
        All labels, if each has a column; else empty.
    by_path : dict of str to list of str
        The labels of each existing file, by its absolute path.
    missing, empty : int
        Number of files that do not exist, or are empty.
    """

    def __init__(self, name: str, under: Sequence[str]) -> None:
        self.labels: list[str] = []
        self.by_path: dict[str, list[str]] = {}
        self.missing = self.empty = 0
        around = map(os.path.dirname, under)
        self._bases = list(dict.fromkeys([*under, *around, os.path.dirname(os.path.abspath(name))]))
        self._under = [os.path.normpath(path) for path in under]
        rows = table_rows(name)
        header = [cell.strip() for cell in next(rows, [])]
        names = [cell.casefold() for cell in header]
        path = next((names.index(it) for it in _PATHS if it in names), None)
        if path is None:
            raise ConfigError(
                f"{name} has no column 'path' or 'mp3_path' in its first line, so it says "
                "nothing about files"
            )
        said = next((names.index(it) for it in _LABELS if it in names), None)
        if said is not None:
            read = self._listed(rows, path, said, to_the_end=said == len(names) - 1)
        else:
            columns = [at for at, it in enumerate(names) if it not in _NO_LABELS]
            self.labels = [header[at] for at in columns]
            read = self._ticked(rows, path, columns, name)
        if not self.labels and said is None:
            raise ConfigError(f"{name} has no columns of labels apart from its paths")
        for file, labels in read:
            self._take(file, labels)

    def _listed(
        self, rows: Iterator[list[str]], path: int, said: int, *, to_the_end: bool
    ) -> Iterator[tuple[str, list[str]]]:
        for row in rows:
            if len(row) > max(path, said):
                cells = row[said:] if to_the_end else row[said : said + 1]
                yield row[path], [cell.rpartition("---")[2].strip() for cell in cells if cell]

    def _ticked(
        self, rows: Iterator[list[str]], path: int, columns: list[int], name: str
    ) -> Iterator[tuple[str, list[str]]]:
        for number, row in enumerate(rows, 2):
            if len(row) <= max(path, *columns):
                raise ConfigError(f"{name}:{number}: this line has fewer columns than the first")
            cells = [row[at].strip() for at in columns]
            if not set(cells) <= {"0", "1", "0.0", "1.0", ""}:
                raise ConfigError(f"{name}:{number}: a label's column must hold 0 or 1")
            chosen = zip(self.labels, cells, strict=True)
            yield row[path], [label for label, cell in chosen if cell.startswith("1")]

    def _take(self, file: str, labels: list[str]) -> None:
        there = next(filter(os.path.isfile, self._places(file.strip())), None)
        if there is None:
            self.missing += 1
        elif not self._asked_for(there):
            return
        elif not os.path.getsize(there):
            self.empty += 1
        else:
            self.by_path.setdefault(there, []).extend(labels)

    def _places(self, file: str) -> Iterator[str]:
        """Yield the possible paths of a file; MTG-Jamendo's smaller files are ``.low``."""
        for base in self._bases:
            path = os.path.normpath(os.path.join(base, file))
            yield path
            yield path.removesuffix(".mp3") + ".low.mp3"

    def _asked_for(self, path: str) -> bool:
        return not self._under or any(
            path == base or path.startswith(base.rstrip(os.sep) + os.sep) for base in self._under
        )
