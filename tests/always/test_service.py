"""Units that systemd accepts, and a sandbox that it calls safe."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinned import thinned

from lean_tagger.always import units

ROOT = Path(__file__).parents[2]
ANALYZE = shutil.which("systemd-analyze")
SYSTEMD = pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze")
MOST_EXPOSED, MOST_EXPOSED_ONLINE = 2.0, 3.0
"""Of ten, as systemd-analyze counts; a unit without a sandbox has 9.6, one that reaches the network
1.3 more than the same without."""


def run(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lean_tagger", "service", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environ},
    )


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / 'My %h "Music" $HOME \\ é'
    folder.mkdir()
    return folder


def installed(tmp_path: Path, *arguments: str | Path) -> Path:
    """Install units of a user; return the folder."""
    done = run("--install", *arguments, XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "config/systemd/user"


def printed(*arguments: str | Path) -> dict[str, str]:
    done = run("--print", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    parts = done.stdout.split("# lean-tag")[1:]
    return {f"lean-tag{it.partition(chr(10))[0]}": it.partition("\n")[2] for it in parts}


@SYSTEMD
def test_systemd_accepts_the_units_of_a_user(music, tmp_path):
    folder = installed(tmp_path, "--max-mem", "500M", "--merge", music)
    for name in (units.WATCH, units.ONCE, units.TIMER):
        assert verified(folder / name) == ""


@SYSTEMD
@pytest.mark.parametrize("notify", [(), ("--notify", "navidrome")])
def test_systemd_accepts_the_units_of_the_machine_and_calls_them_safe(notify, music, tmp_path):
    for name, text in printed("--system", *notify, music).items():
        (tmp_path / name).write_text(text)
    for name in (units.WATCH, units.ONCE, units.TIMER):
        assert verified(tmp_path / name) == ""
    most = MOST_EXPOSED_ONLINE if notify else MOST_EXPOSED
    assert exposure(tmp_path / units.WATCH) <= most
    assert exposure(tmp_path / units.ONCE) <= most


def verified(unit: Path) -> str:
    """Return what systemd finds wrong with our units; of others on this machine, nothing."""
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if "lean-tag" in line]
    return "\n".join(lines) or ("" if done.returncode == 0 else done.stderr)


def exposure(unit: Path) -> float:
    done = subprocess.run(
        [str(ANALYZE), "security", "--offline=yes", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    words = done.stdout.rpartition("exposure level for")[2].split()
    return float(words[words.index("SAFE") - 1] if "SAFE" in words else words[1])


def test_the_limit_of_memory_is_the_budget_and_a_margin(music):
    text = printed("--max-mem", "500M", music)[units.WATCH]
    assert f"MemoryMax={500 * 1024**2 + units.MARGIN_BYTES}\n" in text
    assert "MemorySwapMax=0\n" in text


@pytest.mark.slow
def test_there_is_no_network_unless_a_player_is_told(music):
    for whose in ((), ("--system",)):
        alone, told = printed(*whose, music), printed(*whose, "--notify", "plex", music)
        for name in (units.WATCH, units.ONCE):
            assert "RestrictAddressFamilies=AF_UNIX\n" in alone[name]
            assert ("PrivateNetwork=yes" in alone[name]) == bool(whose)
            assert "PrivateNetwork" not in told[name]
            assert "AF_INET" in told[name]


def test_installing_makes_the_folders_that_have_to_be_there_and_switches_nothing_on(
    music, tmp_path
):
    folder = installed(tmp_path, music)
    assert {it.name for it in folder.iterdir()} == {units.ONCE, units.TIMER, units.WATCH}
    assert (Path(os.environ["XDG_STATE_HOME"]) / "lean-tag").is_dir()


@thinned(
    ("arguments", "word"),
    [
        (["/"], "--print"),
        (["--print"], "give a"),
        (["--print", "no such folder"], "no such file"),
        (["--print", __file__], "only a folder"),
        (["--print", "--user", "me", "/"], "--system"),
        (["--print", "--until", "06:00", "/"], "--until"),
        (["--print", "--notify", "http://a:b@c/", "/"], "ps"),
        (["--print", "--install", "/"], "not allowed"),
    ],
    fast=3,
)
def test_a_mistake_is_said(arguments, word):
    done = run(*arguments)
    assert (done.returncode, word in done.stderr, done.stdout) == (2, True, "")


@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_any_name_is_one_word_of_printable_ascii(text):
    text = text.encode("utf-8", "ignore").decode()
    word = units.quoted(text)
    inner = word.removeprefix('"').removesuffix('"').replace("%%", "%")
    assert (word.isascii(), word.isprintable()) == (True, True)
    assert inner.encode().decode("unicode_escape").encode("latin-1") == text.encode()
