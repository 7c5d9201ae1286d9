"""Write a playlist that any player reads: extended M3U, UTF-8, one file name a line.

Names are written byte for byte as the disk has them. What a line cannot hold, a line break in a
name, is left out and told. The last line says that the file is ours, with a checksum of the
rest: one that somebody else wrote or changed is not touched.
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

_MARK = b"#LEAN-TAG:"
_LARGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How files are called in a playlist.

    Attributes
    ----------
    maps : tuple of (str, str)
        Folders, and what they are called where the playlist is read, as in a container.
    absolute : bool
        Whole names; else from the playlist's folder on.
    """

    maps: tuple[tuple[str, str], ...] = ()
    absolute: bool = False

    def of(self, path: str, folder: "Folder") -> str:
        """Return what a file is called in a playlist in this folder."""
        for first, other in self.maps:
            root = first.rstrip("/")
            if path.startswith(root + "/"):
                rest = path[len(root) + 1 :]
                return f"{other.rstrip('/')}/{rest}" if other else _harmless(rest)
        if self.absolute:
            return path
        return _harmless(folder.relative(path))


class Folder:
    """Where a playlist is, from which its names lead on.

    Parameters
    ----------
    name : str
        The folder, as it was given.
    """

    def __init__(self, name: str) -> None:
        self._name, self._real = os.path.abspath(name), os.path.realpath(name)
        self._ways: dict[str, str] = {}

    def relative(self, path: str) -> str:
        """Return the name of a file from here on."""
        folder, base = os.path.split(path)
        if folder not in self._ways:
            self._ways.clear()  # tracks of one folder come together
            self._ways[folder] = self._way(folder)
        return os.path.normpath(f"{self._ways[folder]}/{base}")

    def _way(self, folder: str) -> str:
        """Return the way to a folder: by the names that were given, unless ``..`` leads astray."""
        way = os.path.relpath(folder, self._name)
        if way.startswith(".."):
            there = os.path.realpath(os.path.join(self._real, way))
            if there != os.path.realpath(folder):  # one of the folders is a symbolic link
                return os.path.relpath(folder, self._real)
        return way


@dataclass(slots=True)
class Written:
    """What became of a playlist.

    Attributes
    ----------
    path : str
        The file.
    tracks : int
        In it.
    changed : bool
        It was written; else it was as it should be already.
    left_out : list of str
        Files whose name no line can hold.
    """

    path: str
    tracks: int = 0
    changed: bool = False
    left_out: list[str] = field(default_factory=list)


def parse_map(text: str) -> tuple[str, str]:
    """Return the two folders of ``FROM=TO``; an empty TO leaves names from FROM on.

    Raises
    ------
    ConfigError
        It is not of this form.
    """
    first, equals, other = text.partition("=")
    if not equals or not first.startswith("/"):
        raise ConfigError(
            f"{text!r} is not FROM=TO, two folders, of which the first begins with a slash"
        )
    return first, other


def write(path: str, tracks: Iterable[Track], *, title: str = "", names: Names) -> Written:
    """Write a playlist, or leave it where it has the same tracks already.

    Parameters
    ----------
    path : str
        The file; it is replaced in one step.
    tracks : iterable of Track
        In their order.
    title : str
        What the playlist is called; by default as its file.
    names : Names
        How files are called.

    Raises
    ------
    ConfigError
        What is there is not ours, or was changed by somebody.
    StateError
        It cannot be written.
    """
    folder = Folder(os.path.dirname(os.path.abspath(path)))
    path = os.path.realpath(path)
    refuse_foreign(path)
    done = Written(path)
    title = title or os.path.splitext(os.path.basename(path))[0]
    temporary = os.path.join(os.path.dirname(path), temporary_files.name_for(".tmp.m3u8"))
    try:
        with open(temporary, "xb") as file:
            _fill(file, _lines(done, tracks, title, folder, names))
            file.flush()
            os.fsync(file.fileno())
        done.changed = not _same(temporary, path)
        if done.changed:
            _keep_mode(path, temporary)
            os.replace(temporary, path)
    except OSError as error:
        raise StateError(f"cannot write the playlist {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    return done


def refuse_foreign(path: str) -> None:
    """Refuse to replace a file that is not ours.

    Raises
    ------
    ConfigError
        It is not, or somebody changed it.
    """
    if not os.path.lexists(path):
        return
    try:
        with open(path, "rb") as file:
            marked, same = _check(file)
    except OSError as error:
        raise ConfigError(f"cannot read the playlist {path}: {error.strerror}") from error
    if not marked:
        raise ConfigError(f"{path} is there already, and was not written by lean-tag; it was left")
    if not same:
        raise ConfigError(
            f"{path} was changed since lean-tag wrote it, and was left as it is; give it another "
            "name, or remove it"
        )


def _check(file: BinaryIO) -> tuple[bool, bool]:
    """Tell whether a file has our mark, and whether it is as it was written."""
    checksum, last = 0, b""
    for line in iter(lambda: file.readline(_LARGEST_LINE), b""):
        checksum, last = zlib.crc32(last, checksum), line
    return last.startswith(_MARK), last == _mark(checksum)


def _mark(checksum: int) -> bytes:
    return b"%s written by lean-tag, which replaces it while nobody changes it: %08x\n" % (
        _MARK,
        checksum,
    )


def _fill(file: BinaryIO, lines: Iterable[bytes]) -> None:
    checksum = 0
    for line in lines:
        file.write(line)
        checksum = zlib.crc32(line, checksum)
    file.write(_mark(checksum))


def _lines(
    done: Written, tracks: Iterable[Track], title: str, folder: Folder, names: Names
) -> Iterator[bytes]:
    yield b"#EXTM3U\n"
    yield b"#PLAYLIST:" + _shown(title) + b"\n"
    for track in tracks:
        name = os.fsencode(names.of(track.path, folder))
        # Players cut off spaces at the end of a line.
        if b"\n" in name or b"\r" in name or name != name.rstrip():
            done.left_out.append(track.path)
            continue
        seconds = round(track.seconds) if track.seconds else -1
        yield b"#EXTINF:%d,%s\n" % (seconds, _shown(track.name))
        yield name + b"\n"
        done.tracks += 1


def _shown(text: str) -> bytes:
    """Return a text for people, on one line."""
    printable = "".join(it if it.isprintable() else " " for it in text)
    return " ".join(printable.split()).encode("utf-8", errors="replace")


def _harmless(name: str) -> str:
    """Return a relative name that no player takes for a comment or an address."""
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
    """Return what to tell a person of a playlist, a line each."""
    what = "tracks" if done.tracks != 1 else "track"
    lines = [f"{done.path}: {done.tracks} {what}{'' if done.changed else ', as it was'}"]
    if done.left_out:
        lines.append(
            f"{len(done.left_out)} left out, whose name has a line break or ends in a space, "
            f"which no line of a playlist can hold: {done.left_out[0]}"
        )
    return lines
