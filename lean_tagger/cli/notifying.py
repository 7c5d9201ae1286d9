"""``--notify``: tell players once per run, if it changed anything."""

import argparse
import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lean_tagger.errors import ConfigError
from lean_tagger.system import folders

if TYPE_CHECKING:
    from lean_tagger.always.players import Player
    from lean_tagger.cli.console import Console
    from lean_tagger.run.summary import Summary

FILE = "notify.toml"

PLAYERS = ("navidrome", "jellyfin", "emby", "plex", "webhook")
"""The keys of `always.players.KINDS`, which is loaded late."""


def add_notify(group: argparse._ActionsContainer) -> None:
    """Add the option that says who is told."""
    group.add_argument(
        "--notify",
        action="append",
        default=[],
        metavar="PLAYER|URL",
        help=f"tell {', '.join(PLAYERS)} or an address when anything was changed; "
        "opens a connection",
    )


def players_of(names: Sequence[str]) -> "list[Player]":
    """Return the players that should be told.

    Raises
    ------
    ConfigError
        One of them is not known, or a variable that it needs is not set.
    """
    if not names:
        return []
    from lean_tagger.always import players  # late: it takes 3 MiB, and few runs need it

    try:
        file = folders.config() / FILE
    except ConfigError:  # no home folder
        file = None
    settings = players.Settings(os.environ, file)
    return [players.player(name, settings) for name in dict.fromkeys(names)]


@contextlib.contextmanager
def telling(known: "Sequence[Player]", summary: "Summary", console: "Console") -> Iterator[None]:
    """Tell players at the end of a run, also of a stopped one, if it changed anything.

    A player that does not answer is not a failure of the run.
    """
    try:
        yield
    finally:
        if known and (summary.tagged or summary.undone or summary.redone):
            _tell(known, summary, console)


def _tell(known: "Sequence[Player]", summary: "Summary", console: "Console") -> None:
    from lean_tagger.always import http_call  # late: nothing else opens a connection

    for player in known:
        try:
            answer = http_call.make(player.call(dataclasses.asdict(summary)))
            complaint = player.complaint(answer)
        except http_call.CallFailedError as error:
            complaint = str(error)
        if complaint:
            console.error(f"warning: could not tell {player.name}: {complaint}")
        else:
            console.notice(f"told {player.name}")
