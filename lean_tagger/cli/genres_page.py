"""Reports of `learn` and `check` as tables for people."""

from collections.abc import Iterator, Sequence
from typing import Any

from lean_tagger.cli.terminal import cells, pad


def learnt_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a report of `learn`."""
    overall, plural = report["overall"], f"{report['field']}s"
    yield (
        f"{report['tracks']} tracks of {report['artists']} artists, {len(report['classes'])} "
        f"{plural}; how right for artists that were left out of the learning:"
    )
    yield ""
    yield from table(
        (
            report["field"],
            "tracks",
            "artists",
            "right",
            "found",
            "sure from",
            "then found",
            "stock",
        ),
        [_class_row(row) for row in report["classes"]],
    )
    yield ""
    for name, what in (("learnt", "learnt"), ("stock", "stock labels"), ("majority", "always one")):
        said = overall[name]
        low, high = said["balanced_accuracy_range"]
        yield (
            f"{what + ':':<14}{percent(said['accuracy'])} right, "
            f"{percent(said['balanced_accuracy'])} with equal weight for each {report['field']} "
            f"({percent(low)} to {percent(high)})"
        )
    yield (
        f"{percent(overall['coverage'])} of them would be written, and of that "
        f"{percent(overall['precision'])} right (wanted: {percent(overall['wanted_precision'])})"
    )
    others = report["others"]
    if others["tracks"]:
        yield (
            f"of {others['tracks']} tracks with another {report['field']} "
            f"{percent(others['written'])} would get one of these"
        )
    if report["inherited"]:
        said = report["inherited"]
        yield (
            f"inherited from the artist or album: {percent(said['coverage'])} of them, "
            f"{percent(said['precision'])} right"
        )
    yield from _remarks(report)


def _class_row(row: dict[str, Any]) -> tuple[str, ...]:
    sure = "never" if row["threshold"] is None else f"{row['threshold']:.2f}"
    stock = "-"
    if row["stock_label"] is not None:
        stock = f"{percent(row['stock_recall_above'])}{', used' if row['uses_stock'] else ''}"
    return (
        row["class"],
        str(row["tracks"]),
        str(row["artists"]),
        percent(row["precision"]),
        percent(row["recall"]),
        sure,
        percent(row["recall_above"]),
        stock,
    )


def _remarks(report: dict[str, Any]) -> Iterator[str]:
    if report["confusion"]:
        pairs = ", ".join(
            f"{it['class']} as {it['taken_for']} ({it['n']})" for it in report["confusion"][:5]
        )
        yield f"most frequent mistakes: {pairs}"
    stock = [row["class"] for row in report["classes"] if row["uses_stock"]]
    if stock:
        yield f"the stock label is better for {', '.join(stock)}, and is used"
    never = [row["class"] for row in report["classes"] if row["threshold"] is None]
    if never:
        yield f"never sure enough, so never written: {', '.join(never)}"
    for it in report["pooled"]:
        yield f"{it['class']} has too few tracks and counts as {it['as']}"
    if report["left_out"]:
        few = ", ".join(
            f"{it['class']} ({it['tracks']} of {it['artists']})" for it in report["left_out"][:20]
        )
        yield f"left out, with too few tracks or artists: {few}"
    if report["counts"]["missing"]:
        yield f"{report['counts']['missing']} of the named files do not exist"


def percent(share: float | None) -> str:
    """Return a share as a percentage."""
    return "-" if share is None else f"{share:.0%}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a heading and a line for each row; numbers are aligned to the right."""
    widths = [max(cells(line[at]) for line in (head, *rows)) for at in range(len(head))]
    for line in (head, *rows):
        first = pad(line[0], widths[0])
        rest = (
            " " * (width - cells(text)) + text
            for text, width in zip(line[1:], widths[1:], strict=True)
        )
        yield "  ".join([first, *rest]).rstrip()
