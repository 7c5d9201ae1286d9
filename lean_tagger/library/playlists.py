"""Bring the playlists of one description up to date."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from lean_tagger.errors import ConfigError
from lean_tagger.library.playlist import Playlist, Written
from lean_tagger.library.playlists_file import (
    MOST_PLAYLISTS,
    PlaylistsFile,
    Wanted,
    file_name,
)
from lean_tagger.store.tracks import Track


def update(
    said: PlaylistsFile, wanted: Wanted, tracks: Iterable[Track], *, gone: Callable[[], int]
) -> Iterator[Written | ConfigError]:
    """Write one playlist, or one for each value of a field; yield the results.

    Parameters
    ----------
    said : PlaylistsFile
        Where to write.
    wanted : Wanted
        Which playlist.
    tracks : iterable of Track
        Existing files that match the query of `wanted`, in its order.
    gone : callable
        Returns the number of matching files that are missing. If all are, as when a share is
        away, playlists do not change.

    Yields
    ------
    Written or ConfigError
        An error if a file is not ours.
    """
    refused: dict[str, ConfigError] = {}
    open_: dict[str, Playlist] = {}
    with ExitStack() as stack:
        if not wanted.each:
            _begin(said, wanted.name, open_, refused, stack)
        for track in tracks:
            for name in _names(wanted, track):
                one = _begin(said, name, open_, refused, stack)
                if one is not None and one.done.tracks < wanted.most:
                    one.add(track)
        yield from refused.values()
        for one in open_.values():
            if not one.done.tracks and gone():
                yield ConfigError(
                    f"{one.done.path} was left as it is: all of its tracks are missing now"
                )
            elif one.done.tracks >= wanted.least or not wanted.each:
                yield one.finish()


def _begin(
    said: PlaylistsFile,
    name: str,
    open_: dict[str, Playlist],
    refused: dict[str, ConfigError],
    stack: ExitStack,
) -> Playlist | None:
    """Return the playlist with a name, started if necessary; None if the file is not ours."""
    base = file_name(name, said.ending)
    same = base.casefold()  # some file systems ignore case
    if same in refused:
        return None
    if same not in open_:
        if len(open_) + len(refused) >= MOST_PLAYLISTS:
            raise ConfigError(
                f"there would be more than {MOST_PLAYLISTS} playlists; choose fewer with a 'query'"
            )
        try:
            one = Playlist(os.path.join(said.folder, base), title=name, names=said.names)
        except ConfigError as error:
            refused[same] = error
            return None
        open_[same] = stack.enter_context(one)
    return open_[same]


def _names(wanted: Wanted, track: Track) -> list[str]:
    if not wanted.each:
        return [wanted.name]
    values = track.genre if wanted.each == "genre" else track.mood
    names = {
        value.casefold(): wanted.name.replace("{}", value) for value in values if value.strip()
    }
    return list(names.values())
