"""What the documents promise can be followed: links, paths, tasks, options, examples."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *sorted(str(it.relative_to(ROOT)) for it in ROOT.glob("docs/**/*.md")),
)
PYTHON = "docs/reference/python.md"
LONGEST_LINE = 120
FOLDERS = ("tests/", "profiling/", "models/", "lean_tagger/", ".ci/")
"""A name in backticks that begins so is a file or folder."""


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def task_names() -> set[str]:
    tool = tomllib.loads(text_of("pyproject.toml"))["tool"]
    return set(tool["poe"]["tasks"])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_to_a_file_leads_to_one(document: str) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", text_of(document))
    assert [it for it in targets if not (ROOT / document).parent.joinpath(it).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_exists(document: str) -> None:
    named = re.findall(r"`([^`\s*<>]+)`", without_code(text_of(document)))
    paths = [it for it in named if it.startswith(FOLDERS)]
    assert [it for it in paths if not (ROOT / it).exists()] == []


def test_every_module_that_contributing_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py|(?:\w+/)+)`", text_of("CONTRIBUTING.md"))
    assert named
    assert [
        it for it in named if not any((top / it).exists() for top in (ROOT, ROOT / "lean_tagger"))
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_lines_of_text_are_short(document: str) -> None:
    """Lines of tables cannot be broken."""
    lines = without_code(text_of(document)).splitlines()
    assert [it for it in lines if len(it) > LONGEST_LINE and not it.startswith("|")] == []


def test_contributing_describes_every_task_and_no_other() -> None:
    described = re.findall(r"^\| `poe (\w+)`", text_of("CONTRIBUTING.md"), flags=re.MULTILINE)
    assert sorted(described) == sorted(task_names())


def test_ci_runs_every_task_but_those_for_whoever_changes_something() -> None:
    run = set(re.findall(r"^task (\w+)", text_of(".ci/run"), re.MULTILINE))
    assert run == task_names() - {"setup", "slow"}


def test_the_readme_is_a_page() -> None:
    assert len(text_of("README.md").splitlines()) <= 200
    assert len(text_of("ARCHITECTURE.md").splitlines()) <= 80


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r": ([\w/-]+\.md)$", text_of("mkdocs.yml"), flags=re.MULTILINE))
    assert listed == {str(it.relative_to(ROOT / "docs")) for it in ROOT.glob("docs/**/*.md")}


def test_every_option_in_the_readme_is_one() -> None:
    table = re.findall(r"^\| (`-.*?) \|", text_of("README.md"), flags=re.MULTILINE)
    options = {it for row in table for it in re.findall(r"--[a-z-]+", row)}
    done = subprocess.run(
        [sys.executable, "-m", "lean_tagger", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert len(options) > 10
    assert {it for it in options if it not in done.stdout} == set()


def test_the_python_of_the_reference_runs_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", text_of(PYTHON), re.MULTILINE | re.DOTALL)
    assert blocks
    monkeypatch.chdir(ROOT)
    for block in blocks:
        exec(compile(block, PYTHON, "exec"), {})
