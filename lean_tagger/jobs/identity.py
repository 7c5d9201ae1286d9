"""The identity of a file, and the digests that identify audio."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

PART = "part"
"""Prefix of the digest of a track that was heard in part."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Tells whether a file is unchanged; from stat(2).

    The device is not used: it may get another number when the machine or a share restarts. An
    inode of 0 is not known.

    Every number has 64 bits, as in the journal; size and time are signed, the inode is not.
    Larger numbers are always cut in the same way: the nanoseconds of a time after 2262, or
    inodes of 128 bits, which some systems have.
    """

    size_bytes: int
    mtime_ns: int
    inode: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size_bytes", _signed(self.size_bytes))
        object.__setattr__(self, "mtime_ns", _signed(self.mtime_ns))
        object.__setattr__(self, "inode", self.inode % (1 << 64))

    @classmethod
    def of(cls, found: os.stat_result) -> "Identity":
        """Return the identity from a result of stat(2)."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)

    @classmethod
    def at(cls, path: str) -> "Identity":
        """Return the identity of the file that has this name now.

        Raises
        ------
        OSError
            There is no such file.
        """
        return cls.of(os.stat(path))

    def matches(self, other: "Identity") -> bool:
        """Tell whether both belong to one file, as far as is known."""
        inodes = {self.inode, other.inode} - {0}
        return self.without_inode() == other.without_inode() and len(inodes) < 2

    def without_inode(self) -> "Identity":
        """Return the identity without the inode, for file systems with unstable numbers."""
        return replace(self, inode=0)


def _signed(number: int) -> int:
    """Return the lowest 64 bits of a number; the highest of them is the sign."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def names_audio(digests: Sequence[str], digest: str) -> bool:
    """Tell whether a digest is one of these; some may be known only up to the hyphen."""
    return digest in digests or digest.partition("-")[0] in digests
