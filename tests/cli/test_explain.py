"""`explain` says why a file has its tags, and why nothing is written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mutagen
import pytest
from command import Run

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def explain(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lean_tagger", "explain", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three files that were tagged, and its journal next to it."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "music").mkdir()
    for clip in ("skyvibe.mp3", "west.flac", "farm.wav"):
        shutil.copy(DATA / clip, folder / "music")
    tags = mutagen.File(folder / "music" / "west.flac")
    tags["genre"] = "Other"
    tags.save()
    Run("--state", folder / "state", folder / "music")
    return folder


def told(folder: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    done = explain("--json", "--state", folder / "state", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_value_that_is_not_ours_is_named_as_the_reason(heard: Path) -> None:
    (report,) = told(heard, heard / "music" / "west.flac")
    assert "genre" not in report["would_write"]
    assert report["why_not"]["genre"] == (
        "'Other' is there and is not ours; --overwrite replaces it, --merge adds to it"
    )
    text = explain("--state", heard / "state", heard / "music" / "west.flac").stdout
    assert "nothing would be written as genre because 'Other' is there and is not ours" in text


def test_what_we_wrote_and_what_is_unsure_are_reasons_too(heard: Path) -> None:
    (report,) = told(heard, heard / "music" / "skyvibe.mp3")
    assert report["why_not"] == {
        "genre": "lean-tag wrote 'Electronic' before",
        "mood": "no label is sure enough",
    }


def test_what_would_be_written_needs_no_reason(heard: Path) -> None:
    (report,) = told(heard, "--overwrite", heard / "music" / "west.flac")
    assert report["would_write"]["genre"] == ["Folk"]
    assert "genre" not in report["why_not"]


def test_a_folder_is_all_that_is_on_record_in_it(heard: Path) -> None:
    names = [Path(report["path"]).name for report in told(heard, heard / "music")]
    assert names == ["farm.wav", "skyvibe.mp3", "west.flac"]


def test_a_folder_of_which_nothing_is_on_record_is_a_mistake(heard: Path, tmp_path: Path) -> None:
    done = explain("--state", heard / "state", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing in" in done.stderr
    assert "is on record" in done.stderr
