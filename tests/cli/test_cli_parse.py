"""Options, without what they start."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lean_tagger
from lean_tagger.cli import main, session
from lean_tagger.cli.commands import tag
from lean_tagger.cli.signals import Stop
from lean_tagger.system import machine


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        tag.parse(list(arguments))
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("lean-tag: ")
    return said.err


def test_defaults_write_what_is_missing_with_the_cards_own_settings():
    given_options = tag.parse(["song.mp3"])
    assert given_options.paths == ["song.mp3"]
    options = session.build(given_options, max_mem_bytes=5)
    assert (options.model, options.device, options.decoder) == ("msd-musicnn", "auto", "auto")
    assert (options.policy, options.fields) == (None, None)
    assert (options.pool, options.hop_seconds) == (None, None)
    assert (options.min_score, options.ratio, options.max_tags) == (None, None, None)
    assert options.max_mem_bytes == 5
    assert not options.dry_run


def test_the_jobs_are_the_cores_that_this_process_may_use():
    assert tag.parse(["a"]).jobs == machine.usable_cores() <= len(os.sched_getaffinity(0))


def test_jobs_and_patience_are_the_person_s():
    given_options = tag.parse(["--jobs", "3", "--timeout", "2.5", "a"])
    assert (given_options.jobs, given_options.timeout) == (3, 2.5)
    assert tag.parse(["a"]).timeout == 60.0


def test_every_option_reaches_the_run():
    options = session.build(
        tag.parse(
            [
                *("--model", "mtt-vgg", "--device", "cpu", "--decoder", "ffmpeg"),
                *("--pool", "max", "--hop-seconds", "1.5", "--fields", "mood", "--merge", "-n"),
                *("--min-score", "0.2", "--ratio", "0.5", "--max-tags", "2", "a"),
            ]
        ),
        max_mem_bytes=7,
    )
    assert (options.model, options.device) == ("mtt-vgg", "cpu")
    assert (options.decoder, options.pool, options.hop_seconds) == ("ffmpeg", "max", 1.5)
    assert (options.fields, options.policy, options.dry_run) == (("mood",), "merge", True)
    assert (options.min_score, options.ratio, options.max_tags) == (0.2, 0.5, 2)


def test_options_may_stand_anywhere_and_paths_may_begin_with_a_dash():
    assert tag.parse(["a", "-n", "b"]).paths == ["a", "b"]
    assert tag.parse(["--", "-x", "--", "-n"]).paths == ["-x", "--", "-n"]
    assert tag.parse(["a", "-q", "--", "--json"]).paths == ["a", "--json"]


def test_fields_come_in_their_own_order():
    assert tag.parse(["--fields", "mood, Genre", "a"]).fields == ("genre", "mood")


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("1500M", 1500 * 1024**2), ("1.5G", 1536 * 1024**2)]
)
def test_the_memory_budget_is_read_in_binary_units(text, size_bytes):
    assert tag.parse(["--max-mem", text, "a"]).max_mem == size_bytes


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give a file or a folder"),
        (["--"], "give a file or a folder"),
        (["--nonsense", "a"], "--nonsense"),
        (["--dry", "a"], "--dry"),
        (["--max-mem", "lots", "a"], "not a memory size"),
        (["--max-mem", "0", "a"], "no memory at all"),
        (["--merge", "--overwrite", "a"], "not allowed with"),
        (["--device", "tpu", "a"], "tpu"),
        (["--pool", "mean", "a"], "prob-mean"),
        (["--fields", "", "a"], "genre and mood"),
        (["--fields", "genre,era", "a"], "genre and mood"),
        (["--jobs", "0", "a"], "whole number"),
        (["--jobs", "-1", "a"], "whole number"),
        (["--jobs", "9" * 5000, "a"], "whole number"),
        (["--max-tags", "1.5", "a"], "whole number"),
        (["--min-score", "1.1", "a"], "from 0 to 1"),
        (["--ratio", "nan", "a"], "from 0 to 1"),
        (["--hop-seconds", "0", "a"], "seconds"),
        (["--hop-seconds", "inf", "a"], "seconds"),
        (["--timeout", "0", "a"], "seconds"),
        (["--timeout", "nan", "a"], "seconds"),
        (["--timeout", "soon", "a"], "seconds"),
        (["--threads", "2", "a"], "--threads"),
    ],
)
def test_a_bad_option_is_one_sentence_and_exit_code_2(capsys, arguments, reason):
    assert reason in refused(capsys, *arguments)


def test_a_complaint_cannot_control_the_terminal(capsys):
    assert "\x1b" not in refused(capsys, "--\x1b[31m", "a")


@given(st.lists(st.text(min_size=1)))
def test_whatever_follows_two_dashes_is_a_path(names):
    assert tag.parse(["first", "--", *names]).paths == ["first", *names]


def test_the_help_fits_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main.main(["--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "usage: lean-tag [OPTIONS] PATH..."


def test_the_version_is_the_package_s(capsys):
    with pytest.raises(SystemExit) as ended:
        main.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"lean-tag {lean_tagger.__version__}\n"


def test_the_module_can_be_run():
    result = subprocess.run(
        [sys.executable, "-m", "lean_tagger", "--version"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout == f"lean-tag {lean_tagger.__version__}\n"


def test_signals_get_their_handlers_back():
    before = signal.getsignal(signal.SIGTERM)
    with Stop():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_the_first_signal_interrupts_and_is_not_forgotten(name, code):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # the suite may run under nohup
    try:
        with Stop() as stop:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            assert stop.exit_code == code
    finally:
        signal.signal(number, before)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_second_signal_ends_the_process_at_once():
    script = """
import signal
from lean_tagger.cli.signals import Stop
with Stop():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        signal.raise_signal(signal.SIGINT)
    print("still here")
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (130, b"")
