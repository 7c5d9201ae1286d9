"""What the machine allows, read from made-up trees of control groups and from this machine."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.system import machine

MIB = 1024**2
UNLIMITED_V1 = "9223372036854771712"


def tree(root: Path, **files: str) -> Path:
    """Write a made-up tree of control groups."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_the_lowest_limit_of_all_ancestors_counts_in_cgroup_v2(tmp_path):
    tree(
        tmp_path,
        **{
            "a/b/c/memory.max": "max\n",
            "a/b/memory.max": f"{512 * MIB}\n",
            "a/memory.max": f"{4096 * MIB}\n",
        },
    )
    assert machine.cgroup_limit_bytes("0::/a/b/c\n", mounted=tmp_path) == 512 * MIB


def test_the_stalling_limit_of_cgroup_v2_counts_too(tmp_path):
    tree(tmp_path, **{"a/memory.max": "max\n", "a/memory.high": f"{300 * MIB}\n"})
    assert machine.cgroup_limit_bytes("0::/a\n", mounted=tmp_path) == 300 * MIB


def test_inside_a_container_the_mounted_root_is_the_own_group(tmp_path):
    tree(tmp_path, **{"memory.max": f"{256 * MIB}\n"})
    assert machine.cgroup_limit_bytes("0::/\n", mounted=tmp_path) == 256 * MIB
    assert machine.cgroup_limit_bytes("0::/../../docker/0af1\n", mounted=tmp_path) == 256 * MIB


def test_the_lowest_limit_counts_in_cgroup_v1(tmp_path):
    tree(
        tmp_path,
        **{
            "memory/docker/0af1/memory.limit_in_bytes": UNLIMITED_V1,
            "memory/docker/memory.limit_in_bytes": f"{700 * MIB}\n",
            "cpu/docker/memory.limit_in_bytes": "1\n",
        },
    )
    membership = "12:cpu,cpuacct:/docker/0af1\n4:memory:/docker/0af1\n1:name=systemd:/x:y\n"
    assert machine.cgroup_limit_bytes(membership, mounted=tmp_path) == 700 * MIB


def test_hybrid_systems_mount_version_2_below_unified(tmp_path):
    tree(tmp_path, **{"unified/a/memory.max": f"{128 * MIB}\n"})
    assert machine.cgroup_limit_bytes("4:memory:/\n0::/a\n", mounted=tmp_path) == 128 * MIB


def test_a_hybrid_system_has_the_lowest_limit_of_both_versions(tmp_path):
    tree(
        tmp_path,
        **{
            "memory/a/memory.limit_in_bytes": f"{900 * MIB}\n",
            "unified/b/c/memory.max": "max\n",
            "unified/b/memory.max": f"{600 * MIB}\n",
        },
    )
    membership = "4:memory:/a\n0::/b/c\n"
    assert machine.cgroup_limit_bytes(membership, mounted=tmp_path) == 600 * MIB
    (tmp_path / "unified/b/memory.max").write_text("max\n")
    assert machine.cgroup_limit_bytes(membership, mounted=tmp_path) == 900 * MIB


def test_a_limit_counts_however_deep_the_group_below_it_is(tmp_path):
    deep = "/".join("abcdefghij")
    tree(tmp_path, **{f"{deep}/memory.max": "max\n", "a/b/memory.max": f"{333 * MIB}\n"})
    assert machine.cgroup_limit_bytes(f"0::/{deep}\n", mounted=tmp_path) == 333 * MIB


def test_every_limit_is_told_once_with_its_file(tmp_path):
    tree(
        tmp_path,
        **{
            "memory/a/memory.limit_in_bytes": f"{900 * MIB}\n",
            "memory/memory.limit_in_bytes": UNLIMITED_V1,
            "unified/b/memory.max": f"{600 * MIB}\n",
            "unified/b/memory.high": f"{500 * MIB}\n",
        },
    )
    assert list(machine.cgroup_limits("4:memory:/a\n0::/b\n", mounted=tmp_path)) == [
        (tmp_path / "memory/a/memory.limit_in_bytes", 900 * MIB),
        (tmp_path / "memory/memory.limit_in_bytes", int(UNLIMITED_V1)),
        (tmp_path / "unified/b/memory.max", 600 * MIB),
        (tmp_path / "unified/b/memory.high", 500 * MIB),
    ]


