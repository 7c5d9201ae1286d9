"""What the package offers to Python: its names, and the examples in their docstrings."""

import doctest
import inspect
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import DATA

import lean_tagger
from lean_tagger import errors

CLASSES_AND_FUNCTIONS = ("Rules", "Scores", "TagPlan", "Tagger", "Taggram", "stream")
RULES = """\
[genre]
min_score = 0.3

[[rename]]
match = "electronic"
to = "Electronica"
"""


def examples() -> list[doctest.DocTest]:
    """Return every docstring with an example that somebody who uses the package meets."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    package = doctest.DocTestParser().get_doctest(
        lean_tagger.__doc__ or "", {}, "lean_tagger", lean_tagger.__file__, 0
    )
    public = (getattr(lean_tagger, name) for name in CLASSES_AND_FUNCTIONS)
    found = [example for it in public for example in finder.find(it, it.__name__, globs={})]
    return [example for example in [package, *found] if example.examples]


def described(value: Any) -> list[Any]:
    """Return a class with its own public methods and properties, or just a function."""
    members = vars(value).items() if inspect.isclass(value) else ()
    return [
        value,
        *(it for name, it in members if name[0] != "_" and isinstance(it, property | classmethod)),
        *(it for name, it in members if name[0] != "_" and inspect.isfunction(it)),
    ]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example_runs_and_gives_what_it_says(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(DATA / "skyvibe.mp3", tmp_path / "song.mp3")
    shutil.copy(DATA / "west.flac", tmp_path / "song.flac")
    (tmp_path / "rules.toml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(verbose=False)
    said: list[str] = []
    runner.run(example, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_the_package_and_everything_public_has_an_example() -> None:
    shown = {example.name.partition(".")[0] for example in examples()}
    assert shown == {"lean_tagger", *CLASSES_AND_FUNCTIONS}


def test_the_public_names_are_the_flow_its_results_the_rules_and_every_error() -> None:
    every_error = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.LeanTagError)
    }
    assert set(lean_tagger.__all__) == {*CLASSES_AND_FUNCTIONS, *every_error, "__version__"}
    assert dir(lean_tagger) == sorted(lean_tagger.__all__)


@pytest.mark.parametrize("name", lean_tagger.__all__)
def test_a_public_name_gives_what_it_names(name: str) -> None:
    value = getattr(lean_tagger, name)
    assert isinstance(value, str) if name == "__version__" else value.__name__ == name


@pytest.mark.parametrize("name", [n for n in lean_tagger.__all__ if n != "__version__"])
def test_everything_public_is_described(name: str) -> None:
    assert [it for it in described(getattr(lean_tagger, name)) if not it.__doc__] == []


def test_a_person_has_the_defaults_as_rules_without_arguments() -> None:
    from lean_tagger.rules import DEFAULT

    assert lean_tagger.Rules() == DEFAULT
