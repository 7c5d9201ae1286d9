"""What a doctor examines: libraries, models, folders; `hardware` has the machine.

The libraries are loaded in a process of their own: one that was built for another processor
crashes it.
"""

import contextlib
import dataclasses
import importlib
import importlib.metadata
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lean_tagger.card import installed_models
from lean_tagger.errors import BudgetError, ConfigError, LeanTagError, StateError
from lean_tagger.run import budget
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings
from lean_tagger.system import folders, machine, mounts

LIBRARIES = {
    "av": "PyAV",
    "onnxruntime": "ONNX Runtime",
    "numpy": "NumPy",
    "mutagen": "mutagen",
    "soundfile": "soundfile",
    "psutil": "psutil",
    "tqdm": "tqdm",
}
"""Libraries that must load, by the name of their module."""

COMPILED = ("argparse", "lean_tagger", *LIBRARIES)
"""Modules that should be stored compiled; argparse stands for Python's own, which some containers
store without."""

RUNTIMES = frozenset(
    {
        *("onnxruntime", "onnxruntime-gpu", "onnxruntime-migraphx", "onnxruntime-rocm"),
        *("onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn"),
        *("onnxruntime-training", "ort-nightly", "ort-nightly-gpu"),
    }
)
"""Distributions with the module ``onnxruntime``; pip lets one overwrite another."""

LOAD_SECONDS = 30.0
"""A library that takes longer to load will never finish."""

ANSWER_SECONDS = 1.0
"""A folder that takes longer to answer has lost its server."""


PLENTY_BYTES = 4 << 30
"""Budget of a model that is measured: large, so that its real need shows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that will not work: one sentence, and one about what to do."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Library:
    """A library, as it loads here.

    Attributes
    ----------
    name, module : str
        For people, and for Python.
    version : str or None
        ``None`` if it does not load; `error` says why.
    parts : dict
        What it contains: versions by name, and ONNX Runtime's build and providers.
    """

    name: str
    module: str
    version: str | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFit:
    """One installed model, and the plan of a run with it.

    Attributes
    ----------
    least_bytes : int or None
        Least budget with which it runs, all processes together; ``None`` if it does not load.
    plan : budget.Shape or None
        ``None`` if the budget is too small or the model does not load; see `error`.
    """

    model: str
    device: str | None = None
    least_bytes: int | None = None
    plan: budget.Shape | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """A folder or file: where it is, and what is wrong with it, if anything."""

    path: str
    filesystem: str | None
    network: bool
    obstacle: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that was found; ``--json`` prints it unchanged.

    Attributes
    ----------
    runtimes : list of str
        Distributions of ONNX Runtime, ``name version``; more than one is a problem.
    models : list of ModelFit
        Empty if they could not be tried because a library does not load.
    uncompiled : list of str
        Modules that Python compiles again at every start.
    notes : list of str
        What the user should know; `problems` holds what will not work.
    """

    lean_tag: str
    python: str
    system: str
    libraries: list[Library]
    runtimes: list[str]
    cpu: dict[str, Any]
    memory: dict[str, Any]
    telemetry: str
    models: list[ModelFit]
    state: FolderFacts
    music: list[FolderFacts]
    uncompiled: list[str] = field(default_factory=list)
    notes: list[str]
    problems: list[Problem]


def load_all(names: Iterable[str]) -> Iterator[Library]:
    """Load libraries in a process of their own; after a crash, go on with the next one."""
    left = list(names)
    while left:
        code = "from lean_tagger.cli.doctor.facts import load_here; load_here()"
        # -P and PYTHONPATH: the same import folders as here, without the current one.
        path = os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, sys.path)])
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-c", code, *left],
                env={**os.environ, "PYTHONPATH": path},
                capture_output=True,
                timeout=LOAD_SECONDS,
                check=False,
            )
            out, died_of = done.stdout, _death(done.returncode)
        except subprocess.TimeoutExpired as expired:
            out, died_of = expired.stdout or b"", "it does not finish loading"
        for line in out.splitlines():
            with contextlib.suppress(ValueError, TypeError):  # a library that prints
                found = Library(**json.loads(line))
                if found.module in left:
                    left.remove(found.module)
                    yield found
        if left:
            name = left.pop(0)
            yield Library(LIBRARIES.get(name, name), name, error=died_of)


def load_here() -> None:
    """Load the libraries that the command line names; print each as JSON once it is loaded."""
    for name in sys.argv[1:]:
        try:
            module = importlib.import_module(name)
            version = getattr(module, "__version__", None) or module.version_string
            found = Library(LIBRARIES.get(name, name), name, str(version), _parts(module))
        except Exception as error:  # noqa: BLE001 - whatever it is, the user needs it
            reason = f"{type(error).__name__}: {error}"
            found = Library(LIBRARIES.get(name, name), name, error=reason)
        sys.stdout.write(json.dumps(dataclasses.asdict(found)) + "\n")
        sys.stdout.flush()


