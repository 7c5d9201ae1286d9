"""What the doctor finds on made-up machines, and what it makes of it."""

import dataclasses
import os
import py_compile
import sys
import threading
import time
from pathlib import Path

import pytest
from pace import slowdown, took_no_longer_than

from lean_tagger.cli import doctor
from lean_tagger.cli.doctor import facts, hardware
from lean_tagger.cli.doctor.facts import FolderFacts, Library, ModelFit, Problem, Report
from lean_tagger.cli.doctor.lay_out import lay_out
from lean_tagger.cli.terminal import escape
from lean_tagger.run import budget
from lean_tagger.system.mounts import Mount

MIB = 1 << 20


# Libraries that do not load


def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> dict[str, Library]:
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(folder))
    return {library.name: library for library in facts.load_all(modules)}


def test_a_library_that_crashes_python_costs_only_itself(tmp_path, monkeypatch):
    libraries = loaded(
        tmp_path,
        monkeypatch,
        good="__version__ = '1.0'; print('{\"noise\": 1}'); print('[]'); print('3')",
        crashing="import os, signal; os.kill(os.getpid(), signal.SIGILL)",
        ending="raise SystemExit(7)",
        last="version_string = '2.0'",
    )
    assert libraries["good"].version == "1.0"
    assert libraries["crashing"].error == "loading it crashes Python (SIGILL)"
    assert libraries["ending"].error == "loading it ends Python with status 7"
    assert libraries["last"].version == "2.0"


def test_a_library_that_never_finishes_loading_costs_only_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "LOAD_SECONDS", 3.0 * slowdown())
    libraries = loaded(
        tmp_path,
        monkeypatch,
        good="__version__ = '1.0'",
        hanging="import time; time.sleep(60)",
    )
    assert libraries["good"].version == "1.0"
    assert libraries["hanging"].error == "it does not finish loading"


def test_what_python_cannot_keep_compiled_is_named(tmp_path, monkeypatch):
    modules = {"kept": "x = 1", "lost": "x = 1", "broken": "raise ImportError"}
    loaded(tmp_path, monkeypatch, **modules)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    cache = tmp_path / "__pycache__"
    cache.mkdir(exist_ok=True)
    py_compile.compile(str(tmp_path / "kept.py"))
    (cache / f"lost.{sys.implementation.cache_tag}.pyc").unlink(missing_ok=True)
    assert facts.uncompiled(["kept", "lost", "there_is_none", "sys"]) == ["lost"]


