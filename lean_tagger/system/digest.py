"""Hashes without heavy imports.

`hashlib` loads OpenSSL, which takes 3 to 4 MiB of every process. Python has the same algorithms
built in, under names that changed with 3.12. Python's own `random` does the same as this module.
"""

import contextlib
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

_BLOCK_BYTES = 1 << 16


class Hash(Protocol):
    """A hash of the bytes so far."""

    def update(self, data: Any, /) -> None:
        """Add bytes, or an object with the buffer protocol."""

    def digest(self) -> bytes:
        """Return the digest."""

    def hexdigest(self) -> str:
        """Return the digest, in hexadecimal digits."""


def blake2b() -> Hash:
    """Return an empty BLAKE2b hash of 16 bytes (RFC 7693)."""
    hasher: Hash = _first("_blake2", "hashlib").blake2b(digest_size=16)
    return hasher


def sha256_of(parts: Iterable[bytes]) -> str:
    """Return the SHA-256 of bytes that come in parts, in hexadecimal digits."""
    state = _first("_sha2", "_sha256", "hashlib").sha256()
    for part in parts:
        state.update(part)
    return str(state.hexdigest())


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        return sha256_of(iter(lambda: file.read(_BLOCK_BYTES), b""))


@cache
def _first(*names: str) -> Any:
    for name in names[:-1]:
        with contextlib.suppress(ImportError):
            return import_module(name)
    return import_module(names[-1])
