"""A page about what is on record: one HTML file that needs nothing else.

`gather` reads the journal, `sections` makes the parts that need no script, `data` packs what the
script shows, `lay_out` puts everything into ``template.html``. `library.arithmetic.report` computes
the map and vectors, and runs all this in a child process.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from lean_tagger.library.heat_map import HeatMap

MOST_TRACKS = 40_000
"""Most tracks on a page, for speed in browsers; of a larger library it shows an even selection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A table from another command, such as the thresholds of learnt genres.

    Attributes
    ----------
    title, text : str
        Heading and introduction.
    head : tuple of str
        Headings of its columns.
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
        """Return the same with names relative to a folder, without files elsewhere."""
        if not self.of_files:
            return self
        inside = root.rstrip("/") + "/"
        kept = [row for row in self.rows if row[0].startswith(inside)]
        rows = tuple((os.path.relpath(name, root), *cells) for name, *cells in kept)
        return replace(self, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a page should show.

    Attributes
    ----------
    state : Path
        The journal.
    root : str
        Only files in this folder; if empty, the common folder of all files on record.
    most_tracks : int
        See `MOST_TRACKS`.
    models : tuple of str
        Models with the embeddings for the map; by default chosen by `likeness.compared_by`.
    heat_maps : tuple of HeatMap
        Taggrams to show.
    extras : tuple of Extra
        More tables to show.
    """

    state: Path
    root: str = ""
    most_tracks: int = MOST_TRACKS
    models: tuple[str, ...] = ()
    heat_maps: tuple[HeatMap, ...] = ()
    extras: tuple[Extra, ...] = ()
