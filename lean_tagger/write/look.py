"""Examine a file and its fields before anything is done with it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from lean_tagger.errors import (
    FileError,
    NoTagSupportError,
    ObstacleError,
    UnreadableError,
    WriteError,
)
from lean_tagger.jobs import Identity, TrackInfo, Values
from lean_tagger.settings import WriteSettings
from lean_tagger.system import obstacles
from lean_tagger.write.formats.all_tags import AllTags
from lean_tagger.write.formats.detect import format_of, parse
from lean_tagger.write.replace import misfit
from lean_tagger.write.source import opened, translated
from lean_tagger.write.splice import growth
from lean_tagger.write.track_info import track, track_at_hand

_USUAL = WriteSettings()

_LEAST = {"genre": ("x",), "mood": ("x",), "leantag": ("x" * 100,)}
"""A trial value, shorter than any that a run writes: if it does not fit, nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file's identity and contents.

    Attributes
    ----------
    path : str
        Its name.
    identity : Identity
        It shows later changes.
    fields : mapping of str to tuple of str
        The values of our fields.
    obstacle : FileError or None
        Why nothing can be written into it; None if something can.
    track : TrackInfo or None
        Artist and album; None if they are not needed and not cheap to read.
    """

    path: str
    identity: Identity
    fields: Values
    obstacle: FileError | None = None
    track: TrackInfo | None = None


def look(
    path: str,
    *,
    with_track: bool | None,
    ways: WriteSettings = _USUAL,
    may_change: Callable[[Values], Collection[str]] = lambda _: (),
) -> FileState:
    """Return a file's identity and contents.

    Parameters
    ----------
    path : str
        The file.
    with_track : bool or None
        Whether artist and album are needed; if not, they are read where that is cheap. None is
        never.
    ways : WriteSettings
        How it would be written.
    may_change : callable
        Gives the fields that may be written into a file with these values. This function checks
        that they fit and hide nothing.

    Raises
    ------
    UnreadableError
        It does not exist any more.
    """
    identity = identify(path)  # first, so that the next run notices a change from now on
    fields: Values = {}
    in_the_way: FileError | None = None
    track_found: TrackInfo | None = None
    parsed = False
    try:
        if supported(path):
            with opened(path) as source, translated(path):
                tags = parse(source)
                fields, parsed = tags.values(), True
                track_found = track_at_hand(path, tags) if with_track is False else None
                in_the_way = obstacle(path, ways)
                if in_the_way is None:
                    source.id3_version = ways.id3_version
                    _try_out(tags, may_change(fields))
        else:
            message = "this kind of file has no place for tags that lean-tag can write"
            in_the_way = NoTagSupportError(path, message)
    except FileError as error:
        in_the_way = error
    if with_track:
        track_found = track(path)
    elif with_track is False and not parsed:
        track_found = track_at_hand(path)
    return FileState(
        path=path, identity=identity, fields=fields, obstacle=in_the_way, track=track_found
    )


def _try_out(tags: AllTags, fields: Collection[str]) -> None:
    """Prepare the smallest change to these fields, and discard it.

    Raises
    ------
    WriteError
        It cannot be made, so no other change can.
    """
    least = {field: _LEAST[field] for field in fields}
    if least:
        tags.patches(tags.in_full(least))


def identify(path: str) -> Identity:
    """Return the identity of a file, which shows whether it has changed.

    Raises
    ------
    UnreadableError
        It does not exist any more.
    """
    try:
        return Identity.at(path)
    except OSError as error:
        raise UnreadableError(path, f"it went away: {error.strerror}") from error


def supported(path: str) -> bool:
    """Tell whether a file's format can carry our fields, by its content.

    Parameters
    ----------
    path : str
        The file; its name does not matter.

    Returns
    -------
    bool
        Also False for a file with a damaged tag at the start that hides the rest.

    Raises
    ------
    UnreadableError
        If the file cannot be opened, or is not a regular file.
    """
    with opened(path) as source:
        try:
            with translated(path):
                return format_of(source) is not None
        except WriteError:
            return False


def read(path: str) -> dict[str, tuple[str, ...]]:
    """Return the values that a file has for our fields.

    A genre counts in any tag of the file, since some player will show it.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    dict[str, tuple[str, ...]]
        Values in the file's order, each once; a field without any is absent.

    Raises
    ------
    UnreadableError
        If the file cannot be opened.
    WriteError
        If its tags do not parse, so that nothing can be written either.
    """
    with opened(path) as source, translated(path):
        return parse(source).values()


def read_each(path: str) -> dict[str, tuple[str, ...]]:
    """Return what `read` returns, with the values of each tag (see `formats.all_tags`).

    Raises
    ------
    UnreadableError, WriteError
        As `read`.
    """
    with opened(path) as source, translated(path):
        return parse(source).exact()


def obstacle(path: str, ways: WriteSettings = _USUAL) -> ObstacleError | None:
    """Return what prevents writing a file, before anything is heard or tried.

    Parameters
    ----------
    path : str
        A file of a supported format, with tags that `read` can read.
    ways : WriteSettings
        As for `write`.

    Returns
    -------
    ObstacleError or None
        ``None`` if nothing is known that prevents it, without changing anything.

    Raises
    ------
    UnreadableError, WriteError
        As for `read`.
    """
    try:
        with translated(path):
            way = obstacles.way_to_write(
                path, hardlinks=ways.hardlinks, preserve_mtime=ways.preserve_mtime
            )
            obstacles.refuse_without_room(path)
        if way == "replace":
            return None
        with opened(path) as source, translated(path):
            source.id3_version = ways.id3_version
            least = {field: _LEAST[field] for field in ("genre", "leantag")}
            return misfit(source) if growth(parse(source).patches(least)) else None
    except ObstacleError as error:
        return error
