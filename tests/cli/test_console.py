"""What a user and a program see."""

import io
import json
import os
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.cli.console import Console
from lean_tagger.cli.terminal import OutputClosed, cells, duration, escape, shorten
from lean_tagger.errors import StateError
from lean_tagger.jobs import Failed, Heard, Identity, Job, Restored, Skipped, Tagged
from lean_tagger.run.summary import Summary

MIB = 1024**2
ANSI = re.compile(r"\x1b\[[0-9;]*m")
NAMES = st.text(
    st.characters(categories=("L", "N", "P", "S", "Z", "C", "M"), include_characters="\udc80\udcff")
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def tagged(path: str = "m/Lava.ogg", status: str = "tagged", **changes: object) -> Tagged:
    tags = {"genre": ("Electronic", "House"), "mood": ("Chill",)}
    values: dict[str, object] = {
        "path": path,
        "model": "tiny",
        "status": status,
        "seconds": 240.0,
        "windows": 80,
        "seconds_skipped": 0.0,
        "repeated": False,
        "scores": {"electronic": 0.712345678, "chill": 0.33},
        "tags": tags,
        "written": {} if status == "unchanged" else tags,
        "sureness": {"Electronic": 0.7123, "House": 0.421, "Chill": 0.33},
    }
    return Tagged(**{**values, **changes})


def heard(**fields: tuple[str, ...]) -> Heard:
    return Heard(
        identity=Identity(1, 2, 3),
        digest="digest",
        values=(),
        embedding=b"",
        windows=80,
        seconds=240.0,
        seconds_skipped=0.0,
        repeated=False,
        fields=fields,
    )


def printed(*outcomes, terminal: bool = False, **options) -> str:
    out = Terminal() if terminal else io.StringIO()
    one = Console(out=out, err=io.StringIO(), **options)
    for outcome in outcomes:
        one.result(outcome)
    return out.getvalue()


# Names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name.mp3", "plain name.mp3"),
        ("Motörhead/東京.mp3", "Motörhead/東京.mp3"),
        ("a\nb", r"a\nb"),
        ("a\tb\rc", r"a\tb\rc"),
        ("\x1b[31mred\x9b0m\x7f", r"\x1b[31mred\x9b0m\x7f"),
        ("x\u202egpm.3\u2066", r"x\u202egpm.3\u2066"),
        ("a\u2028b\ufeff", r"a\u2028b\ufeff"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("👩\u200d🎤", "👩\u200d🎤"),
    ],
)
def test_what_could_control_a_terminal_is_spelt_out(name, shown):
    assert escape(name) == shown


@given(NAMES)
def test_no_name_can_control_a_terminal(name):
    for character in escape(name):
        category = unicodedata.category(character)
        assert category not in {"Cc", "Cs", "Zl", "Zp"}
        assert category != "Cf" or character in "\u200c\u200d"


@given(NAMES)
def test_an_escaped_name_can_be_printed_as_utf_8(name):
    escape(name).encode("utf-8")


def test_wide_and_combining_characters_are_measured_as_terminals_show_them():
    assert cells("東京") == 4
    assert cells("e\u0301") == 1
    assert cells("abc") == 3


@given(NAMES.map(escape), st.integers(1, 60))
def test_a_shortened_name_fits_and_keeps_both_ends(name, columns):
    short = shorten(name, columns)
    assert cells(short) <= columns
    if short != name:
        head, _, tail = short.partition("…") if "…" not in name else (name[:1], "", "")
        assert name.startswith(head)
        assert name.endswith(tail)


def test_the_end_of_a_name_keeps_more_than_its_beginning():
    assert shorten("Kraftwerk/Autobahn/01 Autobahn.mp3", 20) == "Kraftwe…Autobahn.mp3"


# Plain lines


