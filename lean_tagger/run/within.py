"""Limit a walk to some folders below the given ones."""

import os
from collections.abc import Iterable
from pathlib import PurePosixPath


class Within:
    """The folders of a limited walk.

    Parameters
    ----------
    folders : iterable of str
        Absolute names. Only the files directly in a folder count; with a slash at the end of
        the name, everything below counts.
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
        """Tell whether a folder, or one below it, may have files that count."""
        folder = os.path.abspath(folder)
        return folder in self._above or folder in self._folders or self._in_tree(folder)

    def _in_tree(self, folder: str) -> bool:
        if not self._trees:
            return False
        return folder in self._trees or any(
            str(it) in self._trees for it in PurePosixPath(folder).parents
        )
