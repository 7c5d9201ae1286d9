"""Write the three fields into a file, and lose nothing else of it.

The promise: whatever happens, the file's name leads to a whole file, which is either the
old one, byte for byte, or one in which nothing but our fields differs. It is kept four
times over:

- by construction: an edit is a list of patches, and everything between them is copied
  (`splice`); no library renders what it did not make;
- by proof: the finished copy is parsed again, every foreign item and the audio are
  compared with the original's bytes, the values are read again by mutagen (Matroska's by
  FFmpeg), and the audio's fingerprint by the caller's decoder must be what it was;
- as others see it: mutagen and FFmpeg find in the copy what they found in the original, and
  a tag that is new hides no other (`visible`);
- in time: the copy takes the original's name in one step, or is removed (`replace`).

A file where any of this is in doubt is refused with one sentence and left alone.

`look` says what a file holds, `edit` changes it, and `compare` holds the copy against it; `source`
reads, `formats.detect` knows the formats,
`formats.fields` what our fields are called; one module per format edits: `id3` with `id3_body`,
`id3_frames`, `id3_file`, `id3_hosts` and `mpeg` around it, `flac` and `ogg` around
`vorbis_comment`, `mp4` with `mp4_atoms`, `mp4_shown` and, where something moves, `mp4_offsets` and
`mp4_move`, `matroska` with `matroska_layout`, `matroska_places`, `matroska_tags` and `ebml`, `asf`,
`ape`. All tags of a file together are `all_tags`: the one that ours go into and the `other_tags`,
some of them `older_tags`, with what is `carried` from these into a new one by the names in
`properties`. `exact` is how undo gets back bytes that a text does not tell.
`mutagen_check` is mutagen, and so is `track_info`, which reads what else is asked for;
`ffmpeg_check` is FFmpeg.
"""

from collections.abc import Callable, Mapping, Sequence

from lean_tagger.settings import WriteSettings
from lean_tagger.write.edit import Edit, Written, edit
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
        sequence removes the field. What follows from them for single tags is added, unless
        it is there already, from `in_full`.
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
    with edit(path, ways=ways) as it:
        it.write(changes, fingerprint=fingerprint, expected=expected, previous=previous)
