"""``lean-tag playlists``: keep playlists up to date, as a file describes them."""

import argparse
import os
from collections.abc import Sequence

from lean_tagger.cli import listing, options
from lean_tagger.cli.after_run import playlists_file
from lean_tagger.cli.finding import items
from lean_tagger.cli.library_session import LibrarySession, add_asking
from lean_tagger.cli.listing import Present
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError, StateError
from lean_tagger.library import playlist, playlists
from lean_tagger.library.playlists_file import load

_DESCRIPTION = """\
Write the playlists that a file describes, or bring them up to date. A playlist that lean-tag did
not write, or that was changed since, is left as it is. If FILE is in its usual place, each run of
lean-tag that changes anything also updates the playlists."""

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
  least = 10                       # that has at least ten tracks
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
    usual = playlists_file()
    parser.add_argument("paths", nargs="*", metavar="FILE.toml", help=f"default: {usual or 'none'}")
    add_asking(parser)
    given = parser.parse_anywhere(arguments)
    return update(given, stop, given.paths or [str(usual or parser.error("give a file"))])


def update(given: argparse.Namespace, stop: Stop, paths: Sequence[str]) -> int:
    """Write the playlists of these files; return 1 if one was left because it is not ours."""
    asked = LibrarySession(given, stop)
    return max([_update(asked, path) for path in paths])


def _update(asked: LibrarySession, path: str) -> int:
    """Write all playlists of a file; return 1 if one was left because it is not ours."""
    said = load(path, [label.name for label in asked.library.labels])
    try:
        os.makedirs(said.folder, exist_ok=True)
    except OSError as error:
        raise StateError(f"cannot make the folder {said.folder}: {error.strerror}") from error
    code = 0
    for wanted in said.wanted:
        asked.prepare(wanted.query)
        present = Present()
        tracks = (item.track for item in present.of(items(asked, wanted.query)))
        for done in playlists.update(said, wanted, tracks, gone=lambda: present.gone):  # noqa: B023 - used within this turn
            if isinstance(done, ConfigError):
                asked.console.error(*done.sentences)
                code = 1
            else:
                for text in playlist.told(done):
                    asked.console.notice(text)
        listing.tell_gone(asked.console, present.gone)
    return code