def test_a_pipe_gets_plain_lines_with_whole_paths():
    long = "m/" + "x" * 200 + ".mp3"
    assert printed(tagged(), tagged(long), base="m") == (
        "tagged      m/Lava.ogg: Electronic 71%, House 42% · Chill 33%\n"
        f"tagged      {long}: Electronic 71%, House 42% · Chill 33%\n"
    )


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            tagged(status="would_tag"),
            "would tag   m/Lava.ogg: Electronic 71%, House 42% · Chill 33%",
        ),
        (
            tagged(status="unchanged", heard=heard(genre=("Rock",), mood=("Calm",))),
            "unchanged   m/Lava.ogg: Electronic 71%, House 42% · Chill 33%  "
            "(your genre stays: Rock, your mood stays: Calm)",
        ),
        (
            tagged(written={"mood": ("Chill",)}),
            "tagged      m/Lava.ogg: Electronic 71%, House 42% · Chill 33%  (genre kept)",
        ),
        (
            tagged(status="unchanged", tags={"genre": (), "mood": ()}),
            "unchanged   m/Lava.ogg: (nothing sure enough)",
        ),
        (
            tagged(repeated=True, seconds_skipped=4.2),
            "tagged      m/Lava.ogg: Electronic 71%, House 42% · Chill 33%  (short, 4.2 s damaged)",
        ),
        (tagged(tags={"mood": ("Chill",)}), "tagged      m/Lava.ogg: Chill 33%"),
        (tagged(sureness={}), "tagged      m/Lava.ogg: Electronic, House · Chill"),
        (
            Failed(path="a\nb.mp3", kind="decode", message="this is\x1b[2J no audio"),
            r"failed      a\nb.mp3: this is\x1b[2J no audio",
        ),
        (Skipped(path="a.aac", kind="k", message="no place"), "skipped     a.aac: no place"),
        (
            Skipped(path="a.aac", kind="k", message="no place", scored=tagged()),
            "skipped     a.aac: Electronic 71%, House 42% · Chill 33%  (no place)",
        ),
    ],
)
def test_each_outcome_says_what_happened(outcome, line):
    assert printed(outcome) == line + "\n"


def test_an_output_that_cannot_show_everything_gets_escapes():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    Console(out=out, err=io.StringIO()).result(tagged("é.mp3"))
    assert raw.getvalue() == b"tagged      \\xe9.mp3: Electronic 71%, House 42% | Chill 33%\n"


def test_a_closed_standard_output_is_no_crash(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    one = Console()
    one.start(model="tiny", device="cpu")
    one.result(tagged())
    one._out.close()
    one._err.close()


def test_quiet_prints_only_failures_and_the_summary():
    out, err = io.StringIO(), io.StringIO()
    one = Console(out=out, err=err, quiet=True)
    one.start(model="tiny", device="cpu")
    one.notice("something")
    one.result(tagged())
    one.result(Failed(path="x", kind="empty", message="the file is empty"))
    one.summary(Summary(files=2, tagged=1, failed=1))
    failure, summary = out.getvalue().splitlines()
    assert failure == "failed      x: the file is empty"
    assert summary.startswith("2 files: 1 tagged, 1 failed")
    assert err.getvalue() == ""


# Terminal


def test_a_terminal_gets_columns_names_against_the_folder_and_colours():
    text = printed(tagged(), terminal=True, base="m/")
    assert "\x1b[32m" in text
    bare = ANSI.sub("", text)
    assert bare.startswith("tagged      Lava.ogg   ")
    assert bare.endswith("Electronic 71%, House 42% · Chill 33%\n")


@pytest.mark.parametrize("columns", [40, 80, 120, 300])
@pytest.mark.parametrize(
    "outcome",
    [
        tagged("m/" + "東京" * 50),
        tagged(status="unchanged", repeated=True, seconds_skipped=100.0),
        tagged(tags={"genre": ("Progressive Rock",) * 9, "mood": ("Beautiful",) * 9}),
        Failed(path="m/x", kind="k", message="a sentence that goes on for quite a while " * 5),
        Skipped(path="m/x", kind="k", message="a longish reason " * 5, scored=tagged()),
    ],
)
def test_no_line_is_wider_than_the_terminal(monkeypatch, columns, outcome):
    monkeypatch.setenv("COLUMNS", str(columns))
    for line in ANSI.sub("", printed(outcome, terminal=True)).splitlines():
        assert cells(line) <= max(columns, 43)


def test_the_weakest_tags_give_way_when_there_is_no_room():
    tags = {"genre": ("Electronic", "House", "Progressive Rock"), "mood": ("Chill", "Party")}
    sure = {"Electronic": 0.7, "House": 0.4, "Progressive Rock": 0.2, "Chill": 0.3, "Party": 0.1}
    text = ANSI.sub("", printed(tagged(tags=tags, sureness=sure), terminal=True))
    assert "Electronic 70%" in text
    assert "Chill 30%" in text
    assert "Party" not in text
    assert "…" in text


@pytest.mark.parametrize(
    ("environment", "option", "coloured"),
    [
        ({}, "auto", True),
        ({"NO_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": ""}, "auto", True),
        ({"TERM": "dumb"}, "auto", False),
        ({}, "never", False),
        ({"NO_COLOR": "1"}, "always", True),
    ],
)
def test_colours_respect_the_person(monkeypatch, environment, option, coloured):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in printed(tagged(), terminal=True, colour=option)) is coloured


