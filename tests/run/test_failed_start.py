"""A worker that cannot start: the run ends with one sentence that says why, and the right code."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DATA
from thinned import thinned
from tinymodel import make

from lean_tagger.errors import BudgetError, ModelError, StateError
from lean_tagger.jobs import Failed
from lean_tagger.run import failed_start

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")

ROOT = Path(__file__).parents[2]


def listen(
    *options: str | Path, modules: Path | None = None, address_bytes: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command with other modules in front of ours, or with less room for addresses."""
    path = f"{modules}:{ROOT}" if modules else str(ROOT)

    def limit() -> None:
        if address_bytes:
            resource.setrlimit(resource.RLIMIT_AS, (address_bytes, address_bytes))

    return subprocess.run(
        [sys.executable, "-m", "lean_tagger", "-n", "--jobs", "1", *options, DATA / "farm.wav"],
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "XDG_STATE_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
        preexec_fn=limit,
    )


def runtime(folder: Path, source: str) -> Path:
    """Put a broken ONNX Runtime into a folder."""
    (folder / "onnxruntime.py").write_text(source)
    return folder


def test_a_library_that_does_not_load_is_named_with_its_own_words(tmp_path: Path) -> None:
    words = "libcrypt.so.1: cannot open shared object file: No such file or directory"
    done = listen(
        "--state", tmp_path / "s", modules=runtime(tmp_path, f"raise ImportError({words!r})")
    )
    assert done.returncode == StateError.exit_code
    assert words in done.stderr
    assert "lean-tag doctor" in done.stderr
    assert done.stderr.count("\n") == 1


@thinned("command", [("-n", str(DATA / "farm.wav")), ("find", "genre:rock")], fast=1)
def test_a_python_that_is_gone_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    """As when it was replaced while we ran."""
    program = (
        "import sys; from lean_tagger.cli.main import main; sys.executable = '/gone/python'; "
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command, "--state", tmp_path / "s"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == StateError.exit_code
    assert "with /gone/python: No such file or directory; lean-tag needs the Python" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_library_that_crashes_is_quoted_and_its_flood_is_not(tmp_path: Path) -> None:
    """Two megabytes, far more than a pipe holds: nobody may wait for the other."""
    source = (
        "import os, signal, sys\n"
        "for _ in range(40_000):\n"
        "    try:\n"
        "        os.write(2, b'warning: part2_3_length too large: resync\\n')\n"
        "    except BlockingIOError:\n"
        "        pass\n"
        "while True:\n"
        "    try:\n"
        "        os.write(2, b'illegal instruction in gemm_kernel\\n')\n"
        "        break\n"
        "    except BlockingIOError:\n"
        "        pass\n"
        "os.kill(os.getpid(), signal.SIGILL)\n"
    )
    done = listen("--state", tmp_path / "s", modules=runtime(tmp_path, source))
    assert done.returncode == StateError.exit_code
    assert "it crashed (SIGILL): illegal instruction in gemm_kernel" in done.stderr
    assert "resync" not in done.stderr


@thinned("mib", [250, 30, 60, 100, 150], fast=1)
def test_too_little_address_space_is_a_matter_of_memory(tmp_path: Path, mib: int) -> None:
    """Whatever breaks first: Python, NumPy, FFmpeg or ONNX Runtime, each in its own way."""
    done = listen("--state", tmp_path / "s", address_bytes=mib << 20)
    assert done.returncode == BudgetError.exit_code, done.stderr
    assert "ulimit -v" in done.stderr
    assert done.stderr.count("\n") == 1


def test_weights_that_cannot_be_read_are_the_models_matter(tmp_path: Path) -> None:
    card = make(tmp_path)
    (tmp_path / "tiny.onnx").unlink()
    (tmp_path / "tiny.onnx").mkdir()
    done = listen("--state", tmp_path / "s", "--model", card)
    assert done.returncode == ModelError.exit_code, done.stderr
    assert "tiny" in done.stderr


def test_a_start_that_takes_too_long_names_the_option(tmp_path: Path) -> None:
    source = "import time; time.sleep(60)"
    done = listen(
        *("--state", tmp_path / "s", "--start-timeout", "1"), modules=runtime(tmp_path, source)
    )
    assert done.returncode == StateError.exit_code
    assert "--start-timeout" in done.stderr


@pytest.mark.parametrize(
    ("kind", "message", "status", "loaded", "expected"),
    [
        ("crashed", "it crashed (SIGSEGV)", -signal.SIGSEGV, True, ModelError),
        ("crashed", "it crashed (SIGSEGV)", -signal.SIGSEGV, False, StateError),
        ("crashed", "status 1: what(): std::bad_alloc", 1, True, BudgetError),
        ("killed", "its worker was killed", -signal.SIGKILL, True, BudgetError),
        ("hung", "it took much too long", -signal.SIGKILL, True, ModelError),
        ("over-budget", "it took 2 GiB", -signal.SIGKILL, True, BudgetError),
    ],
)
def test_each_reason_has_its_exit_code(
    kind: str, message: str, status: int, loaded: bool, expected: type[Exception]
) -> None:
    failure = Failed(path="", kind=kind, message=message)
    error = failed_start.reason("tiny", failure, status=status, libraries_loaded=loaded)
    assert type(error) is expected
    assert message in str(error)
