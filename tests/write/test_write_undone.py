"""What was written is taken back: every value and the audio are what they were."""

import contextlib
from collections import Counter
from pathlib import Path

import av
import mutagen
import pytest
from audiofiles import KINDS, in_full, make
from conftest import DATA, SHARED
from secondreader import told

from lean_tagger import write
from lean_tagger.errors import DecodeError, FileError, WriteError
from lean_tagger.jobs import Identity, Job, Ours, Restore, Restored
from lean_tagger.listen.decode import fingerprint, packet_hash
from lean_tagger.run.worker import Worker
from lean_tagger.settings import Settings

HOSTILE = SHARED / "hostile"
VALUES = {"genre": ("Hip-Hop", "Tango"), "mood": ("mellow", "Änigma"), "leantag": ("{}" * 40,)}


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker(Settings(listen=False))


def sound(path: str) -> str:
    """Return what the packets are, and how many samples; this Musepack decodes to nothing."""
    return packet_hash(path) if path.endswith(".mpc") else fingerprint(path)


def undo(worker: Worker, path: Path, fields: dict[str, Ours]) -> None:
    """Have the worker put back what stood in the fields, as ``lean-tag undo`` does."""
    if path.suffix == ".mpc":
        changes = {field: ours.before for field, ours in fields.items()}
        write.write(str(path), changes, fingerprint=sound)
        return
    found = path.stat()
    identity = Identity(found.st_size, found.st_mtime_ns, found.st_ino)
    job = Job(str(path), identity.size_bytes, identity, restore=Restore(fields=fields))
    outcome = worker.do(job)
    assert isinstance(outcome, Restored), outcome
    assert outcome.kept == {}


def on_record(path: Path) -> dict[str, Ours]:
    """Return what the journal gets to know before `VALUES` are written."""
    full, previous = in_full(path, VALUES)
    return {name: Ours(values, previous[name]) for name, values in full.items()}


@pytest.mark.parametrize("old", [{}, {"genre": ("Polka",), "mood": ("x", "y")}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_undo_gives_back_every_value_of_every_format(
    worker: Worker, tmp_path: Path, kind: str, old: dict[str, tuple[str, ...]]
) -> None:
    path = make(tmp_path / f"a.{kind.rpartition('.')[2]}", kind)
    write.write(str(path), old, fingerprint=sound)
    before, heard, record = told(path), sound(str(path)), on_record(path)
    write.write(str(path), VALUES, fingerprint=sound)
    assert told(path) != before
    undo(worker, path, record)
    assert told(path) == before
    assert write.read(str(path)) == old
    assert sound(str(path)) == heard


@pytest.mark.parametrize("kind", KINDS)
def test_a_write_that_fails_leaves_every_format_as_it_was(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / f"a.{kind.rpartition('.')[2]}", kind)
    before = path.read_bytes()

    def failing(name: str) -> str:
        assert write.read(name) == VALUES  # the copy is finished, and is looked at
        raise DecodeError(name, "no")

    with pytest.raises(WriteError, match="not decode"):
        write.write(str(path), VALUES, fingerprint=failing, expected="x")
    assert path.read_bytes() == before
    with pytest.raises(WriteError, match="audio"):
        write.write(str(path), VALUES, fingerprint=lambda _: "y", expected="x")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not HOSTILE.exists(), reason="the shared test files are not here")
@pytest.mark.parametrize("folder", sorted(it.name for it in HOSTILE.glob("*") if it.is_dir()))
@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_undo_gives_back_every_value_of_hostile_files(
    worker: Worker, tmp_path: Path, folder: str, every: int
) -> None:
    av.logging.set_level(None)
    outcomes: Counter[str] = Counter()
    for original in sorted(it for it in (HOSTILE / folder).rglob("*") if it.is_file())[::every]:
        path = tmp_path / original.name
        content = original.read_bytes()
        path.write_bytes(content)
        # What mutagen raises at damaged files has no common root.
        before = None
        with contextlib.suppress(mutagen.MutagenError, IndexError, ValueError, KeyError):
            before = told(path)
        try:
            heard, fields = fingerprint(str(path)), write.read(str(path))
            record = on_record(path)
            write.write(str(path), VALUES, fingerprint=fingerprint)
        except FileError:
            assert path.read_bytes() == content, original
            outcomes["refused"] += 1
        else:
            outcomes["undone"] += 1
            undo(worker, path, record)
            assert fingerprint(str(path)) == heard, original
            assert write.read(str(path)) == fields, original
            if before is not None:
                after = told(path)
                outcomes["compared"] += 1
                assert after == before, original
        assert list(tmp_path.iterdir()) == [path], original
        path.unlink()
    print(dict(outcomes))
    assert outcomes["undone"] > 0
    assert outcomes["compared"] >= 0.9 * outcomes["undone"]


def test_undo_of_an_old_record_lets_another_tag_go_on_saying_its_genre(tmp_path: Path) -> None:
    """0.1.0 looked at one tag only: over a genre in another one it recorded "nothing before"."""
    path = tmp_path / "a.flac"
    path.write_bytes((DATA / "west.flac").read_bytes())
    mutagen.File(path).delete()
    front = mutagen.id3.ID3()
    front.add(mutagen.id3.TCON(encoding=3, text="Polka"))
    front.save(path)
    write.write(str(path), {"genre@tag": ["Folk"]}, fingerprint=fingerprint)
    assert write.read(str(path))["genre"] == ("Folk",)
    write.write(str(path), {"genre": []}, fingerprint=fingerprint)
    assert write.read(str(path))["genre"] == ("Polka",)
    assert "genre" not in (mutagen.File(path).tags or {})
