"""What independent programs see in a file: mutagen, FFmpeg, exiftool and TagLib.

Each answers with keys and values in its own terms, pictures as digests. exiftool and TagLib are
asked where they are installed.
"""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import mutagen
import pytest
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3, ID3Tags, ID3TimeStamp, ParseID3v1

try:
    import taglib
except ImportError:
    taglib = None

Seen = dict[str, list[str]]
OURS = ("genre", "mood", "leantag", "tcon", "tmoo", "igenre", "gen")
"""What keys of ours contain, in any program's terms."""
_NOT_TAGS = {
    *("SourceFile", "ExifToolVersion", "FileName", "Directory", "FileSize", "FileModifyDate"),
    *("FileAccessDate", "FileInodeChangeDate", "FilePermissions", "FileType", "MIMEType"),
    *("FileTypeExtension", "ID3Size", "Duration", "AvgBitrate", "AudioBitrate", "Warning"),
    *("MediaDataOffset", "MediaDataSize", "HeaderSize", "Error", "NumberOfItems"),
    *("Padding", "Free", "Unknown_free", "Void"),  # room
    *("CRC-32", "SeekPosition", "CueClusterPosition", "CueRelativePosition"),  # places
    "Unknown_mfra",  # places, too
}


def digest(data: bytes) -> str:
    return f"{len(data)} bytes {hashlib.md5(data).hexdigest()[:8]}"


def _flat(value: object) -> str:
    text = repr(value)
    return text if len(text) < 300 else digest(text.encode("utf-8", "replace"))


def with_mutagen(path: Path) -> Seen:
    """Return what it finds by itself, and in each structure that may be there."""
    found: Seen = {}
    openers: dict[str, Callable[[], Any]] = {
        "": lambda: mutagen.File(path),
        "ID3 ": lambda: ID3(path, load_v1=False, translate=False),
        "APE ": lambda: APEv2(path),
        "ID3v1 ": lambda: ParseID3v1(_trailer(path)),
    }
    for name, opener in openers.items():
        with suppress(
            mutagen.MutagenError, EOFError, ValueError, IndexError, KeyError, ZeroDivisionError
        ):
            opened = opener()
            for key, values in _items(opened):
                found.setdefault(name + key, []).extend(values)
            for picture in getattr(opened, "pictures", ()):
                found.setdefault(name + "picture", []).append(digest(picture.write()))
    return found


def _trailer(path: Path) -> bytes:
    """Return the ID3v1 trailer; mutagen would take a part of "APETAGEX" for one."""
    data = path.read_bytes()[-131:]
    return data[-128:] if data[-128:-125] == b"TAG" and data[:3] != b"APE" else b""


def _items(opened: Any) -> Iterator[tuple[str, list[str]]]:
    tags = getattr(opened, "tags", opened)
    if tags is None:
        return
    if hasattr(tags, "vendor"):
        for key, value in tags:
            yield key.lower(), [_flat(value)]
        return
    for key, value in tags.items():
        values = value if isinstance(value, list) else [value]
        texts = (
            [t for it in values for t in getattr(it, "text", None) or [it]]
            if isinstance(tags, ID3Tags)
            else values
        )
        yield key, [_flat(str(it) if isinstance(it, ID3TimeStamp) else it) for it in texts]


def with_ffmpeg(path: Path) -> Seen:
    """Return FFmpeg's metadata, and the pictures that it shows as streams."""
    found: Seen = {}
    try:
        with av.open(str(path)) as container:
            for key, value in container.metadata.items():
                found[key.lower()] = [value]
            for stream in container.streams:
                if stream.type == "video":
                    packet = next(container.demux(stream))
                    found[f"picture {stream.index}"] = [digest(bytes(packet))]
                elif stream.type == "audio":
                    for key, value in stream.metadata.items():
                        found[f"stream {key.lower()}"] = [value]
    except (av.FFmpegError, OSError, IndexError, UnicodeDecodeError):
        return {}
    return found


