"""A run over what was found, with the work given from outside."""

import time

import pytest

from lean_tagger.batch import Summary, run
from lean_tagger.errors import DecodeError, ModelError, StateError
from lean_tagger.outcome import Failed, Job, Outcome, Skipped, Tagged


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


def done(found, do, summary=None) -> tuple[list[Outcome], Summary]:
    summary = summary or Summary(max_mem_bytes=1000)
    outcomes: list[Outcome] = []
    run(found, do, report=outcomes.append, peak_rss_bytes=lambda: 77, summary=summary)
    return outcomes, summary


def test_every_status_is_counted_once_and_audio_is_added_up():
    no_place = Skipped(path="d", kind="k", message="m", scored=heard("d", "unchanged", 5.0))
    answers = {
        "a": heard("a"),
        "b": heard("b", "would_tag"),
        "c": heard("c", "unchanged"),
        "d": no_place,
        "e": Skipped(path="e", kind="k", message="m"),
        "f": Failed(path="f", kind="k", message="m"),
    }
    outcomes, summary = done([Job(name, 1) for name in answers], lambda job: answers[job.path])
    assert outcomes == list(answers.values())
    assert (summary.tagged, summary.would_tag, summary.unchanged) == (1, 1, 1)
    assert (summary.skipped, summary.failed, summary.files) == (2, 1, 6)
    assert summary.audio_seconds == 185.0
    assert summary.peak_rss_bytes == 77
    assert summary.max_mem_bytes == 1000
    assert summary.wall_seconds > 0


def test_what_the_walk_could_not_use_passes_through_in_its_place():
    missing = Failed(path="b", kind="missing", message="gone")
    outcomes, summary = done([Job("a", 1), missing, Job("c", 1)], lambda job: heard(job.path))
    assert [outcome.path for outcome in outcomes] == ["a", "b", "c"]
    assert outcomes[1] is missing
    assert (summary.tagged, summary.failed) == (2, 1)


def test_one_bad_file_does_not_stop_the_others():
    def do(job: Job) -> Outcome:
        if job.path == "bad":
            raise DecodeError(job.path, "this is no audio")
        return heard(job.path)

    outcomes, _ = done([Job("bad", 1), Job("good", 1)], do)
    assert outcomes[0] == Failed(path="bad", kind="decode", message="this is no audio")
    assert outcomes[1] == heard("good")


@pytest.mark.parametrize("error", [ModelError("NaN"), StateError("disk full"), KeyboardInterrupt()])
def test_what_is_no_file_s_fault_ends_the_run_with_a_true_summary(error):
    def do(job: Job) -> Outcome:
        if job.path == "b":
            raise error
        time.sleep(0.001)
        return heard(job.path)

    summary = Summary()
    with pytest.raises(type(error)):
        done([Job("a", 1), Job("b", 1), Job("c", 1)], do, summary)
    assert (summary.files, summary.tagged, summary.peak_rss_bytes) == (1, 1, 77)
    assert summary.wall_seconds > 0


def test_an_outcome_is_counted_even_if_its_report_is_interrupted():
    def report(_outcome: Outcome) -> None:
        raise KeyboardInterrupt

    summary = Summary()
    with pytest.raises(KeyboardInterrupt):
        run(
            [Job("a", 1)],
            lambda job: heard(job.path),
            report=report,
            peak_rss_bytes=lambda: 0,
            summary=summary,
        )
    assert summary.tagged == 1


def test_each_outcome_is_reported_before_the_next_file_begins():
    events: list[str] = []

    def found():
        for name in "ab":
            events.append(f"find {name}")
            yield Job(name, 1)

    def do(job: Job) -> Outcome:
        events.append(f"do {job.path}")
        return heard(job.path)

    run(
        found(),
        do,
        report=lambda outcome: events.append(f"report {outcome.path}"),
        peak_rss_bytes=lambda: 0,
        summary=Summary(),
    )
    assert events == [f"{step} {name}" for name in "ab" for step in ("find", "do", "report")]


def test_an_empty_run_is_a_run():
    outcomes, summary = done([], heard)
    assert outcomes == []
    assert summary.files == 0
