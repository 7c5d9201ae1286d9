"""``lean-tag explain FILE``: why a file has the tags that it has."""

import argparse
import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from typing import Any

from lean_tagger.cli import given_paths, options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.decide import leantag_field
from lean_tagger.decide.decider import Decider
from lean_tagger.decide.tag_plan import TagPlan
from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Heard, Identity, Job, Recognise, Recognised, Values
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal
from lean_tagger.store.judge import why_set_aside
from lean_tagger.store.known_scores import KnownScores
from lean_tagger.store.model_keys import key_of
from lean_tagger.store.moved import known_as

PATIENCE_SECONDS = 60.0
"""For a file, when its audio is hashed."""


def run(arguments: list[str], _: Stop) -> int:
    """Print the scores, what each rule did, what was written and what would be."""
    given = _parse(arguments)
    console = Console(json_lines=given.json)
    with session.journal_to_read(given) as journal:
        given_paths.require(given.paths, journal=journal)
        for path, alone in _files(journal, given.paths):
            try:
                report = _report(journal, path, given)
            except ConfigError as error:
                if alone:
                    raise
                console.notice(str(error))
                continue
            for line in [json.dumps(report)] if given.json else _lines(report):
                console.line(line)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = options.Parser(
        prog="lean-tag explain",
        description="Say why a file has its tags, from what is on record.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="a file that was heard, or a folder"
    )
    options.add_choice(parser.add_argument_group("what would be written"))
    options.add_model(parser.add_argument_group("which scores"))
    options.add_state(parser.add_argument_group("journal"))
    parser.add_argument("--json", action="store_true", help="one JSON object per file")
    given = parser.parse_anywhere(arguments)
    if not given.paths:
        parser.error("give a file or a folder")
    return given


