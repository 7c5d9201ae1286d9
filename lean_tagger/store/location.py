"""Where the journal is, who has it, and what becomes of a damaged one."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lean_tagger.errors import ConfigError, LockedError, StateError
from lean_tagger.system import folders, mounts


def default_path() -> Path:
    """Return where the journal is unless somebody says otherwise.

    Raises
    ------
    ConfigError
        The user has no home folder.
    """
    try:
        return folders.state() / "journal.sqlite3"
    except ConfigError as error:
        raise ConfigError(f"{error}, or give the journal's place with --state") from error


def make_folder(path: Path) -> None:
    """Make the folder that the journal is to be in; only its owner may look into it.

    Raises
    ------
    StateError
        It cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"cannot make the folder for the journal, {path.parent}: {error.strerror}; "
            "give another place with --state"
        ) from error


def is_on_network(path: Path, table: list[mounts.Mount] | None = None) -> bool:
    """Tell whether another machine keeps the folder of this path, by the table of mounts."""
    mount = mounts.find(str(path.parent.resolve()), mounts.table() if table is None else table)
    return mount is not None and mount.network


def shares_memory(path: Path) -> bool:
    """Tell whether processes can share memory through a file here, as a write-ahead log needs.

    Not over a network, nor through every file system in user space: only where it is known.
    """
    mount = mounts.find(str(path.parent.resolve()), mounts.table())
    return mount is not None and mount.kind in _LOCAL


_LOCAL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"}
)


def refuse_network(path: Path, table: list[mounts.Mount] | None = None) -> None:
    """Refuse a place on a network file system.

    Raises
    ------
    ConfigError
        Locks and renames mean less there: two machines could write one journal.
    """
    if is_on_network(path, table):
        raise ConfigError(
            f"the journal {path} would be on a network file system, where locks cannot be "
            "relied on; give a local place with --state, or allow it with --state-on-network"
        )


@dataclass(slots=True)
class Hold:
    """That a process has the journal for itself.

    Attributes
    ----------
    before : {'ended', 'killed', 'damaged'}
        How the one before left it: at its end, at some moment, or with damage that it met.
    damaged : bool
        This one met damage; the next one is told.
    """

    before: Literal["ended", "killed", "damaged"]
    damaged: bool = False


@contextmanager
def held(path: Path) -> Iterator[Hold]:
    """Hold the journal for this process.

    Yields
    ------
    Hold
        How it was left.

    Raises
    ------
    LockedError
        Another process has it; the message says which.
    StateError
        The lock cannot be made.
    """
    lock = _lock_of(path)
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(
            f"cannot write the journal's lock, {lock}: {error.strerror}; give another place "
            "with --state"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LockedError(_who(os.pread(fd, 4096, 0), path)) from error
        hold = Hold(_left(os.pread(fd, 4096, 0)))
        holder = {"pid": os.getpid(), "host": os.uname().nodename, "since": time.time()}
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(holder).encode(), 0)
        yield hold
        os.ftruncate(fd, 0)  # left as it is by whoever is killed
        if hold.damaged:
            os.pwrite(fd, _DAMAGED, 0)
    finally:
        os.close(fd)


_DAMAGED = b'{"damaged": true}'


def _left(content: bytes) -> Literal["ended", "killed", "damaged"]:
    if not content:
        return "ended"
    return "damaged" if content == _DAMAGED else "killed"


def note_damage(path: Path) -> None:
    """Tell the next one to hold the journal that it is damaged; who has it now finds out."""
    with suppress(LockedError, StateError), held(path) as hold:
        hold.damaged = True


def _who(content: bytes, path: Path) -> str:
    try:
        holder = json.loads(content)
        since = time.strftime("%H:%M on %d %B", time.localtime(holder["since"]))
        who = f"process {holder['pid']} on {holder['host']}, since {since}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return f"another run is using {path}: {who}; wait for it, or give another --state"


def refuse_foreign(path: Path, application_id: int) -> None:
    """Refuse a file that is no journal: a song, or another program's database.

    A journal that is damaged even in its first page is known by the lock next to it.

    Raises
    ------
    ConfigError
        It is not ours, and is left alone.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError:
        return  # whatever it is, opening it will say so
    # The SQLite file format, section 1.3: a magic text, and at 68 who made it.
    ours = head[:16] == b"SQLite format 3\0" and head[68:72] == application_id.to_bytes(4, "big")
    if head and not ours and not _lock_of(path).exists():
        raise ConfigError(f"{path} is no journal of lean-tag, and was left alone; see --state")


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def put_in_place(mended: Path, path: Path) -> Path:
    """Put a mended journal in place of the damaged one, and return the name of that.

    At every moment there is one or the other.

    Raises
    ------
    StateError
        It cannot be renamed.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        try:
            os.link(path, aside)
        except OSError:  # not every file system has links
            path.rename(aside)
        for suffix in ("-wal", "-shm", "-journal"):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + suffix))
        mended.replace(path)
    except OSError as error:
        raise StateError(
            f"the journal {path} is damaged and cannot be set aside: {error.strerror}"
        ) from error
    return aside
