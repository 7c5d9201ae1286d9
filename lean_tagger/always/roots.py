"""The folders that are watched: a share that is gone is no library that was deleted."""

import os

from lean_tagger.system import mounts


class Root:
    """One folder that is watched.

    Parameters
    ----------
    path : str
        Absolute; it is there.

    Attributes
    ----------
    here : bool
        Whether it was there when last looked at.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        mount = self._mount()
        self._point = mount.point if mount else None
        # In user space nobody knows: some file systems tell the kernel of all, others of nothing.
        self.kernel_tells = mount is not None and not (
            mount.network or mount.kind.startswith("fuse") or mount.kind in _KERNEL_IS_TOLD_NOTHING
        )
        self.here = True
        self._key = self._look()

    def came_back(self) -> bool:
        """Look for it, and tell whether it is there again, or is another folder than before."""
        key = self._look()
        was_here, self.here = self.here, key is not None
        if key is None:
            return False
        changed, self._key = key != self._key, key
        return changed or not was_here

    def _look(self) -> tuple[int, int] | None:
        """Return which folder it is now; None if it, or what it was mounted from, is gone."""
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
"""Folders of the host of a virtual machine."""
