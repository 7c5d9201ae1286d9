"""Several values in a WMA file come in our order, the strongest first, wherever its objects are."""

from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest
from audiofiles import make
from mutagen.asf import ASF

from lean_tagger import write
from lean_tagger.listen.decode import fingerprint

taglib = pytest.importorskip("taglib")

GENRES = ("Dub", "Zouk", "Polka")
# The objects of the two kinds of attributes: Extended Content Description, Header Extension.
EXTENDED = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")
EXTENSION = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")


def bare(path: Path) -> None:
    """Leave a file as FFmpeg makes it."""
    assert EXTENDED in path.read_bytes()


def several(path: Path) -> None:
    """Give it many attributes, in the order of objects that mutagen has."""
    file = ASF(path)
    file["WM/Genre"], file["Author"] = ["Old", "Older", "Oldest"], ["One", "Two"]
    file.save()


def turned(path: Path) -> None:
    """Put the object of long attributes first."""
    several(path)
    data = path.read_bytes()
    end, position, objects = int.from_bytes(data[16:24], "little"), 30, []
    while position < end:
        size = int.from_bytes(data[position + 16 : position + 24], "little")
        objects.append(data[position : position + size])
        position += size
    objects.sort(key=lambda it: (it[:16] == EXTENDED, it[:16] != EXTENSION))
    path.write_bytes(data[:30] + b"".join(objects) + data[end:])


def without_description(path: Path) -> None:
    """Leave out the object of short attributes."""
    data = path.read_bytes()
    start = data.index(EXTENDED)
    size = int.from_bytes(data[start + 16 : start + 24], "little")
    end = int.from_bytes(data[16:24], "little") - size
    count = int.from_bytes(data[24:28], "little") - 1
    head = data[:16] + end.to_bytes(8, "little") + count.to_bytes(4, "little") + data[28:start]
    path.write_bytes(head + data[start + size :])


@pytest.mark.parametrize("put", [bare, several, turned, without_description])
def test_several_values_come_in_our_order(tmp_path: Path, put: Callable[[Path], None]) -> None:
    path = make(tmp_path / "a.wma", "wma")
    put(path)
    heard = fingerprint(str(path))
    for genres in (GENRES, GENRES[1:], GENRES[2:]):
        write.write(str(path), {"genre": genres}, fingerprint=fingerprint)
        with taglib.File(str(path)) as file:
            assert file.tags["GENRE"] == list(genres)
        assert [str(it) for it in mutagen.File(path)["WM/Genre"]] == list(genres)
        assert write.read(str(path))["genre"] == genres
    assert fingerprint(str(path)) == heard
