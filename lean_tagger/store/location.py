"""The journal's path and lock, and where a damaged one is put."""

import fcntl
import json
import os
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lean_tagger.errors import ConfigError, LockedError, StateError
from lean_tagger.system import folders, mounts


def default_path() -> Path:
    """Return the default path of the journal.

    Raises
    ------
    ConfigError
        The user has no home folder.
    """
    try:
        return folders.state() / "journal.sqlite3"
    except ConfigError as error:
        raise ConfigError(f"{error}, or give the journal's path with --state") from error


def make_folder(path: Path) -> None:
    """Make the journal's folder, readable only by its owner.

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
            "give another path with --state"
        ) from error


def is_on_network(path: Path, table: list[mounts.Mount] | None = None) -> bool:
    """Tell whether this path's folder is on another machine, by the table of mounts."""
    mount = mounts.find(str(path.parent.resolve()), mounts.table() if table is None else table)
    return mount is not None and mount.network


def shares_memory(path: Path) -> bool:
    """Tell whether processes can share memory through a file here, as a write-ahead log needs.

    That is not so on networks, nor on all file systems in user space; only where it is known.
    """
    mount = mounts.find(str(path.parent.resolve()), mounts.table())
    return mount is not None and mount.kind in _LOCAL


READ_ONLY = "?immutable=1"
"""Ends the address of a journal that nobody can change, as on a read-only disk."""


def address(path: Path, *, to_read: bool) -> str:
    """Return a journal's address for SQLite, whatever bytes are in its name.

    SQLite makes files next to a journal even to read it. Where it cannot, it has to be told that
    the journal does not change; unless there is a log, of which the journal may lack a part.
    """
    found = "file:" + urllib.parse.quote(os.fsencode(path.absolute()))
    log = path.with_name(path.name + "-wal")
    whole = not log.exists() or not log.stat().st_size
    return found + (READ_ONLY if to_read and whole and not os.access(path.parent, os.W_OK) else "")


def address_to_attach(path: Path) -> str:
    """Return an address by which another journal is only read, and never locked for writing."""
    found = address(path, to_read=True)
    return found if found.endswith(READ_ONLY) else f"{found}?mode=ro"


def was_used(path: Path) -> bool:
    """Tell whether some process has held this journal before."""
    return _lock_of(path).exists()


_LOCAL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"}
)


def refuse_network(path: Path, table: list[mounts.Mount] | None = None) -> None:
    """Refuse a path on a network file system.

    Raises
    ------
    ConfigError
        Locks and renames are less reliable there: two machines could write one journal.
    """
    if is_on_network(path, table):
        raise ConfigError(
            f"the journal {path} would be on a network file system, where locks are not "
            "reliable; give a local path with --state, or allow it with --state-on-network"
        )


@dataclass(slots=True)
class Hold:
    """A process's exclusive hold on the journal.

    Attributes
    ----------
    before : {'ended', 'killed', 'damaged'}
        How the previous process left it: it ended, was killed, or found damage.
    damaged : bool
        This process found damage; the next one will know.
    """

    before: Literal["ended", "killed", "damaged"]
    damaged: bool = False


@contextmanager
def held(path: Path) -> Iterator[Hold]:
    """Hold the journal for this process.

    Yields
    ------
    Hold
        The hold, with how the journal was left.

    Raises
    ------
    LockedError
        Another process holds it; the message says which.
    StateError
        The lock cannot be made.
    """
    lock = _lock_of(path)
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(
            f"cannot write the journal's lock, {lock}: {error.strerror}; give another path "
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
        os.ftruncate(fd, 0)  # a process that is killed leaves its content
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
    """Tell the next process that holds the journal that it is damaged."""
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
    """Refuse a file that is not a journal: a song, or another program's database.

    A journal with a damaged first page is recognised by the lock next to it.

    Raises
    ------
    ConfigError
        It is not ours, and is left alone.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError:
        return  # opening it will report what is wrong
    # The SQLite file format, section 1.3: a magic text, and at 68 the application's id.
    ours = head[:16] == b"SQLite format 3\0" and head[68:72] == application_id.to_bytes(4, "big")
    if head and not ours and not was_used(path):
        raise ConfigError(f"{path} is not a journal of lean-tag and was left alone; see --state")


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def put_in_place(mended: Path, path: Path) -> Path:
    """Replace a damaged journal by the repaired one, and return the damaged one's new path.

    At every moment one of the two is there.

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
        except OSError:  # some file systems have no links
            path.rename(aside)
        for suffix in ("-wal", "-shm", "-journal"):
            companion = path.with_name(path.name + suffix)
            if companion.exists():
                companion.rename(aside.with_name(aside.name + suffix))
        mended.replace(path)
    except OSError as error:
        raise StateError(
            f"the journal {path} is damaged and cannot be set aside: {error.strerror}"
        ) from error
    return aside
