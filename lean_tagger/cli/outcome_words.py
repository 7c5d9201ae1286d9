"""The words for what became of a file: a status and notes."""

from collections.abc import Iterator

from lean_tagger.cli.terminal import duration, escape
from lean_tagger.decide import leantag_field
from lean_tagger.jobs import Failed, Reported, Restored, Tagged


def heard_in(outcome: Reported) -> Tagged | None:
    """Return what was heard in a file, whatever its outcome was."""
    if isinstance(outcome, Restored):
        return None
    return outcome if isinstance(outcome, Tagged) else outcome.scored


_UNSURE = 0.7
"""Below this confidence, a note says that only a part of the track was heard."""


def judgement(outcome: Reported) -> tuple[str, list[str]]:
    """Return an outcome's status and its (escaped) notes."""
    if isinstance(outcome, Restored):
        return outcome.status.replace("_", " "), [escape(note) for note in _restored(outcome)]
    if not isinstance(outcome, Tagged):
        return "failed" if isinstance(outcome, Failed) else "skipped", [escape(outcome.message)]
    heard = [name for name, values in outcome.tags.items() if values]
    instead = {name: it for name, it in outcome.written.items() if it and name not in heard}
    gone = [name for name, values in outcome.written.items() if not values]
    kept = [name for name in heard if name not in outcome.written]
    notes = []
    if gone:
        notes.append(f"{' and '.join(gone)} of ours removed")
    elif not heard:
        notes.append("nothing sure enough")
        notes += [f"{name}: {escape(', '.join(values))}" for name, values in instead.items()]
    elif outcome.status == "unchanged":
        notes += _there(outcome, heard)
    elif kept:
        notes.append(f"{' and '.join(kept)} kept")
    return outcome.status.replace("_", " "), [*notes, *_remarks(outcome)]


def _remarks(outcome: Tagged) -> Iterator[str]:
    """Yield more notes on a file that was heard."""
    if outcome.junk:
        yield f"its genre {', '.join(map(escape, outcome.junk))} says nothing"
    if outcome.repeated:
        yield "short"
    if outcome.confidence < _UNSURE:
        yield f"heard in part: {outcome.confidence:.0%} sure of this"
    if outcome.seconds_skipped:
        yield f"{duration(outcome.seconds_skipped)} damaged"


def _there(outcome: Tagged, fields: list[str]) -> Iterator[str]:
    """Yield the values of fields that are left alone, and whether we wrote them."""
    values = outcome.heard.fields if outcome.heard is not None else {}
    ours = leantag_field.ours_in(values)
    mine = [name for name in fields if name in ours and ours[name].written == values.get(name)]
    if mine:
        yield f"{' and '.join(mine)} written before"
    for name in fields:
        if name not in mine:
            yield f"your {name} stays: {escape(', '.join(values.get(name, ())))}"


def _restored(outcome: Restored) -> Iterator[str]:
    """Yield the restored value of each field, and what was left alone because it is not ours."""
    for field, values in outcome.restored.items():
        if field != "leantag":
            yield f"{field}: {', '.join(values) if values else 'none, as before'}"
    for field, values in outcome.kept.items():
        if field != "leantag":
            now = ", ".join(values) if values else "nothing"
            yield f"{field} kept: somebody or a later run has changed it to {now}"
    if not outcome.restored and not outcome.kept:
        yield "as it was already"


def value_text(value: str, heard: Tagged) -> str:
    """Return a value as it is shown, with the score of its label."""
    score = heard.sureness.get(value)
    return escape(value) if score is None else f"{escape(value)} {100 * score:.0f}%"
