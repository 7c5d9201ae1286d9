"""Imports point downwards only, and what supervises loads nothing heavy."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lean_tagger

PACKAGE = Path(lean_tagger.__file__).parent

LAYERS = [
    {"digest", "errors", "messages", "onnxfile", "options", "outcome", "rules", "spec"},
    {
        "ahead",
        "decode",
        "device",
        "resample",
        "window",
        "frontend",
        "model",
        "pool",
        "phrases",
        "textmodel",
        "words",
        "confidence",
        "decision",
        "effort",
        "provenance",
        "tags",
        "write",
        "memory",
        "limits",
        "mounts",
        "inplace",
        "leftovers",
    },
    {"excerpts", "hearing", "process", "tagger", "worker"},
    {
        "albums",
        "away",
        "batch",
        "budget",
        "child",
        "discover",
        "journal",
        "resume",
        "runner",
        "undo",
    },
    {"catalogue", "cli", "commands", "console", "doctor", "terminal", "__main__"},
]
# Within one layer only these, which name an order; layer 0 is plain data and may refer freely.
WITHIN = {
    ("worker", "tagger"),
    ("tagger", "excerpts"),
    ("tagger", "hearing"),
    ("process", "worker"),
    ("resume", "journal"),
    ("undo", "journal"),
    ("undo", "resume"),
    ("albums", "journal"),
    ("albums", "resume"),
    ("tags", "provenance"),
    ("model", "device"),
    ("model", "words"),
    ("textmodel", "phrases"),
    ("write", "leftovers"),
    ("write", "inplace"),
    ("leftovers", "inplace"),
    ("decision", "tags"),
    ("batch", "discover"),
    ("runner", "away"),
    ("runner", "budget"),
    ("runner", "child"),
    ("doctor", "console"),
    ("cli", "terminal"),
    ("console", "terminal"),
    ("commands", "terminal"),
    ("doctor", "terminal"),
    ("cli", "commands"),
    ("commands", "console"),
    ("commands", "doctor"),
    ("commands", "catalogue"),
    ("catalogue", "terminal"),
    ("__main__", "cli"),
}
HEAVY = {"av", "mutagen", "numpy", "onnxruntime", "soundfile"}
# Late as well: `--version` and a pipe need neither.
LATE = {"psutil", "tqdm"}

LAYER = {module: number for number, names in enumerate(LAYERS) for module in names}


def sources() -> Iterator[tuple[str, Path]]:
    """Yield (module, file); a package's files belong to the module that the package is."""
    for file in sorted(PACKAGE.rglob("*.py")):
        module = file.relative_to(PACKAGE).with_suffix("").parts[0]
        if module != "__init__":  # the façade, which may offer anything
            yield module, file


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that are imported anywhere below the node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_on_load(tree: ast.Module) -> Iterator[str]:
    """Yield what is imported when the module is: not inside of functions."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        yield from imports(statement)


def ours(names: Iterator[str]) -> Iterator[str]:
    """Yield the modules of this package among the names."""
    for name in names:
        top, _, rest = name.partition(".")
        module = rest.partition(".")[0]
        if top == "lean_tagger" and module in LAYER:
            yield module


SOURCES = list(sources())
IDS = [str(file.relative_to(PACKAGE)) for _, file in SOURCES]


@pytest.mark.parametrize(("module", "file"), SOURCES, ids=IDS)
def test_every_module_has_a_layer(module, file):
    assert module in LAYER, f"{file.name}: give it a layer here, after DESIGN.md"


@pytest.mark.parametrize(("module", "file"), SOURCES, ids=IDS)
def test_imports_point_downwards_only(module, file):
    for target in ours(imports(ast.parse(file.read_bytes()))):
        if target == module:
            continue  # the files of one package
        if (module, target) in WITHIN or LAYER[module] == LAYER[target] == 0:
            continue
        assert LAYER[target] < LAYER[module], f"{module} must not import {target}"


@pytest.mark.parametrize(("module", "file"), SOURCES, ids=IDS)
def test_only_the_layers_that_do_the_work_load_heavy_libraries(module, file):
    tree = ast.parse(file.read_bytes())
    tops = {name.partition(".")[0] for name in imports_on_load(tree)}
    if LAYER[module] == 0:
        everywhere = {name.partition(".")[0] for name in imports(tree)}
        assert everywhere <= {*sys.stdlib_module_names, "lean_tagger"}
    elif LAYER[module] >= 3 or module == "memory":
        assert not tops & (HEAVY | LATE)
        assert LAYER[module] < 3 or not {
            target for target in ours(imports_on_load(tree)) if LAYER[target] == 2
        }


def test_the_supervising_modules_load_nothing_heavy():
    """In a new interpreter: whatever these import in turn counts as well."""
    script = (
        "import sys, lean_tagger.__main__, lean_tagger.cli, lean_tagger.console, "
        "lean_tagger.batch, lean_tagger.resume, lean_tagger.commands.running, "
        "lean_tagger.discover, lean_tagger.doctor, lean_tagger.memory, "
        "lean_tagger.commands.models; "
        f"print(sorted({HEAVY | LATE!r} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert result.stdout.strip() == "[]"


def test_the_version_loads_nothing_heavy():
    script = (
        "import sys\nfrom lean_tagger.cli import main\n"
        "try: main(['--version'])\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY | LATE!r} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert result.stdout.splitlines() == [f"lean-tag {lean_tagger.__version__}", "[]"]
