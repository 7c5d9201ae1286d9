"""``lean-tag playlists``: keep playlists up to date, as a file describes them."""

import argparse
import contextlib
import os
from pathlib import Path

from lean_tagger.cli import listing, options
from lean_tagger.cli.commands.find import items
from lean_tagger.cli.library_session import LibrarySession, add_asking
from lean_tagger.cli.listing import Present
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError, StateError
from lean_tagger.library import playlist, playlists_file
from lean_tagger.library.playlists import update
from lean_tagger.system import folders

_DESCRIPTION = """\
Write the playlists that a file describes, or bring them up to date. One that somebody else wrote
or changed is left as it is. Where FILE is in its usual place, each run of lean-tag that changes
anything does this at its end."""

_EXAMPLE = """\
a file:
  folder = "/music/Playlists"
  path_map = ["/music=/data"]      # what folders are called where playlists are read

  [[playlist]]
  name = "Calm"
  query = "calm ^vocals"           # see lean-tag find --help
  most = 200

  [[playlist]]
  each = "genre"                   # one for each genre; or mood
  least = 10                       # that has ten tracks at least
"""


def run(arguments: list[str], stop: Stop) -> int:
    """Write the playlists that a file describes."""
    parser = options.Parser(
        prog="lean-tag playlists",
        description=_DESCRIPTION,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    usual = f"default: {_usual() or 'none'}"
    parser.add_argument("paths", nargs="*", metavar="FILE.toml", help=usual)
    add_asking(parser)
    given = parser.parse_anywhere(arguments)
    names = given.paths or [str(_usual() or parser.error("give a file"))]
    asked = LibrarySession(given, stop)
    return max([_update(asked, name) for name in names])


def after_run(given: argparse.Namespace, stop: Stop, code: int) -> int:
    """Bring the playlists of the usual file up to date, if there is one.

    Parameters
    ----------
    given, stop
        Of a run that may have changed tags.
    code : int
        Its exit code.

    Returns
    -------
    int
        The exit code; 1 where a playlist could not be written.
    """
    path = _usual()
    if code > 1 or given.dry_run or path is None or not path.exists():
        return code
    return max(code, _update(LibrarySession(given, stop), str(path)))


def _usual() -> Path | None:
    """Return where the file is looked for; None without a home folder."""
    with contextlib.suppress(ConfigError):
        return folders.config() / "playlists.toml"
    return None


def _update(asked: LibrarySession, path: str) -> int:
    """Write all playlists of a file; return 1 where one was not ours to write."""
    said = playlists_file.load(path, [label.name for label in asked.library.labels])
    try:
        os.makedirs(said.folder, exist_ok=True)
    except OSError as error:
        raise StateError(f"cannot make the folder {said.folder}: {error.strerror}") from error
    code = 0
    for wanted in said.wanted:
        asked.read_tags(wanted.query)
        present = Present()
        tracks = (item.track for item in present.of(items(asked, wanted.query)))
        for done in update(said, wanted, tracks, gone=lambda: present.gone):  # noqa: B023 - used within this turn
            if isinstance(done, ConfigError):
                asked.console.error(*done.sentences)
                code = 1
            else:
                for text in playlist.told(done):
                    asked.console.notice(text)
        listing.tell_gone(asked.console, present.gone)
    return code
