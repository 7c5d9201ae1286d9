"""Damage to what an ID3 tag lives in: written with every byte of the sound, or left alone."""

import random
from pathlib import Path

import av
import mutagen.id3
import pytest
from audiofiles import make

from lean_tagger import write
from lean_tagger.errors import FileError
from lean_tagger.listen.decode import fingerprint

VALUES = {"genre": ("Hip-Hop",), "mood": ("sad",), "leantag": ("x" * 300,)}


def seeds(folder: Path, kind: str) -> list[bytes]:
    """Return a file without a tag, and one with a title and a picture."""
    path = make(folder / f"seed.{kind}", kind)
    bare = path.read_bytes()
    write.write(str(path), {"mood": ["x"]}, fingerprint=fingerprint)
    tags = mutagen.id3.ID3(path) if kind == "aac" else mutagen.File(path).tags
    tags.add(mutagen.id3.TIT2(encoding=3, text="Title"))
    tags.add(mutagen.id3.APIC(encoding=3, mime="image/png", type=3, data=bytes(range(256))))
    tags.save(path)
    return [bare, path.read_bytes()]


def mutant(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        # Structure is at the start, and in DSDIFF at the end.
        at = chance.choice([chance.randrange(200), len(changed) - 1 - chance.randrange(1800)])
        at = max(0, min(at, len(changed) - 1))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
            case 1:
                changed[at] ^= 1 << chance.randrange(8)
            case 2:
                del changed[at : at + chance.randint(1, 20)]
            case _:
                changed[at:at] = chance.randbytes(chance.randint(1, 20))
    return bytes(changed)


@pytest.mark.parametrize("count", [50, pytest.param(250, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["dff", "aac"])
def test_damaged_files_are_written_whole_or_left_alone(
    tmp_path: Path, kind: str, count: int
) -> None:
    av.logging.set_level(None)
    originals, path, written = seeds(tmp_path, kind), tmp_path / f"a.{kind}", 0
    for number in range(count):
        chance = random.Random(number)
        path.write_bytes(data := mutant(chance, chance.choice(originals)))
        try:
            if not write.supported(str(path)):
                continue
            heard, fields = fingerprint(str(path)), write.read(str(path))
            write.write(str(path), VALUES, fingerprint=fingerprint, expected=heard)
        except FileError:
            assert path.read_bytes() == data, number
            continue
        written += 1
        assert write.read(str(path)) == VALUES, number
        back = {field: fields.get(field, ()) for field in VALUES}
        write.write(str(path), back, fingerprint=fingerprint, expected=heard)
        assert write.read(str(path)) == fields, number
    print(written)
    assert written > count * 0.08
