"""What the package promises to whoever installs it."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DATA
from thinned import thinned

import lean_tagger

SCORE = (
    "from lean_tagger import Tagger; import sys; print(Tagger().score(sys.argv[1]).top(1)[0][0])"
)
# Also for those who import a stage by itself, past every entry point of ours.
STAGE = "from lean_tagger.listen.network import Network; from lean_tagger.card import load_card; Network(load_card('msd-musicnn')); print('ok')"  # noqa: E501 - one command


def commands(song: Path) -> dict[str, list[str]]:
    return {
        "module": [sys.executable, "-m", "lean_tagger", str(song)],
        "library": [sys.executable, "-c", SCORE, str(song)],
        "stage": [sys.executable, "-c", STAGE],
    }


@thinned("how", ["module", "library", "stage"], fast=1)
def test_nothing_but_the_journal_is_written_at_home_however_it_is_started(
    tmp_path: Path, how: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    song = Path(shutil.copy(DATA / "west.flac", tmp_path))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_"))}
    environment |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        commands(song)[how], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout
    state = home / ".local" / "state" / "lean-tag"
    ours = {state, *state.parents} if how == "module" else set()  # the journal, and nothing else
    assert [p for p in home.rglob("*") if p not in ours and p.parent != state] == []
    assert (state / "journal.sqlite3").exists() == (how == "module")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@thinned("how", ["module", "library", "stage"], fast=1)
def test_no_socket_is_opened_however_it_is_started(tmp_path: Path, how: str) -> None:
    song = Path(shutil.copy(DATA / "west.flac", tmp_path))
    log = tmp_path / "trace"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ORT_")}
    trace = ["strace", "-f", "-o", str(log), "-e", "trace=socket,connect,execve"]
    subprocess.run([*trace, *commands(song)[how]], env=environment, check=True, timeout=120)
    traced = log.read_text()
    assert "execve(" in traced
    assert "socket(" not in traced
    assert "connect(" not in traced


def test_the_version_is_the_packages() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lean_tagger", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"lean-tag {lean_tagger.__version__}\n"
    try:
        installed = importlib.metadata.version("lean-tagger")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("run from a checkout that is not installed")
    assert installed == lean_tagger.__version__


def test_asking_the_package_for_nothing_loads_nothing_heavy() -> None:
    heavy = {"av", "numpy", "onnxruntime", "soundfile", "mutagen"}
    script = f"import lean_tagger, sys; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = lean_tagger.nothing_like_this


def test_type_hints_are_shipped() -> None:
    assert (Path(lean_tagger.__file__).parent / "py.typed").is_file()
