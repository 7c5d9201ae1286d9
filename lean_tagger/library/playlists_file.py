"""Read the file that describes playlists: TOML, with the line of each mistake.

::

    folder = "/music/Playlists"
    path_map = ["/music=/data"]

    [[playlist]]
    name = "Calm"
    query = "calm ^vocals"
    most = 200

    [[playlist]]
    each = "genre"
    least = 10
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lean_tagger.errors import ConfigError
from lean_tagger.library.playlist import Names, parse_map
from lean_tagger.library.query import Query, parse
from lean_tagger.library.query_tokens import QueryError
from lean_tagger.rules import toml_file
from lean_tagger.rules.toml_lines import Path
from lean_tagger.rules.toml_values import TableReader

EACH = ("genre", "mood")
MOST_PLAYLISTS = 500

ENDINGS = ("m3u8", "m3u")
"""m3u is for the folder of mpd's own playlists, where it sees no others."""

_KEYS = ("folder", "ending", "path_map", "absolute", "playlist")
_PLAYLIST_KEYS = ("name", "query", "each", "most", "least")
_MOST_TRACKS = 10**7
_UNSAFE = '<>:"/\\\\|?*'
"""Characters that some file systems refuse, also on shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One playlist, or one for each value of a field.

    Attributes
    ----------
    name : str
        Name of the file without its ending; with ``each``, ``{}`` is replaced by the value.
    query : Query
        Its contents.
    each : str
        ``genre`` or ``mood``; empty for one playlist.
    most, least : int
        Most tracks, and least tracks for writing it.
    """

    name: str
    query: Query
    each: str = ""
    most: int = _MOST_TRACKS
    least: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaylistsFile:
    """The contents of the file.

    Attributes
    ----------
    folder : str
        The folder of the playlists.
    ending : str
        The ending of their names.
    names : Names
        How tracks are named in them.
    wanted : tuple of Wanted
        The playlists, in order.
    """

    folder: str
    ending: str
    names: Names
    wanted: tuple[Wanted, ...]


def load(path: str, labels: Sequence[str]) -> PlaylistsFile:
    """Read the file.

    Parameters
    ----------
    path : str
        Its name; folders in it are relative to it.
    labels : sequence of str
        For queries; see `parse`.

    Raises
    ------
    ConfigError
        It cannot be read, or makes no sense; a sentence for each mistake.
    """
    text = toml_file.text_of(path, "playlists")
    reader = toml_file.reader_of(text, "playlists", name=path)
    table = reader.table(reader.data, (), _KEYS)
    here = os.path.dirname(os.path.abspath(path))
    folder = os.path.expanduser(_text_of(reader, table, ("folder",), "."))
    found = PlaylistsFile(
        folder=os.path.join(here, folder),
        ending=reader.choice(table, ("ending",), ENDINGS, ENDINGS[0]),
        names=Names(
            maps=tuple(_maps(reader, table)),
            absolute=reader.flag(table, ("absolute",), default=False),
        ),
        wanted=tuple(_playlists(reader, table, labels)),
    )
    if reader.complaints:
        raise ConfigError(*reader.report(path))
    return found


def file_name(name: str, ending: str) -> str:
    """Return a file name for a playlist that is valid on any file system."""
    plain = "".join("_" if it in _UNSAFE or not it.isprintable() else it for it in name)
    short = plain.encode("utf-8", "replace")[:200].decode("utf-8", "ignore").strip().rstrip(".")
    return (f"_{short}" if short.startswith(".") else short or "_") + f".{ending}"


def _maps(reader: TableReader, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    maps = table.get("path_map", [])
    if not isinstance(maps, list):
        reader.complain(("path_map",), "'path_map' must be a list, as in [\"/music=/data\"]")
        return
    for number, item in enumerate(maps):
        try:
            yield parse_map(str(item))
        except ConfigError as error:
            reader.complain(("path_map", number), str(error))


def _playlists(
    reader: TableReader, table: Mapping[str, Any], labels: Sequence[str]
) -> Iterator[Wanted]:
    lists = table.get("playlist", [])
    if not isinstance(lists, list) or not lists:
        reader.complain(("playlist",), "there is no playlist; start one with [[playlist]]")
        return
    for number, data in enumerate(lists):
        path: Path = ("playlist", number)
        one = reader.table(data, path, _PLAYLIST_KEYS)
        each = reader.choice(one, (*path, "each"), (*EACH, ""), "")
        name = _text_of(reader, one, (*path, "name"), "{}" if each else "")
        if not name.strip():
            reader.complain(path, "this playlist has no 'name'")
        elif each and "{}" not in name:
            reader.complain((*path, "name"), "'name' needs {}, which the value replaces")
        yield Wanted(
            name=name,
            query=_query(reader, one, path, labels),
            each=each,
            most=_count(reader, one, (*path, "most"), _MOST_TRACKS),
            least=_count(reader, one, (*path, "least"), 1),
        )


def _query(
    reader: TableReader, table: Mapping[str, Any], path: Path, labels: Sequence[str]
) -> Query:
    text = _text_of(reader, table, (*path, "query"), "")
    try:
        query = parse(text, labels)
    except QueryError as error:
        reader.complain((*path, "query"), f"{error.sentences[0]} (at character {error.at + 1})")
        return Query()
    if query.like or query.unlike:
        reader.complain((*path, "query"), "'like:' is for lean-tag find and similar")
    return query


def _text_of(reader: TableReader, table: Mapping[str, Any], path: Path, default: str) -> str:
    value = table.get(str(path[-1]), default)
    if isinstance(value, str) and "\0" not in value:
        return value
    reader.complain(path, f"{path[-1]!r} must be a text")
    return default


def _count(reader: TableReader, table: Mapping[str, Any], path: Path, default: int) -> int:
    value = table.get(str(path[-1]), default)
    if type(value) is int and 1 <= value <= _MOST_TRACKS:
        return value
    reader.complain(path, f"{path[-1]!r} must be a number of tracks")
    return default
