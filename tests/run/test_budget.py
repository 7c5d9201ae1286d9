"""From a budget to the shape of a run."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Run
from conftest import SONGS
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.errors import BudgetError
from lean_tagger.run import budget
from lean_tagger.system import machine, memory

MIB = 1 << 20
RUNS = st.fixed_dictionaries(
    {
        "needed_bytes": st.integers(1, 8192 * MIB),
        "cores": st.integers(1, 1024),
        "files": st.integers(1, 100_000),
    }
)


def shape(budget_mib: int, **changes: int) -> budget.Shape:
    """Divide a budget between workers of 110 MiB on four cores, with plenty to do."""
    values = {"needed_bytes": 110 * MIB, "cores": 4, "files": 1000, **changes}
    return budget.shape(budget_mib * MIB, model="tiny", **values)


@given(RUNS, st.integers(0, 64 * 1024 * MIB))
def test_any_shape_fits_the_budget_the_cores_and_the_work(run, spare_bytes):
    budget_bytes = budget.SUPERVISOR_BYTES + run["needed_bytes"] + spare_bytes
    found = budget.shape(budget_bytes, model="tiny", **run)
    assert 1 <= found.workers <= run["files"]
    assert found.threads >= 1
    assert found.workers * found.threads <= run["cores"]
    assert found.share_bytes >= run["needed_bytes"]
    assert budget.SUPERVISOR_BYTES + found.workers * found.share_bytes <= budget_bytes
    assert found.share_bytes <= found.alone_bytes <= budget_bytes - budget.SUPERVISOR_BYTES


@given(RUNS, st.integers(0, 64 * 1024 * MIB))
def test_no_core_is_left_that_every_worker_could_have_had(run, spare_bytes):
    budget_bytes = budget.SUPERVISOR_BYTES + run["needed_bytes"] + spare_bytes
    found = budget.shape(budget_bytes, model="tiny", **run)
    assert run["cores"] - found.workers * found.threads < found.workers


@given(RUNS, st.integers(1, 8192 * MIB))
def test_below_the_floor_the_message_names_a_budget_that_suffices(run, missing_bytes):
    least_bytes = budget.SUPERVISOR_BYTES + run["needed_bytes"]
    too_little_bytes = max(0, least_bytes - missing_bytes)
    with pytest.raises(BudgetError) as refused:
        budget.shape(too_little_bytes, model="tiny", **run)
    said = re.search(r"\(--max-mem (\d+M)\)$", str(refused.value))
    assert said is not None
    assert "tiny" in str(refused.value)
    enough_bytes = memory.parse_size(said[1])
    assert budget.shape(enough_bytes, model="tiny", **run).workers >= 1
    spare_bytes = enough_bytes - least_bytes  # for the next start, which may measure a step more
    assert 0 <= spare_bytes - budget.SPARE_BYTES < MIB


def test_the_refusal_names_one_number_and_it_is_what_doctor_names():
    with pytest.raises(BudgetError) as refused:
        shape(100)
    least_mib = -(-budget.least_bytes(110 * MIB) >> 20)
    assert re.findall(r"\d+", str(refused.value)) == ["100", str(least_mib), str(least_mib)]


@given(RUNS, st.integers(0, 1024 * MIB), st.integers(1, 8192 * MIB))
def test_a_refusal_names_what_is_enough_in_a_process_that_does_other_things_too(
    run, host_bytes, missing_bytes
):
    """As on a worker of a cluster, which takes memory itself."""
    least_bytes = budget.SUPERVISOR_BYTES + run["needed_bytes"] + host_bytes
    given_bytes = max(0, least_bytes - missing_bytes)
    with pytest.raises(BudgetError) as refused:
        budget.shape(given_bytes, model="tiny", host_bytes=host_bytes, **run)
    assert f"a budget of {memory.format_size(given_bytes)} is too little" in str(refused.value)
    said = re.search(r"\(--max-mem (\d+M)\)$", str(refused.value))
    enough_bytes = memory.parse_size(said[1])
    found = budget.shape(enough_bytes, model="tiny", host_bytes=host_bytes, **run)
    assert host_bytes + budget.SUPERVISOR_BYTES + found.alone_bytes == enough_bytes
    assert found.workers >= 1


def test_where_the_machine_has_too_little_its_limit_is_to_be_raised():
    with pytest.raises(BudgetError, match=r"allows 128 MiB; raise that limit$") as refused:
        shape(100, machine_bytes=128 * MIB)
    assert "--max-mem" not in str(refused.value)


def test_without_a_model_the_refusal_speaks_of_none():
    with pytest.raises(BudgetError, match=r"too little: a run needs 129 MiB here"):
        budget.shape(64 * MIB, 100 * MIB, cores=1, files=1, model="")


def test_workers_come_before_threads():
    assert (shape(2048).workers, shape(2048).threads) == (4, 1)


def test_threads_take_the_cores_for_which_the_budget_holds_no_worker():
    assert (shape(150).workers, shape(150).threads) == (1, 4)
    assert (shape(250).workers, shape(250).threads) == (2, 2)


def test_one_file_gets_one_worker_with_all_the_cores():
    assert (shape(2048, files=1).workers, shape(2048, files=1).threads) == (1, 4)


def test_the_budget_is_shared_without_what_the_supervisor_needs():
    found = shape(2048)
    left_bytes = 2048 * MIB - budget.SUPERVISOR_BYTES
    assert found.alone_bytes == left_bytes
    assert found.share_bytes == left_bytes // 4


@contextlib.contextmanager
def container(limit_bytes: int) -> Iterator[Path]:
    """Make a control group with that limit; give the file that takes its members."""
    v1 = Path("/sys/fs/cgroup/memory")
    folder = (v1 if v1.is_dir() else v1.parent) / f"lean-tag-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    try:
        name = "memory.limit_in_bytes" if v1.is_dir() else "memory.max"
        if not (folder / name).exists():
            pytest.skip("there is no memory controller here")
        (folder / name).write_text(str(limit_bytes))
        yield folder / "cgroup.procs"
    finally:
        while True:  # a process leaves its group a moment after it ends
            with contextlib.suppress(OSError):
                folder.rmdir()
            if not folder.exists():
                break
            time.sleep(0.05)


@pytest.mark.memory
@pytest.mark.parametrize(
    "limit_mib", [128, *(pytest.param(it, marks=pytest.mark.slow) for it in (160, 256))]
)
def test_a_plain_run_works_in_a_small_container(tmp_path, limit_mib):
    with container(limit_mib * MIB) as members:
        enter = ["sh", "-c", f'echo $$ > {members} && exec "$@"', "sh"]
        done = Run("-n", "--state", tmp_path / "state", *SONGS, under=enter)
    assert done.code == 0, done.said
    assert set(done.statuses().values()) <= {"would_tag", "unchanged"}
    assert done.summary["peak_rss_bytes"] <= machine.default_budget(limit_mib * MIB)


@pytest.mark.parametrize("command", [["-n"], ["undo", "-n"], ["models", "verify"]])
def test_a_budget_without_its_unit_is_refused_before_anything_is_done(tmp_path, command):
    """Also where nothing would be heard: 1500 is 1500 bytes."""
    state = [] if command[0] == "models" else ["--state", tmp_path / "state", tmp_path]
    done = Run(*command, "--max-mem", "1500", *state)
    assert done.code == BudgetError.exit_code
    assert "did you mean 1500M?" in done.said
    assert "lean-tag doctor" in done.said
