"""Find the music under the user's paths.

A file that was named is always tried, with any extension. A folder is walked in sorted order,
and only names with the extension of an audio format count. No file is opened here: the decoder
finds out what a file really is.
"""

import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Failed, Identity, Job, Skipped
from lean_tagger.rules.album_vote import album_folder, without_disc
from lean_tagger.run.exclude import Excluded
from lean_tagger.run.within import Within
from lean_tagger.system.packed_sort import PackedSort
from lean_tagger.system.scratch import LongSet
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
"""Extensions of the files that count in a folder, in lower case."""

# Names that begin with a dot (`._*`, `.@__thumb`, our own temporary files) are skipped too.
# These belong to network storage and Windows: thumbnails, bins, read-only snapshots.
_IGNORED = frozenset(
    {"@eaDir", "@Recycle", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information"}
)

_FOLDER = b"/"
"""Marks the name of a folder in a listing."""

_FolderKey = int
"""st_dev and st_ino in one number, unique for a folder: folders cannot be hard-linked."""


@dataclass(slots=True)
class _Given:
    """What the walk of one given folder found."""

    music: bool = False
    links_passed: bool = False
    excluded: bool = False


@dataclass(slots=True)
class _Folder:
    """A folder that is being walked, and the remaining names in it."""

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
    one_file_system: bool = False,
) -> Iterator[Job | Skipped | Failed]:
    """Yield every music file once, and outcomes for the other paths.

    Parameters
    ----------
    paths : sequence of path
        Files and folders, in the order of work. A linked folder is always walked if it is
        given itself.
    follow_symlinks : bool
        Also walk linked folders inside folders; a loop is entered once. Linked *files* are
        always included.
    shard : tuple of int, optional
        Only this part of them; see `part`.
    exclude : sequence of str
        Patterns of what to leave out of folders; see `exclude`. Files that are given
        themselves are included anyway.
    within : Within, optional
        Only the contents of these folders below the given ones; others are not even listed.
    one_file_system : bool
        Leave out folders where another file system is mounted.

    Yields
    ------
    Job or Skipped or Failed
        A file to do; or a path that cannot be used, with ``kind`` "missing", "not-a-file" (a
        pipe, a device, a link to nothing), "empty", "unreadable" or "no-music". A file that is
        reached twice, by two paths or by a link, comes once.

    Raises
    ------
    ConfigError
        A pattern, or a ``.leantagignore`` in a folder, makes no sense.

    Notes
    -----
    Only the packed names of the current folders stay in memory, so a large library needs very
    little here.
    """
    Excluded("", exclude)  # reports a mistake before anything is done
    found = _Walker(
        follow_symlinks=follow_symlinks,
        exclude=exclude,
        within=within,
        one_file_system=one_file_system,
    ).walk(paths)
    return part(found, [os.fspath(path) for path in paths], shard) if shard else found


def part(
    found: Iterable[Job | Skipped | Failed], paths: Iterable[str], shard: tuple[int, int]
) -> Iterator[Job | Skipped | Failed]:
    """Yield one part of what was found; every machine divides in the same way.

    Parameters
    ----------
    found : iterable
        From `walk`.
    paths : iterable of str
        The given paths. Only the rest of a name after them counts, since a share may be mounted
        in different places; and only folders, so that an album stays together, also one with
        folders for its discs ("Album/CD 1", "Album (Disc 2)").
    shard : tuple of int
        ``(k, n)``: the k-th of n parts, from 1 on.
    """
    k, n = shard
    given = sorted((os.path.normpath(path) for path in paths), key=len, reverse=True)
    for item in found:
        path = os.path.normpath(item.path)
        top = next((it for it in given if path.startswith(os.path.join(it, ""))), "")
        folder = without_disc(album_folder(path[len(top) :].lstrip("/")))
        if zlib.crc32(os.fsencode(folder)) % n == k - 1:
            yield item