def test_a_pipe_gets_colours_only_when_told():
    assert "\x1b[" not in printed(tagged())
    assert "\x1b[" in printed(tagged(), colour="always")


def run_with_bar(out, err, **options) -> None:
    jobs = [Job("m/{0} a\nb.mp3", 1000), Job("m/2.mp3", 3000)]
    one = Console(out=out, err=err, base="m", max_mem_bytes=1500 * MIB, **options)
    assert one.wants_total == err.isatty()
    if one.wants_total:
        one.expect(jobs)
    for job in jobs:
        for step in range(5):
            one._progress._drawn = 0.0  # as if a tenth of a second had passed
            one.progress(job, step * 10.0, step / 4)
        one.result(tagged(job.path))
    one.summary(Summary(files=2, tagged=2, audio_seconds=480.0, wall_seconds=5.0))


def test_the_bar_shows_count_file_speed_memory_and_time_left():
    out, err = io.StringIO(), Terminal()
    run_with_bar(out, err)
    bar = err.getvalue()
    assert r"1/2  {0} a\nb.mp3" in bar
    assert "2/2  2.mp3" in bar
    assert re.search(r"\d+×  \d+/1500 MiB  (\?|\d\d:\d\d) left", bar)  # noqa: RUF001 - it is meant
    assert " 62%" in bar  # the second file's middle: (1000 + 3000 / 2) / 4000
    assert "\n" not in bar
    assert out.getvalue().count("\n") == 3


def test_the_bar_shows_the_memory_of_whoever_is_asked():
    err = Terminal()
    run_with_bar(io.StringIO(), err, rss_bytes=lambda: 321 * MIB)
    assert "  321/1500 MiB  " in err.getvalue()


def test_the_bar_adds_up_files_that_are_heard_at_the_same_time():
    jobs = [Job("1.mp3", 1000), Job("2.mp3", 3000), Job("3.mp3", 4000)]
    err = Terminal()
    one = Console(out=io.StringIO(), err=err, max_mem_bytes=1500 * MIB)
    one.expect(jobs)
    for job in jobs[:2]:
        one.progress(job, 0.0, 0.0)
    one.progress(jobs[0], 10.0, 0.5)
    one._progress._drawn = 0.0
    one.progress(jobs[1], 10.0, 0.5)
    assert " 25%" in err.getvalue()  # (500 + 1500) / 8000
    one.result(tagged("2.mp3"))  # the one that was begun last is done first
    one._progress._drawn = 0.0
    one.progress(jobs[0], 20.0, 1.0)
    assert " 50%" in err.getvalue()  # (1000 + 3000) / 8000
    assert "2/3  1.mp3" in err.getvalue()
    one.close()


def test_what_was_never_begun_moves_no_bar():
    err = Terminal()
    one = Console(out=io.StringIO(), err=err, max_mem_bytes=1500 * MIB)
    job = Job("1.mp3", 1000)
    one.expect([Failed(path="gone", kind="missing", message="gone"), job])
    one.result(Failed(path="gone", kind="missing", message="gone"))
    one.progress(job, 0.0, 0.0)
    assert "1/1  1.mp3" in err.getvalue()
    assert "  0%" in err.getvalue()
    one.close()


def test_the_bar_is_gone_at_the_end():
    err = Terminal()
    run_with_bar(io.StringIO(), err)
    assert err.getvalue().endswith("\r")
    assert err.getvalue().split("\r")[-2].strip() == ""


