"""Examine a machine, for ``lean-tag doctor``.

`facts` examines the libraries, the machine, the models and the given folders. The result is
judged here and laid out by `lay_out`. Nothing is written and no network is used.
"""

import mmap
import os
import platform
import sys
from collections.abc import Iterator, Sequence

from lean_tagger import __version__
from lean_tagger.card import shipped_models
from lean_tagger.cli.doctor import facts, hardware
from lean_tagger.cli.doctor.facts import ModelFit, Problem, Report
from lean_tagger.run.worker_clock import START_SECONDS
from lean_tagger.settings import Settings
from lean_tagger.system import machine, mounts
from lean_tagger.system.memory import format_size


def examine(
    paths: Sequence[str],
    *,
    max_mem_bytes: int | None = None,
    start_seconds: float = START_SECONDS,
) -> Report:
    """Return what was found on this machine, and what is wrong with it.

    Parameters
    ----------
    paths : sequence of str
        Music for a run; may be empty.
    max_mem_bytes : int or None
        The budget to plan with; ``None`` takes the default.
    start_seconds : float
        How long a model may take to load.

    Raises
    ------
    StateError
        No process can be started.
    """
    allowed_bytes = machine.machine_limit_bytes()
    budget_bytes = min(max_mem_bytes or machine.default_budget_bytes(), allowed_bytes)
    libraries, runtimes = list(facts.load_all(facts.LIBRARIES)), facts.installed_runtimes()
    unseen = hardware.why_memory_is_unseen()
    # Without the libraries every model would fail, with an obscure error each.
    blind = unseen or any(lib.error for lib in libraries)
    models = [] if blind else list(facts.fits(budget_bytes, start_seconds=start_seconds))
    table = mounts.table()
    state = facts.state(table)
    music = [facts.look_at(path, table) for path in paths]
    report = Report(
        lean_tag=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        libraries=libraries,
        runtimes=runtimes,
        cpu=hardware.cpu(),
        memory={
            "physical_bytes": machine.physical_bytes(),
            "available_bytes": machine.available_bytes(),
            "cgroup_limits": [
                {"file": str(file), "bytes": limit_bytes}
                for file, limit_bytes in machine.cgroup_limits(machine.membership())
                if limit_bytes < machine.physical_bytes()  # a higher limit has no effect
            ],
            "machine_limit_bytes": machine.machine_limit_bytes(),
            "default_budget_bytes": machine.default_budget_bytes(),
            "budget_bytes": budget_bytes,
            "page_bytes": mmap.PAGESIZE,
            "control_groups_off": hardware.memory_groups_off(),
            **({"unseen": unseen} if unseen else {}),
        },
        telemetry="off" if os.environ.get("ORT_DISABLE_TELEMETRY") == "1" else "on",
        models=models,
        state=state,
        music=music,
        uncompiled=facts.uncompiled(facts.COMPILED),
        notes=[],
        problems=[],
    )
    report.notes.extend(_notes(report, asked_bytes=max_mem_bytes or 0))
    report.problems.extend(_problems(report))
    return report


def _notes(report: Report, *, asked_bytes: int) -> Iterator[str]:
    """Yield what a user should know; none of it needs action."""
    memory = report.memory
    if asked_bytes > memory["machine_limit_bytes"]:
        allowed = format_size(memory["machine_limit_bytes"])
        yield f"--max-mem is more than this machine allows; lowered to {allowed}."
    least_bytes = min((fit.least_bytes for fit in report.models if fit.least_bytes), default=0)
    if memory["available_bytes"] < least_bytes:
        free = format_size(memory["available_bytes"])
        yield f"Only {free} of memory are free just now: close something before a run."
    if memory["control_groups_off"]:
        yield (
            "The kernel was started without memory control groups (Raspberry Pi OS does so): "
            "--max-mem holds, but a container's memory limit does not. To switch them on, add "
            "cgroup_enable=memory cgroup_memory=1 to the one line of /boot/firmware/cmdline.txt "
            "and restart."
        )
    if memory["page_bytes"] > 4096:
        yield (
            f"The kernel's pages have {memory['page_bytes'] >> 10} KiB instead of 4, so a process "
            "takes some megabytes more; the models' needs were measured with that."
        )
    yield from _speed_notes(report)
    for place in report.music:
        if place.network and place.obstacle is None:
            yield f"{place.path} is on a network ({place.filesystem}): it sets the speed."
    if report.state.obstacle is not None:
        yield f"{report.state.obstacle.what} Set XDG_STATE_HOME to a folder that can."
    elif report.state.network:
        yield (
            f"{report.state.path} is on a network ({report.state.filesystem}), where locks do "
            "not always hold: set XDG_STATE_HOME to a folder on this machine."
        )