def test_it_is_named_that_pythons_own_library_is_not_kept_compiled(tmp_path, monkeypatch):
    """As in the images python:3.13 and python:3.13-slim."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    assert "argparse" in facts.uncompiled(facts.COMPILED)


# A made-up machine

PI = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41

Revision\t: c03114
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""
XEON = """\
processor\t: 0
model\t\t: 143
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fpu sse4_2 avx avx2 fma avx512f
"""


@pytest.mark.parametrize(
    ("cpuinfo", "model", "features"),
    [
        (PI, "Raspberry Pi 4 Model B Rev 1.4", ["asimd"]),
        (XEON, "Intel(R) Xeon(R) Processor", ["avx2", "fma", "avx512f"]),
    ],
)
def test_the_processor_is_named_with_what_matters(tmp_path, cpuinfo, model, features):
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    found = hardware.cpu(tmp_path / "cpuinfo")
    assert (found["model"], found["features"]) == (model, features)


def test_a_processor_that_nobody_describes_has_at_least_its_architecture(tmp_path):
    found = hardware.cpu(tmp_path / "missing")
    assert found["model"]
    assert found["features"] == []


@pytest.mark.parametrize(
    ("cgroups", "cmdline", "off"),
    [
        ("memory\t0\t94\t0\n", "quiet", True),
        ("memory\t0\t94\t0\n", "cgroup_enable=memory", True),
        ("memory\t4\t13\t1\n", "cgroup_disable=memory cgroup_enable=memory", False),
        (None, "console=tty1 cgroup_disable=memory root=/dev/mmcblk0p2", True),
        (None, "cgroup_disable=cpu,memory", True),
        (None, "cgroup_disable=memory cgroup_enable=memory cgroup_memory=1", False),
        ("#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t94\t1\n", "quiet", False),
        (None, None, False),
    ],
)
def test_it_is_seen_that_the_kernel_has_no_memory_groups(tmp_path, cgroups, cmdline, off):
    for name, text in {"cgroups": cgroups, "cmdline": cmdline}.items():
        if text is not None:
            (tmp_path / name).write_text(text)
    assert hardware.memory_groups_off(tmp_path) is off


# Places


def test_music_over_a_network_is_told_with_its_file_system(tmp_path):
    place = facts.look_at(str(tmp_path), [Mount(str(tmp_path), "nfs4", read_only=False)])
    assert place == FolderFacts(str(tmp_path), "nfs4", network=True)


def test_a_link_is_followed_to_the_file_system_that_counts(tmp_path):
    (tmp_path / "nas").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nas")
    table = [Mount("/", "ext4", read_only=False), Mount(f"{tmp_path}/nas", "cifs", read_only=False)]
    assert facts.look_at(str(tmp_path / "link"), table).filesystem == "cifs"


def test_a_read_only_mount_is_an_obstacle_with_a_remedy(tmp_path):
    (tmp_path / "a.mp3").touch()
    table = [Mount(str(tmp_path), "squashfs", read_only=True)]
    for path in (tmp_path, tmp_path / "a.mp3"):
        obstacle = facts.look_at(str(path), table).obstacle
        assert obstacle is not None
        assert obstacle.what == f"{path} is mounted read-only."
        assert obstacle.remedy == f"Mount {tmp_path} writable, or use -n."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize(
    ("mode", "what"), [(0o500, "cannot be written"), (0o000, "cannot be read")]
)
def test_what_the_person_may_not_do_is_an_obstacle(tmp_path, mode, what):
    tmp_path.chmod(mode)
    try:
        obstacle = facts.look_at(str(tmp_path), []).obstacle
    finally:
        tmp_path.chmod(0o700)
    assert obstacle is not None
    assert what in obstacle.what


def test_a_state_folder_that_is_still_to_be_made_is_no_obstacle(tmp_path):
    path = tmp_path / "not/yet/lean-tag"
    assert facts.look_at(str(path), [], music=False).obstacle is None
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_does_not_hold_the_doctor_up():
    answers = threading.Event()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        facts._within(0.05, lambda: answers.wait(60) and (None, None))
    assert took_no_longer_than(1.0, since=started)
    answers.set()


@pytest.mark.parametrize("base", ["", "relative"])
def test_the_state_folder_is_below_home_unless_the_environment_says_where(monkeypatch, base):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_STATE_HOME", base)
    assert facts.state_folder() == "/home/me/.local/state/lean-tag"
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert facts.state_folder() == "/var/state/lean-tag"


# What is made of it


@pytest.fixture
def pi() -> Report:
    """Describe a Raspberry Pi with its music on a NAS, as it comes."""
    plan = budget.Shape(workers=4, threads=1, share_bytes=220 * MIB, alone_bytes=880 * MIB)
    return Report(
        lean_tag="0.1.0",
        python="3.11.2",
        system="Linux 6.6.51+rpt-rpi-v8 aarch64",
        libraries=[Library("ONNX Runtime", "onnxruntime", "1.31.0", {"providers": ["CPU"]})],
        runtimes=["onnxruntime 1.31.0"],
        cpu={
            "model": "Raspberry Pi 4 Model B Rev 1.4",
            "features": ["asimd"],
            "cores": 4,
            "affinity": 4,
            "quota": None,
            "usable": 4,
        },
        memory={
            "physical_bytes": 1846 * MIB,
            "available_bytes": 1500 * MIB,
            "cgroup_limits": [],
            "machine_limit_bytes": 1846 * MIB,
            "default_budget_bytes": 923 * MIB,
            "budget_bytes": 923 * MIB,
            "page_bytes": 16384,
            "control_groups_off": True,
        },
        telemetry="off",
        models=[ModelFit("msd-musicnn", "cpu", 130 * MIB, plan)],
        state=FolderFacts("/home/pi/.local/state/lean-tag", "nfs4", network=True),
        music=[FolderFacts("/mnt/nas/Music", "cifs", network=True)],
        notes=[],
        problems=[],
    )


def test_a_pi_with_a_nas_is_told_what_to_know_and_has_no_problem(pi):
    notes = "\n".join(doctor._notes(pi, asked_bytes=0))
    assert "cgroup_enable=memory cgroup_memory=1" in notes
    assert "/mnt/nas/Music is on a network (cifs)" in notes
    assert "pages have 16 KiB instead of 4" in notes
    assert "XDG_STATE_HOME" in notes
    assert list(doctor._problems(pi)) == []


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_the_page_of_a_pi_has_no_line_that_is_too_wide(pi, columns):
    pi.notes.extend(doctor._notes(pi, asked_bytes=0))
    pi.problems.append(Problem("It is " + "much too " * 30 + "hot.", "Cool it."))
    lines = list(lay_out(pi, columns=columns))
    assert max(map(len, lines)) <= columns
    assert lines[-1].strip() == "Cool it."


def test_the_page_shows_every_limit_and_a_whole_path(pi):
    path = "/mnt/nas/" + "very long name " * 8 + "x"
    file = "/sys/fs/cgroup/docker/0af1/memory.max"
    pi.music.append(FolderFacts(path, None, network=False))
    pi.memory["cgroup_limits"] = [{"file": file, "bytes": 512 * MIB}]
    page = "\n".join(lay_out(pi, columns=80))
    assert f"512 MiB at most by {file}" in page
    assert "no control group limit" not in page
    assert escape(path) in " ".join(page.split())


def refused(pi: Report, *others: ModelFit, machine_mib: int = 1846) -> str:
    models = [ModelFit("msd-musicnn", "cpu", 130 * MIB, error="too little"), *others]
    changed = {**pi.memory, "budget_bytes": 100 * MIB, "machine_limit_bytes": machine_mib * MIB}
    (problem,) = doctor._problems(dataclasses.replace(pi, models=models, memory=changed))
    return problem.remedy


def test_a_budget_that_is_too_small_is_answered_with_every_way_out(pi):
    small = ModelFit("small", "cpu", 90 * MIB, pi.models[0].plan)
    assert refused(pi) == "Allow --max-mem 130M."
    assert refused(pi, small) == "Allow --max-mem 130M, or take --model small."
    assert refused(pi, machine_mib=128) == "Raise the limit of this machine or container, 128 MiB."


def test_another_model_that_does_not_fit_is_no_problem(pi):
    other = ModelFit("large", "cpu", 2000 * MIB, error="too little")
    report = dataclasses.replace(pi, models=[*pi.models, other])
    assert list(doctor._problems(report)) == []
    assert any(line.endswith("refused") for line in lay_out(report, columns=80))


def test_what_is_compiled_at_every_start_is_told_with_the_remedies(pi):
    slow = dataclasses.replace(pi, uncompiled=["numpy"])
    (note,) = [it for it in doctor._notes(slow, asked_bytes=0) if "compiles numpy" in it]
    assert "compileall" in note
    assert "PYTHONPYCACHEPREFIX" in note
    assert not any("compiles" in it for it in doctor._notes(pi, asked_bytes=0))


def test_telemetry_that_is_on_is_a_problem(pi):
    (problem,) = doctor._problems(dataclasses.replace(pi, telemetry="on"))
    assert "ORT_DISABLE_TELEMETRY=1" in problem.remedy