def test_a_group_beside_ours_does_not_limit_us(tmp_path):
    tree(tmp_path, **{"a/memory.max": f"{512 * MIB}\n", "b/memory.max": f"{64 * MIB}\n"})
    assert machine.cgroup_limit_bytes("0::/a\n", mounted=tmp_path) == 512 * MIB


@pytest.mark.parametrize("membership", ["", "garbage", "::", "0::", "0::/nowhere", "1:cpu:/a\n\n"])
def test_without_a_limit_there_is_none(tmp_path, membership):
    tree(tmp_path, **{"a/memory.max": "max", "b/memory.max": "0"})
    assert machine.cgroup_limit_bytes(membership, mounted=tmp_path) is None


@given(st.text(alphabet="0:/.amx\n \udc80é", max_size=40))
def test_no_membership_file_can_raise(membership):
    machine.cgroup_limit_bytes(membership, mounted=Path("/nonexistent"))


@pytest.mark.parametrize(
    ("limit", "budget"),
    [(65536, 2048), (4096, 2048), (3000, 1500), (512, 256), (256, 144), (160, 144), (128, 120)],
)
def test_the_default_budget_is_half_of_the_machine_or_what_one_worker_needs(limit, budget):
    """In MiB."""
    assert machine.default_budget(limit * MIB) == budget * MIB


@given(st.integers(1, 1 << 50))
def test_the_default_budget_is_something_and_no_more_than_there_is(limit_bytes):
    assert 0 <= machine.default_budget(limit_bytes) <= limit_bytes
    assert machine.default_budget_bytes() == machine.default_budget(machine.machine_limit_bytes())


def test_the_machine_s_limit_is_no_more_than_its_memory():
    physical_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < machine.machine_limit_bytes() <= physical_bytes


# Cores


def test_every_ancestor_s_quota_is_told_in_cgroup_v2(tmp_path):
    tree(
        tmp_path,
        **{
            "a/b/c/cpu.max": "max 100000\n",
            "a/b/cpu.max": "150000 100000\n",
            "a/cpu.max": "50000 200000\n",
        },
    )
    assert list(machine.cpu_quotas("0::/a/b/c\n", mounted=tmp_path)) == [1.5, 0.25]


def test_every_ancestor_s_quota_is_told_in_cgroup_v1(tmp_path):
    tree(
        tmp_path,
        **{
            "cpu/docker/0af1/cpu.cfs_quota_us": "-1\n",
            "cpu/docker/0af1/cpu.cfs_period_us": "100000\n",
            "cpu/docker/cpu.cfs_quota_us": "200000\n",
            "cpu/docker/cpu.cfs_period_us": "100000\n",
            "memory/docker/cpu.cfs_quota_us": "1\n",
            "memory/docker/cpu.cfs_period_us": "100000\n",
        },
    )
    membership = "12:cpu,cpuacct:/docker/0af1\n4:memory:/docker/0af1\n"
    assert list(machine.cpu_quotas(membership, mounted=tmp_path)) == [2.0]


def test_controllers_of_version_1_may_be_mounted_together(tmp_path):
    tree(
        tmp_path,
        **{
            "cpu,cpuacct/a/cpu.cfs_quota_us": "300000\n",
            "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
        },
    )
    assert list(machine.cpu_quotas("3:cpu,cpuacct:/a\n", mounted=tmp_path)) == [3.0]


def test_a_hybrid_system_has_the_quotas_of_both_versions(tmp_path):
    tree(
        tmp_path,
        **{
            "cpu/a/cpu.cfs_quota_us": "400000\n",
            "cpu/a/cpu.cfs_period_us": "100000\n",
            "unified/b/cpu.max": "100000 100000\n",
        },
    )
    quotas = machine.cpu_quotas("3:cpu:/a\n0::/b\n", mounted=tmp_path)
    assert set(quotas) == {1.0, 4.0}


