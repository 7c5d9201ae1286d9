"""Which file system a path is on, and whether it is reached over a network.

Over a network, renaming and locking are less reliable than on a disk, and if the server is gone,
every call waits. Source: proc(5), ``/proc/<pid>/mountinfo``; without it nothing is known.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "coda", "ncpfs"),
        *("ceph", "glusterfs", "lustre", "beegfs", "gpfs", "orangefs", "pvfs2", "davfs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.davfs", "fuse.davfs2", "fuse.curlftpfs"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.goofys"),
        *("fuse.gvfsd-fuse", "fuse.smbnetfs", "fuse.juicefs", "fuse.kio-fuse"),
    }
)
_RENUMBERING = frozenset({"msdos", "vfat", "exfat", "fuseblk", "fuse.exfat", "fuse.mount.exfat"})
"""File systems without inode numbers: a file gets another one each time it is looked up."""

_ONE_OWNER = frozenset(
    {
        *("msdos", "vfat", "exfat", "ntfs", "ntfs3", "hfs", "hfsplus", "udf", "iso9660"),
        *("cifs", "smb2", "smb3", "smbfs", "9p", "drvfs", "virtiofs", "vboxsf", "prl_fs"),
    }
)
"""File systems where all files may have one owner, whoever makes them. File systems in user space
are like that too, except:"""

_OWNERS_IN_USER_SPACE = frozenset({"fuse.mergerfs", "fuse.unionfs", "fuse.fuse-overlayfs"})

_ROOM_FOR_COPIES = frozenset(
    {"ext2", "ext3", "ext4", "exfat", "f2fs", "fuseblk", "jfs", "msdos", "ntfs3", "tmpfs", "vfat"}
)
"""File systems where a copy takes as much as the original: no shared blocks, no compression."""

_OCTAL = re.compile(r"\\([0-7]{3})")  # how the kernel writes a space, a tab, a newline and "\"


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table.

    Attributes
    ----------
    point : str
        The folder on which it is mounted.
    kind : str
        The file system's name: ``ext4``, ``nfs4``, ``fuse.sshfs``.
    read_only : bool
        Nobody may write to it.
    """

    point: str
    kind: str
    read_only: bool

    @property
    def network(self) -> bool:
        """Whether the files are on another machine."""
        return self.kind in _NETWORK

    @property
    def keeps_inodes(self) -> bool:
        """Whether a file keeps its inode number."""
        return self.kind not in _RENUMBERING

    @property
    def keeps_owners(self) -> bool:
        """Whether a new file certainly belongs to whoever makes it."""
        in_user_space = self.kind.startswith("fuse") and self.kind not in _OWNERS_IN_USER_SPACE
        return self.kind not in _ONE_OWNER and not in_user_space

    @property
    def copies_take_room(self) -> bool:
        """Whether a copy certainly takes as much room as the original."""
        return self.kind in _ROOM_FOR_COPIES


def table(mountinfo: Path = Path("/proc/self/mountinfo")) -> list[Mount]:
    """Return what is mounted, in the kernel's order; empty if that cannot be read."""
    try:
        lines = os.fsdecode(mountinfo.read_bytes()).split("\n")
    except OSError:
        return []
    return [mount for mount in map(_parse, lines) if mount is not None]


def find(path: str, mounts: list[Mount]) -> Mount | None:
    """Return the mount that a path is on, if it is known.

    Parameters
    ----------
    path : str
        Absolute and without links; it need not exist.
    mounts : list of Mount
        As from `table`: if two are on the same folder, the later one hides the earlier one.
    """
    above = {str(path), *map(str, PurePosixPath(path).parents)}
    best: Mount | None = None
    for mount in mounts:
        if mount.point in above and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def _parse(line: str) -> Mount | None:
    """Read ``id parent major:minor root point options [tags] - kind source super_options``."""
    before, _, after = line.partition(" - ")
    here, there = before.split(" "), after.split(" ")
    if len(here) < 6 or len(there) < 3:
        return None
    options = {*here[5].split(","), *there[2].split(",")}
    return Mount(_unescape(here[4]), there[0], "ro" in options)


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
