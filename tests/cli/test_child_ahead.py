"""A child is started before its command is, where there is something to ask it."""

import os

import pytest

from lean_tagger.cli.child_ahead import child_ahead


def test_a_child_waits_and_ends_with_its_command() -> None:
    with child_ahead(["song.mp3"], "lean_tagger.library.arithmetic.search") as child:
        assert child is not None
        assert child.waits
        pid = child.process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["x", "-h"], ["--version"], ["x", "--max-mem", "70M"], ["--max-mem=70M", "x"]],
)
def test_for_nothing_or_within_a_budget_there_is_none(arguments: list[str]) -> None:
    with child_ahead(arguments, "lean_tagger.library.arithmetic.search") as child:
        assert child is None
