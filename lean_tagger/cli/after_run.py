"""Bring playlists up to date after a run that may have changed tags."""

import argparse
import contextlib
from pathlib import Path

from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.system import folders


def playlists_file() -> Path | None:
    """Return the path of the user's playlists file; None without a home folder."""
    with contextlib.suppress(ConfigError):
        return folders.config() / "playlists.toml"
    return None


def update_playlists(given: argparse.Namespace, stop: Stop, code: int) -> int:
    """Bring the playlists of the usual file up to date, if that exists.

    Parameters
    ----------
    given, stop
        Of the run.
    code : int
        Its exit code.

    Returns
    -------
    int
        The exit code; 1 where a playlist could not be written.
    """
    path = playlists_file()
    if code > 1 or given.dry_run or path is None or not path.exists():
        return code
    from lean_tagger.cli.commands import playlists  # late: few have such a file

    return max(code, playlists.update(given, stop, [str(path)]))
