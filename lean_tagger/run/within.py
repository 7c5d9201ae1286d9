"""Some of the folders below those that were given, for a walk that does not look at the rest."""

import os
from collections.abc import Iterable
from pathlib import PurePosixPath


class Within:
    """Folders that a walk is kept to.

    Parameters
    ----------
    folders : iterable of str
        Absolute. The files in a folder count, what is in folders below it does not; unless the
        name ends with a slash.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._folders: set[str] = set()
        self._trees: set[str] = set()
        self._above: set[str] = set()
        for folder in folders:
            (self._trees if folder.endswith(os.sep) else self._folders).add(
                os.path.normpath(folder)
            )
        for folder in self._folders | self._trees:
            self._above.update(map(str, PurePosixPath(folder).parents))

    def holds(self, folder: str) -> bool:
        """Tell whether the files in a folder count."""
        folder = os.path.abspath(folder)
        return folder in self._folders or self._in_tree(folder)

    def leads_to(self, folder: str) -> bool:
        """Tell whether a folder, or one below it, has files that count."""
        folder = os.path.abspath(folder)
        return folder in self._above or folder in self._folders or self._in_tree(folder)

    def _in_tree(self, folder: str) -> bool:
        if not self._trees:
            return False
        return folder in self._trees or any(
            str(it) in self._trees for it in PurePosixPath(folder).parents
        )
