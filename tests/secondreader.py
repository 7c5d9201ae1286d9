"""What mutagen, which wrote nothing here, reads in a file: every field, in comparable form.

It knows no Matroska. There FFmpeg tells which texts are found, and a search for bytes which
values there are.
"""

from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import mutagen
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.id3 import ID3, ID3Tags
from mutagen.mp3 import HeaderNotFoundError


def told(path: Path) -> dict[str, list[str]]:
    """Return all values by key, in the file's order; none for a file without tags.

    What an ID3v1 trailer says counts by the names that it has in ID3v2, which is how a new
    ID3v2 tag takes it over; then it is there twice, and counts once.

    Raises
    ------
    Exception
        Whatever mutagen raises for damaged files.
    """
    if is_matroska(path):
        return {key: [text] for key, text in by_ffmpeg(path).items()}
    tags = _tags(path)
    found: dict[str, list[str]] = defaultdict(list)
    if tags is None:
        return {}
    if isinstance(tags, ID3Tags):
        for key, frame in tags.items():
            known = "COMM::XXX" if key == "COMM:ID3v1 Comment:eng" else key
            texts = [str(text) for text in getattr(frame, "text", [frame])]
            found[known] += [text for text in texts if text not in found[known]]
    elif hasattr(tags, "vendor"):
        found["vendor"].append(tags.vendor)
        for key, value in tags:
            found[key.lower()].append(value)
    else:
        for key, value in tags.items():
            found[key].append(repr(value))
    return {key: values for key, values in found.items() if any(values)}


def _tags(path: Path) -> Any:
    try:
        file = mutagen.File(path)
    except HeaderNotFoundError:  # what it takes for an MP3 is AAC, or too short to be sure
        return ID3(path)
    tags = None if file is None else file.tags
    if tags is None:
        with suppress(APENoHeaderError):  # in TrueAudio it looks for no such tag
            tags = APEv2(path)
    return tags


def is_matroska(path: Path) -> bool:
    """Tell it by the file's first bytes."""
    with path.open("rb") as file:
        return file.read(4) == b"\x1a\x45\xdf\xa3"


def by_ffmpeg(path: Path) -> dict[str, str]:
    """Return all texts that FFmpeg shows of a file, its streams and its chapters."""
    options = {"metadata_errors": "replace"} if av.__version__.startswith("18.") else {}
    with av.open(str(path), **options) as container:
        found = dict(container.metadata)
        for number, stream in enumerate(container.streams):
            found[f"stream {number}"] = stream.type
            found |= {f"{key} of stream {number}": text for key, text in stream.metadata.items()}
        for chapter in container.chapters():
            at = f"{chapter['start']}-{chapter['end']}"
            found |= {f"{key} of {at}": text for key, text in chapter["metadata"].items()}
        return found


def simple_tags(path: Path) -> list[tuple[str, str]]:
    """Return name and value of all SimpleTags in a Matroska file, wherever they are.

    A name (id 45A3) and a text (id 4487) behind it, each with a size in one or two bytes.
    """
    data, found, at = path.read_bytes(), [], 0
    while (at := data.find(b"\x45\xa3", at)) >= 0:
        name, behind = _sized(data, at + 2)
        if data[behind : behind + 2] == b"\x44\x87":
            text, _ = _sized(data, behind + 2)
            found.append((name.decode("utf-8", "replace"), text.decode("utf-8", "replace")))
        at += 2
    return found


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes behind a size, and where they end."""
    if data[at] & 0x80:
        size, start = data[at] & 0x7F, at + 1
    else:
        size, start = int.from_bytes(data[at : at + 2], "big") & 0x3FFF, at + 2
    return data[start : start + size], start + size