def _speed_notes(report: Report) -> Iterator[str]:
    """Yield what makes lean-tag slower than it could be."""
    if report.uncompiled:
        yield (
            f"Python compiles {', '.join(report.uncompiled)} at every start, since it cannot store "
            "the result. That takes up to 0.8 s and 5 MiB in each process. Run python -m "
            "compileall once on the folder where they are installed, or set PYTHONPYCACHEPREFIX "
            "to a writable folder; do not set PYTHONDONTWRITEBYTECODE."
        )
    features = report.cpu["features"]
    if platform.machine() in {"x86_64", "AMD64"} and features and "avx2" not in features:
        yield "This processor has no AVX2: everything works, several times slower."


def _problems(report: Report) -> Iterator[Problem]:
    """Yield what will not work."""
    again = "Install it again: pip install --force-reinstall lean-tagger"
    for library in report.libraries:
        if library.error is not None:
            yield Problem(f"{library.name} does not load: {library.error}.", again + _wheels())
    if len(report.runtimes) > 1:
        names = [runtime.split()[0] for runtime in report.runtimes]
        yield Problem(
            f"Several builds of ONNX Runtime are installed over each other: "
            f"{', '.join(report.runtimes)}.",
            f"Keep one: pip uninstall {' '.join(names)}, then pip install the one you want.",
        )
    if report.telemetry != "off":
        yield Problem("ONNX Runtime's telemetry is on.", "Set ORT_DISABLE_TELEMETRY=1.")
    unseen = report.memory.get("unseen")
    if unseen is not None:
        what, _, remedy = unseen.partition("; ")
        yield Problem(f"No model can run: {what}.", f"{remedy[0].upper()}{remedy[1:]}.")
    elif not report.models and not any(library.error for library in report.libraries):
        yield Problem("No model is installed.", again)
    shipped = shipped_models()
    for fit in report.models:
        if fit.least_bytes is None:
            remedy = again if fit.model in shipped else f"Or: lean-tag models remove {fit.model}"
            yield Problem(f"{fit.model} does not start: {fit.error}.", remedy)
        elif fit.plan is None and fit.model == Settings().model:
            yield _refusal(fit, report)
    yield from (place.obstacle for place in report.music if place.obstacle is not None)


def _refusal(fit: ModelFit, report: Report) -> Problem:
    """Say that the default model does not fit the budget, and what would."""
    least_bytes = fit.least_bytes or 0
    given, least = format_size(report.memory["budget_bytes"]), -(-least_bytes >> 20)
    what = f"{fit.model} does not fit a budget of {given}: it needs {least} MiB."
    smaller = [other.model for other in report.models if other.plan is not None]
    ways = [f"allow --max-mem {least}M"]
    if least_bytes > report.memory["machine_limit_bytes"]:
        allowed = format_size(report.memory["machine_limit_bytes"])
        ways = [f"raise the limit of this machine or container, {allowed}"]
    if smaller:
        ways.append(f"take --model {smaller[0]}")
    remedy = ", or ".join(ways)
    return Problem(what, f"{remedy[0].upper()}{remedy[1:]}.")


def _wheels() -> str:
    """Say that no ready-made libraries exist for this system, if that is so."""
    if sys.maxsize < 2**32:
        return " - but most of it is not built for 32-bit systems: use a 64-bit one"
    if platform.system() == "Linux" and platform.libc_ver()[0] != "glibc":
        return " - but ONNX Runtime is not built for musl (Alpine): use a Debian image"
    return ""
