"""List tracks: a table for people, JSON or names for programs, a playlist for players."""

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lean_tagger.cli.console import Console
from lean_tagger.cli.terminal import cells, escape, pad, shorten
from lean_tagger.errors import ConfigError
from lean_tagger.library.playlist import Names, Playlist, parse_map, refuse_foreign, told
from lean_tagger.store.tracks import Track

_NAME_COLUMNS = 48
_GENRE_COLUMNS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One track of an answer.

    Attributes
    ----------
    track : Track
        The file.
    lead : str
        Shown before it, for people, such as how similar it is.
    notes : sequence of str
        Shown below it, for people.
    more : mapping
        For programs.
    """

    track: Track
    lead: str = ""
    notes: Sequence[str] = ()
    more: dict[str, Any] = field(default_factory=dict)


def add_listing(group: argparse._ActionsContainer, *, most: int | None) -> None:
    """Add the options that say how tracks are listed."""
    add = group.add_argument
    shown = f" (default: {most})" if most else " (default: all)"
    add("-n", "--most", type=_how_many, default=most, metavar="N", help=f"most tracks{shown}")
    add(
        "--paths",
        dest="only_paths",
        action="store_true",
        help="only the files' names, one per line",
    )
    add(
        "-0",
        "--null",
        action="store_true",
        help="with --paths: NUL after each name instead of a newline",
    )
    add("--m3u8", metavar="FILE", help="write a playlist")
    add_names(group)


def _how_many(text: str) -> int:
    """Return a number of tracks."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) < 10**9):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tracks")
    return int(text)


def add_names(group: argparse._ActionsContainer) -> None:
    """Add how files are called in a playlist."""
    add = group.add_argument
    add(
        "--path-map",
        action="append",
        default=[],
        metavar="FROM=TO",
        help="in the playlist: what the player calls a folder, as in a container",
    )
    add(
        "--absolute", action="store_true", help="in the playlist: absolute names, not relative ones"
    )


def check(given: argparse.Namespace) -> Names:
    """Return how files are named in a playlist; refuse options that do not go together.

    Raises
    ------
    ConfigError
        Two ways to list tracks were asked for, or a path map is wrong.
    """
    asked = {"--json": given.json, "--paths": given.only_paths, "--m3u8": given.m3u8}
    ways = [name for name, it in asked.items() if it]
    if len(ways) > 1:
        raise ConfigError(f"{' and '.join(ways)} do not go together; give one of them")
    if given.null and not given.only_paths:
        raise ConfigError("-0 is for --paths; give both")
    if given.m3u8:
        refuse_foreign(os.path.realpath(given.m3u8))
    maps = tuple(map(parse_map, given.path_map))
    return Names(maps=maps, absolute=given.absolute)


class Present:
    """Passes on tracks whose files exist, and counts the rest."""

    def __init__(self) -> None:
        self.gone = 0

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items whose files are there."""
        for item in items:
            if os.path.exists(item.track.path):
                yield item
            else:
                self.gone += 1


def show(items: Iterable[Item], given: argparse.Namespace, console: Console) -> int:
    """List tracks as the options say, and return how many there were."""
    names = check(given)
    items = islice(items, given.most)
    if given.m3u8:
        return _write(given.m3u8, items, names, console)
    shown = 0
    for item in items:
        shown += 1
        if given.only_paths:
            console.name(item.track.path, end="\0" if given.null else "\n")
        elif given.json:
            console.line(json.dumps(_record(item)))
        else:
            for text in _lines(item, console.width()):
                console.line(text)
    return shown


def _write(path: str, items: Iterable[Item], names: Names, console: Console) -> int:
    """Write a playlist, and return how many tracks are in it; an empty one is not written."""
    with Playlist(path, names=names) as playlist:
        for item in items:
            playlist.add(item.track)
        done = playlist.finish() if playlist.done.tracks else playlist.done
        for text in told(done):
            console.notice(text)
        return done.tracks


def _record(item: Item) -> dict[str, Any]:
    track = item.track
    return {
        "type": "track",
        "path": track.path,
        "artist": track.artist,
        "albumartist": track.albumartist,
        "album": track.album,
        "title": track.title,
        "year": track.year,
        "genre": list(track.genre),
        "mood": list(track.mood),
        "seconds": round(track.seconds, 3),
        **item.more,
    }


def _lines(item: Item, width: int) -> Iterator[str]:
    """Yield what a user sees of a track; in columns where there is a width."""
    track = item.track
    length = clock(track.seconds)
    genre = ", ".join((*track.genre, *track.mood))
    name, path = escape(track.name), escape(track.path)
    lead = f"{item.lead}  " if item.lead else ""
    if width:
        name_columns = max(12, min(_NAME_COLUMNS, width // 3))
        genre_columns = max(8, min(_GENRE_COLUMNS, width // 6))
        name = pad(shorten(name, name_columns), name_columns)
        genre = pad(shorten(escape(genre), genre_columns), genre_columns)
        path = shorten(path, max(12, width - cells(lead) - name_columns - genre_columns - 12))
    yield f"{lead}{length:>7}  {name}  {genre}  {path}"
    for note in item.notes:
        yield f"{' ' * cells(lead)}         {note}"


def clock(seconds: float) -> str:
    """Return a length as players show it."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    if not whole:
        return ""
    return f"{hours}:{minutes:02d}:{seconds_left:02d}" if hours else f"{minutes}:{seconds_left:02d}"


def tell_gone(console: Console, gone: int) -> None:
    """Say how many files are missing."""
    if gone:
        files = "1 file is" if gone == 1 else f"{gone} files are"
        console.notice(
            f"{files} missing now and left out; lean-tag PATH recognises moved files by their audio"
        )
