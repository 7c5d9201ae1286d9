"""Find the music under the paths that a user gave.

A file that was named is always tried, whatever it is called; a folder is walked in sorted
order, and of what is in it only names with the extension of an audio format count. Nothing
is opened here: what a file really is, the decoder finds out.
"""

import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Failed, Identity, Job, Skipped
from lean_tagger.rules.album_vote import album_folder
from lean_tagger.run.exclude import Excluded
from lean_tagger.run.within import Within
from lean_tagger.system.packed_sort import PackedSort
from lean_tagger.system.urls import find, is_url

EXTENSIONS = frozenset(
    {
        *("mp3", "mp2", "mpga", "aac", "m4a", "m4b", "m4r", "mp4", "m4v", "mov", "3gp"),
        *("flac", "ogg", "oga", "ogv", "opus", "spx"),
        *("wav", "wave", "bwf", "w64", "rf64", "aiff", "aif", "aifc", "au", "caf"),
        *("wma", "wmv", "asf", "ape", "wv", "mpc", "mp+", "mpp", "tta", "tak", "dsf", "dff"),
        *("mka", "mkv", "webm", "ac3", "eac3", "dts"),
    }
)
"""Extensions of the files that are picked up in a folder, in lower case."""

# Names that begin with a dot (`._*`, `.@__thumb`, our own temporaries) are passed over as
# well. These belong to network storage and Windows: thumbnails, bins, read-only snapshots.
_IGNORED = frozenset(
    {"@eaDir", "@Recycle", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information"}
)

_FOLDER = b"/"
"""Ends the name of a folder in a listing."""

_FolderKey = int
"""st_dev and st_ino in one number: a folder has one, and cannot be hard-linked."""


@dataclass(slots=True)
class _Given:
    """What the walk of one given folder came across."""

    music: bool = False
    links_passed: bool = False
    excluded: bool = False


@dataclass(slots=True)
class _Folder:
    """A folder that is being walked, and the names in it that are still to come."""

    path: str
    key: _FolderKey
    names: Iterator[bytes]
    excluded: Excluded


def walk(
    paths: Sequence[str | os.PathLike[str]],
    *,
    follow_symlinks: bool = False,
    shard: tuple[int, int] | None = None,
    exclude: Sequence[str] = (),
    within: Within | None = None,
) -> Iterator[Job | Skipped | Failed]:
    """Yield every music file once, and what is wrong with the rest.

    Parameters
    ----------
    paths : sequence of path
        Files and folders, in the order in which they are to be done. A linked folder that
        is given itself is walked in any case.
    follow_symlinks : bool
        Also walk linked folders inside of folders; a loop is entered once. Linked *files*
        are always taken.
    shard : tuple of int, optional
        Only this part of them; see `part`.
    exclude : sequence of str
        Patterns of what is left out of folders; see `exclude`. What is named itself is done.
    within : Within, optional
        Only what is in these folders below the given ones; the others are not even listed.

    Yields
    ------
    Job or Skipped or Failed
        A file to do; or a path with which nothing can be done, with ``kind`` "missing",
        "not-a-file" (a pipe, a device, a link to nothing), "empty", "unreadable" or
        "no-music". A file that is reached twice, by two paths or by a link, comes once.

    Raises
    ------
    ConfigError
        A pattern, or a ``.leantagignore`` on the way, makes no sense.

    Notes
    -----
    Apart from the packed names of the folders on the way, only the keys of folders and of linked
    or given files stay in memory, so a large library costs next to nothing here.
    """
    Excluded("", exclude)  # a mistake is said before anything is done
    found = _Walker(follow_symlinks=follow_symlinks, exclude=exclude, within=within).walk(paths)
    return part(found, [os.fspath(path) for path in paths], shard) if shard else found


def part(
    found: Iterable[Job | Skipped | Failed], paths: Iterable[str], shard: tuple[int, int]
) -> Iterator[Job | Skipped | Failed]:
    """Yield one part of what was found, the same on every machine.

    Parameters
    ----------
    found : iterable
        From `walk`.
    paths : iterable of str
        That it was given. Only what stands behind them counts, since a share may be mounted
        in different places; and only folders, so that an album stays together, also one in
        folders of its discs ("CD 1", "Disc 2").
    shard : tuple of int
        ``(k, n)``: the k-th of n parts, from 1 on.
    """
    k, n = shard
    given = sorted((os.path.normpath(path) for path in paths), key=len, reverse=True)
    for item in found:
        path = os.path.normpath(item.path)
        top = next((it for it in given if path.startswith(os.path.join(it, ""))), "")
        folder = album_folder(path[len(top) :].lstrip("/"))
        if zlib.crc32(os.fsencode(folder)) % n == k - 1:
            yield item


class _Walker:
    """One walk, and what it has seen.

    A file in a walked folder can only come a second time through a link or as a given path,
    so only those are remembered, as (folder, name).
    """

    def __init__(
        self,
        *,
        follow_symlinks: bool,
        exclude: Sequence[str] = (),
        within: Within | None = None,
    ) -> None:
        self._follow_symlinks, self._exclude, self._within = follow_symlinks, exclude, within
        self._folders: set[_FolderKey] = set()
        self._singles: set[tuple[_FolderKey, str]] = set()

    def walk(self, paths: Iterable[str | os.PathLike[str]]) -> Iterator[Job | Skipped | Failed]:
        for given in paths:
            path = os.fspath(given)
            if is_url(path):
                yield from _at_address(path)
                continue
            try:
                found = os.stat(path)  # a Path would lose "./" and "//"
            except (OSError, ValueError) as error:
                yield _stat_failure(path, error)
                continue
            if stat.S_ISDIR(found.st_mode):
                yield from self._walk_given_folder(path)
            elif self._is_first(path):
                yield _judge(path, found)

    def _walk_given_folder(self, path: str) -> Iterator[Job | Skipped | Failed]:
        seen = _Given()
        yield from self._walk_folder(path, seen)
        if not seen.music and self._within is None:
            hint = "; it has linked folders: see --follow-symlinks" if seen.links_passed else ""
            hint = "; some of it is excluded" if seen.excluded else hint
            message = f"no music files in this folder{hint}"
            yield Skipped(path=path, kind="no-music", message=message)

    def _walk_folder(self, top: str, seen: _Given) -> Iterator[Job | Failed]:
        # A stack of our own: a tree may be deeper than Python's.
        start = iter([os.fsencode(top) + _FOLDER])
        stack = [_Folder("", 0, start, Excluded(top, self._exclude))]
        while stack:
            here = stack[-1]
            name = next(here.names, None)
            if name is None:
                stack.pop()
                continue
            path = os.path.join(here.path, os.fsdecode(name.removesuffix(_FOLDER)))
            if not name.endswith(_FOLDER):
                seen.music = True
                yield from self._take(path, here.key)
                continue
            try:
                folder = self._enter(path, seen, here.excluded)
            except (OSError, ValueError) as error:
                seen.music = True  # what there is we do not know: not "no music"
                yield _failure(path, "unreadable", "cannot list this folder", error)
                continue
            except ConfigError as error:
                seen.music = True
                yield Failed(path=path, kind="unreadable", message=str(error))
                continue
            if folder is None:
                seen.music = True  # walked before, and judged then
            else:
                stack.append(folder)

    def _enter(self, path: str, seen: _Given, excluded: Excluded) -> _Folder | None:
        """Return a folder and what is in it; ``None`` if it was walked before."""
        key = _folder_key(path)
        if key in self._folders:
            return None
        with os.scandir(path) as listing:
            excluded = excluded.in_folder(path)
            names = PackedSort(self._wanted(path, listing, seen, excluded))
        self._folders.add(key)
        return _Folder(path, key, iter(names), excluded)

    def _wanted(
        self, path: str, listing: Iterable[os.DirEntry[str]], seen: _Given, excluded: Excluded
    ) -> Iterator[bytes]:
        """Yield the names of folders to walk, with a slash, and of what may be music.

        So marked they sort as the paths of all files do. What an entry knows apart from its name
        is not kept: it is 600 bytes.
        """
        here = self._within is None or self._within.holds(path)
        for entry in listing:
            if is_ignored(entry.name):
                continue
            try:
                folder = entry.is_dir()
                walked = folder and (self._follow_symlinks or not entry.is_symlink())
            except OSError:
                folder = walked = False  # `_take` meets the same error, and says it
            if folder and not walked:
                seen.links_passed = True
            elif not (self._leads_on(entry.path) if folder else here and is_audio(entry.name)):
                continue
            elif excluded.matches(entry.path, is_folder=folder):
                seen.excluded = True
            else:
                yield os.fsencode(entry.name) + (_FOLDER if folder else b"")

    def _leads_on(self, folder: str) -> bool:
        return self._within is None or self._within.leads_to(folder)

    def _take(self, path: str, key: _FolderKey) -> Iterator[Job | Failed]:
        try:
            found = os.lstat(path)
            linked = stat.S_ISLNK(found.st_mode)
            if linked:
                found = os.stat(path)
        except OSError as error:
            yield _stat_failure(path, error)
            return
        if self._is_first(path) if linked else (key, os.path.basename(path)) not in self._singles:
            yield _judge(path, found)

    def _is_first(self, path: str) -> bool:
        """Note a linked or given file; false if it came before, or will with its folder."""
        folder, name = os.path.split(os.path.realpath(path))
        try:
            key = _folder_key(folder)
        except OSError:
            return True  # not ours to judge: opening it will say what is wrong
        if key in self._folders and is_audio(name) and not is_ignored(name):
            return False
        if (key, name) in self._singles:
            return False
        self._singles.add((key, name))
        return True


def _folder_key(path: str) -> _FolderKey:
    found = os.stat(path or os.curdir)
    return found.st_dev << 64 | found.st_ino


def is_ignored(name: str) -> bool:
    """Tell whether a file or folder of this name is passed over in a folder."""
    return name.startswith(".") or name in _IGNORED


def is_audio(name: str) -> bool:
    """Tell whether a name has the extension of an audio format."""
    return name.rpartition(".")[2].lower() in EXTENSIONS and "." in name


def _judge(path: str, found: os.stat_result) -> Job | Failed:
    """Return the job for what exists, or why there is none."""
    for is_kind, what in _NOT_FILES:
        if is_kind(found.st_mode):
            return Failed(path=path, kind="not-a-file", message=f"this is {what}, not a file")
    if found.st_size == 0:
        return Failed(path=path, kind="empty", message="the file is empty")
    return Job(path, found.st_size, Identity.of(found))


def _at_address(url: str) -> Iterator[Job | Skipped | Failed]:
    """Yield the file at an address, or all music below a folder there."""
    music = False
    try:
        for address, size_bytes, time_ns in find(url):
            name = address.rpartition("/")[2]
            if address == url or (is_audio(name) and not is_ignored(name)):
                music = True
                yield Job(address, size_bytes, Identity(size_bytes, time_ns, 0))
    except OSError as error:
        yield _failure(url, "unreadable", "cannot look at this address", error)
        return
    if not music:
        yield Skipped(path=url, kind="no-music", message="no music files at this address")


_NOT_FILES = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),  # swapped for a file while we walked
)


def _stat_failure(path: str, error: OSError | ValueError) -> Failed:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if os.path.islink(path):
            message = "a link to a file that does not exist"
            return Failed(path=path, kind="not-a-file", message=message)
        return Failed(path=path, kind="missing", message="there is no such file or folder")
    return _failure(path, "unreadable", "cannot look at this path", error)


def _failure(path: str, kind: str, what: str, error: OSError | ValueError) -> Failed:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Failed(path=path, kind=kind, message=f"{what}: {reason}")
