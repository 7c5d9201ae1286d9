"""Write a playlist for any player: extended M3U, UTF-8, one file name per line.

Names keep their bytes from the disk. A file is left out and reported if a line cannot hold its
name, as with a line break. The last line marks the file as ours, with a checksum of the rest; a
file that somebody else wrote or changed is not touched.
"""

import contextlib
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from lean_tagger.errors import ConfigError, StateError
from lean_tagger.store.tracks import Track
from lean_tagger.system import temporary_files
from lean_tagger.system.files import open_regular

_MARK = b"#LEAN-TAG:"
_LARGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How files are named in a playlist.

    Attributes
    ----------
    maps : tuple of (str, str)
        Folders, and their names for the player, as in a container.
    absolute : bool
        Absolute names; else relative to the playlist's folder.
    """

    maps: tuple[tuple[str, str], ...] = ()
    absolute: bool = False

    def of(self, path: str, folder: "Folder") -> str:
        """Return a file's name for a playlist in this folder."""
        for first, other in self.maps:
            root = first.rstrip("/")
            if path.startswith(root + "/"):
                rest = path[len(root) + 1 :]
                return f"{other.rstrip('/')}/{rest}" if other else _harmless(rest)
        if self.absolute:
            return path
        return _harmless(folder.relative(path))


class Folder:
    """The folder of a playlist, to which names are relative.

    Parameters
    ----------
    name : str
        The folder's name, as given.
    """

    def __init__(self, name: str) -> None:
        self._name, self._real = os.path.abspath(name), os.path.realpath(name)
        self._ways: dict[str, str] = {}

    def relative(self, path: str) -> str:
        """Return the name of a file relative to this folder."""
        folder, base = os.path.split(path)
        if folder not in self._ways:
            self._ways.clear()  # tracks of a folder come together
            self._ways[folder] = self._way(folder)
        return os.path.normpath(f"{self._ways[folder]}/{base}")

    def _way(self, folder: str) -> str:
        """Return the relative name of a folder, by given names unless ``..`` would be wrong."""
        way = os.path.relpath(folder, self._name)
        if way.startswith(".."):
            there = os.path.realpath(os.path.join(self._real, way))
            if there != os.path.realpath(folder):  # one of the folders is a symbolic link
                return os.path.relpath(folder, self._real)
        return way


@dataclass(slots=True)
class Written:
    """The result of writing a playlist.

    Attributes
    ----------
    path : str
        The file.
    tracks : int
        Number of tracks in it.
    changed : bool
        It was written; otherwise it was right already.
    left_out : list of str
        Files with names that no line can hold.
    """

    path: str
    tracks: int = 0
    changed: bool = False
    left_out: list[str] = field(default_factory=list)


def parse_map(text: str) -> tuple[str, str]:
    """Return the two folders of ``FROM=TO``; with an empty TO, names are relative to FROM.

    Raises
    ------
    ConfigError
        It does not have this form.
    """
    first, equals, other = text.partition("=")
    if not equals or not first.startswith("/"):
        raise ConfigError(
            f"{text!r} is not FROM=TO, two folders; the first must start with a slash"
        )
    return first, other


