"""The group of a track, usually its artist, which is never on both sides of a comparison.

It is the album artist; else the artist, if all of the album is by one; else the album; else the
artist; else the folder.
"""

import os
from collections.abc import Sequence

from lean_tagger.jobs import TrackInfo
from lean_tagger.rules.album_vote import is_various

Group = tuple[str, ...]


def groups(paths: Sequence[str], infos: Sequence[TrackInfo]) -> list[Group]:
    """Return the group of each track, in order."""
    artists: dict[Group, set[str]] = {}
    for path, info in zip(paths, infos, strict=True):
        artists.setdefault(_album(path, info), set()).add(_plain(info.artist))
    return [
        _group(path, info, artists[_album(path, info)])
        for path, info in zip(paths, infos, strict=True)
    ]


def album(path: str, info: TrackInfo) -> Group:
    """Return the album of a track: its name and artist, or the folder without these tags."""
    artist = _plain(info.albumartist) or _plain(info.artist)
    if _plain(info.album) and artist and not is_various(artist):
        return ("album", _plain(info.album), artist)
    return ("folder", os.path.dirname(path))


def _group(path: str, info: TrackInfo, of_album: set[str]) -> Group:
    artist = _plain(info.albumartist)
    if artist and not is_various(artist):
        return ("artist", artist)
    if _plain(info.album):
        if len(of_album) == 1 and (only := next(iter(of_album))) and not is_various(only):
            return ("artist", only)
        return ("album", _plain(info.album))
    if _plain(info.artist) and not is_various(info.artist):
        return ("artist", _plain(info.artist))
    return ("folder", os.path.dirname(path))


def _album(path: str, info: TrackInfo) -> Group:
    if not _plain(info.album):
        return ("folder", os.path.dirname(path))
    return ("album", _plain(info.album), os.path.dirname(path))


def _plain(name: str) -> str:
    return name.strip().casefold()
