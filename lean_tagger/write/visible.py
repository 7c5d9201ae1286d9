"""What other programs see in a file: a second proof, with other parsers than the first.

Even if no byte was lost, a reader may not find it any more: a new tag can hide an older one, and a
frame in a wrong place can damage its neighbour for readers that parse in another way. So mutagen
and FFmpeg, which wrote nothing here, read the original and the copy, and must see the same except
for our fields.

They load everything they find. So each reads through a `_Limited` file: if the tags are larger
than its limit, the reader gives no result, and only the proof by bytes counts.
"""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import av
import mutagen
from mutagen.aac import AAC
from mutagen.apev2 import APETextValue, APEv2
from mutagen.id3 import ID3, ID3NoHeaderError, ID3TimeStamp

from lean_tagger.fields import FIELDS, Column, field_of
from lean_tagger.system.digest import blake2b
from lean_tagger.write.source import Source

# mutagen has no types for its constructors.
# mypy: disable-error-code="no-untyped-call"

Seen = Mapping[str, tuple[str, ...]]
"""Values by key, in a reader's own form; long or binary values as a digest."""

View = Mapping[str, Seen | None]
"""What each reader sees; None if it cannot read the file. A reader that would have needed too much
memory is left out."""

# Both together briefly need sixteen times what they read: a cover of 3.5 MB took 57 MiB.
_MOST_BYTES = 768 << 10
_SLACK_BYTES = 128 << 10  # for the copy, which our fields make larger
# mutagen makes an object of 250 bytes for each atom of an MP4, of which it reads eight: a day in
# fragments has a hundred thousand.
_LEAST_OF_A_READ = 32
_LONGEST_TEXT = 200
_COLUMNS: tuple[Column, ...] = (
    "id3v22",
    "id3v23",
    "id3v24",
    "vorbis",
    "mp4",
    "matroska",
    "asf",
    "ape",
)
_DIGEST = "#"
_QUICKTIME = "com.apple.quicktime."
_PACKETS = ("PRIV:XMP", "id3v2_priv.XMP")
"""In XMP packets, our fields give way to spaces; the proof by bytes looks at the rest of them."""
_BY_ITSELF, *_IN_OTHERS = ("mutagen", "mutagen, in its APE tag,", "mutagen, in its ID3 tag,")
_OPTIONS = {"analyzeduration": "1", "probesize": "2048", "formatprobesize": "65536"}


def look(source: Source, *, foreign_id3: bool, slack: bool = False) -> View:
    """Return what independent readers see in a file, except for our fields.

    Parameters
    ----------
    source : Source
        The file.
    foreign_id3 : bool
        Whether there is an ID3v2 tag before a format that has its own tags.
    slack : bool
        Allow a little more than usual, so that what was read before can be read again.
    """
    limit = _MOST_BYTES + (_SLACK_BYTES if slack else 0)
    readers: dict[str, Callable[[_Limited], Seen]] = {
        "FFmpeg": _with_ffmpeg,
        _BY_ITSELF: _with_file,
        _IN_OTHERS[0]: _with_ape,
    }
    if foreign_id3:
        readers[_IN_OTHERS[1]] = _with_id3
    view: dict[str, Seen | None] = {}
    for name, reader in readers.items():
        file = _Limited(source, limit)
        with suppress(MemoryError):
            seen = _asked(reader, file)
            if not file.refused:
                view[name] = seen
    return view


def lost(before: View, after: View, *, may_show_more: bool) -> str | None:
    """Return what a reader does not see any more, in words; None if nothing is missing.

    Parameters
    ----------
    before, after : View
        From `look`.
    may_show_more : bool
        Whether the write adds a tag, or makes one easier to find. Then readers may see more,
        under other keys, and at full length.
    """
    for reader, then in before.items():
        if not then or reader not in after:
            continue
        now = after[reader]
        if now is None:
            return f"{reader} could not read it any more"
        everything = {value for values in now.values() for value in values}
        for key, values in then.items():
            same = now.get(key) == values
            if not same and not (may_show_more and all(_among(it, everything) for it in values)):
                return f"{reader} would not find its {key} any more"
        if not may_show_more and (more := set(now) - set(then)):
            return f"{reader} would find another {min(more)} in it"
    return None


def hidden(before: View, after: View) -> str | None:
    """Return what a new tag hides from another one, in words; None if it has everything too.

    Readers such as TagLib take everything from the first tag that is not empty. The readers here
    do not; so what mutagen finds in another tag must also be in a tag of another kind.
    """
    itself = after.get(_BY_ITSELF) or {}
    # In TrueAudio, an ID3 tag hides an ID3v1 trailer; FFmpeg still takes an APE tag first.
    apart = {_IN_OTHERS[0]} if itself.get("kind of file") == ("TrueAudio",) else set()
    for reader in _IN_OTHERS if _BY_ITSELF in after else ():
        if reader in apart:
            continue
        others = {_BY_ITSELF, *_IN_OTHERS} - {reader}
        views = [after.get(other) or {} for other in others]
        found = {value for view in views for values in view.values() for value in values}
        for key, values in (before.get(reader) or {}).items():
            texts = [value for value in values if not value.startswith(_DIGEST)]
            if not all(_among(text, found) for text in texts):
                return f"a new tag would hide the {key} that another tag of it holds"
    return None


