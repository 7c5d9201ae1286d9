"""No connection is opened but by what is named for it: `ONLINE`."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DATA
from modelserver import serving
from test_layers import SOURCES
from thinned import thinned

from lean_tagger.cli.commands import NAMES, ONLINE

ROOT = Path(__file__).parents[2]
STRACE = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
NETWORK = {"socket", "ssl", "http", "urllib.request", "ftplib", "smtplib", "asyncio", "requests"}
NETWORK |= {"distributed", "fsspec"}


def calls(tmp_path: Path, *arguments: str | Path) -> tuple[int, list[str]]:
    """Run a command; return its exit code, and each call that has to do with a connection."""
    log = tmp_path / "trace"
    trace = ["strace", "-f", "-o", str(log), "-e", "trace=socket,connect,bind,execve"]
    command = [*trace, sys.executable, "-m", "lean_tagger", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300, check=False)
    if not log.exists() or "execve(" not in (text := log.read_text(errors="replace")):
        pytest.skip("strace is not allowed here")
    found = [line for line in text.splitlines() if "execve(" not in line and "(" in line]
    # A pair of pipes between processes is no connection to anybody.
    return done.returncode, [it for it in found if "AF_" in it]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a song that was heard; the journal of that is below it."""
    folder = tmp_path_factory.mktemp("music")
    song = Path(shutil.copy(DATA / "west.flac", folder))
    (folder / "words.txt").write_text("rock\n")
    (folder / "nothing.jsonl").write_text("")
    subprocess.run(
        [sys.executable, "-m", "lean_tagger", "-n", song],
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def journal(music: Path) -> Path:
    """Give this test a copy of that journal, and the folder with the song."""
    shutil.copytree(music / "state", os.environ["XDG_STATE_HOME"], dirs_exist_ok=True)
    return music


def arguments_of(name: str, music: Path) -> list[list[str | Path]]:
    """Return how a command is run; "" tags."""
    song = music / "west.flac"
    known: dict[str, list[list[str | Path]]] = {
        "": [["-n", song], ["-n", "--model", "mtt-vgg", song]],
        "export": [["export", music / "out.jsonl"]],
        "find": [["find", "genre:rock"]],
        "import": [["import", music / "nothing.jsonl"]],
        "labels": [["labels", "make", music / "words.txt", "--text-model", "none.onnx"]],
        "merge": [["merge", music / "none.sqlite3"]],
        "models": [
            *(["models", "show", "mtt-vgg"], ["models", "verify", "mtt-vgg"]),
            *(["models", "test", song], ["models", "remove", "nothing"], ["models", "get"]),
            *(["models", "get", "--json"], ["models", "get", "nothing"]),
            ["models", "get", "moods"],  # its licence is not agreed to
            ["models", "get", "--url", "http://127.0.0.1:9/"],
        ],
        "path": [["path", song, song]],
        "playlists": [["playlists", music / "words.txt"]],
        "retag": [["retag", "-n", music]],
        "rules": [["rules", "--check"]],
        "service": [["service", "--print", music]],
        "tag": [["tag", "-n", song]],
        "watch": [["watch", "--model", "none", music]],
    }
    return known.get(name, [[name, song]])


FAST = ("", "undo")


@STRACE
@thinned("name", [*FAST, *(it for it in NAMES if it not in FAST)], fast=len(FAST))
def test_a_command_that_is_not_named_for_it_opens_no_connection(name, journal, tmp_path):
    for arguments in arguments_of(name, journal):
        code, found = calls(tmp_path, *arguments)
        assert (code < 128, found) == (True, []), arguments


@STRACE
@pytest.mark.slow
def test_a_list_of_models_that_measures_them_opens_no_connection(tmp_path):
    assert calls(tmp_path, "models", "list") == (0, [])


@STRACE
def test_what_is_named_for_it_opens_one(tmp_path):
    """Else the tests above might look at nothing."""
    with serving() as server:
        arguments = ["models", "get", "styles", "--url", server.url, "--accept-licence"]
        code, found = calls(tmp_path, *arguments)
    assert code == 6
    assert any("connect(" in line for line in found)
    assert tuple(arguments[:2]) in ONLINE


@STRACE
@pytest.mark.slow
def test_a_run_with_a_cluster_opens_one(tmp_path):
    pytest.importorskip("distributed")
    code, found = calls(tmp_path, "--dask", "tcp://127.0.0.1:9", DATA / "west.flac")
    assert code == 7
    assert any("connect(" in line for line in found)
    assert {("tag", "--dask"), ("tag", "URL")} <= set(ONLINE)


def test_one_module_for_each_way_can_open_a_connection():
    """All others import nothing that could, however far one follows; see `test_layers`."""
    found = {
        module
        for module, path in SOURCES.items()
        for node in ast.walk(ast.parse(path.read_bytes()))
        for name in _imported(node)
        if name in NETWORK or name.partition(".")[0] in NETWORK - {"urllib.request"}
    }
    assert found == {
        "always.http_call",
        "catalogue.http_get",
        "cluster.dask_executor",
        "system.urls",
    }


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []


def test_the_commands_that_open_none_do_not_even_load_what_could():
    script = (
        "import sys\nfrom lean_tagger.cli.main import main\n"
        "main(['models', 'show', 'mtt-vgg'])\nmain(['runs'])\n"
        "online = {'lean_tagger.catalogue.http_get', 'lean_tagger.always.http_call'}\n"
        "print({*online, 'distributed', 'fsspec'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "set()"
