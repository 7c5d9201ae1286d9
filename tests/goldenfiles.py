"""What lean-tag 0.1.0 left behind, ready for a test; and a look at files without lean-tag."""

import hashlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import av
import mutagen
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3

GOLDEN = Path(__file__).parent / "golden" / "v0.1.0"
PLACE = "/golden"
"""Stands in the journal and in what was printed for the folder that the files are in."""


def tags_of(path: Path) -> dict[str, list[str]]:
    """Return all tags of a file as mutagen reads them, by the format's own names."""
    tags = _tags(path)
    if isinstance(tags, ID3):
        return {key: _texts(frame.text) for key, frame in tags.items()}
    return {key: _texts(values) for key, values in (tags or {}).items()}


def _tags(path: Path) -> Any:
    kinds = {
        "id3.aac": ID3,
        "ape-tag.mp3": APEv2,
        "short-ape.mp3": APEv2,
    }  # which mutagen does not look for there
    try:
        found = kinds.get(path.name, mutagen.File)(path)
    except mutagen.MutagenError:
        return None
    return getattr(found, "tags", found)


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list):
        values = list(values)
    return [it.decode() if isinstance(it, bytes) else str(it) for it in values]


def packets_md5(path: Path) -> str | None:
    """Return a hash of the encoded audio, however FFmpeg cuts it; None where it finds none."""
    found = hashlib.md5()
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams.audio[0]):
                found.update(bytes(packet))
    except (av.FFmpegError, IndexError):
        return None
    return found.hexdigest()


class Golden:
    """A copy of the files and of the journal, as if 0.1.0 had left them in this folder.

    Parameters
    ----------
    folder : Path
        For the copy.

    Attributes
    ----------
    root : Path
        The folder.
    state : Path
        The journal.
    """

    def __init__(self, folder: Path) -> None:
        self.root, self.state = folder, folder / "journal.sqlite3"
        shutil.copytree(GOLDEN / "library", self.root, dirs_exist_ok=True)
        shutil.copy(GOLDEN / "journal.sqlite3", self.state)
        os.link(self.root / "failed/twice.mp3", self.root / "failed/.other-name")
        with sqlite3.connect(self.state) as journal:
            for table in ("files", "writes"):
                journal.execute(
                    f"UPDATE {table} SET path = CAST(replace(CAST(path AS TEXT), ?, ?) AS BLOB)",
                    (PLACE, str(self.root)),
                )
            times = journal.execute("SELECT path, mtime_ns FROM files").fetchall()
            for path, mtime_ns in times:
                os.utime(path, ns=(mtime_ns, mtime_ns))
                inode = Path(os.fsdecode(path)).stat().st_ino
                journal.execute("UPDATE files SET inode = ? WHERE path = ?", (inode, path))
        journal.close()

    def files(self) -> dict[str, Path]:
        """Return the files that `before.json` has, by their name in it."""
        return {name: self.root / name for name in before()}

    def silence(self) -> None:
        """Put zeros in place of every file, with size and time as they were: to hear nothing."""
        for path in self.files().values():
            found = path.stat()
            with path.open("r+b") as file:
                file.write(bytes(found.st_size))
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def before() -> dict[str, dict[str, Any]]:
    """Return tags and packets of each file before 0.1.0 wrote into it."""
    found: dict[str, dict[str, Any]] = json.loads((GOLDEN / "before.json").read_text())
    return found


def said(name: str, root: Path) -> list[dict[str, Any]]:
    """Return what 0.1.0 printed, with the files in this folder."""
    text = (GOLDEN / "said.json").read_text()
    found: list[dict[str, Any]] = json.loads(text.replace(PLACE, str(root)))[name]
    return found
