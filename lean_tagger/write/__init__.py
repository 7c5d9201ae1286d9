"""Write the three fields into a file, and lose nothing else of it.

The promise: whatever happens, the file's name leads to a whole file, which is either the
old one, byte for byte, or one in which nothing but our fields differs. It is kept three
times over:

- by construction: an edit is a list of patches, and everything between them is copied
  (`splice`); no library renders what it did not make;
- by proof: the finished copy is parsed again, every foreign item and the audio are
  compared with the original's bytes, the values are read again by mutagen (Matroska's by
  FFmpeg), and the audio's fingerprint by the caller's decoder must be what it was;
- in time: the copy takes the original's name in one step, or is removed (`replace`).

A file where any of this is in doubt is refused with one sentence and left alone.

`look` says what a file holds; `source` reads it, `formats.detect` knows the formats,
`formats.fields` what our fields are called; one module per format edits: `id3` with `id3_frames`,
`id3_file`, `id3_hosts` and `mpeg` around it, `flac` and `ogg` around `vorbis_comment`, `mp4` with
`mp4_atoms`, `matroska` with `matroska_tags`, `matroska_seek` and `ebml`, `asf`, `ape`;
`older_tags` reads what older tags say; `mutagen_check` is mutagen, and so is `track_info`, which
reads what else is asked for; `ffmpeg_check` is FFmpeg.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence

from lean_tagger.errors import FileError, OverBudgetError, UnreadableError, WriteError
from lean_tagger.settings import WriteSettings
from lean_tagger.write.formats.detect import Document, parse
from lean_tagger.write.formats.fields import FIELDS
from lean_tagger.write.look import FileState, identify, look, obstacle, read, supported
from lean_tagger.write.replace import replace
from lean_tagger.write.source import Source, opened, translated
from lean_tagger.write.splice import copy, splice
from lean_tagger.write.track_info import track

__all__ = [
    "FIELDS",
    "FileState",
    "identify",
    "look",
    "obstacle",
    "read",
    "supported",
    "track",
    "write",
]


_USUAL = WriteSettings()
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def write(
    path: str,
    changes: Mapping[str, Sequence[str]],
    *,
    fingerprint: Callable[[str], str],
    expected: str | None = None,
    previous: Mapping[str, Sequence[str]] | None = None,
    ways: WriteSettings = _USUAL,
) -> None:
    """Set fields of a file, replacing it by an edited and verified copy.

    A file that has these values already is not touched. The new file has a new
    modification time, by which music servers notice it; mode, owner and extended
    attributes are the old one's.

    Parameters
    ----------
    path : str
        The file. A symbolic link stays one: the file that it leads to is replaced.
    changes : Mapping[str, Sequence[str]]
        For each field of `FIELDS` to set all its values, strongest first; an empty
        sequence removes the field.
    fingerprint : Callable[[str], str]
        Returns a digest of the audio of the file of that name.
    expected : str or None
        What `fingerprint` gave for the file when it was scored; None computes it now.
    previous : Mapping[str, Sequence[str]] or None
        What the fields to change held when the change was decided on, an absent field
        nothing; the file is refused if they hold something else by now.
    ways : WriteSettings
        What becomes of hard links and of the modification time, and the version of a new tag.

    Raises
    ------
    WriteError
        If anything could be lost or damaged, or stands in the way; the file is as it was.
    FileError
        Whatever `fingerprint` raises for the original; the file is as it was.
    StateError
        If the disk is full; the file is as it was.
    ValueError
        If a key of `changes` is no field of ours.
    """
    unknown = set(changes) - set(FIELDS)
    if unknown:
        raise ValueError(f"no such field: {sorted(unknown)}")
    wanted = {field: _checked(path, field, changes[field]) for field in FIELDS if field in changes}
    real = _resolved(path)
    with opened(real) as source:
        source.path, source.id3_version = path, ways.id3_version
        with translated(path):
            document = parse(source)
            present = document.values()
            if all(present.get(field, ()) == values for field, values in wanted.items()):
                return
            if previous is not None and any(
                tuple(previous.get(field, ())) != present.get(field, ()) for field in wanted
            ):
                raise source.refuse("its tags were changed since it was heard; nothing was written")
            pieces = list(splice(source.size, document.patches(wanted)))
        if expected is None:
            expected = fingerprint(real)

        def fill(fd: int) -> None:
            copy(source, pieces, fd)

        def check(copied: str) -> None:
            _verify(source, document, copied, wanted)
            if _digest_of_copy(source, copied, fingerprint) != expected:
                raise source.refuse(
                    "its audio would not have stayed the same, or is not what was scored; "
                    "nothing was written"
                )

        replace(source, real, fill=fill, check=check, ways=ways)


def _digest_of_copy(source: Source, copied: str, fingerprint: Callable[[str], str]) -> str:
    try:
        return fingerprint(copied)
    except OverBudgetError as error:
        error.path = source.path  # not the copy's name, which is gone when this is read
        raise
    except FileError as error:
        raise source.refuse("its audio would not decode any more; nothing was written") from error


def _resolved(path: str) -> str:
    """Return the name of the file itself, behind symbolic links."""
    try:
        return os.path.realpath(path, strict=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableError(path, f"it cannot be opened: {reason}") from error


def _checked(path: str, field: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return values without repetitions; refuse what a tag cannot hold."""
    for value in values:
        if not value.strip() or "\0" in value or _lone(value):
            raise WriteError(path, "a value to write is empty or cannot be encoded")
        if FIELDS[field].number and not _NUMBER.fullmatch(value):
            raise WriteError(path, f"a value to write as {field} is not a number")
    return tuple(dict.fromkeys(values))


def _lone(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def _verify(
    source: Source, before: Document, copied: str, wanted: Mapping[str, tuple[str, ...]]
) -> None:
    """Compare the finished copy with the original.

    Raises
    ------
    WriteError
        If a value did not arrive, or anything else did not stay as it was.
    """
    with opened(copied) as copy_source, translated(source.path):
        copy_source.path = source.path
        after = parse(copy_source)
        first, second = after.values(), after.second_reading()
        for field, values in wanted.items():
            if first.get(field, ()) != values or second.get(field, ()) != values:
                raise source.refuse(
                    f"its format cannot hold what was to be written as {field}; nothing was written"
                )
        kept = ((name, copy_source.digest(piece)) for name, piece in after.foreign())
        for name, piece in before.foreign():
            digest = source.digest(piece)
            # A tag that was not there before may bring items; none may go, in any case.
            found = next(kept, None)
            while found not in (None, (name, digest)) and not before.tagged:
                found = next(kept, None)
            if found != (name, digest):
                raise source.refuse(f"writing would change {name}; it was left as it was")
        if before.tagged and next(kept, None) is not None:
            raise source.refuse("writing would add more than our fields; it was left as it was")