class _Walker:
    """One walk, and the files it has seen.

    A file in a walked folder can only come again through a link or as a given path, so only those
    are remembered, as (folder, name).
    """

    def __init__(
        self,
        *,
        follow_symlinks: bool,
        exclude: Sequence[str] = (),
        within: Within | None = None,
        one_file_system: bool = False,
    ) -> None:
        self._follow_symlinks, self._exclude, self._within = follow_symlinks, exclude, within
        self._one_file_system = one_file_system
        self._seen = LongSet()

    def walk(self, paths: Iterable[str | os.PathLike[str]]) -> Iterator[Job | Skipped | Failed]:
        for given in paths:
            path = os.fspath(given)
            if is_url(path):
                yield from _at_address(path)
                continue
            try:
                found = os.stat(path)  # not as a Path, which would drop "./" and "//"
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
        # An explicit stack: a tree may be deeper than Python's recursion limit.
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
                folder = self._enter(path, seen, here)
            except (OSError, ValueError) as error:
                seen.music = True  # the contents are not known, so not "no music"
                yield _failure(path, "unreadable", "cannot list this folder", error)
                continue
            except ConfigError as error:
                seen.music = True
                yield Failed(path=path, kind="unreadable", message=str(error))
                continue
            if folder is None:
                seen.music = True  # it was walked and reported before
            else:
                stack.append(folder)

    def _enter(self, path: str, seen: _Given, above: _Folder) -> _Folder | None:
        """Return a folder and its contents; ``None`` if it was walked before or is left out."""
        key = _folder_key(path)
        if _walked(key) in self._seen:
            return None
        if self._one_file_system and above.path and above.key >> 64 != key >> 64:
            return None
        with os.scandir(path) as listing:
            excluded = above.excluded.in_folder(path)
            names = PackedSort(self._wanted(path, listing, seen, excluded))
        self._seen.add(_walked(key))
        return _Folder(path, key, iter(names), excluded)

    def _wanted(
        self, path: str, listing: Iterable[os.DirEntry[str]], seen: _Given, excluded: Excluded
    ) -> Iterator[bytes]:
        """Yield the names of folders to walk, with a slash, and of possible music files.

        With the slash they sort like the paths of all files. Only the name of an entry is kept,
        since an entry takes 600 bytes.
        """
        here = self._within is None or self._within.holds(path)
        for entry in listing:
            if is_ignored(entry.name):
                continue
            try:
                folder = entry.is_dir()
                walked = folder and (self._follow_symlinks or not entry.is_symlink())
            except OSError:
                folder = walked = False  # `_take` gets the same error and reports it
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
        if (
            self._is_first(path)
            if linked
            else _single(key, os.path.basename(path)) not in self._seen
        ):
            yield _judge(path, found)

    def _is_first(self, path: str) -> bool:
        """Remember a linked or given file; False if it came before or comes with its folder."""
        folder, name = os.path.split(os.path.realpath(path))
        try:
            key = _folder_key(folder)
        except OSError:
            return True  # opening it later will report what is wrong
        if _walked(key) in self._seen and is_audio(name) and not is_ignored(name):
            return False
        if _single(key, name) in self._seen:
            return False
        self._seen.add(_single(key, name))
        return True


def _folder_key(path: str) -> _FolderKey:
    found = os.stat(path or os.curdir)
    return found.st_dev << 64 | found.st_ino


def _walked(key: _FolderKey) -> bytes:
    """Return how a walk notes that it has been in a folder."""
    return b"%d" % key


def _single(key: _FolderKey, name: str) -> bytes:
    """Return how a walk notes a linked or given file of a folder."""
    return b"%d/" % key + os.fsencode(name)


def is_ignored(name: str) -> bool:
    """Tell whether a walk skips a file or folder with this name."""
    return name.startswith(".") or name in _IGNORED


def is_audio(name: str) -> bool:
    """Tell whether a name has the extension of an audio format."""
    return name.rpartition(".")[2].lower() in EXTENSIONS and "." in name


def _judge(path: str, found: os.stat_result) -> Job | Failed:
    """Return the job for an existing path, or why there is none."""
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
    (stat.S_ISDIR, "a folder"),  # it replaced a file during the walk
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
