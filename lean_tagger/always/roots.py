"""The folders that are watched; a missing share is not a deleted library."""

import os

from lean_tagger.system import mounts

_KERNEL_IS_TOLD_NOTHING = frozenset({"drvfs", "virtiofs", "vboxsf", "prl_fs", "vmhgfs"})
"""File systems that a virtual machine shares with its host."""


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
        self.kernel_tells = mount is not None and all(map(_tells_kernel, [mount, *self._below()]))
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

    def _below(self) -> list[mounts.Mount]:
        """Return what is mounted inside of it now, such as a share in a folder of a disk."""
        inside = os.path.join(os.path.realpath(self.path), "")
        return [mount for mount in mounts.table() if mount.point.startswith(inside)]


def _tells_kernel(mount: mounts.Mount) -> bool:
    # Unknown for file systems in user space: some report all to the kernel, some nothing.
    in_user_space = mount.kind.startswith("fuse")
    return not (mount.network or in_user_space or mount.kind in _KERNEL_IS_TOLD_NOTHING)
