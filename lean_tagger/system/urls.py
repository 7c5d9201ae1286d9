"""Files with an address instead of a name, such as ``s3://bucket/song.flac``.

Such files are only read, in blocks; a few blocks are kept.
"""

import datetime
import errno
import os
import re
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from lean_tagger.errors import ConfigError

BLOCK_BYTES = 1 << 20
"""Size of a block: decoders read 64 KiB, and each request takes a round trip."""

KEPT_BLOCKS = 4
"""Blocks kept: a decoder's position, a table of packets, and the file's two ends."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.ASCII)


def is_url(path: str) -> bool:
    """Tell whether this is an address, not a name."""
    return _ADDRESS.match(path) is not None


def full_name(path: str) -> str:
    """Return the name under which a file is on record: an absolute name, or its address."""
    return path if is_url(path) else os.path.abspath(path)


class Source(Protocol):
    """A file that can be read at any offset."""

    size_bytes: int

    def read_at(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset` on; none after the end."""
        ...


def read_at(source: int | Source, count: int, offset: int) -> bytes:
    """Read like ``pread``, from a descriptor or an address.

    Raises
    ------
    OSError
        The disk or the network failed.
    """
    if isinstance(source, int):
        return os.pread(source, count, offset)
    return source.read_at(count, offset)


def size_of(source: int | Source) -> int:
    """Return the size in bytes."""
    return os.fstat(source).st_size if isinstance(source, int) else source.size_bytes


class RemoteFile:
    """A file at an address, read by ranges through fsspec.

    Parameters
    ----------
    url : str
        Its address.

    Attributes
    ----------
    size_bytes : int
        Its length.

    Raises
    ------
    ConfigError
        fsspec, or what it needs for such an address, is not installed.
    OSError
        It does not exist, or cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._files, self._path = _opened(url)
        self.size_bytes = int(_asked(self._files.info, self._path)["size"] or 0)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read_at(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset` on; none after the end."""
        end = min(offset + max(0, count), self.size_bytes)
        pieces = []
        while offset < end:
            number, skip = divmod(offset, BLOCK_BYTES)
            piece = self._block(number)[skip : skip + end - offset]
            if not piece:
                raise OSError(errno.EIO, "the file is shorter than it was")
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        if len(self._blocks) >= KEPT_BLOCKS:
            self._blocks.popitem(last=False)  # before the next one is read
        first = number * BLOCK_BYTES
        last = min(first + BLOCK_BYTES, self.size_bytes)
        data = bytes(_asked(self._files.cat_file, self._path, start=first, end=last))
        self._blocks[number] = data
        return data


def find(url: str) -> Iterator[tuple[str, int, int]]:
    """Yield the address, size in bytes and time in ns of a file, or of all files below a folder.

    Raises
    ------
    ConfigError, OSError
        As `RemoteFile`.
    """
    files, path = _opened(url)
    found = _asked(files.find, path, detail=True)
    if not found:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url)
    for name, info in sorted(found.items()):
        # The address as it was given, to keep the host in it.
        rest = name[len(path) :] if name.startswith(path) else None
        address = files.unstrip_protocol(name) if rest is None else url.rstrip("/") + rest
        yield address, int(info["size"] or 0), _time_ns(info)


def _opened(url: str) -> tuple[Any, str]:
    try:
        import fsspec.core
    except ImportError as error:
        raise ConfigError(
            f"{url} is an address, which needs fsspec: pip install 'lean-tagger[remote]'"
        ) from error
    try:
        files, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{url} cannot be opened here: {error}") from error
    return files, str(path)


def _asked(question: Any, *given: Any, **named: Any) -> Any:
    """Call a file system; whatever its library raises becomes a reading error."""
    try:
        return question(*given, **named)
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from error
    except (MemoryError, OSError) as error:
        if isinstance(error, MemoryError) or error.strerror:
            raise
        raise OSError(errno.EIO, str(error) or type(error).__name__) from error
    except Exception as error:
        # Each file system has its own errors: no credentials, no such host.
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error


def _time_ns(info: Mapping[str, Any]) -> int:
    """Return when a file was changed, or else a number made from its content tag."""
    for name in ("LastModified", "last_modified", "mtime", "modified", "updated", "created"):
        when = info.get(name)
        if isinstance(when, datetime.datetime):
            return int(when.timestamp() * 1_000_000) * 1000
        if isinstance(when, int | float):
            return int(when * 1_000_000) * 1000
    return zlib.crc32(str(info.get("ETag") or info.get("etag") or "").encode())
