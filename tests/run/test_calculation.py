"""Arithmetic runs in a child that keeps its share of the budget and ends with us."""

import os
from pathlib import Path

import calculations
import pytest

from lean_tagger.errors import BudgetError, ConfigError, StateError
from lean_tagger.run.calculation import Calculation, Child

MIB = 1 << 20


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(calculations.__file__).parent))


def test_yields_what_the_function_yields_and_tells_the_peak() -> None:
    with Calculation("calculations:squares", 4, max_mem_bytes=200 * MIB) as calculation:
        assert list(calculation) == [0, 1, 4, 9]
        assert 4 * MIB < calculation.peak_bytes < 100 * MIB


def test_what_needs_more_than_the_share_is_a_budget_error() -> None:
    request = 300 * MIB
    with (
        Calculation("calculations:greedy", request, max_mem_bytes=200 * MIB) as calculation,
        pytest.raises(BudgetError, match="175 MiB"),
    ):
        list(calculation)
    with Calculation("calculations:greedy", request, max_mem_bytes=500 * MIB) as calculation:
        assert list(calculation) == [request]


def test_a_library_that_ends_the_process_for_want_of_memory_is_a_budget_error() -> None:
    with (
        Calculation("calculations:multiplies", 200, max_mem_bytes=65 * MIB) as calculation,
        pytest.raises(BudgetError, match=r"40 MiB .* allow more with --max-mem"),
    ):
        list(calculation)
    with Calculation("calculations:multiplies", 200, max_mem_bytes=200 * MIB) as calculation:
        assert list(calculation) == [200.0**3]


def test_a_budget_that_holds_no_child_is_refused_with_one_number() -> None:
    with pytest.raises(BudgetError, match=r"at least .*--max-mem 65M.* more for a network"):
        Calculation("example:squares", 1, max_mem_bytes=50 * MIB)


def test_errors_of_our_tree_come_through() -> None:
    with (
        Calculation(
            "calculations:refuses", "no such label", max_mem_bytes=200 * MIB
        ) as calculation,
        pytest.raises(ConfigError, match="no such label"),
    ):
        list(calculation)


def test_a_surprise_says_what_it_was() -> None:
    with (
        Calculation("calculations:wrong", None, max_mem_bytes=200 * MIB) as calculation,
        pytest.raises(StateError, match="ZeroDivisionError"),
    ):
        list(calculation)


def test_a_child_that_is_killed_is_told_as_such() -> None:
    with Calculation("calculations:dies", 9, max_mem_bytes=200 * MIB) as calculation:
        values = iter(calculation)
        assert next(values) == "first"
        with pytest.raises(BudgetError, match="killed"):
            next(values)


def test_leaving_early_ends_the_child() -> None:
    with Calculation("calculations:squares", 10**9, max_mem_bytes=200 * MIB) as calculation:
        assert next(iter(calculation)) == 0
        pid = calculation._child.process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_waits_is_the_one_that_is_asked() -> None:
    with (
        Child("calculations") as child,
        Calculation("calculations:squares", 3, max_mem_bytes=200 * MIB, child=child) as calculation,
    ):
        assert calculation._child is child
        assert list(calculation) == [0, 1, 4]
    assert not child.waits


def test_in_place_of_a_child_that_was_ended_a_new_one_is_asked() -> None:
    child = Child("calculations")
    child.close()
    with Calculation(
        "calculations:squares", 3, max_mem_bytes=200 * MIB, child=child
    ) as calculation:
        assert list(calculation) == [0, 1, 4]


def test_a_module_that_cannot_be_loaded_says_why() -> None:
    with (
        Calculation("no_such_module:any", 3, max_mem_bytes=200 * MIB) as calculation,
        pytest.raises(StateError, match="no_such_module"),
    ):
        list(calculation)