@pytest.mark.parametrize("width", [40, 80])
def test_a_line_of_undo_fits_a_narrow_terminal(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    undone = Restored(
        path="m/a rather long name of a song.flac",
        status="would_undo",
        restored={"genre": (), "mood": ("Calm",)},
        kept={},
        identity=Identity(1, 2, 3),
        fields={},
    )
    text = ANSI.sub("", printed(tagged(), undone, terminal=True))
    assert max(map(cells, text.splitlines())) <= width


def test_without_a_terminal_there_is_no_bar():
    err = io.StringIO()
    run_with_bar(io.StringIO(), err)
    assert err.getvalue() == ""


# JSON


def test_json_is_one_object_per_line_and_nothing_else():
    out, err = Terminal(), Terminal()
    run_with_bar(out, err, json_lines=True)
    first, second, last = map(json.loads, out.getvalue().splitlines())
    assert (first["type"], first["status"], first["error"]) == ("result", "tagged", None)
    assert second["path"] == "m/2.mp3"
    assert second["tags"] == {"genre": ["Electronic", "House"], "mood": ["Chill"]}
    assert second["scores"]["electronic"] == 0.712346
    assert last["type"] == "summary"
    assert set(last) == {
        *(
            "type",
            "files",
            "tagged",
            "would_tag",
            "unchanged",
            "undone",
            "would_undo",
            "redone",
            "would_redo",
            "skipped",
            "failed",
        ),
        *("junk", "unsure", "audio_seconds", "wall_seconds", "peak_rss_bytes", "max_mem_bytes"),
    }


@given(st.binary(min_size=1))
def test_any_path_survives_json(name):
    path = os.fsdecode(name)
    failed = Failed(path=path, kind="missing", message="gone")
    line = printed(failed, json_lines=True)
    assert line.isascii()
    assert line.count("\n") == 1
    assert os.fsencode(json.loads(line)["path"]) == name


def test_json_has_failures_even_when_quiet_says_nothing_else():
    failed = Failed(path="x", kind="empty", message="the file is empty")
    text = printed(tagged(), failed, json_lines=True, quiet=True)
    assert [json.loads(line)["status"] for line in text.splitlines()] == ["tagged", "failed"]


# Summary and start


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (
            Summary(
                files=12,
                tagged=9,
                unchanged=2,
                failed=1,
                audio_seconds=2880.0,
                wall_seconds=31.0,
                peak_rss_bytes=104 * MIB,
                max_mem_bytes=1500 * MIB,
            ),
            "12 files: 9 tagged, 2 unchanged, 1 failed · 48 min of music in 31 s "
            "(93× real time) · peak 104 MiB of 1500 MiB\n",  # noqa: RUF001 - it is meant
        ),
        (
            Summary(files=1, failed=1, peak_rss_bytes=60 * MIB, max_mem_bytes=2048 * MIB),
            "1 file: 1 failed · peak 60 MiB of 2048 MiB\n",
        ),
        (
            Summary(peak_rss_bytes=60 * MIB, max_mem_bytes=2048 * MIB),
            "0 files · peak 60 MiB of 2048 MiB\n",
        ),
    ],
)
def test_the_summary_is_one_line(summary, text):
    out = io.StringIO()
    Console(out=out, err=io.StringIO()).summary(summary)
    assert out.getvalue() == text


def test_on_a_narrow_terminal_the_summary_breaks_between_its_parts():
    out = Terminal()
    summary = Summary(files=12, tagged=12, audio_seconds=36000.0, wall_seconds=400.0)
    Console(out=out, err=io.StringIO()).summary(summary)
    assert max(map(cells, out.getvalue().splitlines())) <= 80
    assert out.getvalue().count("\n") == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.04, "0.0 s"), (4.2, "4.2 s"), (9.96, "10 s"), (90, "90 s")),
        *((2880, "48 min"), (7500, "2 h 05 min"), (400_000, "111 h 07 min")),
    ],
)
def test_time_spans_read_like_speech(seconds, text):
    assert duration(seconds) == text


def test_the_start_line_names_model_device_and_budget_on_standard_error():
    out, err = io.StringIO(), io.StringIO()
    Console(out=out, err=err, max_mem_bytes=1500 * MIB).start(model="msd-musicnn", device="cpu")
    assert err.getvalue() == "msd-musicnn on cpu, memory budget 1500 MiB\n"
    assert out.getvalue() == ""


