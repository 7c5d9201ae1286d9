"""A file that is being fetched; its bytes are kept so that another run can go on.

A note next to the bytes says which file they belong to. The server's validator (an ETag, or a
date) shows whether it still has the same file.
"""

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from lean_tagger.errors import LockedError, StateError

_KEPT_SECONDS = 30 * 24 * 3600
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Note:
    """The file that bytes belong to.

    Attributes
    ----------
    url : str
        Their address.
    validator : str
        Value for the header If-Range; empty if the server gives none.
    total_bytes : int or None
        Length of the whole file, if the server gives it.
    """

    url: str
    validator: str
    total_bytes: int | None


class PartialFile:
    """The bytes that have arrived so far; only one process at a time holds them.

    Parameters
    ----------
    path : pathlib.Path
        Their file; its folder is made.

    Raises
    ------
    LockedError
        Another process fetches the same file.
    StateError
        It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note_path = path.with_name(path.name + ".note")
        with self._own_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            # Without a buffer, so that a full disk is noticed at once.
            self._file = io.FileIO(os.open(path, flags, 0o666), "r+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise LockedError("another lean-tag is fetching the same file; wait for it") from error
        except OSError:
            pass  # a network file system without locks
        self.size_bytes = self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> "PartialFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it; an empty file is removed."""
        with contextlib.suppress(OSError):
            if self.size_bytes == 0:
                self._note_path.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
        self._file.close()

    def note(self) -> Note | None:
        """Return the note about the bytes, if there is one."""
        try:
            return Note(**json.loads(self._note_path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, note: Note, *, at_bytes: int) -> None:
        """Go on from an offset, which is 0 for a new start."""
        with self._own_errors():
            self._note_path.unlink(missing_ok=True)  # it would be about other bytes
            self._file.seek(at_bytes)
            self._file.truncate()
            self.size_bytes = at_bytes
            self._note_path.write_text(json.dumps(asdict(note)))

    def write(self, block: bytes) -> None:
        """Add bytes that have arrived.

        Raises
        ------
        StateError
            There is no room for them; the room of the earlier bytes is given back.
        """
        rest = memoryview(block)
        with self._own_errors():
            while rest:
                rest = rest[self._file.write(rest) :]
        self.size_bytes += len(block)

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes on the disk."""
        digest = hashlib.sha256()
        with self._own_errors():
            self._file.seek(0)
            while block := self._file.read(_BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def drop(self) -> None:
        """Drop all bytes; the space is given back at once, the file is removed when closed."""
        with self._own_errors():
            self._note_path.unlink(missing_ok=True)
            self._file.seek(0)
            self._file.truncate()
        self.size_bytes = 0

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> NoReturn:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            with contextlib.suppress(OSError):
                self._file.truncate(0)
                self.size_bytes = 0
            raise StateError(
                f"no room in {self.path.parent}: {error.strerror}; make some, or name another "
                "folder with LEAN_TAG_MODELS"
            ) from error
        raise StateError(
            f"cannot write {self.path}: {error.strerror}; LEAN_TAG_MODELS names another folder"
        ) from error


def sweep(folder: Path) -> None:
    """Remove partial files that are a month old."""
    oldest = time.time() - _KEPT_SECONDS
    with contextlib.suppress(OSError):
        for path in [*folder.glob("*.part"), *folder.glob("*.part.note")]:
            if path.lstat().st_mtime < oldest:
                path.unlink(missing_ok=True)