def _among(value: str, found: set[str]) -> bool:
    """Tell whether a value is there, or a longer one with the start that ID3v1 holds."""
    if "\ufffd" in value:  # FFmpeg reads ID3v1's Latin-1 as UTF-8, so it did not see the value
        return True
    cut = 27 < len(value) < 31
    return value in found or (cut and any(it.startswith(value) for it in found))


class _Limited(io.RawIOBase):
    """An open file that gives at most so many bytes, and then seems to end.

    Parameters
    ----------
    source : Source
        The file; its descriptor's own position is not used.
    limit : int
        Number of bytes that may be read; a small read counts as `_LEAST_OF_A_READ`.
    """

    def __init__(self, source: Source, limit: int) -> None:
        self._fd, self._size, self._left = source.fd, source.size, limit
        self._position = 0
        self.name = source.path
        self.refused = False

    def read(self, count: int | None = -1) -> bytes:
        """Return up to `count` bytes, all the rest for -1."""
        rest = max(0, self._size - self._position)
        count = rest if count is None or count < 0 else min(count, rest)
        self._left -= max(count, _LEAST_OF_A_READ)
        if self._left < 0:  # seem to end here, because PyAV prints exceptions
            self.refused = True
            return b""
        data = os.pread(self._fd, count, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as a file does."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the file's start")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True


def _asked(reader: Callable[[_Limited], Seen], file: _Limited) -> Seen | None:
    try:
        return reader(file)
    except MemoryError:
        raise
    # The exceptions for damaged files have no other base class in common.
    except Exception:  # noqa: BLE001 - it says nothing then, and is asked about nothing
        return None


def _with_file(file: _Limited) -> Seen:
    try:
        opened = mutagen.File(file)
    except mutagen.MutagenError:  # ADTS after an ID3 tag, which it takes for MP3
        file.seek(0)
        opened = AAC(file)
    if opened is None:
        raise LookupError
    found: dict[str, tuple[str, ...]] = {"kind of file": (type(opened).__name__,)}
    if isinstance(opened, AAC):
        file.seek(0)
        with suppress(ID3NoHeaderError):
            found.update(_with_id3(file))
    found.update(_items(opened.tags))
    for number, picture in enumerate(getattr(opened, "pictures", ())):
        found[f"picture {number + 1}"] = (_short(picture.write()),)
    return found


def _with_id3(file: _Limited) -> Seen:
    return dict(_items(ID3(file, load_v1=False)))


def _with_ape(file: _Limited) -> Seen:
    return dict(_items(APEv2(file)))


def _items(tags: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield keys and values of mutagen's tags of any kind."""
    found: dict[str, list[str]] = {}
    pairs = () if tags is None else tags if hasattr(tags, "vendor") else tags.items()
    for key, values in pairs:
        mine = found.setdefault(key, [])
        for value in values if isinstance(values, list) else [values]:
            texts = getattr(value, "text", None)
            each = texts if isinstance(texts, list) else [value]
            if isinstance(value, APETextValue):
                each = list(value)
            mine.extend(_short(str(it) if isinstance(it, ID3TimeStamp) else it) for it in each)
    for key, shown in found.items():
        if not _is_ours(key):
            yield key, tuple(shown)


def _with_ffmpeg(file: _Limited) -> Seen:
    found: dict[str, tuple[str, ...]] = {}

    def add(prefix: str, metadata: Mapping[str, str]) -> None:
        for key, value in metadata.items():
            name = key.rpartition("/")[2] if levels else key  # ALBUM/GENRE is a genre, too
            if not _is_ours(name):
                found[prefix + key.lower()] = (_short(value),)

    with av.open(file, "r", options=_OPTIONS, metadata_errors="replace") as container:
        levels = "matroska" in container.format.name
        add("", container.metadata)
        pictures = 0
        for stream in container.streams:
            if stream.type == "video":
                pictures += 1
                packet = next(container.demux(stream))
                found[f"picture {pictures}"] = (_short(bytes(packet)),)
            add("stream's ", stream.metadata)
        for number, chapter in enumerate(container.chapters()):
            found[f"chapter {number + 1}"] = (_short(repr(sorted(chapter.items()))),)
    return found


def _is_ours(key: str) -> bool:
    """Tell whether a key, in a reader's own terms, is one of our fields."""
    if key.startswith("\0\0"):  # a number of QuickTime's keys, which FFmpeg shows by its name
        return True
    key = key.rstrip(" \0")  # as iTunes pads an id
    if key[-4:-3] == "-":
        key = key[:-4]  # FFmpeg has the language behind some texts
    if key.startswith("COMM:"):
        key = key.rpartition(":")[0]  # mutagen has the language behind the label
    elif key.startswith("----:"):
        key = key.rpartition(":")[2]  # FFmpeg has no maker in front of the name
    elif key.startswith(_QUICKTIME):
        key = key.rpartition(".")[2]
    if field_of(key, *_COLUMNS) is not None or key.startswith(_PACKETS):
        return True
    # MP4's numbered genre, a chunk of an INFO list, and FFmpeg's names
    return key.casefold() in {"gnre", "genr", *FIELDS}


def _short(value: Any) -> str:
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return value
    hasher = blake2b()
    hasher.update(value if isinstance(value, bytes) else repr(value).encode("utf-8", "replace"))
    return _DIGEST + hasher.hexdigest()