def _parts(module: Any) -> dict[str, Any]:
    """Return what a library says about its own parts."""
    match module.__name__:
        case "av":
            numbers = {name: ".".join(map(str, v)) for name, v in module.library_versions.items()}
            return {"FFmpeg": getattr(module, "ffmpeg_version_info", "?"), **numbers}
        case "soundfile":
            return {"libsndfile": module.__libsndfile_version__}
        case "onnxruntime":
            return {"build": module.get_build_info(), "providers": module.get_available_providers()}
    return {}


def _death(status: int) -> str:
    if status < 0:
        return f"loading it crashes Python ({signal.Signals(-status).name})"
    return f"loading it ends Python with status {status}"


def installed_runtimes() -> list[str]:
    """Return every installed distribution of ONNX Runtime, as ``name version``."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = str(distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name in RUNTIMES:  # the first of a name is the one that is imported
            found.setdefault(name, f"{name} {distribution.version}")
    return sorted(found.values())


def uncompiled(names: Iterable[str]) -> list[str]:
    """Return which modules Python compiles at every start, because it cannot store the result.

    Call it after they were loaded: by then Python has stored what it can.
    """
    found = []
    for name in names:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):  # `load_all` says why
            continue
        source = spec.origin if spec is not None else None
        if source and source.endswith(".py"):
            kept = importlib.util.cache_from_source(source)
            if not os.path.exists(kept):
                found.append(name)
    return found


def fits(budget_bytes: int, *, start_seconds: float) -> Iterator[ModelFit]:
    """Start a worker for each installed model, and plan with what it needs.

    Raises
    ------
    StateError
        No process can be started here.
    """
    cores = machine.usable_cores()
    for name in installed_models():
        options = Settings(models=(name,), max_mem_bytes=PLENTY_BYTES)
        runner = Supervisor(
            options, jobs=cores, patience_seconds=LOAD_SECONDS, start_seconds=start_seconds
        )
        try:
            with contextlib.closing(runner):
                ready = runner.start(cores)
        except StateError:  # the machine's fault, not a model's
            raise
        except LeanTagError as error:
            yield ModelFit(name, error=str(error))
            continue
        least_bytes = budget.least_bytes(ready.needed_bytes)
        try:
            plan = budget.shape(
                budget_bytes, ready.needed_bytes, cores=cores, files=cores, model=name
            )
            yield ModelFit(name, ready.device, least_bytes, plan)
        except BudgetError as error:
            yield ModelFit(name, ready.device, least_bytes, error=str(error))


def state_folder() -> str:
    """Return the folder of the journal; nothing is made there."""
    return str(folders.state())


def state(table: list[mounts.Mount]) -> FolderFacts:
    """Return where the journal would be, and what is wrong with that place."""
    try:
        return look_at(state_folder(), table, music=False)
    except ConfigError as error:
        problem = Problem("There is no home folder to keep the journal in.", f"{error}.")
        return FolderFacts("nowhere", None, network=False, obstacle=problem)


def look_at(path: str, table: list[mounts.Mount], *, music: bool = True) -> FolderFacts:
    """Return where a path is, and what prevents its use.

    Parameters
    ----------
    path : str
        Of music, which must exist; or else of a folder that may still have to be made.
    table : list of Mount
        What is mounted.
    """
    mount = mounts.find(os.path.abspath(path), table)  # without touching it
    try:
        mount, obstacle = _within(ANSWER_SECONDS, lambda: _approach(path, table, music=music))
    except TimeoutError:
        obstacle = Problem(
            f"{path} does not answer.", "Is its server on? Unmount it or bring it back."
        )
    if mount is None:
        return FolderFacts(path, None, network=False, obstacle=obstacle)
    return FolderFacts(path, mount.kind, mount.network, obstacle)


def _approach(path: str, table: list[mounts.Mount], *, music: bool) -> "_Found":
    """Touch a path, which may take for ever."""
    real = os.path.realpath(path)
    mount = mounts.find(real, table)
    there = os.path.exists(real)
    if music and not there:
        return mount, Problem(f"{path} does not exist.", "Is it spelt right, and mounted?")
    folder = real
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)  # the new file is made next to the old one
    if music and not os.access(real, os.R_OK):
        return mount, Problem(f"{path} cannot be read by this user.", "Give it the right to.")
    if mount is not None and mount.read_only:
        what, remedy = "is mounted read-only", f"Mount {mount.point} writable"
    elif not os.access(folder, os.W_OK | os.X_OK):
        what, remedy = "cannot be written by this user", f"Give it the right to write in {folder}"
    else:
        return mount, None
    return mount, Problem(f"{path} {what}.", remedy + (", or use -n." if music else "."))


_Found = tuple[mounts.Mount | None, Problem | None]


def _within(seconds: float, ask: Callable[[], _Found]) -> _Found:
    """Return an answer that comes in time; a call that never returns is abandoned.

    Raises
    ------
    TimeoutError
        There is none yet.
    """
    answers: list[_Found] = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise TimeoutError
    return answers[0]
