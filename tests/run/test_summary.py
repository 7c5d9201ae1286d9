"""Going through the outcomes of a run, which are given from outside."""

import time
from collections.abc import Iterator

import pytest

from lean_tagger.errors import ModelError, StateError
from lean_tagger.jobs import Failed, Outcome, Skipped, Tagged
from lean_tagger.run.summary import Summary, report_all


def heard(path: str, status: str = "tagged", seconds: float = 60.0) -> Tagged:
    return Tagged(
        path=path,
        model="tiny",
        status=status,
        seconds=seconds,
        windows=20,
        seconds_skipped=0.0,
        repeated=False,
        scores={"rock": 0.5},
        tags={"genre": ("Rock",)},
    )


def done(outcomes, summary=None) -> tuple[list[Outcome], Summary]:
    summary = summary or Summary(max_mem_bytes=1000)
    reported: list[Outcome] = []
    report_all(outcomes, report=reported.append, peak_rss_bytes=lambda: 77, summary=summary)
    return reported, summary


def test_every_status_is_counted_once_and_audio_is_added_up():
    no_place = Skipped(path="d", kind="k", message="m", scored=heard("d", "unchanged", 5.0))
    outcomes = [
        heard("a"),
        heard("b", "would_tag"),
        heard("c", "unchanged"),
        no_place,
        Skipped(path="e", kind="k", message="m"),
        Failed(path="f", kind="k", message="m"),
    ]
    reported, summary = done(outcomes)
    assert reported == outcomes
    assert (summary.tagged, summary.would_tag, summary.unchanged) == (1, 1, 1)
    assert (summary.skipped, summary.failed, summary.files) == (2, 1, 6)
    assert summary.audio_seconds == 185.0
    assert summary.peak_rss_bytes == 77
    assert summary.max_mem_bytes == 1000
    assert summary.wall_seconds > 0


def test_one_bad_file_does_not_stop_the_others():
    bad = Failed(path="bad", kind="decode", message="this is no audio")
    reported, summary = done([heard("a"), bad, heard("c")])
    assert [outcome.path for outcome in reported] == ["a", "bad", "c"]
    assert reported[1] is bad
    assert (summary.tagged, summary.failed) == (2, 1)


def test_what_was_heard_of_a_failed_file_counts_as_music():
    unwritten = Failed(path="a", kind="write", message="read-only", scored=heard("a", "unchanged"))
    _, summary = done([unwritten])
    assert (summary.failed, summary.unchanged, summary.audio_seconds) == (1, 0, 60.0)


@pytest.mark.parametrize("error", [ModelError("NaN"), StateError("disk full"), KeyboardInterrupt()])
def test_what_is_no_file_s_fault_ends_the_run_with_a_true_summary(error):
    def outcomes() -> Iterator[Outcome]:
        time.sleep(0.001)
        yield heard("a")
        raise error

    summary = Summary()
    with pytest.raises(type(error)):
        done(outcomes(), summary)
    assert (summary.files, summary.tagged, summary.peak_rss_bytes) == (1, 1, 77)
    assert summary.wall_seconds > 0


def test_an_outcome_is_counted_even_if_its_report_is_interrupted():
    def report(_outcome: Outcome) -> None:
        raise KeyboardInterrupt

    summary = Summary()
    with pytest.raises(KeyboardInterrupt):
        report_all([heard("a")], report=report, peak_rss_bytes=lambda: 0, summary=summary)
    assert summary.tagged == 1


def test_each_outcome_is_reported_before_the_next_is_asked_for():
    events: list[str] = []

    def outcomes() -> Iterator[Outcome]:
        for name in "ab":
            events.append(f"do {name}")
            yield heard(name)

    report_all(
        outcomes(),
        report=lambda outcome: events.append(f"report {outcome.path}"),
        peak_rss_bytes=lambda: 0,
        summary=Summary(),
    )
    assert events == [f"{step} {name}" for name in "ab" for step in ("do", "report")]


def test_the_peak_is_asked_for_when_the_work_is_over():
    events: list[str] = []

    def outcomes() -> Iterator[Outcome]:
        yield heard("a")
        events.append("work over")

    def peak_rss_bytes() -> int:
        events.append("peak asked for")
        return 5

    summary = Summary()
    report_all(outcomes(), report=lambda _: None, peak_rss_bytes=peak_rss_bytes, summary=summary)
    assert events == ["work over", "peak asked for"]
    assert summary.peak_rss_bytes == 5


def test_an_empty_run_is_a_run():
    reported, summary = done([])
    assert reported == []
    assert summary.files == 0