def with_ffprobe(path: Path) -> Seen:
    """Return what the installed FFmpeg, which is another version than PyAV's, shows."""
    if not shutil.which("ffprobe"):
        return {}
    how = ("-v", "quiet", "-of", "json", "-show_format", "-show_streams", "-show_chapters")
    answer = subprocess.run(["ffprobe", *how, path], capture_output=True, check=False).stdout
    told = json.loads(answer or "{}")
    found = {k.lower(): [v] for k, v in told.get("format", {}).get("tags", {}).items()}
    for stream in told.get("streams", ()):
        if stream.get("disposition", {}).get("attached_pic"):
            found[f"picture {stream['index']}"] = [f"{stream['codec_name']} {stream.get('width')}"]
        for key, value in stream.get("tags", {}).items():
            found[f"stream {stream['index']} {key.lower()}"] = [value]
    for chapter in told.get("chapters", ()):
        found[f"chapter {chapter['id']}"] = [_flat(chapter.get("tags"))]
    return found


def with_exiftool(path: Path) -> Seen:
    if not shutil.which("exiftool"):
        return {}
    how = ("-j", "-G1:4", "-b", "-a", "-U")
    answer = subprocess.run(["exiftool", *how, path], capture_output=True, check=False).stdout
    (told,) = json.loads(answer)
    found: Seen = {}
    for key, value in told.items():
        group, _, name = re.sub(r":Copy\d+", "", key).rpartition(":")
        if name not in _NOT_TAGS and not group.startswith(("File", "System")):
            found.setdefault(f"{group}:{name}", []).append(_flat(value))
    return found


def with_taglib(path: Path) -> Seen:
    if taglib is None:
        return {}
    try:
        with taglib.File(str(path)) as file:
            found = {key: list(values) for key, values in file.tags.items()}
            for number, picture in enumerate(file.pictures):
                found[f"picture {number}"] = [digest(picture.data)]
            for key in file.complex_property_keys:
                if key != "PICTURE":
                    found[f"complex {key}"] = [_flat(file.complex_properties(key))]
            return found
    except (OSError, ValueError):
        return {}


READERS: dict[str, Callable[[Path], Seen]] = {
    "mutagen": with_mutagen,
    "ffmpeg": with_ffmpeg,
    "ffprobe": with_ffprobe,
    "exiftool": with_exiftool,
    "taglib": with_taglib,
}
LIBRARIES = ("mutagen", "ffmpeg", "taglib")
PROGRAMS = ("ffprobe", "exiftool")
"""Those that take a process for each file, and most of a second."""


def seen(path: Path, readers: tuple[str, ...] = tuple(READERS)) -> dict[str, Seen]:
    """Return what each reader sees."""
    return {name: READERS[name](path) for name in readers}


def asked(
    files: Iterable[str], programs_are_fast: Collection[str] = ()
) -> list[tuple[str, tuple[str, ...]]]:
    """Return each file with the libraries, and with the programs: slow, but for some files."""
    found = [pytest.param(it, LIBRARIES, id=f"{it}-libraries") for it in files]
    for it in files:
        marks = [] if it in programs_are_fast else [pytest.mark.slow]
        found.append(pytest.param(it, PROGRAMS, id=f"{it}-programs", marks=marks))
    return found


def is_ours(key: str) -> bool:
    """Tell whether a key in any reader's terms is one of our fields."""
    return any(name in key.lower() for name in OURS)


def lost(before: dict[str, Seen], after: dict[str, Seen]) -> list[str]:
    """Return what a reader saw before and does not see now, our fields aside."""
    missing = []
    for reader, then in before.items():
        now = after[reader]
        for key, values in then.items():
            there = [*now.get(key, ()), *_elsewhere(key, now)]
            if not is_ours(key) and not all(_among(value, there) for value in values):
                missing.append(f"{reader}: {key}={values} → {now.get(key)}")
    return missing


def _among(value: str, there: list[str]) -> bool:
    return value in there or (value.strip() in [it.strip() for it in there])


def _elsewhere(key: str, now: Seen) -> list[str]:
    """Return values of keys that are the same to a user: the number of a picture's stream."""
    if key.startswith("picture"):
        return [v for k, values in now.items() if k.startswith("picture") for v in values]
    return []