class Playlist:
    """A playlist that is being written; a context manager that removes an unfinished one.

    Parameters
    ----------
    path : str
        The file; it is replaced in one step.
    title : str
        The playlist's title; by default the file's name.
    names : Names
        How files are named.

    Attributes
    ----------
    done : Written
        The result so far.

    Raises
    ------
    ConfigError
        The existing file is not ours, or was changed by somebody.
    StateError
        It cannot be written.
    """

    def __init__(self, path: str, *, title: str = "", names: Names) -> None:
        self._folder = Folder(os.path.dirname(os.path.abspath(path)))
        self._path = os.path.realpath(path)
        self._names = names
        refuse_foreign(self._path)
        folder, base = os.path.split(self._path)
        self._temporary = os.path.join(folder, temporary_files.name_for(".tmp.m3u8"))
        self.done = Written(self._path)
        self._checksum = 0
        with self._translated():
            self._file = open(self._temporary, "xb")  # noqa: SIM115 - closed by `__exit__`
        title = title or os.path.splitext(base)[0]
        self._line(b"#EXTM3U")
        self._line(b"#PLAYLIST:" + _shown(title))

    def __enter__(self) -> "Playlist":
        """Return the playlist itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove an unfinished playlist."""
        self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._temporary)

    def add(self, track: Track) -> None:
        """Add a track, or leave it out if no line can hold its name."""
        name = os.fsencode(self._names.of(track.path, self._folder))
        # Players cut off spaces at the end of a line.
        if b"\n" in name or b"\r" in name or name != name.rstrip():
            self.done.left_out.append(track.path)
            return
        seconds = round(track.seconds) if track.seconds else -1
        self._line(b"#EXTINF:%d,%s" % (seconds, _shown(track.name)))
        self._line(name)
        self.done.tracks += 1

    def finish(self) -> Written:
        """Put the playlist in its place, unless the existing file is the same."""
        with self._translated():
            self._file.write(_mark(self._checksum))
            self._file.flush()
            os.fsync(self._file.fileno())
            self.done.changed = not _same(self._temporary, self._path)
            if self.done.changed:
                _keep_mode(self._path, self._temporary)
                os.replace(self._temporary, self._path)
        return self.done

    def _line(self, line: bytes) -> None:
        with self._translated():
            self._file.write(line + b"\n")
        self._checksum = zlib.crc32(line + b"\n", self._checksum)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"cannot write the playlist {self._path}: {error.strerror}"
            raise StateError(message) from error


def write(path: str, tracks: Iterable[Track], *, title: str = "", names: Names) -> Written:
    """Write a playlist of these tracks; the parameters and errors are those of `Playlist`."""
    with Playlist(path, title=title, names=names) as playlist:
        for track in tracks:
            playlist.add(track)
        return playlist.finish()


def refuse_foreign(path: str) -> None:
    """Refuse to replace a file that is not ours.

    Raises
    ------
    ConfigError
        It is not ours, or somebody changed it.
    """
    if not os.path.lexists(path):
        return
    try:
        with open(open_regular(path), "rb") as file:
            ours = _is_ours(file)
    except OSError as error:
        raise ConfigError(f"cannot read the playlist {path}: {error.strerror}") from error
    if not ours:
        raise ConfigError(
            f"{path} already exists and is not as lean-tag wrote it; it was left as it is. Give "
            "another name, or remove it"
        )


def _is_ours(file: BinaryIO) -> bool:
    """Tell whether a file is as we wrote it: its last line has the checksum of the rest."""
    checksum, last = 0, b""
    for line in iter(lambda: file.readline(_LARGEST_LINE), b""):
        checksum, last = zlib.crc32(last, checksum), line
    return last == _mark(checksum)


def _mark(checksum: int) -> bytes:
    return b"%s written by lean-tag, which replaces it while nobody changes it: %08x\n" % (
        _MARK,
        checksum,
    )


def _shown(text: str) -> bytes:
    """Return a text for people, on one line."""
    printable = "".join(it if it.isprintable() else " " for it in text)
    return " ".join(printable.split()).encode("utf-8", errors="replace")


def _harmless(name: str) -> str:
    """Return a relative name that players do not take for a comment or an address."""
    first = name.split("/", 1)[0]
    return f"./{name}" if name.startswith("#") or name != name.lstrip() or ":" in first else name


def _same(path: str, other: str) -> bool:
    """Tell whether two files have the same bytes."""
    try:
        with open(path, "rb") as one, open(other, "rb") as two:
            while data := one.read(_LARGEST_LINE):
                if data != two.read(_LARGEST_LINE):
                    return False
            return not two.read(1)
    except FileNotFoundError:
        return False


def _keep_mode(path: str, temporary: str) -> None:
    with contextlib.suppress(OSError):
        os.chmod(temporary, os.stat(path).st_mode & 0o7777)


def told(done: Written) -> Sequence[str]:
    """Return the messages about a playlist, a line each."""
    what = "tracks" if done.tracks != 1 else "track"
    lines = [f"{done.path}: {done.tracks} {what}{'' if done.changed else ', as it was'}"]
    if done.left_out:
        lines.append(
            f"{len(done.left_out)} left out, since a playlist cannot hold names with a line break "
            f"or a space at the end: {done.left_out[0]}"
        )
    return lines
