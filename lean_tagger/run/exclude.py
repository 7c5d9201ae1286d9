"""Choose the files that a walk leaves out, by patterns as in ``.gitignore``.

Patterns come from the command line and the rules; these are relative to each given folder.
Patterns in files called ``.leantagignore`` are relative to the file's folder. The innermost
matching pattern decides; ``!`` includes a file again. As with git, nothing below an excluded
folder is read.
"""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lean_tagger.errors import ConfigError
from lean_tagger.system.files import open_regular

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

FILE = ".leantagignore"
LARGEST_BYTES = 1 << 18
"""Largest size of a `FILE`; a larger one is not a list of patterns."""


class Excluded:
    """The patterns that apply in one folder.

    Parameters
    ----------
    top : str
        The folder to which `patterns` are relative.
    patterns : sequence of str
        In the order given; the last one that matches decides.

    Raises
    ------
    ConfigError
        One of them is not a valid pattern.
    """

    def __init__(self, top: str, patterns: Sequence[str] = ()) -> None:
        self._each = ((top, compiled(patterns, where="--exclude")),) if patterns else ()

    def in_folder(self, folder: str) -> "Excluded":
        """Return the patterns that apply in a folder below, with those of its own file.

        Raises
        ------
        ConfigError
            The file cannot be read, or makes no sense.
        """
        lines = _lines(os.path.join(folder, FILE))
        if not lines:
            return self
        inner = Excluded(folder)
        inner._each = (*self._each, (folder, compiled(lines, where=os.path.join(folder, FILE))))
        return inner

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Tell whether a file or folder below is left out."""
        for top, spec in reversed(self._each):
            name = os.path.relpath(path, top) if top else path
            found = spec.check_file(f"{name}/" if is_folder else name).include
            if found is not None:
                return found
        return False


def compiled(patterns: Iterable[str], *, where: str) -> "GitIgnoreSpec":
    """Return compiled patterns.

    Raises
    ------
    ConfigError
        One of them is not a valid pattern.
    """
    from pathspec import GitIgnoreSpec  # late: few runs have patterns

    spec = GitIgnoreSpec([])
    for pattern in patterns:
        try:
            spec += GitIgnoreSpec.from_lines([pattern])
        except ValueError as error:
            raise ConfigError(f"{where}: {pattern!r} is not a valid pattern: {error}") from error
    return spec


def _lines(path: str) -> list[str]:
    """Return the lines of a file of patterns; none if there is no such file."""
    if not os.path.lexists(path):  # the usual case, in which a second run opens nothing
        return []
    try:
        with open(open_regular(path), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if len(text) > LARGEST_BYTES:
        raise ConfigError(f"{path} is too large to be a list of patterns")
    return text.splitlines()
