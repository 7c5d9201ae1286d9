"""A word or a path that is mistyped costs nothing: no file is touched, and one line says why."""

import contextlib
import os
from pathlib import Path

import pytest

import lean_tagger
from lean_tagger.cli import commands
from lean_tagger.cli.main import main

SONG = "song.flac"
STATE = ("--state", "journal.sqlite3")
JOURNAL = {f"journal.sqlite3{end}" for end in ("", "-wal", "-shm", "-lock", ".lock")}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(SONG).write_bytes(b"never opened")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Run something that must end with 2 and do nothing; return its complaints."""
    before = sorted(set(os.listdir()) - JOURNAL)
    try:
        code = main(arguments)
    except SystemExit as exit_:
        code = exit_.code
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert sorted(set(os.listdir()) - JOURNAL) == before
    return said.err.splitlines()


@pytest.mark.parametrize(
    ("word", "meant"),
    [("undoo", "undo"), ("retga", "retag"), ("statsu", "status"), ("doctro", "doctor")],
)
def test_a_mistyped_command_tags_nothing(
    capsys: pytest.CaptureFixture[str], word: str, meant: str
) -> None:
    first, last = refused(capsys, word, SONG, *STATE)
    assert f"did you mean lean-tag {meant}?" in first
    assert word in first
    assert last == "lean-tag: nothing was done"


def test_every_path_that_does_not_exist_is_named_before_anything_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complaints = refused(capsys, SONG, "gone.mp3", "gone/deeper", f"{SONG}/below", *STATE)
    assert [line.rpartition(": ")[2] for line in complaints[:-1]] == [
        "gone.mp3",
        "gone/deeper",
        f"{SONG}/below",
    ]


def test_of_many_wrong_paths_some_are_named_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complaints = refused(capsys, *(f"nothing here {n}" for n in range(100)), *STATE)
    assert len(complaints) == 7
    assert "95 more" in complaints[5]


@pytest.mark.parametrize("command", ["undo", "redo", "retag", "explain"])
def test_a_path_that_neither_exists_nor_is_on_record_is_a_mistake(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    main(["retag", *STATE])  # makes a journal
    capsys.readouterr()
    complaints = refused(capsys, command, "gone.mp3", *STATE)
    assert complaints[0] == "lean-tag: there is no such file or folder: gone.mp3"


@pytest.mark.parametrize("command", ["undo", "redo"])
def test_a_run_that_never_was_is_a_mistake(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    main(["retag", *STATE])
    capsys.readouterr()
    (complaint,) = refused(capsys, command, "--run", "99", *STATE)
    assert "there is no run 99" in complaint


@pytest.mark.parametrize(
    ("option", "meant"),
    [("--dry-rum", "--dry-run"), ("--overwrit", "--overwrite"), ("--jsno", "--json")],
)
def test_an_unknown_option_has_a_suggestion(
    capsys: pytest.CaptureFixture[str], option: str, meant: str
) -> None:
    (complaint,) = refused(capsys, option, SONG)
    assert f"did you mean {meant}?" in complaint


def test_an_option_like_no_other_has_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    (complaint,) = refused(capsys, "--zzz", SONG)
    assert "did you mean" not in complaint


def test_a_folder_that_is_called_like_a_command_is_reached_by_its_path(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("undo").mkdir()
    assert main(["-n", "./undo", *STATE]) == 0
    assert capsys.readouterr().out == "skipped     ./undo: no music files in this folder\n"


@pytest.mark.parametrize("words", [["version"], ["-V"], ["--version"]])
def test_the_version_has_three_spellings(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    try:
        assert main(words) == 0
    except SystemExit as exit_:
        assert exit_.code == 0  # noqa: PT017 - argparse ends so
    assert capsys.readouterr().out == f"lean-tag {lean_tagger.__version__}\n"


def test_tag_and_help_are_words_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["help", "tag"])
    assert capsys.readouterr().out.startswith("usage: lean-tag [OPTIONS] PATH...")
    Path("empty").mkdir()
    assert main(["tag", "-n", "empty", *STATE]) == 0


@pytest.mark.parametrize("name", sorted(set(commands.NAMES) - {"help", "version"}))
def test_help_of_every_command_is_shown_by_the_word_and_by_the_option(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*words: str) -> str:
        with contextlib.suppress(SystemExit):
            assert main(words) == 0
        return capsys.readouterr().out

    said = shown("help", name)
    assert said == shown(name, "--help")
    assert "show this help and exit" in said or name == "models"  # which shows its own commands
