"""Fetch one file: resume where an earlier run stopped, and never take more than expected."""

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from lean_tagger.catalogue import http_get
from lean_tagger.catalogue.http_get import Answer
from lean_tagger.catalogue.partial_file import Note, PartialFile
from lean_tagger.errors import DownloadError
from lean_tagger.system.memory import format_size

Progress = Callable[[int, int | None], None]
"""Called with the number of bytes so far, and the total if known."""

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_NO_REST = re.compile(r"bytes \*/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is known about a file before it is fetched.

    Attributes
    ----------
    url : str
        Its address.
    size_bytes : int or None
        Its exact length, if known.
    most_bytes : int
        Largest size if its length is not known.
    sha256 : str or None
        Its checksum, if known.
    for_more : str
        How a user can allow more than `most_bytes`; empty if not at all.
    """

    url: str
    size_bytes: int | None = None
    most_bytes: int
    sha256: str | None = None
    for_more: str = ""

    @property
    def limit_bytes(self) -> int:
        """The largest number of bytes that is accepted."""
        return self.most_bytes if self.size_bytes is None else self.size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How to behave towards servers.

    Attributes
    ----------
    hosts : collection of str
        Servers to which others may redirect.
    patience_seconds : float
        Longest time without progress.
    """

    hosts: Collection[str] = ()
    patience_seconds: float = 30.0


def part_path(folder: Path, url: str) -> Path:
    """Return the path of a file's bytes during the fetch."""
    # From the whole address, whose end alone would be neither safe nor unique.
    return folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.part"


def fetch(wanted: Wanted, part: PartialFile, manners: Manners, progress: Progress) -> str:
    """Fetch a file, and return its SHA-256.

    Parameters
    ----------
    wanted : Wanted
        The file.
    part : PartialFile
        Takes its bytes.
    manners : Manners
        How to behave.
    progress : callable
        See `Progress`.

    Raises
    ------
    DownloadError
        It did not come, or not completely, or is too long. The bytes are kept if they may be the
        start of the right file.
    StateError
        It cannot be written.
    """
    headers = _resuming(wanted, part)
    with http_get.asked(
        wanted.url, headers, hosts=manners.hosts, patience_seconds=manners.patience_seconds
    ) as answer:
        if answer.status == 416 and not _is_whole(answer, part):
            part.drop()
        elif answer.status != 416:
            _take(answer, wanted, part, manners, progress)
    if part.size_bytes == 0:
        if headers:  # the old bytes were part of another file
            return fetch(wanted, part, manners, progress)
        raise DownloadError(f"{wanted.url} is empty")
    return part.sha256()


def _resuming(wanted: Wanted, part: PartialFile) -> dict[str, str]:
    """Return the headers that ask for the rest; empty if everything has to come again."""
    note = part.note()
    if part.size_bytes == 0 or note is None or note.url != wanted.url:
        return {}
    headers = {"Range": f"bytes={part.size_bytes}-"}
    if note.validator:
        return {**headers, "If-Range": note.validator}
    # Without a validator, parts of two files might be joined; only a checksum would show it.
    return headers if wanted.sha256 is not None else {}


def _is_whole(answer: Answer, part: PartialFile) -> bool:
    """Tell whether there is no rest because the file is complete."""
    found = _NO_REST.fullmatch(answer.headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == part.size_bytes


def _take(
    answer: Answer, wanted: Wanted, part: PartialFile, manners: Manners, progress: Progress
) -> None:
    """Append the bytes that arrive."""
    at_bytes, total_bytes = _place(answer, part)
    if total_bytes is not None:
        _check_length(wanted, total_bytes)
    note = Note(wanted.url, _validator(answer.headers), total_bytes)
    part.begin(note, at_bytes=at_bytes)
    progress(part.size_bytes, total_bytes or wanted.size_bytes)
    for block in answer.blocks(manners.patience_seconds):
        if part.size_bytes + len(block) > wanted.limit_bytes:
            part.drop()
            _too_long(wanted)
        part.write(block)
        progress(part.size_bytes, total_bytes or wanted.size_bytes)
    expected = total_bytes if total_bytes is not None else wanted.size_bytes
    if expected is not None and part.size_bytes < expected:
        raise DownloadError(
            f"{wanted.url}: cut off after {part.size_bytes:,} of {expected:,} bytes; the same "
            "command goes on from there"
        )


def _place(answer: Answer, part: PartialFile) -> tuple[int, int | None]:
    """Return the offset of the bytes, and the length of the whole file."""
    length = answer.headers.get("Content-Length", "")
    if answer.status == 200:
        return 0, int(length) if length.isdecimal() else None
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != part.size_bytes:
        part.drop()
        raise DownloadError(
            f"{answer.url}: the server sends another part than requested; try again"
        )
    return int(found[1]), None if found[2] == "*" else int(found[2])


def _check_length(wanted: Wanted, total_bytes: int) -> None:
    if wanted.size_bytes is None and total_bytes > wanted.most_bytes:
        _too_long(wanted)
    if wanted.size_bytes is not None and total_bytes != wanted.size_bytes:
        raise DownloadError(
            f"{wanted.url} has {total_bytes:,} bytes, and not the {wanted.size_bytes:,} that are "
            "known: it is another file; to take it anyway, add --accept-changed"
        )


def _too_long(wanted: Wanted) -> None:
    if wanted.size_bytes is not None:
        raise DownloadError(
            f"{wanted.url} has more than the {wanted.size_bytes:,} bytes that are known: it is "
            "another file; to take it anyway, add --accept-changed"
        )
    more = f"; if that is right, {wanted.for_more}" if wanted.for_more else ""
    raise DownloadError(f"{wanted.url} is longer than {format_size(wanted.most_bytes)}{more}")


def _validator(headers: Message) -> str:
    """Return the value for If-Range: a strong ETag, or else the date."""
    tag: str = headers.get("ETag", "").strip()
    return tag if tag.startswith('"') else str(headers.get("Last-Modified", "")).strip()
