"""What mutagen, which wrote nothing here, reads in a file: every field, in comparable form."""

from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

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
