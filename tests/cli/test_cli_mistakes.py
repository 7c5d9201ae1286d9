"""A command that cannot do what it was asked for says so in a sentence, and ends with a code."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import DATA

from lean_tagger.cli import commands
from lean_tagger.cli.main import main
from lean_tagger.errors import ConfigError, LeanTagError, ModelError, StateError

SONG = str(DATA / "west.flac")

Ended = tuple[int, str, list[str]]


@pytest.fixture
def lean_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run a command in an empty folder; return its exit code, what it printed and complained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEAN_TAG_MODELS", str(tmp_path / "models"))
    (tmp_path / "words.txt").write_text("calm\n")
    (tmp_path / "text.txt").write_text("no journal, no model and no card")
    (tmp_path / "text.npz").write_text("no vectors")
    (tmp_path / "rules.toml").write_text("[genre]\n")
    (tmp_path / "bad.toml").write_text("[labels\n")

    def run(*arguments: str) -> Ended:
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err.splitlines()

    return run


STATE = ("--state", "journal.sqlite3")
STORES: dict[str, tuple[str, ...]] = {
    "tag": (SONG,),
    "retag": ("retag",),
    "undo": ("undo",),
    "redo": ("redo",),
    "explain": ("explain", SONG),
    "status": ("status",),
    "runs": ("runs",),
    "export": ("export",),
    "import": ("import", "text.txt"),
    "merge": ("merge", "other.sqlite3"),
    "report": ("report", "page.html"),
    "find": ("find", "genre:rock"),
    "similar": ("similar", SONG),
    "path": ("path", SONG, SONG),
    "learn": ("learn",),
    "check": ("check",),
    "eval": ("eval",),
    "playlists": ("playlists", "lists.toml"),
}
"""What each command that has a journal is to do with it."""

READERS = ("explain", "status", "runs", "export", "report", "find", "check", "eval", "learn")
ASKS_MODELS = ("tag", "retag", "explain", "export")
REPORTS = ("tag", "retag", "undo", "redo")


WITHOUT_JOURNAL = {
    *("doctor", "help", "labels", "models", "rules", "service", "taggram", "version"),
    "answer",  # it takes no paths; see test_answer
    "watch",  # which starts runs that have one
}


def test_every_command_is_among_these() -> None:
    assert set(STORES) - {"tag"} == set(commands.NAMES) - {"tag"} - WITHOUT_JOURNAL


def assert_refused(ended: Ended, error: type[LeanTagError], *words: str) -> None:
    code, out, complaints = ended
    assert code == error.exit_code
    assert out == ""
    assert len(complaints) == 1
    assert complaints[0].startswith("lean-tag: ")
    for word in words:
        assert word in complaints[0]


@pytest.mark.parametrize("name", STORES)
def test_an_abbreviated_option_is_no_option(lean_tag: Callable[..., Ended], name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        lean_tag(*STORES[name], "--stat", "journal.sqlite3")
    assert ended.value.code == 2


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("text.txt", ConfigError),
        (".", StateError),
        ("text.txt/journal.sqlite3", StateError),
    ],
)
def test_a_place_where_no_journal_can_be(
    lean_tag: Callable[..., Ended], name: str, state: str, error: type[LeanTagError]
) -> None:
    assert_refused(lean_tag(*STORES[name], "--state", state), error, "journal")


@pytest.mark.parametrize("name", READERS)
def test_a_journal_that_is_not_there_yet(
    lean_tag: Callable[..., Ended], tmp_path: Path, name: str
) -> None:
    assert_refused(lean_tag(*STORES[name], *STATE), StateError, "there is no journal yet")
    assert not (tmp_path / "journal.sqlite3").exists()


def test_an_export_that_fails_leaves_the_last_one(
    lean_tag: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "last.jsonl").write_text("{}\n")
    assert_refused(lean_tag("export", "last.jsonl", *STATE), StateError, "there is no journal yet")
    assert (tmp_path / "last.jsonl").read_text() == "{}\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "nosuch"), ("there is no model 'nosuch'", "msd-musicnn")),
        (("--model", "/nope.json"), ("/nope.json", "No such file")),
        (("--model", "text.onnx"), ("text.json", "No such file")),
        (("--model", "msd-vgg,msd-vgg"), ("two models called",)),
        (("--labels", "/nope.npz"), ("/nope.npz",)),
        (("--labels", "text.npz"), ("text.npz",)),
    ],
)
@pytest.mark.parametrize("name", ASKS_MODELS)
def test_a_model_or_words_that_there_are_not(
    lean_tag: Callable[..., Ended],
    name: str,
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    lean_tag("retag", *STATE)  # makes a journal
    assert_refused(lean_tag(*STORES[name], *STATE, *options), ConfigError, *words)


@pytest.mark.parametrize("name", ["tag", "retag", "explain"])
@pytest.mark.parametrize("rules", ["/nope.toml", "bad.toml"])
def test_rules_that_cannot_be_read(lean_tag: Callable[..., Ended], name: str, rules: str) -> None:
    lean_tag("retag", *STATE)
    assert_refused(lean_tag(*STORES[name], *STATE, "--rules", rules), ConfigError, rules)


@pytest.mark.parametrize("option", ["--json", "--quiet"])
@pytest.mark.parametrize("name", REPORTS)
def test_a_complaint_is_made_in_quiet_and_never_on_the_output_of_programs(
    lean_tag: Callable[..., Ended], name: str, option: str
) -> None:
    assert_refused(lean_tag(*STORES[name], option, "--state", "."), StateError, "journal")


MAKE = ("--text-model", "no.onnx", "--tokenizer", "no.json")


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        (("rules", "--check", "rules.toml", "--model", "nosuch"), ConfigError, "nosuch"),
        (("rules", "--check", "/nope.toml"), ConfigError, "/nope.toml"),
        (("models", "show", "nosuch"), ConfigError, "nosuch"),
        (("models", "remove", "nosuch"), ConfigError, "nosuch"),
        (("models", "test", SONG, "--model", "nosuch"), ConfigError, "nosuch"),
        (("models", "add", "/nope.onnx"), ModelError, "/nope.onnx"),
        (("models", "add", "text.txt"), ModelError, "text.txt"),
        (("labels", "show", "/nope.npz"), ConfigError, "/nope.npz"),
        (("labels", "show", "text.npz"), ConfigError, "text.npz"),
        (("labels", "make", "/nope.txt", *MAKE), ConfigError, "/nope.txt"),
        (("labels", "make", "words.txt", *MAKE), ConfigError, "no.json"),
        (("import", "/nope.jsonl", *STATE), ConfigError, "/nope.jsonl"),
        (("merge", "/nope.sqlite3", *STATE), StateError, "/nope.sqlite3"),
    ],
)
def test_a_file_or_model_that_there_is_not(
    lean_tag: Callable[..., Ended],
    arguments: tuple[str, ...],
    error: type[LeanTagError],
    word: str,
) -> None:
    assert_refused(lean_tag(*arguments), error, word)


def test_verify_names_the_model_that_there_is_not(lean_tag: Callable[..., Ended]) -> None:
    code, _, complaints = lean_tag("models", "verify", "nosuch")
    assert code == 3
    assert ["nosuch" in it for it in complaints] == [True]
