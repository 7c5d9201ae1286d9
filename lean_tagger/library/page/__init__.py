"""A page to look at: one HTML file that needs nothing else, about what is on record.

`gather` reads the journal, `sections` words what can be read without a script, `data` packs what
the script shows, `lay_out` puts all of it into ``template.html``. The arithmetic, a map and
vectors, is done in `library.arithmetic.report`, which runs all this in a child process.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from lean_tagger.library.heat_map import HeatMap

MOST_TRACKS = 40_000
"""A page of more would be slow in a browser; of a larger library it shows an even choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A table that another command has to add, such as the thresholds of learnt genres.

    Attributes
    ----------
    title, text : str
        Over it, and what it says.
    head : tuple of str
        Of its columns.
    rows : tuple of tuple of str
        Its cells.
    of_files : bool
        The first cell of each row is the path of a file.
    """

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    of_files: bool = False

    def below(self, root: str) -> "Extra":
        """Return the same with files as they are called below a folder, without all others."""
        if not self.of_files:
            return self
        inside = root.rstrip("/") + "/"
        kept = [row for row in self.rows if row[0].startswith(inside)]
        rows = tuple((os.path.relpath(name, root), *cells) for name, *cells in kept)
        return replace(self, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a page is to show.

    Attributes
    ----------
    state : Path
        The journal.
    root : str
        Only what is in this folder; without, the folder that all files on record have in common.
    most_tracks : int
        See `MOST_TRACKS`.
    models : tuple of str
        Whose embeddings the map is made of; by default as `likeness.compared_by` chooses.
    heat_maps : tuple of HeatMap
        Taggrams to show.
    extras : tuple of Extra
        Tables to show besides.
    """

    state: Path
    root: str = ""
    most_tracks: int = MOST_TRACKS
    models: tuple[str, ...] = ()
    heat_maps: tuple[HeatMap, ...] = ()
    extras: tuple[Extra, ...] = ()
