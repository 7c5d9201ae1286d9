"""How models are shown: a table of all, a page for one."""

import dataclasses
import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lean_tagger.card import Label, ModelSpec, load_card
from lean_tagger.catalogue import licences, measure
from lean_tagger.catalogue.label_kinds import absent
from lean_tagger.catalogue.measure import Measured
from lean_tagger.cli.terminal import cells, pad
from lean_tagger.errors import LeanTagError
from lean_tagger.system.memory import format_size

_FEW = 2
"""Up to so many labels are named; more are counted."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model, with what could be read of it.

    Attributes
    ----------
    name : str
        The name that users give.
    shipped : bool
        It came with the package.
    card : ModelSpec or None
        ``None`` if it cannot be read; `error` says why.
    size_bytes : int
        Of the weights.
    measured : Measured or None
        What it needs here; ``None`` if that is not known.
    """

    name: str
    shipped: bool
    card: ModelSpec | None = None
    size_bytes: int = 0
    measured: Measured | None = None
    error: str | None = None

    @property
    def licence(self) -> str | None:
        """The name of its licence; None if it is not known."""
        licence = self.card.licence if self.card else None
        return None if licence is None or licence.id == licences.UNKNOWN else licence.id

    @property
    def terms(self) -> str:
        """Its licence for people; they have to judge one that is not known."""
        return self.licence or "not known: may you use it?"


def read_row(name: str, *, shipped: bool) -> Row:
    """Return what is known of a model without running it."""
    try:
        card = load_card(name)
        size_bytes = os.stat(card.path).st_size
    except LeanTagError as error:
        return Row(name=name, shipped=shipped, error=str(error))
    except OSError as error:
        why = f"cannot read its weights: {error.strerror}"
        return Row(name=name, shipped=shipped, card=card, error=why)
    measured = measure.remembered(card)
    return Row(name=name, shipped=shipped, card=card, size_bytes=size_bytes, measured=measured)


def row_json(row: Row) -> dict[str, Any]:
    """Return a row for programs."""
    card, measured = row.card, row.measured
    return {
        "type": "model",
        "name": row.name,
        "shipped": row.shipped,
        "labels": len(card.labels) if card else 0,
        "kinds": kinds(card) if card else {},
        "licence": row.licence,
        "size_bytes": row.size_bytes,
        "least_bytes": measured.least_bytes if measured else None,
        "speed": round(measured.speed, 1) if measured else None,
        "device": measured.device if measured else None,
        "error": row.error,
    }


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a heading and a line for each model."""
    head = ("name", "labels", "size", "needs", "speed", "licence")
    return columned([head, *(_cells(row) for row in rows)])


def columned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines of cells in columns; the last cell of a line may have any width."""
    widths = [max(map(cells, column)) for column in list(zip(*lines, strict=True))[:-1]]
    for line in lines:
        columns = (pad(text, width) for text, width in zip(line, widths, strict=False))
        yield "  ".join([*columns, line[-1]]).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    if row.card is None:
        return row.name, "-", "-", "-", "-", f"NOT USABLE: {row.error}"
    needs, speed = "-", "-"
    if row.measured is not None:
        # Rounded up, so that a budget of so many MiB is enough.
        needs, speed = f"{-(-row.measured.least_bytes >> 20)} MiB", f"{row.measured.speed:.0f}x"
    last = f"NOT USABLE: {row.error}" if row.error else row.terms
    return row.name, _labels_text(row.card), format_size(row.size_bytes), needs, speed, last


def said(card: ModelSpec) -> list[Label]:
    """Return the labels that say something; "non_happy" only says that "happy" is absent.

    A card may give such a label a meaning: "no vocals" is instrumental.
    """
    silent = absent([label.name for label in card.labels])
    return [it for it in card.labels if it.kind != "other" or it.name not in silent]


def kinds(card: ModelSpec) -> dict[str, int]:
    """Return how many labels say something, by kind, most first."""
    return dict(Counter(label.kind for label in said(card)).most_common())


