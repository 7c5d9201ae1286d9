"""The parts of a page that need no script: numbers, genres, reasons, runs, taggrams."""

import time
from collections.abc import Iterable, Iterator, Sequence

from lean_tagger.library.heat_map import HeatMap, svg
from lean_tagger.library.markup import escaped
from lean_tagger.library.page import Extra
from lean_tagger.library.page.gather import UNSURE, Counts, Reason
from lean_tagger.store.journal import Run
from lean_tagger.system.memory import format_size

_MOST_GENRES = 20
_MOST_RUNS = 20

MEANINGS = {
    "tagged": "got what was missing",
    "would_tag": "would be tagged; it was a trial run",
    "unchanged": "already had what the rules ask for",
    UNSURE: "heard, but nothing was sure enough for a genre",
    "skipped": "left alone, for the reasons below",
    "failed": "set aside, for the reasons below; --retry-failed tries them again",
    "undone": "restored to their values from before lean-tag wrote",
    "redone": "written again by lean-tag redo",
}


def summary(counts: Counts) -> Iterator[str]:
    """Yield how many files were heard, and their statuses."""
    big = [
        (f"{counts.files:,}", "files on record"),
        (f"{counts.heard:,}", "heard"),
        (_hours(counts.heard_seconds), "of music"),
        (_share(counts.with_genre, counts.files), "have a genre"),
    ]
    yield '<ul class="big">'
    yield "".join(f"<li><b>{number}</b> {words}</li>" for number, words in big)
    yield "</ul>"
    if not counts.files:
        yield "<p>Nothing is on record yet. Run lean-tag on a folder of music first.</p>"
        return
    yield '<ul class="statuses">'
    for status, count in sorted(counts.statuses.items(), key=lambda it: -it[1]):
        yield (
            f'<li class="status-{escaped(status)}"><b>{count:,}</b> '
            f"<span>{escaped(status.replace('_', ' '))}</span> "
            f"<small>{escaped(MEANINGS.get(status, ''))}</small></li>"
        )
    yield "</ul>"
    if counts.outside:
        yield f"<p>{counts.outside:,} more files on record are elsewhere, and not on this page.</p>"


def genres(counts: Counts) -> Iterator[str]:
    """Yield the genres before and after."""
    before, after = counts.with_genre_before, counts.with_genre
    yield (
        f"<p>{_share(before, counts.files)} of the files had a genre before lean-tag wrote, "
        f"{_share(after, counts.files)} have one now.</p>"
    )
    names = {**counts.genres, **counts.genres_before}
    ordered = sorted(names, key=lambda it: (-counts.genres[it], -counts.genres_before[it], it))
    most = max([1, *counts.genres.values(), *counts.genres_before.values()])
    yield (
        '<table class="bars"><thead><tr><th scope="col">Genre</th>'
        '<th scope="col" class="number">Before</th><th scope="col" class="number">Now</th>'
        '<th scope="col" class="chart"><span class="unseen">As bars</span></th></tr></thead><tbody>'
    )
    for name in ordered[:_MOST_GENRES]:
        had, has = counts.genres_before[name], counts.genres[name]
        yield (
            f'<tr><th scope="row"><bdi>{escaped(name)}</bdi></th><td class="number">{had:,}</td>'
            f'<td class="number">{has:,}</td><td class="chart" aria-hidden="true">'
            '<svg viewBox="0 0 100 12" preserveAspectRatio="none">'
            f'<rect class="now" width="{100 * has / most:.2f}" height="7"/>'
            f'<rect class="had" y="8" width="{100 * had / most:.2f}" height="4"/></svg></td></tr>'
        )
    yield "</tbody></table>"
    if len(ordered) > _MOST_GENRES:
        yield f"<p>{len(ordered) - _MOST_GENRES:,} more genres are in the table of tracks.</p>"


