"""A page to look at: one HTML file that needs nothing else, about what is on record.

`gather` reads the journal, `sections` words what can be read without a script, `data` packs what
the script shows, `lay_out` puts all of it into ``template.html``. The arithmetic, a map and
vectors, is done in `library.arithmetic.report`, which runs all this in a child process.
"""

from dataclasses import dataclass
from pathlib import Path

from lean_tagger.library.heat_map import HeatMap

MOST_TRACKS = 50_000
"""A page of more would be slow in a browser; of a larger library it shows an even choice."""


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
    """

    state: Path
    root: str = ""
    most_tracks: int = MOST_TRACKS
    models: tuple[str, ...] = ()
    heat_maps: tuple[HeatMap, ...] = ()
