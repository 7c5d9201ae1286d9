"""Damaged and odd files from other projects: written with every invariant, or left alone."""

import shutil
from pathlib import Path

import av
import pytest
from audiofiles import fingerprint

from lean_tagger import write
from lean_tagger.errors import DecodeError, FileError, WriteError

HOSTILE = Path(__file__).parents[3] / "shared" / "hostile"
VALUES = {
    "genre": ("Hip-Hop", "Progressive Rock"),
    "mood": ("mellow", "Änigma"),
    "leantag": ("model=x; " + "Rock=0.5 " * 30,),
}
pytestmark = pytest.mark.skipif(not HOSTILE.exists(), reason="the shared test files are not here")


def careful(path: str) -> str:
    try:
        return fingerprint(path)
    except (av.FFmpegError, OSError, ValueError, IndexError, MemoryError) as error:
        raise DecodeError(path, "it does not decode") from error


def files() -> list[Path]:
    return sorted(p for p in HOSTILE.rglob("*") if p.is_file() and p.suffix not in (".tsv", ".md"))


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("folder", [p.name for p in HOSTILE.glob("*") if p.is_dir()])
def test_every_file_is_written_whole_or_left_alone(tmp_path: Path, folder: str, every: int) -> None:
    av.logging.set_level(None)
    outcomes = {"written": 0, "refused": 0, "undecodable": 0, "unsupported": 0}
    inside = [it for it in files() if it.relative_to(HOSTILE).parts[0] == folder]
    for original in inside[::every]:
        path = Path(shutil.copyfile(original, tmp_path / original.name))
        before = path.read_bytes()
        try:
            if write.supported(str(path)):
                write.write(str(path), VALUES, fingerprint=careful)
                outcomes["written"] += 1
                assert write.read(str(path)) == VALUES
                # and once more, over what is now ours: nothing but values changes
                before = path.read_bytes()
                write.write(str(path), {"mood": ["x"], "leantag": []}, fingerprint=careful)
                assert write.read(str(path)) == {"genre": VALUES["genre"], "mood": ("x",)}
            else:
                outcomes["unsupported"] += 1
                with pytest.raises(WriteError):
                    write.write(str(path), VALUES, fingerprint=careful)
        except FileError as error:
            assert path.read_bytes() == before, original
            outcomes["undecodable" if isinstance(error, DecodeError) else "refused"] += 1
        assert list(tmp_path.iterdir()) == [path], original
        path.unlink()
    print(outcomes)
    assert outcomes["written"] > 0
    # Refusing is for damage, not a way out.
    assert outcomes["refused"] <= outcomes["written"] / 4
