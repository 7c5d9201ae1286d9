"""The folders that are watched; a missing share is not a deleted library."""

import os

from lean_tagger.system import mounts


class Root:
    """One folder that is watched.

    Parameters
    ----------
    path : str
        Absolute; it exists.

    Attributes
    ----------
    here : bool
        Whether it was there at the last check.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        mount = self._mount()
        self._point = mount.point if mount else None
        # Unknown for file systems in user space: some report all to the kernel, some nothing.
        self.kernel_tells = mount is not None and not (
            mount.network or mount.kind.startswith("fuse") or mount.kind in _KERNEL_IS_TOLD_NOTHING
        )
        self.here = True
        self._key = self._look()

    def came_back(self) -> bool:
        """Check it, and tell whether it is there again, or is another folder than before."""
        key = self._look()
        was_here, self.here = self.here, key is not None
        if key is None:
            return False
        changed, self._key = key != self._key, key
        return changed or not was_here

    def _look(self) -> tuple[int, int] | None:
        """Return the folder's identity; None if it or its mount is gone."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        mount = self._mount()
        if not os.path.isdir(self.path) or (mount.point if mount else None) != self._point:
            return None
        return found.st_dev, found.st_ino

    def _mount(self) -> mounts.Mount | None:
        return mounts.find(os.path.realpath(self.path), mounts.table())


_KERNEL_IS_TOLD_NOTHING = frozenset({"drvfs", "virtiofs", "vboxsf", "prl_fs", "vmhgfs"})
"""File systems that a virtual machine shares with its host."""
