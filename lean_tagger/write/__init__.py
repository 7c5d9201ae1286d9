"""Write our fields into a file without losing anything else in it.

The promise: whatever happens, the file's name leads to a whole file. That is either the old
one, byte for byte, or one in which only our fields differ. Four things ensure this:

- by construction: an edit is a list of patches, and everything between them is copied
  (`splice`); no library rewrites the rest;
- by proof: the finished copy is parsed again, every foreign item and the audio are
  compared with the original's bytes, the values are read again by mutagen (Matroska's by
  FFmpeg), and the audio's fingerprint by the caller's decoder must be the same;
- in other programs: mutagen and FFmpeg find in the copy what they found in the original, and
  a new tag hides no other (`visible`);
- in time: the copy takes the original's name in one step, or is removed (`replace`).

If any of this is in doubt, the file is refused with one sentence and left alone.

`look` says what a file holds; `source` reads it, `formats.detect` knows the formats,
`formats.fields` what our fields are called; one module per format edits: `id3` with `id3_body`,
`id3_extended`, `id3_frames`, `id3_file`, `id3_hosts` and `mpeg` around it, `flac` and `ogg` around
`vorbis_comment`, `mp4` with `mp4_atoms`, `mp4_shown` and, where something moves, `mp4_offsets` and
`mp4_move`, `matroska` with `matroska_layout`, `matroska_places`, `matroska_tags` and `ebml`, `asf`,
`ape`. All tags of a file together are `all_tags`: the one that ours go into and the `other_tags`,
some of them `older_tags` or `xmp`, with what is `carried` from these into a new one by the names in
`properties`. `exact` is how undo gets back bytes that a text does not tell.
`mutagen_check` is mutagen, and so is `track_info`, which reads what else is asked for;
`ffmpeg_check` is FFmpeg.
"""

from collections.abc import Callable, Mapping, Sequence

from lean_tagger.settings import WriteSettings
from lean_tagger.write import visible
from lean_tagger.write.formats.all_tags import AllTags, is_name, without_lone_bytes
from lean_tagger.write.formats.detect import parse
from lean_tagger.write.formats.exact import ENDING
from lean_tagger.write.formats.fields import FIELDS
from lean_tagger.write.look import (
    FileState,
    identify,
    in_full,
    look,
    obstacle,
    read,
    read_each,
    supported,
)
from lean_tagger.write.track_info import track

__all__ = [
    "FIELDS",
    "Edit",
    "FileState",
    "Written",
    "edit",
    "identify",
    "in_full",
    "look",
    "obstacle",
    "read",
    "read_each",
    "supported",
    "track",
    "write",
]


_USUAL = WriteSettings()


