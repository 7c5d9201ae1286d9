"""Every file that ../shared/faults builds, as four readers see it before, after, and after undo."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import av
import pytest
from audiofiles import in_full
from conftest import SHARED
from readers import READERS, Seen, is_ours, lost, seen

from lean_tagger import write
from lean_tagger.errors import FileError

FAULTS = SHARED / "faults"
BUILDERS = [
    *(f"{name}/make.py" for name in ("dff", "genre_in_second_tag", "refused_though_others_write")),
    "readers_lose_sight.py",
]
VALUES = {"genre": ("Techno", "Dub"), "mood": ("Sad",), "leantag": ("{}" * 40,)}
REFUSED = {"1_torn_picture.mp3", "2_voice.amr"}
"""What would be damaged, or is no format for tags."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg"),
    pytest.mark.skipif(not FAULTS.exists(), reason="the shared test files are not here"),
]


def sound(path: Path) -> str:
    """Return the MD5 of all samples, as FFmpeg decodes them; some files hold no real sound."""
    how = ("-v", "quiet", "-i", str(path), "-map", "0:a", "-f", "md5", "-")
    return subprocess.run(["ffmpeg", *how], capture_output=True, text=True, check=False).stdout


def built(builder: str, folder: Path) -> list[Path]:
    """Return the files that a builder makes."""
    if builder == "readers_lose_sight.py":
        pytest.importorskip("PIL")
    made = [sys.executable, FAULTS / builder, folder]
    subprocess.run(made, check=True, capture_output=True)
    return sorted(it for it in folder.rglob("*") if it.is_file())


def counts(views: dict[str, Seen]) -> str:
    """Return how many things each reader sees, our fields aside."""
    return " ".join(str(sum(not is_ours(key) for key in view)) for view in views.values())


@pytest.mark.parametrize("builder", BUILDERS)
def test_readers_see_what_they_saw_in_every_file_that_was_a_fault(
    builder: str, tmp_path: Path
) -> None:
    av.logging.set_level(None)
    outcomes: Counter[str] = Counter()
    print(f"\n{'file':44} {'outcome':8} {' '.join(READERS)}: before, after, after undo")
    for path in built(builder, tmp_path):
        content, before = path.read_bytes(), seen(path)
        heard = sound(path)
        try:
            _, previous = in_full(path, VALUES)
            write.write(str(path), VALUES, fingerprint=sound)
        except FileError as error:
            outcomes["refused"] += 1
            print(f"{path.name:44} refused  {error.message}")
            assert path.name in REFUSED
            assert path.read_bytes() == content
            continue
        outcomes["written"] += 1
        after, heard_after = seen(path), sound(path)
        write.write(str(path), previous, fingerprint=sound)
        undone = seen(path)
        same = "" if path.read_bytes() != content else ", the very bytes"
        views = ", ".join(counts(it) for it in (before, after, undone))
        print(f"{path.name:44} written  {views}{same}")
        assert lost(before, after) == []
        assert lost(before, undone) == []
        assert heard_after == heard == sound(path)
    print(dict(outcomes))
    assert outcomes["written"]
