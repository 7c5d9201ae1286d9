"""The command ``lean-tag doctor``, end to end on this machine."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import DATA, MODELS, VARIANTS
from pace import comes_true, took_no_longer_than

import lean_tagger
from lean_tagger.card import models_folder
from lean_tagger.run import budget
from lean_tagger.system import machine, memory

MIB = 1 << 20
PACKAGE = Path(lean_tagger.__file__).parent


def run(
    *arguments: str | Path, first: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command; what is in the folder `first` comes before every other module."""
    path = os.pathsep.join(str(folder) for folder in (first, PACKAGE.parent) if folder)
    return subprocess.run(
        [sys.executable, "-P", "-m", "lean_tagger", "doctor", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def one_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with our package and one model: to measure all of them takes seconds."""
    return package(tmp_path_factory.mktemp("package"), "msd-musicnn")


def package(folder: Path, *models: str) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "models")
    shutil.copytree(PACKAGE, folder / "lean_tagger", ignore=ignored)
    (folder / "models").mkdir()
    for name in models:
        for suffix in (".json", ".onnx"):
            shutil.copy(models_folder() / f"{name}{suffix}", folder / "models")
    return folder


def found(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def distribution(folder: Path, name: str, version: str) -> None:
    """Install a distribution, as far as its metadata go."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


# On this machine


@pytest.mark.slow
def test_a_good_machine_gets_one_json_object_and_exit_code_0(tmp_path):
    started = time.monotonic()
    done = run("--json", tmp_path, XDG_STATE_HOME=str(tmp_path / "state"))
    assert took_no_longer_than(20, since=started)  # it takes 3
    report = found(done)
    assert (done.returncode, report["ok"], report["problems"]) == (0, True, [])
    assert report["type"] == "doctor"
    assert report["lean_tag"] == lean_tagger.__version__
    assert report["telemetry"] == "off"
    libraries = {library["module"]: library for library in report["libraries"]}
    assert all(library["version"] for library in libraries.values())
    assert "CPUExecutionProvider" in libraries["onnxruntime"]["parts"]["providers"]
    assert libraries["av"]["parts"]["FFmpeg"]
    assert libraries["soundfile"]["parts"]["libsndfile"]
    assert report["cpu"]["usable"] == machine.usable_cores()
    assert report["memory"]["machine_limit_bytes"] == machine.machine_limit_bytes()
    assert report["memory"]["budget_bytes"] == machine.default_budget_bytes()
    assert sorted(fit["model"] for fit in report["models"]) == sorted(
        [*MODELS, *VARIANTS, "standard"]
    )
    for fit in report["models"]:
        assert 60 * MIB < fit["least_bytes"] < 400 * MIB
        assert fit["plan"]["workers"] >= 1
    assert [place["path"] for place in report["music"]] == [str(tmp_path)]
    assert report["state"]["path"] == str(tmp_path / "state/lean-tag")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_page_of_a_good_machine_fits_one_screen(every, one_model):
    done = run(first=None if every else one_model)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[-1] == "Everything here will work."
    assert len(lines) <= (24 if every else 24 - len(MODELS + VARIANTS) + 1)
    assert all(len(line) <= 80 for line in lines if "/" not in line)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_the_output_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "lean_tagger", "doctor", "--json"],
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 5
    assert done.stderr == "lean-tag: cannot write the results: No space left on device\n"


def test_a_bad_option_is_one_sentence_and_exit_code_2():
    done = run("--max-mem", "lots")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lean-tag doctor: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_budget_below_every_floor_is_a_problem_with_a_budget_that_suffices(every, one_model):
    done = run("--json", "--max-mem", "60M", first=None if every else one_model)
    report = found(done)
    assert (done.returncode, report["ok"]) == (1, False)
    assert all(fit["plan"] is None and "too little" in fit["error"] for fit in report["models"])
    (problem,) = report["problems"]
    assert "does not fit a budget of 60 MiB" in problem["what"]
    least_bytes = next(f["least_bytes"] for f in report["models"] if f["model"] == "msd-musicnn")
    named_bytes = memory.parse_size(problem["remedy"].removeprefix("Allow --max-mem ").rstrip("."))
    assert 0 <= named_bytes - least_bytes < MIB


@pytest.mark.slow
def test_a_budget_is_planned_with():
    report = found(run("--json", "--max-mem", "1500M"))
    assert report["memory"]["budget_bytes"] == 1500 * MIB
    for fit in report["models"]:
        used_bytes = fit["plan"]["workers"] * fit["plan"]["share_bytes"]
        assert budget.SUPERVISOR_BYTES + used_bytes <= 1500 * MIB


@pytest.mark.slow
def test_more_than_the_machine_allows_is_lowered_and_said():
    report = found(run("--json", "--max-mem", "4096G"))
    assert report["memory"]["budget_bytes"] == machine.machine_limit_bytes()
    assert any("lowered to" in note for note in report["notes"])


@pytest.mark.slow
def test_several_builds_of_onnx_runtime_are_a_problem(tmp_path):
    distribution(tmp_path, "onnxruntime-gpu", "1.20.0")
    distribution(tmp_path, "onnxruntime-extensions", "0.12.0")  # another module: no rival
    done = run("--json", first=tmp_path)
    report = found(done)
    assert done.returncode == 1
    assert "onnxruntime-gpu 1.20.0" in report["runtimes"]
    assert not any("extensions" in name for name in report["runtimes"])
    (problem,) = report["problems"]
    assert problem["what"].startswith("Several builds of ONNX Runtime")
    assert "onnxruntime-gpu 1.20.0" in problem["what"]
    assert "pip uninstall onnxruntime onnxruntime-gpu" in problem["remedy"]


@pytest.mark.slow
def test_one_build_found_in_two_folders_is_one(tmp_path):
    distribution(tmp_path, "onnxruntime", "1.19.0")
    done = run("--json", first=tmp_path)
    assert found(done)["runtimes"] == ["onnxruntime 1.19.0"]


@pytest.mark.slow
def test_music_that_is_not_there_is_a_problem_and_the_page_says_so(tmp_path):
    done = run(tmp_path / "nowhere\x1b[31m")
    assert done.returncode == 1
    problem = " ".join(done.stdout[done.stdout.index("PROBLEM") :].split())
    assert "does not exist." in problem
    assert "mounted?" in problem
    assert "\x1b" not in done.stdout
    assert "Everything here will work." not in done.stdout


@pytest.mark.slow
def test_a_damaged_model_is_a_problem_and_the_others_are_still_measured(tmp_path):
    weights = package(tmp_path, "msd-musicnn", "mtt-vgg") / "models/mtt-vgg.onnx"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = run("--json", first=tmp_path)
    report = found(done)
    assert done.returncode == 1
    measured = {fit["model"]: fit["least_bytes"] is not None for fit in report["models"]}
    assert measured == {"msd-musicnn": True, "mtt-vgg": False}
    (problem,) = report["problems"]
    assert "mtt-vgg does not start" in problem["what"]
    assert "Install it again" in problem["remedy"]


def test_no_socket_is_opened_and_nothing_is_written(tmp_path, one_model):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    trace = tmp_path / "trace"
    calls = "socket,connect,openat,open,creat,rename,renameat2,unlink,unlinkat,mkdir,mkdirat"
    done = subprocess.run(
        [
            *(strace, "-f", "-o", str(trace), "-e", f"trace={calls}"),
            *(sys.executable, "-P", "-m", "lean_tagger", "doctor", "--json", str(DATA)),
        ],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(one_model)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode not in {0, 1} or not trace.exists():
        pytest.skip("strace is not allowed here")
    assert json.loads(done.stdout)["ok"] is True
    writing = ("socket(", "connect(", "O_WRONLY", "O_RDWR", "creat(", "rename", "unlink", "mkdir")
    bad = [
        line
        for line in trace.read_text(errors="replace").splitlines()
        if any(word in line for word in writing) and "/dev/null" not in line
    ]
    assert bad == []


# Libraries that do not load


def test_a_library_that_is_missing_is_named_and_no_model_is_tried(tmp_path):
    (tmp_path / "mutagen.py").write_text("raise ImportError('no such thing')")
    done = run("--json", first=tmp_path)
    report = found(done)
    assert (done.returncode, report["models"]) == (1, [])
    (problem,) = report["problems"]
    assert problem["what"] == "mutagen does not load: ImportError: no such thing."
    assert "pip install" in problem["remedy"]


def in_session(session: int) -> set[int]:
    """Return the processes of a session that have not ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # proc(5), behind the name: state, parent, group, session
            state, _, _, number = stat.read_text().rsplit(") ", 1)[1].split()[:4]
            if int(number) == session and state != "Z":
                found.add(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "seconds",
    [1.0, pytest.param(0.0, marks=pytest.mark.slow), pytest.param(1.6, marks=pytest.mark.slow)],
)
def test_an_interrupt_ends_it_and_its_workers(seconds):
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "lean_tagger", "doctor"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert comes_true(lambda: len(in_session(process.pid)) > 1, within=20)
        time.sleep(seconds)  # to libraries, the first model, another
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=300)
    # A quick machine was done before, or just ending, when Python has no handler any more.
    assert process.returncode in {130, 0, -signal.SIGINT}
    assert b"Traceback" not in said
    assert comes_true(lambda: not in_session(process.pid), within=60)  # one may just begin
