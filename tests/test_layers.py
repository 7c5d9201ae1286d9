"""Rooms import downwards only, and what supervises loads nothing heavy."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lean_tagger

PACKAGE = Path(lean_tagger.__file__).parent

ORDER = (
    {"_version", "errors", "fields"},
    {"system"},
    {"card"},
    {"rules"},
    {"jobs"},
    {"settings"},
    {"decide"},
    {"listen", "write"},
    {"pipeline"},
    {"tagger"},
    {"store", "run"},
    {"genres", "library", "catalogue", "always", "cluster"},
    {"cli"},
    {"__main__"},
)
"""A room may import from rooms above it in this list. Rooms of one line never see each other."""

RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}

EXCEPTIONS: set[tuple[str, str]] = set()
"""Pairs (module, room) that may break the order. One that is not used fails."""

HEAVY = {"av", "mutagen", "numpy", "onnxruntime", "soundfile"}
LATE = {"psutil", "tqdm"}
"""Loaded late by the supervisor as well: `--version` and a pipe need neither."""

WORKERS = (
    *("listen", "write", "pipeline", "tagger"),
    *("run.worker", "run.worker_loop", "catalogue.text"),
    *("genres.arithmetic", "library.arithmetic"),
)
"""Rooms and modules that load heavy libraries; all the others do not, however far one follows."""
LIGHT_ALL_THE_SAME = ("listen.effort", "catalogue.text.word_list")

PLAIN_DATA = (
    "errors",
    "fields",
    "card",
    "rules",
    "jobs",
    "settings",
    "system.containers",
    "system.digest",
    "system.files",
    "run.messages",
)
"""Standard library only, also inside of functions."""


def dotted(file: Path) -> str:
    """Return a module's name without the package's."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {dotted(file): file for file in sorted(PACKAGE.rglob("*.py"))}
MODULES = [module for module in SOURCES if module]  # all but the façade, which offers anything


def within(module: str, places: tuple[str, ...]) -> bool:
    """Tell whether a module is one of these, or in one of these rooms."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that are imported anywhere below the node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of_ours(tree: ast.AST) -> Iterator[str]:
    """Yield the rooms of this package that are imported."""
    for name in imports(tree):
        top, _, rest = name.partition(".")
        room = rest.partition(".")[0]
        if top == "lean_tagger" and room in RANK:
            yield room


def broken() -> set[tuple[str, str]]:
    """Return each (module, room) where an import does not point downwards."""
    return {
        (module, room)
        for module in MODULES
        for room in rooms_of_ours(ast.parse(SOURCES[module].read_bytes()))
        if room != module.partition(".")[0] and RANK[room] >= RANK.get(module.partition(".")[0], -1)
    }


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_in_a_room(module: str) -> None:
    assert module.partition(".")[0] in RANK, f"{module}: give its room a place in ORDER"


def test_imports_point_downwards_only() -> None:
    assert broken() - EXCEPTIONS == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_what_another_keeps_to_itself(module: str) -> None:
    names = (name.rpartition(".") for name in imports(ast.parse(SOURCES[module].read_bytes())))
    private = {
        (place, name) for place, _, name in names if name[0] == "_" and not name.startswith("__")
    }
    assert {it for it in private if it[0].startswith("lean_tagger")} == set()


def test_every_exception_is_used() -> None:
    assert EXCEPTIONS - broken() == set()


def test_the_rooms_and_light_modules_named_here_exist() -> None:
    named = {*RANK, *WORKERS, *LIGHT_ALL_THE_SAME, *PLAIN_DATA}
    assert {name for name in named if name not in SOURCES} == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, PLAIN_DATA)])
def test_plain_data_needs_the_standard_library_only(module: str) -> None:
    tops = {name.partition(".")[0] for name in imports(ast.parse(SOURCES[module].read_bytes()))}
    assert tops <= {*sys.stdlib_module_names, "lean_tagger"}


def loaded_by(statements: str) -> list[str]:
    """Return which heavy libraries a new interpreter has loaded after these statements."""
    script = f"import sys\n{statements}\nprint(sorted({HEAVY | LATE!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return list(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_the_supervising_modules_load_nothing_heavy() -> None:
    light = [m for m in MODULES if not within(m, WORKERS) or within(m, LIGHT_ALL_THE_SAME)]
    guilty = "\n".join(
        f"import lean_tagger.{module}\nassert not {HEAVY | LATE!r} & set(sys.modules), {module!r}"
        for module in light
        if module != "__main__"
    )
    assert loaded_by(guilty) == []


def test_the_version_loads_nothing_heavy() -> None:
    version = (
        "from lean_tagger.cli.main import main\ntry: main(['--version'])\nexcept SystemExit: pass"
    )
    assert loaded_by(version) == []


def test_a_worker_that_only_undoes_loads_no_onnx_runtime() -> None:
    worker = (
        "from lean_tagger.run.worker_loop import Worker\n"
        "from lean_tagger.settings import Settings\nWorker(Settings(listen=False))"
    )
    assert "onnxruntime" not in loaded_by(worker)
