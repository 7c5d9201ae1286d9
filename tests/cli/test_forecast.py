"""A long dry run says early what it will be."""

import io
import time

import pytest
from test_console import heard, tagged

from lean_tagger.cli import forecast
from lean_tagger.cli.console import Console
from lean_tagger.jobs import Job

MIB = 1 << 20


def outcome(number: int, status: str, *, known: bool = False):
    return tagged(f"{number}", status=status, known=known)


def test_it_is_said_once_after_a_hundred_files_that_were_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, *([200.0] * 1000)])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    one = forecast.Forecast(25_000, 25_000 * 4 * MIB)
    said = [one.add(outcome(n, "unchanged", known=True), 4 * MIB) for n in range(50)]
    said += [
        one.add(outcome(n, "would_tag" if n % 2 else "unchanged"), 4 * MIB) for n in range(300)
    ]
    assert [text for text in said if text] == [
        "after 150 of 25000 files: the rest takes about 13 h 48 min; about 8333 files (32.6 GiB) "
        "would be rewritten"
    ]
    assert said[149] is not None


def test_what_is_over_soon_needs_no_forecast() -> None:
    one = forecast.Forecast(110, 110 * MIB)
    assert {one.add(outcome(n, "would_tag"), MIB) for n in range(110)} == {None}


def test_the_console_says_it_among_the_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "AFTER_FILES", 2)
    monkeypatch.setattr(forecast, "LEAST_SECONDS", 0.0)
    err = io.StringIO()
    one = Console(out=io.StringIO(), err=err)
    one.expect([Job(str(n), 2) for n in range(5)], with_forecast=True)
    for n in range(5):
        one.result(tagged(str(n), status="would_tag", heard=heard()))
    (line,) = err.getvalue().splitlines()
    assert line.startswith("after 2 of 5 files: ")
