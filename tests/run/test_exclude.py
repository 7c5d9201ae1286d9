"""Patterns leave files out as git does, and a walk does not look below what is left out."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Failed, Job, Skipped
from lean_tagger.run.exclude import FILE, LARGEST_BYTES
from lean_tagger.run.find_files import walk


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def found(*paths: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [item.path for item in walk(paths, exclude=exclude) if isinstance(item, Job)]


LIBRARY = ("m/a.mp3", "m/Podcasts/1.mp3", "m/x/Podcasts/2.mp3", "m/x/b.wav", "m/x/y/c.mp3")


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ((), LIBRARY),
        (("Podcasts/",), ("m/a.mp3", "m/x/b.wav", "m/x/y/c.mp3")),
        (("/Podcasts/",), ("m/a.mp3", "m/x/Podcasts/2.mp3", "m/x/b.wav", "m/x/y/c.mp3")),
        (("*.mp3", "!c.mp3"), ("m/x/b.wav", "m/x/y/c.mp3")),
        (("x/**/*.mp3",), ("m/a.mp3", "m/Podcasts/1.mp3", "m/x/b.wav")),
        (("/x/", "!/x/y/c.mp3"), ("m/a.mp3", "m/Podcasts/1.mp3")),  # x is never entered
        (("# a comment", ""), LIBRARY),
        (("m",), LIBRARY),  # relative to the folder that was given
    ],
)
def test_what_matches_is_left_out(patterns: tuple[str, ...], left: tuple[str, ...]) -> None:
    put(*LIBRARY)
    assert sorted(found("m", exclude=patterns)) == sorted(left)


def test_a_file_in_a_folder_speaks_for_what_is_below_it() -> None:
    put(*LIBRARY)
    Path("m/x", FILE).write_text("*.mp3\n!/y/\n")
    Path("m/x/y", FILE).write_text("!c.mp3\n")
    assert sorted(found("m")) == ["m/Podcasts/1.mp3", "m/a.mp3", "m/x/b.wav", "m/x/y/c.mp3"]


def test_a_file_that_is_named_itself_is_done() -> None:
    put("m/a.mp3")
    assert found("m/a.mp3", exclude=("*.mp3",)) == ["m/a.mp3"]


def test_a_folder_of_which_all_is_left_out_says_so() -> None:
    put("m/a.mp3")
    (item,) = walk(["m"], exclude=("*",))
    assert isinstance(item, Skipped)
    assert item.message == "no music files in this folder; some of it is excluded"


def test_a_pattern_that_makes_no_sense_is_said_before_anything_is_done() -> None:
    with pytest.raises(ConfigError, match="'!' is not a valid pattern"):
        walk(["m"], exclude=("!",))


@pytest.mark.parametrize("kind", ["no pattern", "pipe", "folder", "large"])
def test_a_bad_file_of_patterns_costs_its_folder_and_nothing_else(kind: str) -> None:
    put("m/a.mp3", "m/bad/b.mp3")
    bad = Path("m/bad", FILE)
    if kind == "pipe":
        os.mkfifo(bad)
    elif kind == "folder":
        bad.mkdir()
    else:
        bad.write_text("!\n" if kind == "no pattern" else "x" * (LARGEST_BYTES + 1))
    music, failed = walk(["m"])
    assert isinstance(music, Job)
    assert isinstance(failed, Failed)
    assert failed.path == "m/bad"
    assert FILE in failed.message


def test_names_that_are_no_text_can_match() -> None:
    put("m/a.mp3", os.fsdecode(b"m/caf\xe9.mp3"))
    assert found("m", exclude=("caf*",)) == ["m/a.mp3"]


PARTS = st.sampled_from(["a", "b", "c d", "x.mp3", "y.mp3"])
PATTERNS = ["a", "a/", "/a", "*.mp3", "!x.mp3", "a/*", "a/**", "**/b", "!b", "/a/b/", "?.mp3"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.sets(st.tuples(PARTS, PARTS, PARTS), min_size=1, max_size=8),
    patterns=st.lists(st.sampled_from([*PATTERNS, "c\\ d"]), min_size=1, max_size=4),
)
def test_git_ignores_the_same(names: set[tuple[str, ...]], patterns: list[str]) -> None:
    shutil.rmtree("repo", ignore_errors=True)
    put(*sorted(f"repo/{'/'.join(parts)}/z.mp3" for parts in names))
    subprocess.run(["git", "init", "-q", "repo"], check=True)
    Path("repo/.gitignore").write_text("\n".join(patterns) + "\n")
    done = subprocess.run(
        ["git", "-C", "repo", "ls-files", "-o", "--exclude-standard", "-z", "*.mp3"],
        check=True,
        capture_output=True,
        text=True,
    )
    kept = {f"repo/{name}" for name in done.stdout.split("\0") if name}
    assert set(found("repo", exclude=tuple(patterns))) == kept