def write(
    path: str,
    changes: Mapping[str, Sequence[str]],
    *,
    fingerprint: Callable[[str], str],
    expected: str | None = None,
    previous: Mapping[str, Sequence[str]] | None = None,
    ways: WriteSettings = _USUAL,
) -> None:
    """Set fields of a file by replacing it with an edited and verified copy.

    A file that already has these values is not touched. The new file has a new modification
    time, so that music servers notice it. It keeps mode, owner and extended attributes.

    Parameters
    ----------
    path : str
        The file. A symbolic link is kept, and its target replaced.
    changes : Mapping[str, Sequence[str]]
        For each field of `FIELDS` to set, all its values, strongest first; an empty sequence
        removes the field. The changes to single tags are added, unless they are there already,
        from `in_full`.
    fingerprint : Callable[[str], str]
        Returns a digest of the audio of the file of that name.
    expected : str or None
        The result of `fingerprint` when the file was scored; None computes it now.
    previous : Mapping[str, Sequence[str]] or None
        What the fields to change held when the change was decided; an absent field was empty.
        The file is refused if they hold something else now.
    ways : WriteSettings
        What to do with hard links and the modification time, and the version of a new tag.

    Raises
    ------
    WriteError
        If anything could be lost or damaged, or the file cannot be written; it is as it was.
    FileError
        Whatever `fingerprint` raises for the original; the file is as it was.
    StateError
        If the disk is full; the file is as it was.
    ValueError
        If a key of `changes` is not one of our fields.
    """
    if unknown := sorted(name for name in changes if not is_name(name)):
        raise ValueError(f"no such field: {unknown}")
    wanted = {name: _checked(path, name, values) for name, values in changes.items()}
    real = _resolved(path)
    with opened(real) as source:
        source.path, source.id3_version = path, ways.id3_version
        with translated(path):
            tags = parse(source)
            present, wanted = tags.exact(), without_lone_bytes(wanted)
            if all(present.get(name, ()) == values for name, values in wanted.items()):
                return
            if previous is not None and any(
                tuple(previous.get(name, ())) != present.get(name, ()) for name in wanted
            ):
                raise source.refuse("its tags were changed since it was heard; nothing was written")
            wanted = tags.in_full(wanted)
            pieces = list(splice(source.size, tags.patches(wanted)))
            view = tags.look()
        if expected is None:
            expected = fingerprint(real)

        def fill(fd: int) -> None:
            copy(source, pieces, fd)

        def check(copied: str) -> None:
            _verify(source, tags, copied, wanted, view)
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


def _checked(path: str, name: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return values without repetitions; refuse what a tag cannot hold.

    The bytes of a field's items may repeat: two items can be the same.
    """
    if name.endswith(ENDING):
        return tuple(values)
    field = name.partition("@")[0]
    for value in values:
        if not value.strip() or "\0" in value or _lone(value):
            raise WriteError(path, "a value to write is empty or cannot be encoded")
        if field and FIELDS[field].number and not _NUMBER.fullmatch(value):
            raise WriteError(path, f"a value to write as {field} is not a number")
    return tuple(dict.fromkeys(values))


def _lone(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def _verify(
    source: Source,
    before: AllTags,
    copied: str,
    wanted: Mapping[str, tuple[str, ...]],
    view: visible.View,
) -> None:
    """Compare the finished copy with the original.

    Raises
    ------
    WriteError
        If a value did not arrive, anything else did not stay as it was, or another program
        does not find what it found before.
    """
    with opened(copied) as copy_source, translated(source.path):
        copy_source.path = source.path
        after = parse(copy_source)
        if field := after.arrived(wanted):
            raise source.refuse(
                f"its format cannot hold what was to be written as {field}; nothing was written"
            )
        removed = before.tagged and not after.tagged
        _compare(source, before, copy_source, after, removed=removed)
        if removed:  # it said no more than the other tags do
            return
        now = after.look(slack=True)
        missing = visible.lost(view, now, may_show_more=before.may_show_more)
        if not missing and after.tagged and not before.tagged:
            missing = visible.hidden(view, now)
        if missing:
            raise source.refuse(f"{missing}; nothing was written")


def _compare(
    source: Source, before: AllTags, copy_source: Source, after: AllTags, *, removed: bool
) -> None:
    """Compare all bytes that are not of our fields."""
    kept: Iterator[tuple[str, bytes]] = (
        (name, copy_source.digest(*pieces)) for name, pieces in after.foreign()
    )
    gone = set(before.removable()) if removed else set()
    for name, pieces in before.foreign():
        expected = source.digest(*pieces)
        # A tag that was not there before may bring items; none may go, in any case.
        found = next(kept, None)
        if found != (name, expected) and expected in gone:
            kept = chain([found] if found else [], kept)
            continue
        while found not in (None, (name, expected)) and not before.tagged:
            found = next(kept, None)
        if found != (name, expected):
            raise source.refuse(f"writing would change {name}; it was left as it was")
    if before.tagged and next(kept, None) is not None:
        raise source.refuse("writing would add more than our fields; it was left as it was")
