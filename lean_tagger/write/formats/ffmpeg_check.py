"""The second reader for formats that mutagen does not know: FFmpeg, through PyAV.

It did not write what it reads here. For a Matroska file it shows what nearly all players show,
since they are built on it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import av

from lean_tagger.fields import field_of
from lean_tagger.write.formats import ebml
from lean_tagger.write.source import Source

_OPTIONS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)
_ERRORS = (av.error.FFmpegError, ValueError, LookupError)  # LookupError: PyAV's own mistakes


@dataclass(frozen=True, slots=True)
class Shown:
    """What FFmpeg shows for a file.

    Attributes
    ----------
    fields : dict[str, list[str]]
        Texts by our fields, of the file and of its streams.
    others : bytes
        All other texts, also of chapters, and the streams; for comparison.
    """

    fields: dict[str, list[str]]
    others: bytes


class _Reader:
    """A read-only file for PyAV, with its own position."""

    def __init__(self, source: Source) -> None:
        self._source, self._position = source, 0

    def read(self, count: int) -> bytes:
        data = os.pread(self._source.fd, count, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def tell(self) -> int:
        return self._position


def shown(source: Source) -> Shown:
    """Return what FFmpeg shows for a Matroska file.

    Raises
    ------
    WriteError
        If FFmpeg cannot open it.
    """
    fields: dict[str, list[str]] = {}
    others: list[object] = []
    with _opened(source, _Reader(source)) as container:
        for stream in container.streams:
            others.append((stream.type, stream.codec_context and stream.codec_context.name))
        about = [container.metadata, *(stream.metadata for stream in container.streams)]
        for texts in about:
            others.append(_sorted(texts, into=fields))
        for chapter in container.chapters():
            others.append((chapter["start"], chapter["end"], sorted(chapter["metadata"].items())))
    return Shown(fields, repr(others).encode("utf-8", "backslashreplace"))


def _sorted(texts: Mapping[str, str], *, into: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Put our fields into `into`; return the others."""
    others = []
    for key, text in texts.items():
        # FFmpeg puts the level in front and the language at the end: "ALBUM/GENRE-eng".
        field = field_of(key.rpartition("/")[2].partition("-")[0], "matroska")
        if field is not None:
            into.setdefault(field, []).append(text)
        else:
            others.append((key, text))
    return sorted(others)


def read_simple_tags(source: Source, raw: Sequence[bytes]) -> list[tuple[str, str]]:
    """Return names and values of SimpleTags, read from a file with nothing else in it.

    FFmpeg shows one value for each name and level, so each gets its own level.
    """
    tags = []
    for number, simple in enumerate(raw):
        targets = ebml.element(0x63C0, ebml.element(0x63CA, b"%d" % number))
        tags.append(ebml.element(0x7373, targets + simple))
    data = ebml.element(0x1A45DFA3, ebml.element(0x4282, b"matroska")) + ebml.element(
        0x18538067,
        ebml.element(0x1549A966, b"")
        + ebml.element(0x1254C367, b"".join(tags))
        + ebml.element(0x1F43B675, ebml.element(0xE7, b"\0")),  # without a Cluster it is not a file
    )
    found: dict[int, tuple[str, str]] = {}
    with _opened(source, BytesIO(data)) as container:
        for key, text in container.metadata.items():
            number_, _, name = key.partition("/")
            if number_.isdigit():
                found.setdefault(int(number_), (name.partition("-")[0], text))
    return [found[number] for number in sorted(found)]


@contextmanager
def _opened(source: Source, file: object) -> Iterator[Any]:
    options = {"protocol_whitelist": "none", "format_whitelist": "matroska"}
    try:
        with av.open(file, format="matroska", options=options, **_OPTIONS) as container:
            yield container
    except _ERRORS as error:
        raise source.refuse("FFmpeg cannot open it; nothing was written") from error
