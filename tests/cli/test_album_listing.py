"""What a first run with ``--album-genre`` lists."""

import shutil
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"


def lean_tag(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lean_tagger", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def test_a_first_run_says_that_it_does_not_list_unchanged_files(tmp_path: Path) -> None:
    shutil.copy(DATA / "celtic.m4a", tmp_path)  # nothing is sure enough for it
    tried = ("--album-genre", "-n", tmp_path)
    first = lean_tag(*tried, "--state", tmp_path / "one")
    assert "celtic" not in first.stdout
    assert "-v lists them" in first.stderr
    assert "-v lists them" not in lean_tag(*tried, "--state", tmp_path / "one").stderr
    full = lean_tag(*tried, "-v", "--state", tmp_path / "two")
    assert "celtic" in full.stdout
    assert "-v lists them" not in full.stderr
