"""The user's folders for lean-tag's own files; none is made here.

By the XDG base directory specification: a variable counts only if its path is absolute.
"""

import contextlib
from pathlib import Path
from typing import Literal

from lean_tagger.errors import ConfigError


def config() -> Path:
    """Return the folder for files that the user writes, such as rules.

    Raises
    ------
    ConfigError
        The user has no home folder, and no variable names another, as in a bare container.
    """
    return _folder("config")


def state() -> Path:
    """Return the folder of the journal. Raises as `config`."""
    return _folder("state")


def data() -> Path:
    """Return the folder of models that the user added. Raises as `config`."""
    return _folder("data")


def cache() -> Path:
    """Return the folder for files that can be made again. Raises as `config`."""
    return _folder("cache")


def _folder(kind: Literal["cache", "config", "data", "state"]) -> Path:
    import platformdirs  # late: not all commands need it

    path = Path()
    with contextlib.suppress(RuntimeError):  # newer versions raise it if there is no home
        path = Path(getattr(platformdirs, f"user_{kind}_path")("lean-tag"))
    if not path.is_absolute():
        variable = f"XDG_{kind.upper()}_HOME"
        raise ConfigError(
            f"this user has no home folder; set HOME, or {variable} to an absolute path"
        )
    return path
