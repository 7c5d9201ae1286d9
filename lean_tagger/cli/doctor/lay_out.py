"""The doctor's page: one screen, for people."""

import textwrap
from collections.abc import Iterable, Iterator

from lean_tagger.cli.doctor.facts import FolderFacts, Library, ModelFit, Report
from lean_tagger.cli.terminal import escape
from lean_tagger.system.memory import format_size

_LABEL_COLUMNS = 11


def lay_out(report: Report, *, columns: int) -> Iterator[str]:
    """Yield the page's lines.

    Parameters
    ----------
    report : Report
        What to show.
    columns : int
        Greatest width of a line, unless one word is longer: a path is never cut.
    """
    runtime = next((lib for lib in report.libraries if lib.module == "onnxruntime"), None)
    features = " ".join(report.cpu["features"])
    rows = [
        ("lean-tag", f"{report.lean_tag}, Python {report.python}, {report.system}"),
        ("libraries", ", ".join(_library(lib) for lib in report.libraries if lib is not runtime)),
        ("runtime", _runtime(runtime, report.runtimes)),
        ("processor", "; ".join(filter(None, [report.cpu["model"], features]))),
        ("cores", _cores(report)),
        *_labelled("memory", _memory(report)),
        ("telemetry", report.telemetry),
        *_labelled("models", _models(report)),
        ("state", _place(report.state)),
        *_labelled("music", map(_place, report.music)),
        *(("note", note) for note in report.notes),
    ]
    for label, text in rows:
        yield from _row(label, text, columns)
    yield ""
    for problem in report.problems:
        yield from _row("PROBLEM", problem.what, columns)
        yield from _row("", problem.remedy, columns)
    if not report.problems:
        yield "Everything here will work."


def _row(label: str, text: str, columns: int) -> list[str]:
    """Return a label with its text wrapped next to it."""
    return textwrap.wrap(
        escape(text),
        columns,
        initial_indent=f"{label:<{_LABEL_COLUMNS}}",
        subsequent_indent=" " * _LABEL_COLUMNS,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _labelled(label: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield rows; only the first has the label."""
    for text in texts:
        yield label, text
        label = ""


def _library(library: Library) -> str:
    if library.version is None:
        return f"{library.name} MISSING"
    inside = [
        f"{name} {library.parts[name]}"
        for name in ("FFmpeg", "libsndfile")
        if name in library.parts
    ]
    return f"{library.name} {library.version}" + (f" ({inside[0]})" if inside else "")


def _runtime(runtime: Library | None, distributions: list[str]) -> str:
    """Return which build of ONNX Runtime this is, and what it can run on."""
    builds = ", ".join(distributions) or "not installed by pip"
    if runtime is None or runtime.version is None:
        return f"ONNX Runtime MISSING ({builds})"
    offered = ", ".join(n.removesuffix("ExecutionProvider") for n in runtime.parts["providers"])
    return f"{_library(runtime)} ({builds}), offers {offered}"


def _cores(report: Report) -> str:
    cpu = report.cpu
    parts = [f"{cpu['usable']} of {cpu['cores']} for lean-tag"]
    if cpu["affinity"] is not None and cpu["affinity"] < cpu["cores"]:
        parts.append(f"affinity {cpu['affinity']}")
    parts.append("no control group quota" if cpu["quota"] is None else f"quota {cpu['quota']:g}")
    return ", ".join(parts)


def _memory(report: Report) -> Iterator[str]:
    memory = report.memory
    found = memory["cgroup_limits"]
    physical, free = map(format_size, (memory["physical_bytes"], memory["available_bytes"]))
    yield f"{physical}, {free} free{'' if found else ', no control group limit'}"
    for limit in found:
        yield f"{format_size(limit['bytes'])} at most by {limit['file']}"
    default = format_size(memory["default_budget_bytes"])
    yield f"a run may have {default} unless --max-mem says otherwise"


def _models(report: Report) -> Iterator[str]:
    """Yield a small table: what each model needs, and the plan of a run."""
    if not report.models:
        yield "not tried; see below"
        return
    budget = format_size(report.memory["budget_bytes"])
    columns = max(len(fit.model) for fit in report.models)
    yield f"{'':<{columns}}  needs     with a budget of {budget}"
    for fit in report.models:
        # Rounded up, so that a budget of so many MiB is enough.
        needs = f"{-(-fit.least_bytes >> 20)} MiB" if fit.least_bytes else "?"
        yield f"{fit.model:<{columns}}  {needs:<8}  {_plan(fit)}"


def _plan(fit: ModelFit) -> str:
    if fit.least_bytes is None:
        return "does not start"
    if fit.plan is None:
        return "refused"
    plan = fit.plan
    workers = f"{plan.workers} worker{'' if plan.workers == 1 else 's'}"
    threads = f"{plan.threads} thread{'' if plan.threads == 1 else 's'}"
    each = " each" if plan.workers > 1 else ""
    return f"{workers} on {fit.device}, {threads}, {format_size(plan.share_bytes)}{each}"


def _place(place: FolderFacts) -> str:
    kind = place.filesystem or "file system unknown"
    return f"{place.path} ({kind}{', over the network' if place.network else ''})"