def _files(journal: Journal, paths: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield each file that is asked about, all on record of a folder; and whether by its own name.

    Raises
    ------
    ConfigError
        Nothing in a folder is on record.
    """
    for path in map(os.path.abspath, paths):
        if not os.path.isdir(path):
            yield path, True
            continue
        within = journal.whereabouts.under([path])
        first = next(within, None)
        if first is None:
            raise ConfigError(f"nothing in {path} is on record; run lean-tag -n on it first")
        for place in chain([first], within):
            yield place.path, False


def _report(journal: Journal, path: str, given: argparse.Namespace) -> dict[str, Any]:
    max_mem_bytes = session.budget_bytes(None)
    chosen = session.build(given, max_mem_bytes=max_mem_bytes, listen=False)
    decision = Decider.of(chosen)
    look = functools.cache(lambda name: _look(journal, name, chosen))
    found = look(path)
    name, writes = known_as(journal, path, look)
    identity, heard = _heard(journal, name, path, decision)
    same = found is not None and found.has(heard.digest)
    if found is not None and same:
        heard = dataclasses.replace(heard, fields=found.fields)
    plan = decision.plan(path, heard)
    others = {
        by.card.name: {"windows": it.windows}
        for by, it in zip(decision.asked[1:], heard.others, strict=True)
    }
    return {
        "type": "explanation",
        "path": path,
        "model": decision.asked[0].card.name,
        "windows": heard.windows,
        "of_windows": heard.of_windows or heard.windows,
        "effort": heard.effort,
        "confidence": heard.confidence,
        "seconds": round(heard.seconds, 3),
        **({"others": others} if others else {}),
        "changed_since": not same and not _as_it_was(path, identity),
        "fields": {field: list(values) for field, values in heard.fields.items()},
        "steps": [
            dataclasses.asdict(step) | ({"model": name} if others else {})
            for name, step in decision.steps(path, heard)
        ],
        "would_write": {field: list(values) for field, values in plan.changes.items()},
        "why_not": _why_not(plan, heard),
        "writes": [
            {
                "run": write.run,
                "at": write.at,
                "state": write.state,
                "previous": _fields(write.previous),
                "written": _fields(write.written),
            }
            for write in writes
        ],
    }


def _heard(journal: Journal, name: str, path: str, decision: Decider) -> tuple[Identity, Heard]:
    """Return a file's identity on record, and what each model heard in it.

    Parameters
    ----------
    name, path : str
        What it is called on record, and by the user.

    Raises
    ------
    ConfigError
        One of the models has not heard it.
    """
    known = journal.recall(name, key_of(decision.asked[0]))
    each = KnownScores(journal, decision.asked).each(known) if known else [None]
    for it, what in zip(decision.asked, each, strict=False):
        if what is None or not what.values:
            if known is not None and known.status == "failed":
                raise ConfigError(f"{path}: {why_set_aside(known)}")
            raise ConfigError(
                f"{it.card.name} has not heard {path} yet; run lean-tag -n on it first"
            )
    heard = Heard.together(each)
    assert known is not None  # noqa: S101 - else nothing was heard
    assert heard is not None  # noqa: S101 - each was
    return known.identity, heard


def _why_not(plan: TagPlan, heard: Heard) -> dict[str, str]:
    """Return the reason for each field that stays as it is."""
    ours = leantag_field.ours_in(heard.fields)
    reasons = {}
    for field, values in plan.tags.items():
        there = heard.fields.get(field, ())
        if field in plan.changes:
            continue
        if not values:
            reasons[field] = "no label is sure enough"
        elif field in ours and ours[field].written == there:
            reasons[field] = f"lean-tag wrote {_quoted(there)} before"
        else:
            reasons[field] = (
                f"{_quoted(there)} is there and is not ours; --overwrite replaces it, --merge adds "
                "to it"
            )
    return reasons


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(map(repr, values))


def _fields(values: Values) -> dict[str, list[str]]:
    """Return whole fields; values of single tags (``genre@id3v1``) are for undo only."""
    return {field: list(it) for field, it in values.items() if "@" not in field}


def _as_it_was(path: str, identity: Identity) -> bool:
    try:
        return Identity.at(path).matches(identity)
    except OSError:
        return False


def _look(journal: Journal, path: str, chosen: Settings) -> Recognised | None:
    """Return what a file has now, where it has changed since; a worker hashes its audio."""
    try:
        identity = Identity.at(path)
    except OSError:
        return None
    known = journal.whereabouts.at(path)
    if known is not None and identity.matches(known.identity):
        return None
    job = Job(path, identity.size_bytes, identity, recognise=Recognise(audio=True))
    worker = Supervisor(chosen, jobs=1, patience_seconds=PATIENCE_SECONDS)
    with contextlib.closing(worker):
        found = next(worker.outcomes([job]))
    return found if isinstance(found, Recognised) else None


def _share(report: dict[str, Any]) -> str:
    if report["effort"] == "full":
        return f"{report['windows']} windows"
    heard = f"{report['windows']} of {report['of_windows']} windows"
    return f"{heard} (--effort {report['effort']}, {report['confidence']:.0%} sure of the tags)"


def _lines(report: dict[str, Any]) -> Iterator[str]:
    yield report["path"]
    yield f"  heard by {report['model']}: {_share(report)}, {report['seconds']:.0f} s"
    others = report.get("others", {})
    for name, other in others.items():
        yield f"  and by {name}, which fills what is left open: {other['windows']} windows"
    if report["changed_since"]:
        yield "  the file has changed since; its tags below may not be those it has now"
    for (label, score, model), group in groupby(
        report["steps"], lambda it: (it["label"], it["score"], it.get("model"))
    ):
        steps = list(group)
        did = "; ".join(step["did"] for step in steps)
        end = steps[-1]["value"] if steps[-1]["rule"] == "chosen" else "no"
        by = f"{model}: " if model else ""
        yield f"  {score:6.1%}  {label:<20} {by}{steps[0]['field']}: {end} ({did})"
    for field, values in _shown(report["fields"]):
        yield f"  {field} in the file: {', '.join(values)}"
    for write in report["writes"]:
        for field, values in _shown(write["written"]):
            before = ", ".join(write["previous"].get(field, [])) or "nothing"
            now = ", ".join(values) or "nothing"
            yield f"  run {write['run']} wrote {field}: {now} over {before} ({write['state']})"
    would = _shown(report["would_write"])
    for field, values in would:
        yield f"  would be written as {field}: {', '.join(values) or 'nothing'}"
    for field, reason in report["why_not"].items():
        yield f"  nothing would be written as {field} because {reason}"


def _shown(fields: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    """Return the fields that a user reads; LEANTAG is for programs."""
    return [(field, values) for field, values in fields.items() if field != "leantag"]