def test_an_error_is_one_escaped_sentence():
    err = io.StringIO()
    Console(out=io.StringIO(), err=err).error("no model 'a\nb'")
    assert err.getvalue() == "lean-tag: no model 'a\\nb'\n"


def test_a_second_run_over_a_library_takes_one_line_per_file():
    theirs = tagged(tags={"genre": ("House",)}, status="unchanged", heard=heard(genre=("Rock",)))
    line = ANSI.sub("", printed(theirs, terminal=True))
    assert line.endswith("(your genre stays: Rock)\n")
    assert line.count("\n") == 1


def test_what_was_known_and_stays_is_printed_only_if_asked():
    known = tagged("known", status="unchanged", known=True)
    changed = tagged("changed", status="tagged", known=True)
    new = tagged("new", status="unchanged")
    again = Skipped(path="again", kind="no-tag-support", message="no place", scored=known)
    aside = Skipped(path="aside", kind="set-aside", message="it failed before", known=True)
    first = Skipped(path="first", kind="no-tag-support", message="no place", scored=new)
    all_of_them = (known, changed, new, again, aside, first)
    assert [line.split()[1] for line in printed(*all_of_them).splitlines()] == [
        "changed:",
        "new:",
        "first:",
    ]
    assert printed(*all_of_them, verbose=True).count("\n") == 6
    assert printed(*all_of_them, json_lines=True).count("\n") == 6


def test_a_track_that_waited_for_its_album_is_no_old_news():
    out = io.StringIO()
    one = Console(out=out, err=io.StringIO())
    one.put_aside("m/Lava.ogg")
    for _ in range(2):
        one.result(tagged(status="unchanged", known=True))
    assert out.getvalue().count("unchanged") == 1


def test_a_value_in_the_file_is_said_to_be_ours_or_theirs():
    mine = '{"wrote": {"genre": ["House"]}, "over": {}}'
    ours = tagged(
        status="unchanged", heard=heard(genre=("House",), mood=("Calm",), leantag=(mine,))
    )
    assert "genre written before, your mood stays: Calm)" in printed(ours)
    changed = tagged(status="unchanged", heard=heard(genre=("Rock",), leantag=(mine,)))
    assert "your genre stays: Rock" in printed(changed)


def test_the_word_for_unsure_is_shown():
    unsure = tagged(tags={"genre": (), "mood": ()}, written={"genre": ("Unknown",)})
    assert printed(unsure).endswith("(nothing sure enough, genre: Unknown)\n")


def test_undo_and_redo_are_called_what_they_are_in_both_outputs():
    for status in ("undone", "would_undo", "redone", "would_redo"):
        outcome = Restored(
            path="a", status=status, restored={}, kept={}, identity=Identity(1, 2, 3), fields={}
        )
        assert printed(outcome).startswith(status.replace("_", " ") + " ")
        assert json.loads(printed(outcome, json_lines=True))["status"] == status


def test_a_folder_without_music_is_one_line():
    out = io.StringIO()
    one = Console(out=out, err=io.StringIO())
    one.result(Skipped(path="empty", kind="no-music", message="no music files in this folder"))
    one.summary(Summary(files=1, skipped=1))
    assert out.getvalue() == "skipped     empty: no music files in this folder\n"


# A reader that goes away, a disk that is full


def failing(error: OSError) -> io.StringIO:
    class Failing(io.StringIO):
        def write(self, _text: str) -> int:
            raise error

    return Failing()


def test_a_reader_that_went_away_ends_the_output():
    with pytest.raises(OutputClosed):
        Console(out=failing(BrokenPipeError(32, "gone")), err=io.StringIO()).result(tagged())


def test_a_full_disk_behind_the_output_ends_the_run():
    out = failing(OSError(28, "No space left on device"))
    with pytest.raises(StateError, match="cannot write the results: No space left on device"):
        Console(out=out, err=io.StringIO()).result(tagged())


def test_a_reader_of_errors_that_went_away_does_not():
    one = Console(out=io.StringIO(), err=failing(BrokenPipeError(32, "gone")))
    one.start(model="tiny", device="cpu")
    one.error("something")
