"""A new output field is one row of one table, in every format."""

from pathlib import Path

import mutagen
import pytest
from audiofiles import KINDS, fingerprint, make
from mutagen.apev2 import APEv2
from mutagen.asf import ASF, ASFDWordAttribute
from mutagen.id3 import ID3
from secondreader import is_matroska, simple_tags

from lean_tagger import write
from lean_tagger.errors import WriteError
from lean_tagger.fields import FIELDS, FieldKeys, field_of
from lean_tagger.settings import WriteSettings

COLOUR = FieldKeys(
    id3v22="TXX:COLOUR",
    id3v23="TXXX:COLOUR",
    id3v24="TXXX:COLOUR",
    vorbis="COLOUR",
    mp4="----:com.apple.iTunes:COLOUR",
    matroska="COLOUR",
    asf="LEAN/Colour",
    ape="Colour",
)
BPM = FieldKeys(
    id3v22="TBP",
    id3v23="TBPM",
    id3v24="TBPM",
    vorbis="BPM",
    mp4="tmpo",
    matroska="BPM",
    asf="WM/BeatsPerMinute",
    ape="BPM",
    number=True,
)
VALUES = {"genre": ("Rock",), "colour": ("deep blue", "grün"), "tempo": ("128",)}


@pytest.fixture(autouse=True)
def two_more_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add one row for a text and one for a number, which is all that a new field takes."""
    monkeypatch.setitem(FIELDS, "colour", COLOUR)
    monkeypatch.setitem(FIELDS, "tempo", BPM)


def by_mutagen(path: Path) -> dict[str, list[object]]:
    """Return what mutagen finds under the keys of both rows, in the words of its own types."""
    if is_matroska(path):
        stored = simple_tags(path)[::-1]  # the strongest comes last
        keys = (COLOUR.matroska, BPM.matroska)
        return {key: [text for name, text in stored if name == key] for key in keys}
    if path.suffix in (".aac", ".tta"):  # as in test_write
        tags = {".aac": ID3, ".tta": APEv2}[path.suffix](path)
    else:
        tags = mutagen.File(path).tags
    if isinstance(tags, ID3):
        return {key: list(tags[key].text) for key in (COLOUR.id3v24, BPM.id3v24)}
    kind = type(tags).__name__
    column = {"MP4Tags": "mp4", "ASFTags": "asf", "APEv2": "ape"}.get(kind, "vorbis")
    keys = (getattr(COLOUR, column), getattr(BPM, column))
    return {key: [v.decode() if isinstance(v, bytes) else v for v in tags[key]] for key in keys}


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_one_row_is_written_read_and_removed(kind: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"a.{kind}", kind)
    before = fingerprint(str(path))
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert write.read(str(path)) == VALUES
    texts, numbers = by_mutagen(path).values()
    assert [str(text) for text in texts] == ["deep blue", "grün"]
    assert [str(number) for number in numbers] == ["128"]
    write.write(str(path), {"colour": (), "tempo": ()}, fingerprint=fingerprint)
    assert write.read(str(path)) == {"genre": ("Rock",)}
    assert fingerprint(str(path)) == before


def test_mp4_holds_a_number_as_a_number(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "m4a")
    write.write(str(path), {"tempo": ["128"]}, fingerprint=fingerprint)
    assert mutagen.File(path).tags["tmpo"] == [128]


def test_a_binary_number_in_asf_is_read(tmp_path: Path) -> None:
    path = make(tmp_path / "a.wma", "wma")
    file = ASF(path)
    file.tags["WM/BeatsPerMinute"] = [ASFDWordAttribute(128)]
    file.save()
    assert write.read(str(path)) == {"tempo": ("128",)}
    write.write(str(path), {"tempo": ["129"], "genre": ["Rock"]}, fingerprint=fingerprint)
    assert write.read(str(path)) == {"tempo": ("129",), "genre": ("Rock",)}


@pytest.mark.parametrize("value", ["128.5", "99999", "-40000"])
def test_a_number_that_an_atom_cannot_hold_is_refused(value: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "m4a")
    before = path.read_bytes()
    with pytest.raises(WriteError, match="cannot hold"):
        write.write(str(path), {"tempo": [value]}, fingerprint=fingerprint)
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", ["fast", "nan", "1e3", "\uff11\uff12\uff18"])
def test_what_is_not_a_number_is_not_written_as_one(value: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac", "flac")
    with pytest.raises(WriteError, match="not a number"):
        write.write(str(path), {"tempo": [value]}, fingerprint=fingerprint)


@pytest.mark.parametrize("version", [3, 4])
def test_a_new_field_is_known_in_either_version_of_id3(version: int, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp3", "mp3")
    ID3(path).delete()
    write.write(
        str(path),
        VALUES,
        fingerprint=fingerprint,
        ways=WriteSettings(id3_version=version),
    )
    assert ID3(path, translate=False).version[1] == version
    assert write.read(str(path)) == VALUES


def test_a_key_belongs_to_one_field_only() -> None:
    for column in FieldKeys.__dataclass_fields__:
        if column not in ("number", "also"):
            for field, keys in FIELDS.items():
                assert field_of(getattr(keys, column), column) == field
                assert all(field_of(key, column) == field for key in keys.also)