def test_inside_a_container_the_mounted_root_has_the_quota(tmp_path):
    tree(tmp_path, **{"cpu.max": "50000 100000\n"})
    assert list(machine.cpu_quotas("0::/../../docker/0af1\n", mounted=tmp_path)) == [0.5]


@pytest.mark.parametrize("text", ["", "max", "100000", "a b", "1 0", "max 100000", "1 2 3", "\xff"])
def test_a_quota_that_cannot_be_read_is_none(tmp_path, text):
    tree(tmp_path, **{"a/cpu.max": text})
    assert list(machine.cpu_quotas("0::/a", mounted=tmp_path)) == []


@given(st.text(alphabet="0:/.acpu,\n \udc80é", max_size=40))
def test_no_membership_file_can_raise_over_quotas(membership):
    assert list(machine.cpu_quotas(membership, mounted=Path("/nonexistent"))) == []


def test_the_usable_cores_are_those_of_the_affinity_and_no_more_than_a_quota():
    cores = machine.usable_cores()
    assert 1 <= cores <= len(os.sched_getaffinity(0))
    quotas = list(machine.cpu_quotas(Path("/proc/self/cgroup").read_text()))
    assert cores == max(1, min([len(os.sched_getaffinity(0)), *map(math.ceil, quotas)]))


def test_a_narrower_affinity_leaves_fewer_cores():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


# What others leave


def test_what_is_available_is_less_than_the_machine_has():
    physical_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < machine.available_bytes() < physical_bytes


def test_stalls_are_the_share_of_the_last_ten_seconds(tmp_path):
    (tmp_path / "memory").write_text(
        "some avg10=12.50 avg60=3.00 avg300=0.10 total=123456\n"
        "full avg10=7.00 avg60=1.00 avg300=0.00 total=12345\n"
    )
    assert machine.memory_stalls(tmp_path) == 12.5


@pytest.mark.parametrize("text", ["", "\n", "some", "some avg10=", "some avg10=x avg60=1", "\xff"])
def test_pressure_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "memory").write_text(text)
    assert machine.memory_stalls(tmp_path) == 0.0


def test_a_kernel_without_pressure_information_has_no_stalls(tmp_path):
    assert machine.memory_stalls(tmp_path) == 0.0
    (tmp_path / "memory").mkdir()
    assert machine.memory_stalls(tmp_path) == 0.0


@pytest.mark.parametrize(
    ("available_kib", "stalled", "short"),
    [(900_000, "0.00", False), (40_000, "0.00", True), (900_000, "35.50", True)],
)
def test_memory_is_short_when_little_is_left_or_somebody_waits_for_it(
    tmp_path: Path, available_kib: int, stalled: str, short: bool
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {available_kib} kB\n")
    (tmp_path / "pressure").mkdir()
    pressure = f"some avg10={stalled} avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00\n"
    (tmp_path / "pressure" / "memory").write_text(pressure)
    assert machine.memory_is_short(1000 * 1024**2, proc=tmp_path) == short


def meminfo(path: Path, **kib: int) -> Path:
    path.write_text("".join(f"{name}:{size:>16} kB\n" for name, size in kib.items()))
    return path


def test_of_a_container_and_its_host_the_lower_memory_counts(tmp_path):
    """LXC shows the container's meminfo, and sysconf the host's memory."""
    host_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lower = meminfo(tmp_path / "lower", MemTotal=65_536, MemAvailable=1024)
    higher = meminfo(tmp_path / "higher", MemTotal=host_bytes // 1024 * 2)
    assert machine.physical_bytes(lower) == 64 * MIB
    assert machine.physical_bytes(higher) == host_bytes


@pytest.mark.parametrize("text", ["", "MemTotal:\n", "MemTotal: many kB\n", "Mem: 1 kB\n"])
def test_a_meminfo_that_says_nothing_limits_nothing(tmp_path, text: str):
    file = tmp_path / "meminfo"
    file.write_text(text)
    assert machine.physical_bytes(file) == machine.physical_bytes(tmp_path / "missing") > 0
