"""SHA-256, without what is heavy about it.

`hashlib` loads OpenSSL, which takes 4 MiB of the supervising process's 25. Python has the same
algorithm built in, under a name that changed with 3.12; its own `random` does as this does.
"""

import contextlib
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["sha256_of", "sha256_of_file"]

_BLOCK_BYTES = 1 << 16


def sha256_of(parts: Iterable[bytes]) -> str:
    """Return the digest of bytes that come in parts, in hexadecimal digits."""
    state = _begin()
    for part in parts:
        state.update(part)
    return str(state.hexdigest())


def sha256_of_file(path: Path) -> str:
    """Return the digest of a file, in hexadecimal digits.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        return sha256_of(iter(lambda: file.read(_BLOCK_BYTES), b""))


def _begin() -> Any:
    for name in ("_sha2", "_sha256"):
        with contextlib.suppress(ImportError):
            return import_module(name).sha256()
    return import_module("hashlib").sha256()