def reasons(found: dict[str, Reason]) -> Iterator[str]:
    """Yield why files failed or were left alone."""
    if not found:
        yield "<p>Nothing failed, and nothing was left alone.</p>"
    for kind, reason in sorted(found.items(), key=lambda it: (it[1].status, -it[1].count)):
        what = "set aside" if reason.status == "failed" else "left alone"
        yield f"<h3>{reason.count:,} {what}: {escaped(kind)}</h3><ul>"
        for name, message in reason.examples:
            yield f"<li><bdi>{escaped(name)}</bdi>: {escaped(message)}</li>"
        yield "</ul>"
        if more := reason.count - len(reason.examples):
            yield f"<p>and {more:,} more, in the table of tracks.</p>"


def runs(found: list[Run]) -> Iterator[str]:
    """Yield the runs, each with its results, its memory and how to take it back."""
    yield (
        '<div class="wide"><table><thead><tr><th scope="col">Run</th><th scope="col">Started</th>'
        '<th scope="col">Command</th><th scope="col">Files</th>'
        '<th scope="col">Peak of memory</th><th scope="col">Take it back</th></tr></thead>'
        "<tbody>"
    )
    for run in found[:_MOST_RUNS]:
        yield (
            f'<tr><th scope="row">{run.id}</th><td>{_date(run.started)}</td>'
            f"<td>{escaped(run.command)}{' -n' if run.options.get('dry_run') else ''}"
            f" <small>{escaped(run.model)}</small></td><td>{_done(run)}</td>"
            f"<td>{_memory(run)}</td><td>{_undo(run)}</td></tr>"
        )
    yield "</tbody></table></div>"
    if len(found) > _MOST_RUNS:
        yield f"<p>{len(found) - _MOST_RUNS:,} earlier runs: lean-tag runs.</p>"


def links(pictures: Sequence[HeatMap], found: Sequence[Extra]) -> Iterator[str]:
    """Yield links to the sections that not every page has."""
    if pictures:
        yield ' <a href="#taggrams">Second by second</a>'
    for number, extra in enumerate(found):
        yield f' <a href="#extra-{number}">{escaped(extra.title)}</a>'


def taggrams(pictures: Iterable[HeatMap]) -> Iterator[str]:
    """Yield the taggrams; nothing if there are none."""
    listed = list(pictures)
    if not listed:
        return
    yield (
        '<section id="taggrams"><h2>Second by second</h2><p>What the network heard in each window '
        "of about three seconds; lighter is surer. The strongest labels of the whole track are "
        "on top.</p>"
    )
    for picture in listed:
        yield f'<h3><bdi>{escaped(picture.title)}</bdi></h3><div class="wide">{svg(picture)}</div>'
    yield "</section>"


def extras(found: Iterable[Extra]) -> Iterator[str]:
    """Yield the tables of other commands."""
    for number, extra in enumerate(found):
        head = "".join(f'<th scope="col">{escaped(it)}</th>' for it in extra.head)
        yield (
            f'<section id="extra-{number}"><h2>'
            f"{escaped(extra.title)}</h2><p>{escaped(extra.text)}</p>"
            f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>'
        )
        for row in extra.rows:
            yield f"<tr>{''.join(f'<td><bdi>{escaped(it)}</bdi></td>' for it in row)}</tr>"
        yield "</tbody></table></div></section>"


def _done(run: Run) -> str:
    counts = [f"{count:,} {status.replace('_', ' ')}" for status, count in run.counts.items()]
    ending = [] if run.ending == "done" else [run.ending or "not ended"]
    return escaped(", ".join(counts + ending) or "nothing")


def _memory(run: Run) -> str:
    budget = run.options.get("max_mem_bytes")
    if not run.peak_bytes or not isinstance(budget, int) or budget <= 0:
        return "not on record"
    share = min(100.0, 100 * run.peak_bytes / budget)
    return (
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="all" width="100" height="8"/><rect width="{share:.1f}" height="8"/></svg>'
        f"{format_size(run.peak_bytes)} of {format_size(budget)}"
    )


def _undo(run: Run) -> str:
    wrote = run.counts.get("tagged", 0) and not run.options.get("dry_run")
    return f"<code>lean-tag undo --run {run.id}</code>" if wrote else ""


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}&nbsp;%" if whole else "0&nbsp;%"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f}&nbsp;h" if seconds < 360_000 else f"{seconds / 3600:,.0f}&nbsp;h"
