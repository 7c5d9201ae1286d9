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

`look` returns what a file holds, `source` reads it, `edit` changes it, `compare` compares the copy
with it. `formats.detect` knows the formats, `fields` (outside) the names of our fields. One module
per format edits: `id3` with `id3_body`, `id3_extended`, `id3_frames`, `id3_file`, `id3_hosts` and
`mpeg` around it, `flac` and `ogg` around `vorbis_comment`, `mp4` with `mp4_atoms`, `mp4_shown` and,
where something moves, `mp4_offsets` and `mp4_move`, `matroska` with `matroska_layout`,
`matroska_places`, `matroska_tags` and `ebml`, `asf`, `ape`. `all_tags` joins all tags of a file:
the one that ours go into and the `other_tags`, some of them `older_tags` or `xmp`. `carried` has
what these pass on to a new tag, by the names in `properties`. `exact` lets undo restore bytes
that a text does not determine. `mutagen_check` uses mutagen, and so does `track_info`, which reads
artist and album; `ffmpeg_check` uses FFmpeg.
"""

from collections.abc import Callable, Mapping, Sequence

from lean_tagger.settings import WriteSettings
from lean_tagger.write.edit import Edit, Written, edit
from lean_tagger.write.look import (
    FileState,
    identify,
    look,
    obstacle,
    read,
    read_each,
    supported,
)
from lean_tagger.write.track_info import track

__all__ = [
    "Edit",
    "FileState",
    "Written",
    "edit",
    "identify",
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
        from `Edit.in_full`.
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
    with edit(path, ways=ways) as it:
        it.write(changes, fingerprint=fingerprint, expected=expected, previous=previous)