def _labels_text(card: ModelSpec) -> str:
    """Return the number of labels, or their names if there are few."""
    if 0 < len(card.labels) <= _FEW:
        return ", ".join(label.display for label in said(card))
    return str(len(card.labels))


def describe(row: Row, record: Mapping[str, Any], *, columns: int) -> Iterator[str]:
    """Yield the page about one model."""
    card = row.card
    assert card is not None, "one that can be read"  # noqa: S101 - narrows the type for mypy
    measured = row.measured
    rows: list[tuple[str, str]] = [
        ("name", card.name),
        ("about", card.description),
        ("file", f"{card.path} ({format_size(row.size_bytes)})"),
        ("sha256", card.sha256),
        ("licence", row.terms),
        *_added(record),
    ]
    if row.error is not None:
        rows.append(("NOT USABLE", row.error))
    if measured is not None:
        least = -(-measured.least_bytes >> 20)
        rows.append(("needs", f"{least} MiB, all processes together, as measured here"))
        rows.append(("speed", f"{measured.speed:.0f} x real time on one core ({measured.device})"))
    rows += [(key, text) for key, text in _constants(card)]
    for kind in kinds(card):
        names = [label.display for label in said(card) if label.kind == kind]
        rows.append((kind, f"{len(names)}: {', '.join(dict.fromkeys(names))}"))
    width = max(len(key) for key, _ in rows) + 2
    for key, text in rows:
        yield from textwrap.wrap(
            text,
            columns,
            initial_indent=f"{key:<{width}}",
            subsequent_indent=" " * width,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [key]


def _added(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if record.get("added"):
        yield "added", f"{record['added']}, from {record.get('from', '?')}"
    if record.get("accepted"):
        yield "accepted", f"its licence, {record['accepted']}"
    for assumed in record.get("assumed") or ():
        yield "assumed", str(assumed)


_SHOWN_ELSEWHERE = frozenset(
    {"name", "description", "file", "sha256", "labels", "licence", "folder", "backbone"}
)


def _constants(card: ModelSpec) -> Iterator[tuple[str, str]]:
    """Yield the rest of the card as it is, one line for each key with a value."""
    for key, value in card_json(card).items():
        if key in _SHOWN_ELSEWHERE or value is None:
            continue
        if isinstance(value, dict):
            yield key, ", ".join(f"{k} {v}" for k, v in value.items() if v is not None)
        else:
            yield key, str(value)


def card_json(card: ModelSpec) -> dict[str, Any]:
    """Return a card as plain data for JSON."""
    return {
        field.name: _plain(getattr(card, field.name))
        for field in dataclasses.fields(card)
        if field.metadata.get("card", True)
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def ranked(
    labels: Sequence[Label], scores: Mapping[str, float], *, top: int
) -> list[dict[str, Any]]:
    """Return the strongest of these labels as plain data for JSON."""
    best = sorted(labels, key=lambda label: -scores[label.name])[:top]
    return [{**_plain(label), "score": round(scores[label.name], 6)} for label in best]


def ranking(best: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each of the strongest labels: score, name, kind."""
    width = max((cells(it["display"]) for it in best), default=0)
    for it in best:
        yield f"{it['score']:.3f}  {pad(it['display'], width)}  {it['kind']}"


def in_short(row: Row) -> str:
    """Return a model's labels and needs in a few words."""
    assert row.card is not None  # noqa: S101 - narrows the type for mypy
    count = len(row.card.labels)
    parts = [_labels_text(row.card) if 0 < count <= _FEW else f"{count} labels"]
    if row.measured is not None:
        parts.append(f"{-(-row.measured.least_bytes >> 20)} MiB")
        parts.append(f"{row.measured.speed:.0f}x real time on one core")
    return ", ".join(parts)


def changed(row: Row, *, measured: Measured | None, error: str | None) -> Row:
    """Return a row with the result of running its model."""
    return dataclasses.replace(row, measured=measured, error=error)
