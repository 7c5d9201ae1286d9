"""Every command in the documents runs as it stands, on the excerpts of the tests."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import referencepage

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
DOCUMENTS = ["README.md", *sorted(str(it.relative_to(ROOT)) for it in ROOT.glob("docs/**/*.md"))]
SONGS = {
    "west.flac": "west.flac",
    "song.mp3": "skyvibe.mp3",
    "other.mp3": "lava.opus",
    "one.mp3": "celtic.m4a",
    "two.mp3": "farm.wav",
    "first.mp3": "hacienda.ogg",
    "last.mp3": "west.flac",
}
"""What the documents call a song, and the excerpt that stands for it."""


class Block(NamedTuple):
    """Lines for a shell, and why they are not run."""

    document: str
    text: str
    not_run: str


def blocks(document: str) -> list[Block]:
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.findall(
        r"(?:^<!-- not run: (.*?) -->\n)?^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    return [Block(document, lines, why) for why, lines in found]


ALL = [block for document in DOCUMENTS for block in blocks(document)]
FIRST = next(it for it in ALL if not it.not_run)
"""That of the README; the fast tests run it, each other takes seconds as well."""

RUN = [
    pytest.param(it, marks=() if it == FIRST else pytest.mark.slow, id=f"{n}")
    for n, it in enumerate(ALL)
    if not it.not_run
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home of somebody who has heard their music, and stands in a clone of ours."""
    home = tmp_path_factory.mktemp("home")
    (home / "Music" / "Jazz").mkdir(parents=True)
    shutil.copytree(DATA, home / "tests" / "data")
    for name, clip in SONGS.items():
        for folder in (home, home / "Music"):
            shutil.copy(DATA / clip, folder / name)
    shutil.copy(DATA / "farm.wav", home / "Music" / "Jazz")
    for folder in (home / "bin", home / ".venv" / "bin"):
        folder.mkdir(parents=True)
        program = folder / "lean-tag"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lean_tagger "$@"\n')
        program.chmod(0o755)
    assert shell(home, "lean-tag -n ~/Music *.mp3\n").returncode == 0
    return home


def shell(home: Path, lines: str) -> "subprocess.CompletedProcess[str]":
    apart = {name: "" for name in os.environ if name.startswith(("XDG_", "LEAN_TAG"))}
    return subprocess.run(
        ["sh", "-eu", "-c", lines],
        cwd=home,
        env={
            **os.environ,
            **apart,
            "HOME": str(home),
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("block", RUN)
def test_a_block_of_commands_runs(home: Path, block: Block) -> None:
    done = shell(home, block.text)
    assert done.returncode == 0, f"{block.document}:\n{block.text}\n{done.stderr}"
    assert "Traceback" not in done.stderr


def test_most_blocks_are_run() -> None:
    assert len(RUN) > len(ALL) / 2
    assert {it.document for it in ALL if not it.not_run} >= {"README.md", "docs/index.md"}


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse words its usage otherwise since")
def test_the_reference_is_what_help_says() -> None:
    assert referencepage.PAGE.read_text(encoding="utf-8") == referencepage.page()
