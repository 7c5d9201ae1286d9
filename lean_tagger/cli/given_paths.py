"""Paths on the command line: refuse wrong ones before anything is done."""

import os
from collections.abc import Callable, Iterable

from lean_tagger.cli import commands
from lean_tagger.errors import ConfigError
from lean_tagger.store.journal import Journal
from lean_tagger.system.urls import is_url

SHOWN = 5
"""How many wrong paths are named; a mistyped pattern may give thousands."""


def require(paths: Iterable[str], *, journal: Journal | None = None) -> None:
    """Refuse paths that do not exist.

    Parameters
    ----------
    paths : iterable of str
        As they were given.
    journal : Journal, optional
        A path that is on record here is accepted even if it is gone.

    Raises
    ------
    ConfigError
        One sentence for each path that does not exist.
    """
    on_record = _on_record(journal) if journal is not None else lambda _: False
    missing = [path for path in paths if not _is_there(path) and not on_record(path)]
    if missing:
        more = len(missing) - SHOWN
        rest = [f"and {more} more of these paths do not exist"] if more > 0 else []
        raise ConfigError(*map(_sentence, missing[:SHOWN]), *rest, "nothing was done")


def _on_record(journal: Journal) -> Callable[[str], bool]:
    def told(path: str) -> bool:
        under = [os.path.abspath(path)]
        places, writes = journal.whereabouts.under(under), journal.writes(under=under)
        return next(places, None) is not None or next(iter(writes), None) is not None

    return told


def _is_there(path: str) -> bool:
    """Tell whether a path exists; a broken link or an unreadable folder counts too."""
    if is_url(path):
        return True  # the run reports it
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in it
        return False
    except OSError:
        return True
    return True


def _sentence(path: str) -> str:
    import difflib  # late: only a mistake needs it

    like = difflib.get_close_matches(path, commands.NAMES, n=1)
    if like:
        return f"there is no file, folder or command {path!r}; did you mean lean-tag {like[0]}?"
    return f"there is no such file or folder: {path}"
